"""Times as the centre shows them."""

from datetime import UTC, datetime


def rfc3339(at: datetime) -> str:
    """A time in UTC with milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def now_ms() -> int:
    """The wall clock in Unix milliseconds."""
    return int(datetime.now(UTC).timestamp() * 1000)
