"""The policies that come with the product: each does to a routed order what its name says."""

from typing import Any

import pytest
from msgspec.structs import replace

from edge_core.orders.document import Trait
from edge_core.policy.documents import Policy
from edge_core.policy.lint import lint_bundle
from edge_core.policy.pricing import Policies
from edge_core.routing.deciding import Allocation, route
from edge_core.routing.facts import Facts
from edge_core.routing.question import Need, Prices, Question, Supply
from holdfast_runtime.policies import bundled_policies, bundled_release
from tests.rigs.policies import release
from tests.rigs.routing import HOUR_MS, NOW_MS, place, question, service

BUNDLED: dict[str, Policy] = {policy.policy_id: policy for policy in bundled_policies()}
DAY_MS = 24 * HOUR_MS

TEA, CUP = Supply("tea", 10_000), Supply("cup", 10_000)
VAN = service("van")
PLANE = service("plane", mode="air", tariff=1, transit_ms=4 * HOUR_MS)


def priced(asked: Question, *layers: str) -> Question:
    return Policies(release(*layers), BUNDLED.values()).priced(replace(asked, prices=Prices()), "o1", NOW_MS)


def sent(asked: Question, *layers: str) -> list[Allocation]:
    return list(route(priced(asked, *layers)).allocations)


def places_of(asked: Question, *layers: str) -> list[str | None]:
    return [parcel.location_id for parcel in sent(asked, *layers)]


def services_of(asked: Question, *layers: str) -> list[str | None]:
    return [parcel.service_id for parcel in sent(asked, *layers)]


def here(*services: Any, **facts: Any) -> Question:
    """One store, and several ways from there."""
    return question(places=(place("s1", 2_000, services=services),), **facts)


def with_trait(trait: Trait) -> tuple[Need, ...]:
    return (Need("1", "tea", 2_000, 500, (trait,)),)


def test_the_bundle_that_comes_with_the_product_has_no_errors() -> None:
    found = lint_bundle(bundled_release(number=1, made_at_ms=NOW_MS), bundled_policies())
    assert found.is_clean
    assert {each.what for each in found.warnings} == {
        "no row for everything else: this policy says nothing of such orders"
    }


def test_every_policy_has_titles_in_both_languages_and_stands_in_a_file_that_the_editor_opens() -> None:
    assert len(BUNDLED) == 11
    for policy in BUNDLED.values():
        assert policy.title_en.isascii()
        assert not policy.title_zh.isascii()
        assert policy.description
        assert '"contentType": "application/vnd.gorules.decision"' in policy.graph


def test_ordinary_prices_follow_what_the_customer_prefers() -> None:
    def price(preference: str) -> Prices:
        return priced(question(facts=Facts(preference=preference)), "ordinary").prices

    assert price("fastest").hour_milli > price("").hour_milli > price("cheapest").hour_milli == 0
    assert price("greenest").carbon_kg_milli > price("").carbon_kg_milli


def test_nearest_takes_the_nearest_place_whatever_its_tariff() -> None:
    asked = question(places=(place("s1", 2_000, services=(service(tariff=1),)), place("s2", 5_000)))
    assert places_of(asked, "cheapest") == ["s2"]
    assert places_of(asked, "cheapest", "nearest") == ["s1"]


def test_fewest_parcels_sends_one_that_costs_more_rather_than_two() -> None:
    far = place("w1", 90_000, kind="warehouse", parcel_milli=3_000_000)
    asked = question(places=(place("s1", 2_000, supplies=(TEA,)), place("s2", 3_000, supplies=(CUP,)), far))
    assert places_of(asked, "cheapest") == ["s1", "s2"]
    assert places_of(asked, "cheapest", "fewest_parcels") == ["w1"]


def test_cheapest_takes_what_costs_least_however_late_and_however_far() -> None:
    slow = service("slow", transit_ms=20 * DAY_MS)
    asked = question(places=(place("s1", 2_000, services=(PLANE,)), place("w1", 900_000, services=(slow,))))
    assert services_of(asked, "ordinary") == ["plane"]
    assert services_of(asked, "ordinary", "cheapest") == ["slow"]


def test_greenest_takes_what_emits_least() -> None:
    rail = service("rail", mode="rail", tariff=1, carbon_mg_per_tkm=15_000_000)
    asked = question(places=(place("w1", 400_000, services=(service(carbon_mg_per_tkm=90_000_000), rail)),))
    assert services_of(asked, "ordinary") == ["van"]
    assert services_of(asked, "ordinary", "greenest") == ["rail"]


