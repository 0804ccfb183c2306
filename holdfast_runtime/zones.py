"""Time zones by their names, as the machine knows them (tzdata): the core takes them as values."""

from datetime import UTC, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


@lru_cache(maxsize=256)  # names that are not known are looked for on the disk each time
def find_zone(name: str) -> tzinfo | None:
    """The IANA time zone of a name; None where this machine knows none, or it is a folder or leads out of them."""
    try:
        return ZoneInfo(name)
    except (
        ZoneInfoNotFoundError,
        ValueError,
        OSError,
    ):
        return None


def zone_named(name: str) -> tzinfo:
    """The same for rows that somebody else published: a name that only newer machines know is taken for UTC."""
    return find_zone(name) or UTC
