"""Dates and times of channels, brought to RFC 3339 in UTC with milliseconds."""

from datetime import UTC, date, datetime

from edge_core.channels.amounts import UnreadableValue


def moment(value: object, offset: str | None = None) -> str:
    """An ISO 8601 date-time in UTC. One without an offset takes the given one, or is refused."""
    try:
        return _utc(datetime.fromisoformat(_text(value)), value, offset)
    except ValueError as error:
        raise UnreadableValue(f"expected an ISO 8601 date and time, found {value!r}") from error


def moment_as(value: object, layout: str, offset: str) -> str:
    """A date-time that is written in another way: `layout` as of strptime with numbers only, as in `%d.%m.%Y %H:%M`."""
    try:
        return _utc(datetime.strptime(_text(value), layout), value, offset)  # noqa: DTZ007 - the offset is put to it
    except ValueError as error:
        raise UnreadableValue(f"expected a date and time written {layout}, found {value!r}") from error


def day(value: object) -> str:
    """The date of an ISO 8601 date or date-time, as it is written there."""
    try:
        return date.fromisoformat(_text(value)[:10]).isoformat()
    except ValueError as error:
        raise UnreadableValue(f"expected an ISO 8601 date, found {value!r}") from error


def _utc(found: datetime, value: object, offset: str | None) -> str:
    if found.tzinfo is None:
        if offset is None:
            raise UnreadableValue(f"expected a time with its offset from UTC, found {value!r}")
        found = datetime.fromisoformat(f"{found.isoformat()}{offset}")
    try:
        return found.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except OverflowError as error:
        raise UnreadableValue(f"expected a time of this era, found {value!r}") from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise UnreadableValue(f"expected a text, found {value!r}")
    return value.strip()
