"""When somebody is at a place, and when a carrier leaves it next: by weekdays, times of day and closed dates there.

Dates and times of day are local, moments are Unix milliseconds. Time zones come as values: the core reads no files. A
time of day that a change of the clocks leaves out is taken as long after midnight as it would have been (PEP 495), and
one that comes twice is the first of the two.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

from edge_core.limits import CALENDAR_DAYS_MAX
from edge_core.reference.network_documents import Location, Opening, Service

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MS: Final = timedelta(milliseconds=1)
_DAY: Final = timedelta(days=1)
_MIDNIGHT: Final = "00:00"
_END_OF_DAY: Final = "24:00"


def local(moment_ms: int, zone: tzinfo) -> datetime:
    """A moment on the clocks of a place."""
    return (EPOCH + timedelta(milliseconds=moment_ms)).astimezone(zone)


def moment_ms(day: date, time_of_day: str, zone: tzinfo) -> int | None:
    """When it is that time on that day; None where a place left the day out, as some did at the date line."""
    if time_of_day == _END_OF_DAY:
        day, time_of_day = day + _DAY, _MIDNIGHT
    moment = datetime.combine(day, time.fromisoformat(time_of_day), zone).astimezone(UTC)
    return (moment - EPOCH) // MS if moment.astimezone(zone).date() == day else None


def next_open_ms(location: Location, zone: tzinfo, from_ms: int) -> int | None:
    """The first moment from `from_ms` on at which somebody is there; None where that is too long to wait."""
    for day in _days(from_ms, zone):
        for opening in _openings(location, day):
            opens_ms, closes_ms = (moment_ms(day, each, zone) for each in (opening.opens, opening.closes))
            if opens_ms is not None and (closes_ms is None or closes_ms > from_ms):
                return max(opens_ms, from_ms)
    return None


def next_departure_ms(service: Service, location: Location, zone: tzinfo, ready_ms: int) -> int | None:
    """The first cut-off of a service, from `ready_ms` on, at which somebody is there to hand the goods over.

    None where none comes within `CALENDAR_DAYS_MAX` days.
    """
    for day in _days(ready_ms, zone):
        if day.isoweekday() not in service.weekdays or day.isoformat() in service.closed_on:
            continue
        openings = _openings(location, day)
        for cut_off in service.cut_offs:
            leaves_ms = moment_ms(day, cut_off, zone)
            is_late = leaves_ms is None or leaves_ms < ready_ms
            if not is_late and any(each.opens <= cut_off <= each.closes for each in openings):
                return leaves_ms
    return None


def end_of_ms(day: str, zone: tzinfo) -> int:
    """When a date (RFC 3339) is over at a place: the last moment at which goods of that expiry may be sold."""
    after = date.fromisoformat(day) + _DAY
    return (datetime.combine(after, time(), zone).astimezone(UTC) - EPOCH) // MS


def _days(from_ms: int, zone: tzinfo) -> Iterator[date]:
    today = local(from_ms, zone).date()
    return (today + _DAY * ahead for ahead in range(CALENDAR_DAYS_MAX))


def _openings(location: Location, day: date) -> list[Opening]:
    """The hours of a place on a day, in order. One without hours is open on every day that is not a closed date."""
    if day.isoformat() in location.closed_on:
        return []
    weekday = day.isoweekday()
    if not location.hours:
        return [Opening(weekday, _MIDNIGHT, _END_OF_DAY)]
    return sorted((each for each in location.hours if each.weekday == weekday), key=lambda each: each.opens)
