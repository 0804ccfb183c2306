"""Calendars: when somebody is there, and when a carrier leaves next."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from edge_core.reference.network_documents import Opening
from edge_core.routing.calendars import end_of_ms, moment_ms, next_departure_ms, next_open_ms
from tests.rigs.network import BERLIN, COURIER, PARCEL, at, location

STORE = location()


def test_a_service_leaves_at_the_first_cut_off_for_which_the_goods_are_ready() -> None:
    assert next_departure_ms(PARCEL, STORE, BERLIN, at(23, 9)) == at(23, 12)
    assert next_departure_ms(PARCEL, STORE, BERLIN, at(23, 12)) == at(23, 12)
    assert next_departure_ms(PARCEL, STORE, BERLIN, at(23, 12, 1)) == at(23, 17)


def test_after_the_last_cut_off_it_leaves_on_the_next_of_its_days() -> None:
    assert next_departure_ms(PARCEL, STORE, BERLIN, at(23, 17, 1)) == at(24, 12)
    assert next_departure_ms(PARCEL, STORE, BERLIN, at(27, 18)) == at(30, 12), "not on a Saturday"
    assert next_departure_ms(COURIER, STORE, BERLIN, at(27, 20)) == at(28, 10)


def test_nothing_leaves_on_a_closed_date_of_the_carrier_or_of_the_place() -> None:
    holiday = replace(PARCEL, closed_on=("2026-11-23",))
    assert next_departure_ms(holiday, STORE, BERLIN, at(23, 9)) == at(24, 12)
    assert next_departure_ms(PARCEL, location(closed_on=("2026-11-23",)), BERLIN, at(23, 9)) == at(24, 12)


def test_nothing_leaves_while_nobody_is_there_to_hand_it_over() -> None:
    mornings = location(hours=(Opening(1, "08:00", "11:00"), Opening(2, "08:00", "12:00")))
    assert next_departure_ms(PARCEL, mornings, BERLIN, at(23, 9)) == at(24, 12), "at the moment of closing somebody is"


def test_a_service_that_never_comes_has_no_departure() -> None:
    assert next_departure_ms(PARCEL, location(hours=(Opening(7, "08:00", "20:00"),)), BERLIN, at(23, 9)) is None


@pytest.mark.parametrize(
    ("from_ms", "opens_ms"), [(at(23, 7), at(23, 8)), (at(23, 9), at(23, 9)), (at(28, 20), at(30, 8))]
)
def test_a_place_is_open_now_or_opens_next(from_ms: int, opens_ms: int) -> None:
    assert next_open_ms(STORE, BERLIN, from_ms) == opens_ms


def test_a_place_without_hours_is_open_but_on_its_closed_dates() -> None:
    always = location(hours=(), closed_on=("2026-11-22", "2026-11-23"))
    assert next_open_ms(always, BERLIN, at(21, 3)) == at(21, 3)
    assert next_open_ms(always, BERLIN, at(22, 3)) == at(24, 0)


def test_a_place_that_opens_twice_a_day_is_shut_between() -> None:
    siesta = location(hours=(Opening(1, "16:00", "20:00"), Opening(1, "09:00", "13:00")))
    assert next_open_ms(siesta, BERLIN, at(23, 13)) == at(23, 16)
    assert next_open_ms(siesta, BERLIN, at(23, 8)) == at(23, 9)


def test_a_place_that_stays_closed_never_opens() -> None:
    assert (
        next_open_ms(
            location(hours=(), closed_on=tuple(str(date(2026, 11, 23) + timedelta(days=ahead)) for ahead in range(62))),
            BERLIN,
            at(23, 9),
        )
        is None
    )


def test_a_time_that_the_clocks_leave_out_is_as_long_after_midnight_as_it_would_have_been() -> None:
    spring, autumn = date.fromisoformat("2026-03-29"), date.fromisoformat("2026-10-25")
    assert moment_ms(spring, "02:30", BERLIN) == moment_ms(spring, "03:30", BERLIN)
    assert _hours(moment_ms(autumn, "03:00", BERLIN), moment_ms(autumn, "02:30", BERLIN)) == 1.5, "the first of the two"
    assert _hours(moment_ms(spring, "24:00", BERLIN), moment_ms(spring, "00:00", BERLIN)) == 23


def test_a_day_that_a_place_left_out_has_no_moments() -> None:
    """Samoa went over the date line at the end of 29 December 2011."""
    assert moment_ms(date.fromisoformat("2011-12-30"), "12:00", ZoneInfo("Pacific/Apia")) is None


def test_goods_may_be_sold_until_the_end_of_their_date_at_the_place() -> None:
    assert end_of_ms("2026-11-23", BERLIN) == at(24, 0)
    assert end_of_ms("2026-11-23", ZoneInfo("Asia/Shanghai")) == at(23, 17)


def _hours(later_ms: int | None, earlier_ms: int | None) -> float:
    assert later_ms is not None
    assert earlier_ms is not None
    return (later_ms - earlier_ms) / 3_600_000
