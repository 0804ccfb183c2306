"""A routing decision told in words: nothing left out in either language, numbers as people write them."""

from collections.abc import Iterator
from string import Formatter
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from edge_core.policy import choosing
from edge_core.routing import policy_words
from edge_core.routing import voice as speaking
from edge_core.routing.changing import _GIVEN
from edge_core.routing.constraints import NEED, ORDER, PLACE, SERVICE, TRIP
from edge_core.routing.costs import Parts
from edge_core.routing.deciding import route
from edge_core.routing.facts import Facts
from edge_core.routing.phrases import PHRASES, Phrase
from edge_core.routing.question import Need, Stamp, Supply
from edge_core.routing.terms import TERMS, Lang
from edge_core.routing.voice import Voice
from edge_core.routing.wording import Section, explain
from tests.rigs.routing import HOUR_MS, NOW_MS, question, service, with_place
from tests.rigs.routing_stories import BERLIN, PAGE, stories, told, with_examples

LANGS: tuple[Lang, ...] = ("en", "zh")
ENGLISH = Voice("en", "EUR", ZoneInfo("Europe/Berlin"))


class Heard(dict[str, Phrase]):
    """The table of phrases, with those that were asked for."""

    def __init__(self) -> None:
        super().__init__(PHRASES)
        self.asked: set[str] = set()

    def __getitem__(self, key: str) -> Phrase:
        self.asked.add(key)
        return super().__getitem__(key)


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def lines(sections: tuple[Section, ...], name: str) -> tuple[str, ...]:
    return next(section.lines for section in sections if section.name == name)


def test_a_phrase_names_the_same_facts_in_both_languages() -> None:
    assert [key for key, phrase in PHRASES.items() if fields(phrase.en) != fields(phrase.zh)] == []
    assert [key for key, phrase in PHRASES.items() if not phrase.en or not phrase.zh] == []


