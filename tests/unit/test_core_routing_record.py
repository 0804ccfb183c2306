"""What is recorded of a decision can be read again, and what is not it is told from it."""

import msgspec
import pytest
from msgspec.structs import replace

from edge_core.errors import PermanentFault
from edge_core.limits import ROUTING_QUESTION_BYTES_MAX
from edge_core.routing.deciding import hash_of, route
from edge_core.routing.question import Need, Service, Supply
from edge_core.routing.record import decision_in, fitted, question_in, record_of
from edge_core.routing.tariffs import Band
from tests.rigs import routing as rig

ASKED = rig.question()
DECIDED = route(ASKED)
RECORD = record_of(ASKED, DECIDED)


def test_a_record_gives_the_question_and_the_decision_back() -> None:
    assert question_in(RECORD) == ASKED
    assert decision_in(RECORD) == DECIDED
    assert RECORD.hash == hash_of(ASKED)


def test_one_changed_byte_of_the_question_is_found() -> None:
    changed = RECORD.question.replace(b"nearest@1", b"nearest@2")
    assert changed != RECORD.question
    with pytest.raises(PermanentFault, match="not the one whose hash"):
        question_in(replace(RECORD, question=changed))


def test_an_answer_to_another_question_is_found() -> None:
    other = record_of(ASKED, route(replace(ASKED, region="DE-HH")))
    with pytest.raises(PermanentFault, match="answers another question"):
        decision_in(replace(RECORD, decision=other.decision))


def test_bytes_that_are_no_question_and_no_decision_are_told_so() -> None:
    empty = record_of(ASKED, DECIDED)
    rubbish = msgspec.msgpack.encode([])
    with pytest.raises(PermanentFault, match="cannot be read"):
        decision_in(replace(empty, decision=rubbish))
    with pytest.raises(PermanentFault, match="not the one whose hash"):
        question_in(replace(empty, question=rubbish))


def test_a_record_of_later_software_is_not_read_as_one_of_this() -> None:
    with pytest.raises(PermanentFault, match="version 2"):
        question_in(replace(RECORD, version=2))


def test_a_question_that_fits_is_asked_as_it_is() -> None:
    assert fitted(ASKED) is ASKED


def test_a_question_too_large_to_record_is_asked_of_the_nearest_places_and_of_their_tariffs() -> None:
    tariffs = tuple((Band(30_000, 1_000 + at, 0, 0),) for at in range(64))
    goods = tuple(Supply(f"sku-{at:040}", 9_000) for at in range(100))
    places = tuple(
        rig.place(f"s{at:02}", 64_000 - at * 1_000, supplies=goods, services=(rig.service(tariff=at),))
        for at in range(64)
    )
    needs = tuple(Need(str(at), each.sku, 1_000, 10) for at, each in enumerate(goods))
    asked = rig.question(places=places, tariffs=tariffs, needs=needs)
    assert len(msgspec.msgpack.encode(asked)) > ROUTING_QUESTION_BYTES_MAX

    smaller = fitted(asked)
    assert smaller is not None
    assert len(msgspec.msgpack.encode(smaller)) <= ROUTING_QUESTION_BYTES_MAX
    ids = [place.location_id for place in smaller.places]
    assert ids == [f"s{at:02}" for at in range(63, 63 - len(ids), -1)]
    for place in smaller.places:
        (service,) = place.services
        assert smaller.tariffs[service.tariff] == tariffs[int(place.location_id[1:])]
    assert len(smaller.tariffs) == len(ids)
    assert route(smaller).allocations[0].location_id in ids


def test_a_question_of_one_place_that_cannot_be_recorded_is_not_asked() -> None:
    services = tuple(Service(f"s{at:060}", "road", at, 0, 0) for at in range(16))
    tariffs = tuple(tuple(Band(weight, 10**11, 10**11, 10**11) for weight in range(100)) for _ in range(16))
    needs = tuple(Need(f"line-{at:050}", f"sku-{at:055}", 1_000, 10) for at in range(500))
    goods = tuple(Supply(need.sku, 9_000) for need in needs)
    place = rig.place("s1", 0, supplies=goods, services=services)
    assert fitted(rig.question(places=(place,), tariffs=tariffs, needs=needs)) is None
