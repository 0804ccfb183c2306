"""Whatever routing is asked and answers, it can be told, in both languages, with every parcel and every place."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from edge_core.routing.changing import what_would_change
from edge_core.routing.deciding import route
from edge_core.routing.question import Bar, Place, Question, Requirement
from edge_core.routing.terms import Lang
from edge_core.routing.voice import Voice
from edge_core.routing.wording import explain
from tests.rigs.questions import random_question
from tests.rigs.routing import CENT, HOUR_MS, NOW_MS
from tests.rigs.routing_stories import BERLIN

LANGS: tuple[Lang, ...] = ("en", "zh")


def troubled(random: Random) -> Question:
    """A random question in which some of everything that can fail does."""
    asked = random_question(random, lines=random.randint(1, 4), places=random.randint(0, 4), carriers=2)
    traits = [random.sample(["cold", "liquid", "fragile"], random.randint(0, 2)) for _ in asked.needs]
    needs = tuple(replace(need, traits=tuple(of)) for need, of in zip(asked.needs, traits, strict=True))
    bars = (Bar("fragile", "air", None, "law"), Bar(None, None, "DE-BE", "law", "sku-0"))
    prices = replace(
        asked.prices,
        keeps_promise=random.random() < 0.3,
        backorder_milli=random.choice([None, 900 * CENT]),
        transit_ms_max=random.choice([None, 40 * HOUR_MS]),
        requires=(Requirement("liquid", "cold", "policy"),) if random.random() < 0.3 else (),
    )
    return replace(
        asked,
        needs=needs,
        places=tuple(_troubled(random, place) for place in asked.places),
        prices=prices,
        bars=tuple(bar for bar in bars if random.random() < 0.3),
        excluded=("p01",) if random.random() < 0.2 else (),
        is_held=random.random() < 0.1,
        extras=("install",) if random.random() < 0.1 else (),
    )


def _troubled(random: Random, place: Place) -> Place:
    services = tuple(
        replace(each, is_running=random.random() < 0.8, carries=("cold",) if random.random() < 0.5 else ())
        for each in place.services
    )
    supplies = tuple(
        replace(
            each, expires_at_ms=random.choice([None, NOW_MS + 30 * HOUR_MS]), order_milli_min=random.choice([0, 3_000])
        )
        for each in place.supplies
    )
    return replace(place, services=services, supplies=supplies, is_open=random.random() < 0.9)


@pytest.mark.parametrize("lang", LANGS)
@given(st.randoms(use_true_random=False))
def test_every_decision_can_be_told_with_each_parcel_and_each_place(lang: Lang, random: Random) -> None:
    asked = troubled(random)
    decision = route(asked)
    told = explain(asked, decision, what_would_change(asked, decision), lang=lang, zone=BERLIN)
    by_name = {section.name: section for section in told}
    assert sum(section.name == "parcel" for section in told) == len(decision.allocations)
    assert len(by_name["candidates"].lines) == max(1, len(asked.places))
    voice = Voice(lang, asked.currency, BERLIN)
    total = voice.money(decision.parts.total_milli)
    assert not decision.allocations or any(total in line for line in by_name["decision"].lines)
    for place, line in zip(decision.candidates, by_name["candidates"].lines, strict=False):
        assert line.startswith(place.location_id)
