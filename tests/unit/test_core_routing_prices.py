"""What a policy's prices do to a route: each of them moves the goods, or keeps a carrier out by name and numbers."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from edge_core.limits import ROUTING_COST_MILLI_MAX, ROUTING_DISTANCE_M_MAX
from edge_core.routing.constraints import Refusal
from edge_core.routing.deciding import Decision, route
from edge_core.routing.question import Bar, Need, Prices, Question, Requirement, Supply
from edge_core.routing.tariffs import Band
from tests.rigs.routing import CENT, HOUR_MS, KG, NOW_MS, place, question, service, with_place

DAY_MS = 24 * HOUR_MS


def sender(decision: Decision) -> str | None:
    (allocation,) = decision.allocations
    return allocation.location_id


def refusal_of(decision: Decision, location_id: str) -> Refusal | None:
    return next(each.refusal for each in decision.candidates if each.location_id == location_id)


def test_who_installs_sends_where_the_customer_wants_it_installed() -> None:
    both = service("fitters", offers=("install", "take_back"))
    asked = with_place(question(extras=("install", "take_back")), "w1", services=(both,))
    asked = with_place(asked, "s2", services=(service("half", offers=("install",)),))
    decision = route(asked)
    assert sender(decision) == "w1"
    assert refusal_of(decision, "s1") == Refusal("extras", 0, 2, "count", service_id="van")
    assert refusal_of(decision, "s2") == Refusal("extras", 1, 2, "count", service_id="half")
    assert sender(route(replace(asked, extras=()))) == "s1"


def test_a_parcel_is_on_the_way_for_no_longer_than_the_policy_lets_it() -> None:
    slow = service("slow", transit_ms=49 * HOUR_MS)
    asked = with_place(question(prices=Prices(transit_ms_max=48 * HOUR_MS)), "s1", services=(slow,))
    decision = route(asked)
    assert sender(decision) == "s2"
    assert refusal_of(decision, "s1") == Refusal("transit", 49 * HOUR_MS, 48 * HOUR_MS, "ms", service_id="slow")
    assert sender(route(replace(asked, prices=Prices(transit_ms_max=49 * HOUR_MS)))) == "s1"


LIQUID = Need("1", "tea", 1_000, 500, traits=("liquid",))
DRY = Need("2", "cup", 1_000, 300)


@pytest.mark.parametrize(("trait", "dry_goes_by"), [("liquid", "s1"), (None, "w1")])
def test_goods_that_a_policy_wants_carried_cold_go_by_nothing_else(trait: Any, dry_goes_by: str) -> None:
    asked = with_place(question(needs=(LIQUID,)), "w1", services=(service("cold", carries=("cold",)),))
    asked = replace(asked, prices=Prices(requires=(Requirement(trait, "cold", "island"),)))
    decision = route(asked)
    assert sender(decision) == "w1"
    assert refusal_of(decision, "s1") == Refusal("handling", line_id="1", service_id="van")
    assert sender(route(replace(asked, needs=(DRY,)))) == dry_goes_by


def test_a_policy_bars_as_a_law_does_and_takes_nothing_from_it() -> None:
    plane = service("plane", mode="air", transit_ms=HOUR_MS)
    asked = question(needs=(replace(LIQUID, traits=("fragile",)),), prices=Prices(hour_milli=100 * CENT))
    asked = with_place(asked, "w1", services=(plane,))
    assert sender(route(asked)) == "w1"
    barred = replace(asked, prices=replace(asked.prices, bars=(Bar("fragile", "air", None, "house"),)))
    assert sender(route(barred)) == "s1"
    assert refusal_of(route(barred), "w1") == Refusal("regional_policy", line_id="1", service_id="plane")
    by_law = replace(barred, bars=(Bar(None, "road", "DE-BE", "law"),))
    assert route(by_law).kind == "manual", "what the law bars stays barred beside what the policy bars"


def test_each_kilometre_costs_what_the_policy_says_rounded_half_up() -> None:
    asked = question(places=(place("s1", 2_500),), prices=Prices(km_milli=3))
    assert route(asked).parts.policy_milli == 8  # 7.5
    far_and_cheap = with_place(question(), "s1", parcel_milli=4 * CENT)
    assert sender(route(far_and_cheap)) == "s2"
    assert sender(route(replace(far_and_cheap, prices=Prices(km_milli=2 * CENT)))) == "s1"


@pytest.mark.parametrize("kind", ["store", "warehouse", "supplier"])
def test_a_policy_would_rather_send_from_one_kind_of_place(kind: Any) -> None:
    places = place("a", 1_000), place("b", 2_000, kind="warehouse"), place("c", 3_000, kind="supplier")
    prices = replace(Prices(), **{f"{kind}_milli": -50 * CENT})
    decision = route(question(places=places, prices=prices))
    chosen = next(each for each in places if each.location_id == sender(decision))
    assert chosen.kind == kind
    assert decision.parts.policy_milli == -50 * CENT
    dearer = route(question(places=places[:2], prices=Prices(store_milli=CENT)))
    assert sender(dearer) == "b"


EXPIRIES = [(29 * DAY_MS, 1), (29 * DAY_MS + DAY_MS - 1, 1), (10 * DAY_MS, 20), (30 * DAY_MS, 0), (None, 0)]


@pytest.mark.parametrize(("left_ms", "days"), EXPIRIES)
def test_selling_goods_is_worth_more_each_whole_day_nearer_to_their_expiry(left_ms: int | None, days: int) -> None:
    expires_at_ms = None if left_ms is None else NOW_MS + left_ms
    supplies = (Supply("tea", 10_000, expires_at_ms=expires_at_ms, unit_milli=2 * CENT),)
    asked = question(needs=(LIQUID,), prices=Prices(expiry_day_milli=CENT, expiry_days=30))
    decision = route(with_place(replace(asked, places=asked.places[:1]), "s1", supplies=supplies))
    assert decision.parts.stock_milli == (2 - days) * CENT


def test_goods_near_their_expiry_go_first_where_the_policy_pays_for_it() -> None:
    old = Supply("tea", 10_000, expires_at_ms=NOW_MS + 5 * DAY_MS)
    asked = with_place(question(needs=(LIQUID,)), "w1", supplies=(old,), parcel_milli=CENT)
    assert sender(route(asked)) == "s1"
    assert sender(route(replace(asked, prices=Prices(expiry_day_milli=CENT)))) == "w1"
    assert sender(route(replace(asked, prices=Prices(expiry_day_milli=CENT, expiry_days=5)))) == "s1"


def dearest() -> Question:
    """Every price as high as it may be, a thousand tonnes, half of the Earth away and a year late."""
    top = ROUTING_COST_MILLI_MAX
    prices = Prices(top, top, top, top, top, 100_000, km_milli=top, store_milli=top, expiry_day_milli=top)
    needs = Need("1", "tea", 10**9, 10**9 // 2), Need("2", "cup", 10**9, 10**9 // 2)
    supplies = Supply("tea", 10**9, unit_milli=top), Supply("cup", 10**9, unit_milli=-top)
    year = service(transit_ms=365 * DAY_MS, carbon_mg_per_tkm=10**8)
    facts: dict[str, Any] = {"parcel_milli": top, "unit_milli": top, "services": (year,), "supplies": supplies}
    places = [place(name, ROUTING_DISTANCE_M_MAX - at, **facts) for at, name in enumerate("ab")]
    tariffs = ((Band(10**9, top, top // 10**5, 0),),)
    return question(prices=prices, needs=needs, places=tuple(places), tariffs=tariffs)


def test_the_highest_prices_make_no_decision_that_cannot_be_kept() -> None:
    decision = route(dearest())
    assert sender(decision) == "b", "a metre nearer"
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(decision), type=Decision) == decision


def test_a_charge_beyond_all_reason_is_no_way_to_send() -> None:
    asked = dearest()
    assert route(replace(asked, tariffs=((Band(10**9, 0, ROUTING_COST_MILLI_MAX, 0),),))).kind == "manual"


def test_a_price_of_nothing_is_no_price() -> None:
    free = route(replace(question(tariffs=((Band(30 * KG, 0, 0, 0),),)), prices=Prices()))
    assert (sender(free), free.parts.total_milli) == ("s1", 0)
