"""A rule that is told is read as itself, in both languages; and no sentence, however written, keeps the reader long."""

import random
import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central_sync.rule_language.aloud import aloud
from central_sync.rule_language.grammar import parser
from central_sync.rule_language.misreading import Misreading
from central_sync.rule_language.reading import read
from central_sync.rule_language.rule import (
    BOUNDS,
    EVERYTHING,
    MEASURES,
    NAMINGS,
    SWITCHES,
    UNBOUNDED,
    Condition,
    Outcome,
    Rule,
)
from central_sync.rule_language.table import row_of, rule_of
from central_sync.rule_language.telling import tell
from central_sync.rule_language.words import WORDS as TABLE
from edge_core.limits import RULE_SENTENCE_CHARS_MAX
from edge_core.policy.schema import MODES, OUTPUTS, TRAITS
from edge_core.policy.verdict import NONE
from edge_core.routing.terms import Lang
from tests.rigs.rules import WORDS

LANGS: tuple[Lang, ...] = ("en", "zh")
READ_S_MAX = 2.0
"""A sentence of the greatest length takes some milliseconds; this is for a machine that does other things as well."""


def values(kind: str) -> st.SearchStrategy[str]:
    return st.sampled_from([word.value for word in TABLE[kind]])


def numbers(most: int, places: int = 0) -> st.SearchStrategy[Decimal]:
    return st.integers(0, most * 10**places).map(lambda number: Decimal(number).scaleb(-places))


def names(kind: str) -> st.SearchStrategy[str]:
    return st.sampled_from(["DE", "CN", "US"]) if kind == "COUNTRY_CODE" else values(kind)


def limits(fact: str, number: st.SearchStrategy[Decimal]) -> st.SearchStrategy[tuple[Condition, ...]]:
    """One comparison, or one from each side."""
    one = st.builds(lambda sign, value: (Condition(fact, sign, (value,)),), values("SIGN"), number)
    both = st.lists(number, min_size=2, max_size=2, unique=True).map(
        lambda ends: (Condition(fact, ">=", (min(ends),)), Condition(fact, "<", (max(ends),)))
    )
    return one | both


def named(opener: str) -> st.SearchStrategy[tuple[Condition, ...]]:
    naming = NAMINGS[opener]
    most = 1 if naming.words == "METHOD" else 3
    several = st.lists(names(naming.words), min_size=1, max_size=most, unique=True)
    of = several.map(lambda all_: tuple(Decimal(each) if naming.words == "DAY" else each for each in all_))
    return of.map(lambda all_: (Condition(naming.fact, naming.sign, all_),))


AMOUNTS = [
    limits("_".join(filter(None, [trait, unit])), numbers(10**6, 3 if unit == "units" else 0))
    for trait in ("", *TRAITS)
    for unit in ("units", "lines")
]
MEASURED = [
    limits(one.fact, numbers(23 if one.fact == "hour" else 1_000).map(Decimal(one.per_unit).__mul__))
    for one in MEASURES.values()
]
FLAGS = [
    st.booleans().map(lambda is_on: (Condition("is_offline", "==", (is_on,)),)),
    values("EXTRA").map(lambda extra: (Condition(extra, "==", (True,)),)),
]
CONDITIONS = st.one_of(*AMOUNTS, *MEASURED, *map(named, NAMINGS), *FLAGS)

BARS = st.tuples(
    st.sampled_from([EVERYTHING, *TRAITS]),
    st.sampled_from([EVERYTHING, *MODES]),
    st.sampled_from(["", ":CN-HI", ":DE"]),
).map(lambda of: f"{of[0]}:{of[1]}{of[2]}")
REQUIREMENTS = st.tuples(st.sampled_from([EVERYTHING, *TRAITS]), st.sampled_from(TRAITS)).map(":".join)


