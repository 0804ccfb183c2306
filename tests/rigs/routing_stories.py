"""Questions that between them make every sentence that can be said about a routing decision.

python -m tests.rigs.routing_stories    write the examples of docs/routing.md anew
"""

import re
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from edge_core.routing.changing import what_would_change
from edge_core.routing.deciding import route
from edge_core.routing.facts import Facts
from edge_core.routing.question import Bar, Need, Prices, Question, Requirement, Stamp, Supply
from edge_core.routing.terms import Lang
from edge_core.routing.wording import Section, as_text, explain
from tests.rigs.routing import CENT, HOUR_MS, NOW_MS, place, question, service, with_place

PAGE: Final = Path(__file__).parents[2] / "docs" / "routing.md"
BERLIN: Final = ZoneInfo("Europe/Berlin")
_BLOCK: Final = re.compile(r"(<!-- told: (?P<lang>en|zh) -->\n).*?(<!-- /told -->)", re.DOTALL)

_TEA: Final = Need("1", "tea", 2_000, 500)
_CUP: Final = Need("2", "cup", 1_000, 300)
_CUPS: Final = Supply("cup", 10_000)


def told(asked: Question, lang: Lang) -> tuple[Section, ...]:
    """A question's decision in words."""
    decision = route(asked)
    return explain(asked, decision, what_would_change(asked, decision), lang=lang, zone=BERLIN)


def example() -> Question:
    """The example of the docs: goods in two places, a plan of two parcels, things that were missing."""
    facts = Facts(tier="black_gold", preference="cheapest")
    asked = question(needs=(replace(_TEA, traits=("liquid",)), replace(_CUP, traits=("fragile",))), facts=facts)
    asked = with_place(asked, "s1", supplies=(_CUPS,), parcel_milli=30 * CENT)
    asked = with_place(asked, "s2", supplies=(Supply("tea", 2_000),), services=(service(carbon_mg_per_tkm=105_000),))
    asked = with_place(asked, "w1", parcel_milli=650 * CENT)
    some = Supply("tea", 1_500, safety_milli=1_000)
    asked = replace(asked, places=(*asked.places, place("s3", 4_000, supplies=(some, _CUPS), is_open=False)))
    own = {"stock": Stamp("ledger", NOW_MS), "capacity": Stamp("open orders", NOW_MS)}
    for location_id in ("s1", "s2", "s3", "w1"):
        view = Stamp("stock-view", NOW_MS - 40_000)
        seen = own if location_id == "s1" else {"stock": view, "capacity": view}
        asked = with_place(asked, location_id, **seen)
    sources = Stamp("locations@3", NOW_MS - 50 * HOUR_MS), Stamp("tariffs@7", NOW_MS - HOUR_MS)
    policy = Stamp("default@12#9f3c", NOW_MS - 3 * HOUR_MS)
    return replace(asked, bars=(Bar("fragile", "air", None, "law"),), policy=policy, sources=sources)


def _services() -> list[Question]:
    """What a carrier's service may lack, at a place that is otherwise the best."""
    plane = service("plane", mode="air", tariff=1)
    liquid, cold = replace(_TEA, traits=("liquid",)), replace(_TEA, traits=("cold",))
    vip = Prices(requires=(Requirement("liquid", "cold", "vip@3"), Requirement(None, "insured", "vip@3")))
    shut = Prices(bars=(Bar(None, None, "DE-BE", "storm@1"), Bar("liquid", "sea", None, "storm@1")))
    return [
        with_place(question(), "s1", services=(service(is_running=False),)),
        with_place(question(), "s1", services=()),
        with_place(question(), "s1", supplies=(Supply("tea", 10_000, expires_at_ms=NOW_MS), _CUPS)),
        with_place(question(bars=(Bar(None, "air", "DE-BE", "law"),)), "s1", services=(plane,)),
        question(needs=(cold,)),
        question(needs=(liquid,), prices=vip),
        question(prices=shut),
        question(extras=("install", "take_back"), facts=Facts(preference="fastest")),
        question(prices=Prices(transit_ms_max=20 * HOUR_MS)),
        question(promise_at_ms=NOW_MS + 25 * HOUR_MS, prices=Prices(keeps_promise=True)),
    ]