@pytest.mark.parametrize("lang", LANGS)
def test_every_phrase_is_said_in_some_decision_and_none_is_missing(lang: Lang, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Heard()
    monkeypatch.setattr(speaking, "PHRASES", heard)
    for asked in stories():
        told(asked, lang)
    assert set(PHRASES) - heard.asked == set()


def test_a_policy_of_a_clock_that_is_ahead_is_not_said_to_be_old() -> None:
    asked = replace(question(), policy=Stamp("default@2#9f3c", NOW_MS + 3 * HOUR_MS))
    assert "default@2#9f3c, published 0 seconds before" in "\n".join(lines(told(asked, "en"), "reasons"))


def test_every_constraint_every_part_and_every_price_has_its_words() -> None:
    asked = question()
    checks = {check.__name__ for table in (ORDER, PLACE, NEED, SERVICE, TRIP) for check in table}
    refused = {each.refusal.constraint for asked in stories() for each in route(asked).candidates if each.refusal}
    refused |= {refusal for asked in stories() if (refusal := route(asked).refusal)}
    assert len(checks) == len(refused - {"service"})
    assert {f"given.{name}" for name in _GIVEN} <= set(PHRASES)
    assert {name.removesuffix("_milli") for name in Parts.__struct_fields__} == set(TERMS["part"])
    prices = {name.removesuffix("_milli") for name in asked.prices.__struct_fields__ if name.endswith("_milli")}
    assert {f"price.{name}" for name in prices} == {key for key in PHRASES if key.startswith("price.")}


def test_every_kind_of_decision_is_among_those_that_are_told() -> None:
    kinds = {route(asked).kind for asked in stories()}
    assert {f"decision.{kind}" for kind in kinds} == {
        "decision.fulfil_here",
        "decision.other_store",
        "decision.warehouse",
        "decision.pickup",
        "decision.backorder",
        "decision.manual",
    }


@pytest.mark.parametrize("lang", LANGS)
def test_a_sentence_has_no_field_left_open_and_no_other_language(lang: Lang) -> None:
    for line in said(lang):
        assert "{" not in line
        assert any("\u4e00" <= char <= "\u9fff" for char in line) == (lang == "zh"), line


def said(lang: Lang) -> Iterator[str]:
    for asked in stories():
        for section in told(asked, lang):
            yield from (section.title, *section.lines)


def test_the_examples_of_the_page_are_what_is_told_now() -> None:
    page = PAGE.read_text()
    assert page.count("<!-- told:") == len(LANGS)
    assert with_examples(page) == page, "run python -m tests.rigs.routing_stories"


@pytest.mark.parametrize(
    ("milli", "expected"),
    [(1_000, "1 unit"), (0, "0 units"), (1_500, "1.5 units"), (1_234_000, "1,234 units"), (1, "0.001 units")],
)
def test_thousandths_are_units_with_their_plural(milli: int, expected: str) -> None:
    assert ENGLISH.quantity(milli) == expected


@pytest.mark.parametrize(
    ("currency", "milli", "expected"),
    [
        ("EUR", 400_000, "4.00 EUR"),
        ("EUR", 400_001, "4.00001 EUR"),
        ("EUR", -5_000, "-0.05 EUR"),
        ("JPY", 400_000, "400 JPY"),
        ("JPY", 500, "0.5 JPY"),
        ("KWD", 1_000_000, "1.000 KWD"),
    ],
)
def test_money_has_the_decimals_of_its_currency_and_none_is_lost(currency: str, milli: int, expected: str) -> None:
    assert ENGLISH._replace(currency=currency).money(milli) == expected


@pytest.mark.parametrize(
    ("ms", "expected"),
    [
        (0, "0 seconds"),
        (7, "7 milliseconds"),
        (40_000, "40 seconds"),
        (-61_000, "1 minute 1 second"),
        (26 * HOUR_MS, "1 day 2 hours"),
        (HOUR_MS + 5_000, "1 hour 5 seconds"),
    ],
)
def test_a_span_is_told_in_its_two_largest_units(ms: int, expected: str) -> None:
    assert ENGLISH.span(ms) == expected


def test_a_time_is_the_stores_own_and_the_end_of_all_calendars_is_no_error() -> None:
    assert ENGLISH.moment(NOW_MS) == "2026-11-18 12:06"
    assert ENGLISH._replace(zone=ZoneInfo("Asia/Shanghai"), lang="zh").moment(NOW_MS) == "2026年11月18日 19:06"
    assert ENGLISH.moment(2**53 - 1).startswith("9999-12-3")


def test_goods_that_nobody_has_are_told_with_what_would_have_helped() -> None:
    asked = replace(question(needs=(Need("1", "hat", 1_000, 100),)), places=question().places[:1])
    sections = told(asked, "en")
    assert lines(sections, "decision")[:2] == (
        "A person has to decide.",
        "No place can send 1 unit of hat: the constraint of each place is told below.",
    )
    assert "If s1 had 1 unit more of hat: s1 would send, and there would be a plan, for 5.00 EUR." in lines(
        sections, "changes"
    )


def test_what_a_refusal_compared_is_told_in_peoples_units() -> None:
    asked = with_place(question(), "s1", supplies=(Supply("tea", 1_500), Supply("cup", 9_000)))
    asked = with_place(asked, "s2", services=(service("rail", mode="rail", is_running=False),))
    told_places = lines(told(asked, "en"), "candidates")
    assert "may promise 1.5 units of tea, 2 units wanted, 0.5 units short" in told_places[0]
    assert told_places[1] == "s2 (store, 5 km): can send nothing, since rail does not run."
    told_places = lines(told(asked, "zh"), "candidates")
    assert "tea 可承诺 1.5 件，需要 2 件，缺 0.5 件" in told_places[0]


def test_a_stamp_of_a_policy_is_told_by_the_names_that_policies_give_it() -> None:
    assert (policy_words.DEFAULT, policy_words.FALLBACK) == (choosing.DEFAULT, choosing.FALLBACK)
    fault = told(question(policy=Stamp("built-in-1@4", 0)), "en")
    assert "The policies could not be asked: these are the built-in prices." in lines(fault, "reasons")
    fallback = told(question(policy=Stamp("fallback@4#ab", NOW_MS)), "en")
    assert "A signal was active: these are the prices for that time." in lines(fallback, "reasons")
    assert not any("signal" in line for line in lines(told(question(), "en"), "reasons"))


def test_what_a_policy_was_told_is_told_by_the_names_of_its_cells() -> None:
    asked = question(facts=Facts(tier="gold", liquid_units_milli=2_500, is_offline=True))
    said = "What the policy was told: tier gold, liquid_units 2.5, is_offline yes."
    assert said in lines(told(asked, "en"), "reasons")


def test_the_same_record_is_told_in_the_same_words() -> None:
    asked = question()
    decision = route(asked)
    once = explain(asked, decision, (), lang="en", zone=BERLIN)
    assert explain(asked, decision, (), lang="en", zone=BERLIN) == once
    assert [section.name for section in once] == [
        "decision",
        "parcel",
        "reasons",
        "candidates",
        "runner_up",
        "changes",
        "sources",
    ]
