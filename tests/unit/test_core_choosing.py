"""What routing is asked about an order of the centre, with a network and without, and which node its answer names."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from edge_core.assignment.choosing import (
    Candidate,
    Goods,
    Share,
    demand_of,
    less_doubts,
    network_question,
    plain_question,
    shares_of,
)
from edge_core.limits import ROUTING_PLACES_MAX, ROUTING_QUESTION_BYTES_MAX
from edge_core.orders.document import TillOrder
from edge_core.routing.deciding import Decision, route
from edge_core.routing.record import record_of
from edge_core.routing.wishes import Lot
from tests.rigs import network as rig
from tests.rigs import networked
from tests.rigs.orders import START_MS, till_order

ORDER = till_order(method="ship")
ALL = demand_of(ORDER)
FIRST, SECOND = ALL
MOST = {**ALL, FIRST: ALL[FIRST] - 1}


def decided(order: TillOrder, candidates: list[Candidate], resting: tuple[str, ...] = (), left: int = 1) -> Decision:
    return route(plain_question(order, candidates, resting, attempts_left=left, now_ms=START_MS))


def nodes(decision: Decision) -> list[str | None]:
    return [share.node_id for share in shares_of(decision)]


def refusals(decision: Decision) -> dict[str, str | None]:
    return {each.location_id: each.refusal.constraint if each.refusal else None for each in decision.candidates}


def test_the_node_with_all_goods_and_the_fewest_open_orders_is_asked_then_the_first_by_its_id() -> None:
    several = [
        Candidate("store-4", ALL, 2),
        Candidate("store-3", ALL, 1),
        Candidate("store-2", ALL, 1),
        Candidate("store-1", MOST, 0),
    ]
    assert nodes(decided(ORDER, several)) == ["store-2"]
    assert refusals(decided(ORDER, several))["store-1"] == "rights"
    assert nodes(decided(ORDER, several, ("store-2",))) == ["store-3"]
    assert refusals(decided(ORDER, several, ("store-2",)))["store-2"] == "not_excluded"


def test_goods_that_are_fetched_are_fetched_where_the_order_says() -> None:
    order = till_order(method="pickup", store_id="store-0002")
    several = [Candidate("store-0001", ALL, 0), Candidate("store-0002", ALL, 7)]
    assert nodes(decided(order, several)) == ["store-0002"]
    nowhere = decided(replace(order, store_id="store-0003"), several)
    assert (nodes(nowhere), set(refusals(nowhere).values())) == ([], {"pickup_place"})


def test_one_node_is_taken_however_full_its_desk_is_before_two_are() -> None:
    several = [
        Candidate("store-1", {FIRST: ALL[FIRST]}, 0),
        Candidate("store-2", {SECOND: ALL[SECOND]}, 0),
        Candidate("store-3", ALL, 90_000),
    ]
    assert nodes(decided(ORDER, several)) == ["store-3"]
    assert set(shares_of(decided(ORDER, several[:2]))) == {Share("store-1", ("1",)), Share("store-2", ("2",))}


def test_after_the_last_attempt_nobody_is_asked() -> None:
    decision = decided(ORDER, [Candidate("store-1", ALL, 0)], left=0)
    assert (nodes(decision), decision.refusal) == ([], "attempts_left")


def test_goods_in_another_unit_than_they_are_kept_in_are_not_there() -> None:
    sku, _ = FIRST
    assert nodes(decided(ORDER, [Candidate("store-1", {(sku, "KGM"): 9_000, SECOND: 9_000}, 0)])) == []


def test_what_is_in_doubt_counts_for_no_more_than_is_believed() -> None:
    several = [Candidate("store-1", {FIRST: 5_000}, 0), Candidate("store-2", {FIRST: 1}, 0)]
    told = less_doubts(several, {("store-1", FIRST): 999, ("store-2", FIRST): 999})
    assert [each.free_milli[FIRST] for each in told] == [999, 1]


def test_of_many_nodes_so_many_are_weighed_as_can_be_recorded_those_that_are_able_first() -> None:
    order = till_order(method="ship", lines=400)
    goods = demand_of(order)
    unable = [Candidate(f"store-{number:04}", {}, 0) for number in range(1_000)]
    question = plain_question(
        order, [*unable, Candidate("store-9999", goods, 500)], (), attempts_left=1, now_ms=START_MS
    )
    decision = route(question)
    assert nodes(decision) == ["store-9999"]
    assert len(record_of(question, decision).question) <= ROUTING_QUESTION_BYTES_MAX


def test_of_many_places_of_the_network_the_nearest_that_have_goods_are_weighed() -> None:
    order = networked.order()
    goods = demand_of(order)
    here = rig.location("berlin")
    far = [replace(here, location_id=f"far-{number:03}", latitude=48.0) for number in range(100)]
    near = [replace(here, location_id=f"near-{number:02}") for number in range(40)]
    several = [Candidate(each.location_id, goods, 0, lots_of(goods)) for each in (*far, *near)]
    several[-1] = Candidate("near-39", dict.fromkeys(goods, 0), 0, lots_of(goods))
    reference = rig.known(locations=[*far, *near])
    question = network_question(
        order, several, (), reference, attempts=2, attempts_left=3, zones=ZoneInfo, now_ms=rig.NOW_MS
    )
    names = [place.location_id for place in question.places]
    assert (len(names), sum(name.startswith("near") for name in names)) == (ROUTING_PLACES_MAX, 39)
    assert (question.attempts_left, question.facts.attempts) == (3, 2)


def test_a_place_promises_no_more_of_its_lots_than_may_be_promised_the_first_to_expire_first() -> None:
    order = networked.order()
    lots = (
        Lot("tea", "H87", 3_000, expires_on="2026-12-31", lot="a"),
        Lot("tea", "H87", 9_000, expires_on="2027-12-31", lot="b"),
        Lot("cup", "H87", 9_000),
    )
    free = {("tea", "H87"): 4_000, ("cup", "H87"): 0}
    question = network_question(
        order,
        [Candidate("berlin", free, 0, lots, seen_ms=7)],
        (),
        rig.known(),
        attempts=0,
        attempts_left=5,
        zones=ZoneInfo,
        now_ms=rig.NOW_MS,
    )
    (place,) = question.places
    assert [(supply.sku, supply.free_milli) for supply in place.supplies] == [("tea", 4_000)]
    assert place.stock.at_ms == 7


def lots_of(goods: Mapping[Goods, int]) -> tuple[Lot, ...]:
    return tuple(Lot(sku, unit, milli) for (sku, unit), milli in goods.items())