def several(of: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(of, min_size=1, max_size=3, unique=True).map(tuple)


def prices() -> st.SearchStrategy[Outcome]:
    minor = st.integers(-(10**9), 10**9).map(lambda milli: Decimal(milli) / 1000)
    priced = st.tuples(values("PRICE"), minor)
    return priced.map(lambda of: Outcome(of[0], of[1] if OUTPUTS[of[0]].least < 0 else abs(of[1])))


PRICES = prices()
OUTCOMES = st.one_of(
    PRICES,
    st.sampled_from([Outcome(*answer) for answer in SWITCHES.values()]),
    st.sampled_from([Outcome(name, NONE) for name in UNBOUNDED.values()]),
    st.sampled_from([name for name, _ in BOUNDS.values()]).flatmap(
        lambda name: numbers(OUTPUTS[name].most - OUTPUTS[name].least).map(
            lambda number: Outcome(name, number + OUTPUTS[name].least)
        )
    ),
    several(BARS).map(lambda bars: Outcome("bars", bars)),
    several(REQUIREMENTS).map(lambda requires: Outcome("requires", requires)),
)


@st.composite
def rules(draw: Any) -> Rule:
    """Rules that can be said: each fact once, each answer once, in a currency or in any."""
    conditions: list[Condition] = []
    for said in draw(st.lists(CONDITIONS, max_size=4, unique_by=lambda all_: all_[0].fact)):
        conditions += said
    outcomes = draw(st.lists(OUTCOMES, min_size=1, max_size=4, unique_by=lambda outcome: outcome.name))
    if draw(st.booleans()):
        conditions.append(Condition("currency", "==", (draw(st.sampled_from(["EUR", "CNY", "USD"])),)))
    return Rule(tuple(conditions), tuple(outcomes))


@pytest.mark.parametrize("lang", LANGS)
@given(rule=rules())
def test_a_rule_that_is_told_is_read_as_itself(lang: Lang, rule: Rule) -> None:
    sentence = tell(rule, lang, WORDS)
    if len(sentence) <= RULE_SENTENCE_CHARS_MAX:
        found = read(sentence, lang, WORDS)
        assert found == rule, (sentence, found.said(lang) if isinstance(found, Misreading) else found)


@given(rule=rules())
def test_every_rule_that_can_be_said_can_be_told_from_its_row(rule: Rule) -> None:
    told = aloud(row_of(rule), WORDS)
    sentences = [tell(rule, lang, WORDS) for lang in LANGS]
    assert told == tuple(sentences) or max(map(len, sentences)) > RULE_SENTENCE_CHARS_MAX


@given(rule=rules())
def test_a_row_is_told_as_the_sentence_that_it_came_from(rule: Rule) -> None:
    found = rule_of(row_of(rule))
    assert found is not None
    assert row_of(found) == row_of(rule)
    assert set(found.conditions) == set(rule.conditions)


@pytest.mark.parametrize("lang", LANGS)
@given(sentence=st.text(max_size=60))
def test_any_text_is_a_rule_or_a_mistake_with_a_column(lang: Lang, sentence: str) -> None:
    found = read(sentence, lang, WORDS)
    if isinstance(found, Misreading):
        assert 1 <= found.column <= len(sentence) + 1


@pytest.mark.parametrize("lang", LANGS)
@given(seed=st.integers(0, 2**32))
def test_words_in_any_order_are_a_rule_or_a_mistake(lang: Lang, seed: int) -> None:
    chance = random.Random(seed)
    ways = [way for kind in TABLE for way in WORDS.ways(kind, lang)]
    sentence = (" " if lang == "en" else "").join(chance.choices(ways, k=12))[:RULE_SENTENCE_CHARS_MAX]
    assert isinstance(read(sentence, lang, WORDS), Rule | Misreading)


HOSTILE = {
    "the same condition": ("When " + "the store is offline and " * 40, "当" + "门店离线且" * 99),
    "blanks": ("When the" + " " * 450 + "store", "当" + " " * 450 + "门店"),
    "a number": ("Always send it in at most " + "9" * 450, "凡订单，则至多分" + "9" * 450),
    "numerals": ("Always " + "one " * 100, "当订单含" + "一百" * 200),
    "a word that is nearly one": ("When " + "the customer is no " * 20, "当" + "客户不" * 150),
    "commas": ("Always " + ", " * 200, "凡订单" + "，" * 400),
}


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_sentence_is_read_in_bounded_time(lang: Lang, kind: str) -> None:
    parser(lang, WORDS)
    sentence = HOSTILE[kind][LANGS.index(lang)][:RULE_SENTENCE_CHARS_MAX]
    began = time.perf_counter()
    assert isinstance(read(sentence, lang, WORDS), Misreading)
    assert time.perf_counter() - began < READ_S_MAX