def test_high_margin_goes_in_time_and_first_where_a_low_one_waits() -> None:
    late = service("slow", transit_ms=70 * HOUR_MS)

    def told(margin_ppm: int | None) -> tuple[list[str | None], bool]:
        asked = priced(here(late, PLANE, facts=Facts(margin_ppm=margin_ppm)), "high_margin_first")
        return [parcel.service_id for parcel in route(asked).allocations], asked.prices.sorts_first

    assert told(500_000) == (["plane"], True)
    assert told(50_000) == (["slow"], False)
    assert told(None) == (["slow"], False), "a margin that is not known is no high one"


@pytest.mark.parametrize(
    ("tier", "preference", "goes_by", "is_first"),
    [
        ("black", "", "plane", True),
        ("black_gold", "", "plane", True),
        ("gold", "fastest", "plane", False),
        ("silver", "", "van", False),
        ("black", "cheapest", "van", True),
    ],
)
def test_top_tiers_go_fastest_unless_they_prefer_something_else(
    tier: str, preference: str, goes_by: str, *, is_first: bool
) -> None:
    asked = here(VAN, PLANE, facts=Facts(tier=tier, preference=preference))
    assert services_of(asked, "cheapest", "vip_fastest") == [goes_by]
    assert priced(asked, "vip_fastest").prices.sorts_first is is_first


def test_cold_goods_go_by_a_cold_carrier_that_is_not_long_on_the_way() -> None:
    slow = service("cold-slow", carries=("cold",), transit_ms=72 * HOUR_MS)
    quick = service("cold-quick", carries=("cold",), tariff=1)
    asked = here(slow, quick, needs=with_trait("cold"), facts=Facts(cold_lines=1), promise_at_ms=NOW_MS + 90 * HOUR_MS)
    assert services_of(asked, "cheapest") == ["cold-slow"]
    assert services_of(asked, "cheapest", "cold_chain") == ["cold-quick"]


@pytest.mark.parametrize(
    ("region", "units_milli", "tier", "goes_by", "is_first"),
    [
        ("CN-HI", 3_000, "black", "cold", True),
        ("CN-HI", 3_000, "black_gold", "cold", True),
        ("CN-HI", 3_000, "", "cold", False),
        ("CN-HI", 2_999, "black", "van", False),
        ("CN-GD", 3_000, "black", "van", False),
    ],
)
def test_liquids_to_the_island_go_cold_and_first_for_top_tiers(
    region: str, units_milli: int, tier: str, goes_by: str, *, is_first: bool
) -> None:
    facts = Facts(region=region, liquid_lines=1, liquid_units_milli=units_milli, tier=tier)
    cold = service("cold", carries=("cold",), tariff=1)
    asked = here(VAN, cold, needs=with_trait("liquid"), facts=facts, region=region)
    assert services_of(asked, "cheapest", "island_liquids") == [goes_by]
    assert priced(asked, "island_liquids").prices.sorts_first is is_first


@pytest.mark.parametrize(("trait", "goes_by"), [("fragile", "van"), ("insured", "plane")])
def test_fragile_goods_do_not_fly(trait: Trait, goes_by: str) -> None:
    cheap_plane = service("plane", mode="air", tariff=0)
    asked = here(service("van", tariff=1), cheap_plane, needs=with_trait(trait))
    assert services_of(asked, "cheapest") == ["plane"]
    assert services_of(asked, "cheapest", "no_air") == [goes_by]


def test_of_the_same_goods_those_that_expire_sooner_go_first() -> None:
    def held(location_id: str, distance_m: int, days: int, parcel_milli: int) -> Any:
        supply = Supply("tea", 10_000, expires_at_ms=NOW_MS + days * DAY_MS)
        return place(location_id, distance_m, supplies=(supply,), parcel_milli=parcel_milli)

    asked = question(
        needs=(Need("1", "tea", 2_000, 500),), places=(held("s1", 2_000, 200, 0), held("s2", 5_000, 10, 300_000))
    )
    assert places_of(asked, "cheapest") == ["s1"]
    assert places_of(asked, "cheapest", "near_expiry_first") == ["s2"]


def test_the_release_that_comes_with_the_product_prices_every_order_and_has_a_fallback() -> None:
    made = bundled_release(number=1, made_at_ms=NOW_MS)
    policies = Policies(made, bundled_policies())
    told = policies.price(question(facts=Facts(tier="black", cold_lines=1)), "o1", NOW_MS)
    assert (told.why, told.cause) == ("default", None)
    assert told.question.prices.hour_milli == 500_000
    asked = policies.asked(question(), "fallback", made.fallback)
    assert asked.prices.km_milli == 1_000_000
    assert asked.prices.bars