def _places() -> list[Question]:
    """What a place may lack."""
    fewest = Supply("tea", 10_000, order_milli_min=3_000)
    return [
        with_place(with_place(question(), "s1", is_active=False), "s2", is_open=False),
        with_place(with_place(question(), "s1", is_accepting=False), "s2", units_left_milli=2_500),
        question(excluded=("s1",)),
        question(method="pickup", pickup_at="s2"),
        question(needs=(replace(_TEA, kinds=("warehouse", "supplier")),)),
        with_place(question(needs=(_TEA,)), "s1", supplies=(fewest,), kind="supplier"),
        with_place(question(needs=(_TEA,)), "s1", supplies=(Supply("tea", 500, safety_milli=2_000),)),
    ]


def _orders() -> list[Question]:
    """Every kind of decision, and what a policy may count."""
    everything = Prices(**{f"{name}_milli": CENT for name in _COUNTED}, expiry_days=1, sorts_first=True)  # type: ignore[arg-type]
    alone = replace(question(), places=question().places[:1])
    hat = Need("3", "hat", 1_000, 100)
    soon = Supply("tea", 10_000, expires_at_ms=NOW_MS + 48 * HOUR_MS)
    near = with_place(replace(alone, prices=Prices()), "s1", supplies=(soon, _CUPS))
    return [
        example(),
        question(is_held=True),
        question(attempts_left=0),
        question(places=()),
        replace(alone, needs=(hat,)),
        replace(alone, needs=(replace(_TEA, weight_g=90_000),)),
        replace(alone, needs=(_TEA, hat), prices=everything),
        replace(question(), needs=(_TEA, hat), prices=replace(Prices(), backorder_milli=CENT)),
        replace(alone, promise_at_ms=NOW_MS + 20 * HOUR_MS),
        replace(alone, promise_at_ms=NOW_MS + 26 * HOUR_MS),
        replace(near, tariffs=((near.tariffs[0][0],), ()), needs=(_TEA,)),
        replace(alone, needs=tuple(Need(str(line), "tea", 1, 1) for line in range(12)), currency="JPY"),
        _free(),
        _long(),
        *_policies(),
        replace(
            question(), sources=(Stamp("tariffs@7", NOW_MS - HOUR_MS),), bars=(Bar(None, None, "DE-BE", "law", "tea"),)
        ),
        replace(alone, places=(place("s1", 0, stock=Stamp("ledger", NOW_MS)),)),
    ]


def _policies() -> list[Question]:
    """Every way in which a policy may have come to be asked."""
    names = "default@4#ab", "fallback@4#ab", "cheap@4#ab"
    asked = [question(policy=Stamp(name, NOW_MS - HOUR_MS)) for name in names]
    return [*asked, *(question(policy=Stamp(name, 0)) for name in ("built-in-1", "built-in-1@4"))]


def _long() -> Question:
    """More lines than an exact search takes, of goods that no place has all of."""
    needs = tuple(Need(f"{line}", f"sku-{line}", 1_000, 100) for line in range(12))
    supplies = tuple(Supply(need.sku, 1_000) for need in needs)
    places = place("s1", 1, supplies=supplies[:8]), place("s2", 2, supplies=supplies[4:])
    return question(needs=needs, places=places)


def _free() -> Question:
    """A parcel that counts for nothing."""
    asked = replace(question(), prices=Prices(), policy=Stamp("free@1", NOW_MS))
    tariffs = tuple(
        tuple(replace(band, base_milli=0, per_kg_milli=0, charge_milli_min=0) for band in tariff)
        for tariff in asked.tariffs
    )
    return replace(asked, tariffs=tariffs)


_COUNTED: Final = "parcel late_hour hour carbon_kg reject backorder km store warehouse supplier expiry_day".split()


def stories() -> list[Question]:
    """All of them."""
    return [*_orders(), *_places(), *_services()]


def with_examples(text: str) -> str:
    """A page with the example as it is told now."""
    return _BLOCK.sub(lambda found: f"{found[1]}```\n{as_text(told(example(), found['lang']))}\n```\n{found[3]}", text)  # type: ignore[arg-type]


if __name__ == "__main__":
    PAGE.write_text(with_examples(PAGE.read_text()))
