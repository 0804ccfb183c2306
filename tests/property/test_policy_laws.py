"""Laws of policies: what the linter lets through the engine can do, and whatever is damaged never breaks the linter."""

import copy
import json
import operator
from collections.abc import Callable
from typing import Any

import zen
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_core.policy.cells import Checker
from edge_core.policy.choosing import bucket
from edge_core.policy.documents import Policy
from edge_core.policy.engine import Engine
from edge_core.policy.grammar import Unreadable
from edge_core.policy.lint import look_at
from edge_core.policy.samples import samples
from edge_core.policy.schema import INPUTS, OUTPUTS, named
from edge_core.policy.verdict import Verdict, merged
from edge_core.routing.facts import Facts
from edge_core.routing.question import Bar, Prices
from holdfast_runtime.policies import bundled_policies
from tests.rigs.policies import policy, table

NUMBERS = [name for name, one in INPUTS.items() if one.type == "number"]
WORDS = [name for name, one in INPUTS.items() if one.type == "word"]
YESNOS = [name for name, one in INPUTS.items() if one.type == "yesno"]
SPOKEN = ("gold", "black", "CN-HI", "fastest", "")

literal_numbers = st.one_of(st.integers(0, 10**6).map(str), st.decimals(0, 1000, places=2).map(str))
literal_words = st.sampled_from([f"'{word}'" for word in SPOKEN])
facts = st.builds(
    Facts,
    tier=st.sampled_from(SPOKEN),
    region=st.sampled_from(SPOKEN),
    preference=st.sampled_from(SPOKEN),
    value_minor=st.integers(-(10**12), 10**12),
    margin_ppm=st.one_of(st.none(), st.integers(-(10**7), 10**6)),
    lines=st.integers(0, 500),
    liquid_units_milli=st.integers(0, 2**53 - 1),
    is_offline=st.booleans(),
)


def _more_numbers(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(parts, st.sampled_from("+-*"), parts).map(" ".join),
        st.tuples(parts, st.sampled_from("/%"), literal_numbers).map(" ".join),
        parts.map("({})".format),
        parts.map("-{}".format),
        st.tuples(st.sampled_from(["abs", "floor", "ceil", "round"]), parts).map(lambda p: f"{p[0]}({p[1]})"),
        st.tuples(st.sampled_from(["min", "max"]), parts, parts).map(lambda p: f"{p[0]}([{p[1]}, {p[2]}])"),
        st.tuples(st.sampled_from(YESNOS), parts, parts).map(lambda p: f"{p[0]} ? {p[1]} : {p[2]}"),
    )


number_texts = st.recursive(st.one_of(literal_numbers, st.sampled_from(NUMBERS)), _more_numbers, max_leaves=6)
conditions = st.recursive(
    st.one_of(
        st.sampled_from(YESNOS),
        st.tuples(number_texts, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), number_texts).map(" ".join),
        st.tuples(st.sampled_from(WORDS), st.sampled_from(["==", "!="]), literal_words).map(" ".join),
        st.tuples(st.sampled_from(WORDS), st.sampled_from(["in", "not in"]), literal_words).map(
            lambda p: f"{p[0]} {p[1]} [{p[2]}]"
        ),
        st.tuples(st.sampled_from(["startsWith", "endsWith", "contains"]), st.sampled_from(WORDS), literal_words).map(
            lambda p: f"{p[0]}({p[1]}, {p[2]})"
        ),
    ),
    lambda parts: st.one_of(
        st.tuples(parts, st.sampled_from(["and", "or"]), parts).map(" ".join), parts.map("not ({})".format)
    ),
    max_leaves=5,
)


@settings(max_examples=300)
@given(st.one_of(number_texts, conditions), facts)
def test_what_the_grammar_lets_through_the_engine_evaluates_to_the_type_that_was_said(text: str, asked: Facts) -> None:
    try:
        typed = Checker().expression(text)
    except Unreadable:
        return
    zen.compile_expression(text)
    value = zen.evaluate_expression(text, named(asked))
    assert type(value) in {"number": (int, float), "yesno": (bool,), "word": (str,)}[typed.type], (text, value)
    if typed.type == "number":
        assert abs(value) <= typed.bound * 1.001, "it is as large as was said, at most"


begins = st.sampled_from(["", ">= "])


@settings(max_examples=300)
@given(st.sampled_from(NUMBERS), st.one_of(literal_numbers, conditions, st.text(max_size=20)), begins)
def test_what_may_stand_under_a_fact_the_engine_compiles(fact: str, text: str, begin: str) -> None:
    cell = begin + text
    try:
        Checker().tests(cell, INPUTS[fact])
    except Unreadable:
        return
    zen.compile_unary_expression(cell)


COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
small = st.integers(0, 5)
several = st.lists(small, min_size=1, max_size=3)
tests = st.one_of(
    st.tuples(st.sampled_from(sorted(COMPARISONS)), small).map(
        lambda p: (f"{p[0]} {p[1]}", lambda value: COMPARISONS[p[0]](value, p[1]))
    ),
    several.map(lambda p: (f"in {p}", lambda value: value in p)),
    several.map(lambda p: (f"not in {p}", lambda value: value not in p)),
)
joined = st.one_of(
    tests,
    st.tuples(tests, tests).map(lambda p: (f"{p[0][0]} and {p[1][0]}", lambda v: p[0][1](v) and p[1][1](v))),
    st.tuples(tests, tests).map(lambda p: (f"{p[0][0]} or {p[1][0]}", lambda v: p[0][1](v) or p[1][1](v))),
    st.tuples(tests, tests).map(lambda p: (f"{p[0][0]}, {p[1][0]}", lambda v: p[0][1](v) or p[1][1](v))),
    several.map(lambda p: (", ".join(map(str, p)), lambda value: value in p)),
)


@settings(max_examples=200, deadline=None)
@given(joined, small)
def test_a_cell_matches_as_it_reads(cell: tuple[str, Callable[[int], bool]], lines: int) -> None:
    text, matches = cell
    made = policy("p", table([{"if lines": text, "parcel_minor": "1"}, {"parcel_minor": "2"}]))
    assert not [finding for finding in look_at(made)[0] if finding.severity == "error"], text
    found = Engine([made]).verdict("p", named(Facts(lines=lines))).prices["parcel_milli"]
    assert (found == 1_000) == matches(lines), text


# --- damage ----------------------------------------------------------------------------------------------------------

junk = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.text(max_size=6), st.sampled_from(["t", "in", "first"])),
    lambda parts: st.one_of(st.lists(parts, max_size=3), st.dictionaries(st.text(max_size=6), parts, max_size=3)),
    max_leaves=5,
)
GRAPHS = [json.loads(each.graph) for each in bundled_policies()]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to everything in a document."""
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        found += places(part, (*path, key))
    return found


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_graph_with_something_else_in_it_is_refused_or_works(data: st.DataObject) -> None:
    graph = copy.deepcopy(data.draw(st.sampled_from(GRAPHS), "graph"))
    *way, last = data.draw(st.sampled_from(places(graph)), "place")
    holder = graph
    for key in way:
        holder = holder[key]
    if data.draw(st.booleans(), "is gone"):
        del holder[last]
    else:
        holder[last] = data.draw(junk, "instead")
    made = Policy("p", 1, "p", "p", json.dumps(graph))
    findings, uses = look_at(made)
    if any(finding.severity == "error" for finding in findings):
        return
    engine = Engine([made])
    for sample in samples(uses):
        engine.verdict("p", sample)


@settings(max_examples=100)
@given(st.text(max_size=200))
def test_any_text_for_a_graph_is_refused_with_a_finding(text: str) -> None:
    assert any(finding.severity == "error" for finding in look_at(Policy("p", 1, "p", "p", text))[0])


# --- layers and buckets ----------------------------------------------------------------------------------------------

verdicts = st.builds(
    Verdict,
    st.dictionaries(
        st.sampled_from([one.field for one in OUTPUTS.values() if one.per_unit == 1000]), st.integers(0, 9)
    ),
    st.lists(st.sampled_from([Bar(None, "air", None, "a"), Bar("cold", None, None, "b")]), max_size=3).map(tuple),
)


@given(st.lists(verdicts, max_size=5))
def test_of_layers_the_last_word_counts_and_every_bar(layers: list[Verdict]) -> None:
    prices = merged(Prices(), layers)
    for field in {name for layer in layers for name in layer.prices}:
        said = [layer.prices[field] for layer in layers if field in layer.prices]
        assert getattr(prices, field) == said[-1]
    assert set(prices.bars) == {bar for layer in layers for bar in layer.bars}
    assert len(prices.bars) == len(set(prices.bars))


@given(st.lists(verdicts, max_size=3), st.lists(verdicts, max_size=3))
def test_layers_may_be_put_together_in_steps(first: list[Verdict], then: list[Verdict]) -> None:
    assert merged(merged(Prices(), first), then) == merged(Prices(), first + then)


@given(st.text(), st.text())
def test_a_bucket_is_one_of_a_hundred_and_always_the_same(order_id: str, experiment_id: str) -> None:
    assert bucket(order_id, experiment_id) == bucket(order_id, experiment_id)
    assert 0 <= bucket(order_id, experiment_id) < 100
