"""The linter: each fault that the engine would keep to itself is planted here, and refused with its cell."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from edge_core.limits import (
    POLICIES_MAX,
    POLICY_BUNDLE_BYTES_MAX,
    POLICY_CELL_CHARS_MAX,
    POLICY_COLUMNS_MAX,
    POLICY_FINDINGS_MAX,
    POLICY_ROWS_MAX,
)
from edge_core.policy.cells import Checker
from edge_core.policy.documents import Experiment, Policy
from edge_core.policy.faults import Cell
from edge_core.policy.lint import lint, lint_bundle
from edge_core.policy.lint_nodes import NodeLinter
from edge_core.policy.notes import Notes
from edge_core.policy.pricing import Policies
from edge_core.routing.facts import Facts
from tests.rigs.policies import ELSE, errors, expressions, graph, only, policy, release, table
from tests.rigs.routing import NOW_MS, question


def test_a_policy_in_order_has_no_findings() -> None:
    rows = [
        {
            "if tier": "'gold', 'black'",
            "if liquid_units": ">= 3",
            "if region": "not in ['CN-HI']",
            "hour_minor": "30.125",
        },
        {"if margin_ppm": "> 300000", "if is_offline": "false", "hour_minor": "min([value_minor * 0.001, 50])"},
        {"if units": "> 1 and < 3", "if tier": "== null or $ == ''", "if hour": "lines > 2", "hour_minor": "20"},
        {
            "if method": "startsWith($, 'sh')",
            "hour_minor": "is_offline ? 1 : 2",
            "bars": "['fragile:air', '*:sea:CN-HI']",
        },
        {"backorder_minor": "'none'", "transit_hours_max": "48", "requires": "'liquid:cold'", "hour_minor": "1"},
    ]
    rows[2]["if tier"] = "!= 'x'"
    assert [str(finding) for finding in lint(policy("good", table(rows)))] == []


# --- cells -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fact", "cell", "says"),
    [
        ("liquid_units", ">= ", "the end is not expected"),
        ("liquid_units", "=> 3", "write =="),
        ("liquid_units", "'3'", "a number is compared with a word"),
        ("tier", "3", "a word is compared with a number"),
        ("tier", "gold", "'gold' is no fact|expected a value in plain"),
        ("tier", "Tier == 'gold'", "'Tier' is no fact"),
        ("tier", "tier_of_customer == 'gold'", "is no fact"),
        ("tier", "客户 == 'gold'", "names are plain ASCII"),
        ("tier", "> 'gold'", "a word is not more or less"),
        ("tier", "'gold' or 'black'", "write ==, or values with commas"),
        ("tier", "'gold", "a text that does not end"),
        ("tier", "order.tier == 'gold'", "fields of fields are not allowed"),
        ("hour", "[1..3]", "ranges"),
        ("hour", "in [1..100000000]", "ranges"),
        ("hour", "some([1, 2], # == 1)", "some() is not allowed: it goes over a list"),
        ("hour", "map(filter([1, 2], # > 1), #)", "map() is not allowed"),
        ("hour", "$ > d().hour()", "d() is not allowed: it asks the clock"),
        ("hour", "date('now') > 3", "date() is not allowed: it asks the clock"),
        ("hour", "time('now') > 3", "asks the clock"),
        ("hour", "rand(3) == 1", "chance"),
        ("hour", "len(tier) > 1", "len() is not allowed: it is not known"),
        ("hour", "now() > 1", "now() is not allowed"),
        ("hour", "3 or 4", "write ==, or values with commas"),
        ("hour", "in ['a']", "is not in a list of something else"),
        ("hour", "(lines) and > 3", "expected a comparison"),
        ("hour", "lines", "expected a value in plain, or a comparison"),
        ("hour", "null", "never equal"),
        ("hour", "> 1 && < 3", "write and"),
        ("is_offline", "not $", "is compared with one of the two"),
        ("hour", "> 3 and not (is_offline and is_offline)", "under a fact there is no not"),
        ("is_offline", "$", "is compared with one of the two"),
        ("is_offline", "'true'", "a yesno is compared with a word"),
        ("hour", "lines / units > 2", "by a plain number other than 0"),
        ("hour", "lines % 0 == 1", "other than 0"),
        ("hour", "value_minor * value_minor * lines > 1", "28 digits"),
        ("hour", "`${tier}` == 'x'", "text templates"),
        ("hour", "(" * 60 + "1" + ")" * 60, "brackets"),
        ("hour", "-" * 90 + "1", "within one another"),
        ("hour", "> " + "1" * POLICY_CELL_CHARS_MAX, "characters, the limit is"),
    ],
)
def test_a_cell_under_a_fact_that_would_silently_never_match_is_refused(fact: str, cell: str, says: str) -> None:
    given = policy("p", table([{"if lines": "> 99", **ELSE}, {f"if {fact}": cell, "parcel_minor": "1"}, ELSE]))
    found = only(given)
    assert found.cell == Cell("p", "prices", 2, fact)
    assert any(each in found.what for each in says.split("|")), found.what


@pytest.mark.parametrize(
    ("answer", "cell", "says"),
    [
        ("parcel_minor", "1 +", "the end is not expected"),
        ("parcel_minor", "'150'", "expected a number, found a word"),
        ("parcel_minor", "true", "expected a number, found a yesno"),
        ("parcel_minor", "null", "expected a number, found a null"),
        ("parcel_minor", "Value_minor", "'Value_minor' is no fact"),
        ("parcel_minor", "-1", "is not within 0 and"),
        ("parcel_minor", "0.0001", "more than three decimals"),
        ("parcel_minor", "200000000", "is not within"),
        ("parcel_minor", "margin_ppm * 0.1", "is not known of every order"),
        ("parcel_minor", "value_minor / lines", "other than 0"),
        ("parcel_minor", "value_minor ^ 2", "powers are not allowed"),
        ("parcel_minor", "$", "here is none"),
        ("parcel_minor", "tier + 'x'", "only numbers can be computed with"),
        ("parcel_minor", "is_offline ? 1 : 'x'", "the other way a word"),
        ("parcel_minor", "lines ? 1 : 2", "before ? stands what is true or false"),
        ("parcel_minor", "max(1, 2)", "max() takes numbers"),
        ("parcel_minor", "d('2026-01-01').year()", "asks the clock"),
        ("parcels_max", "2.5", "expected a whole number"),
        ("parcels_max", "0", "is not within 1 and 10"),
        ("keeps_promise", "1", "expected a yesno"),
        ("keeps_promise", "not lines", "not stands before what is true or false"),
        ("backorder_minor", "'never'", "expected a number"),
        ("bars", "['fragile:air', 3]", "a list holds words"),
        ("bars", "['soft:air']", "'soft' is not known"),
        ("bars", "['fragile:rocket']", "'rocket' is not known"),
        ("bars", "['fragile:air:Hainan']", "is no region of ISO 3166"),
        ("requires", "['liquid']", "expected the goods' trait"),
        ("requires", "[]", "at least one"),
    ],
)
def test_a_cell_that_answers_with_what_no_price_can_be_is_refused(answer: str, cell: str, says: str) -> None:
    in_table = only(policy("p", table([{"if lines": "> 99", answer: cell}, {answer: "", **ELSE}])))
    assert in_table.cell == Cell("p", "prices", 1, answer)
    assert says in in_table.what, in_table.what
    computed = only(policy("p", expressions({"hour_minor": "1", answer: cell})))
    assert computed.cell == Cell("p", "computed", 2, answer)
    assert says in computed.what


def test_what_could_stand_in_a_cell_is_told() -> None:
    assert only(policy("p", table([{"if tier": "Tier == 'x'", **ELSE}, ELSE]))).allowed == ("tier",)
    assert "a number" in only(policy("p", table([{"if hour": ">=", **ELSE}, ELSE]))).allowed
    assert "fragile" in only(policy("p", table([{"bars": "['soft:air']"}]))).allowed
    assert "'none'" in only(policy("p", table([{"backorder_minor": "'never'"}]))).allowed


def test_a_word_that_a_fact_never_is_gives_a_warning() -> None:
    found = lint(policy("p", table([{"if preference": "'Fastest'", **ELSE}, ELSE])))
    assert [(each.severity, each.what) for each in found] == [
        ("warning", "preference is never 'Fastest', but fastest, cheapest, greenest")
    ]


def test_what_the_engine_cannot_read_is_refused_even_where_the_grammar_lets_it_through() -> None:
    """No such cell is known: the grammar allows no more than the engine does (tests/property/test_policy_laws.py)."""

    def refuses(_: str) -> None:
        raise RuntimeError("parserError\nstack")

    notes = Notes("p")
    NodeLinter(notes, Checker())._compile("prices", 3, "hour", refuses, "> 1")
    assert [str(each) for each in notes.findings] == [
        "p, node 'prices', row 3, column 'hour': the engine cannot read it: parserError"
    ]


# --- tables ----------------------------------------------------------------------------------------------------------


def content(**changed: Any) -> dict[str, Any]:
    made = table([{"if tier": "'gold'", "hour_minor": "3"}, {"hour_minor": "1"}])
    made["content"] |= changed
    return made


@pytest.mark.parametrize(
    ("made", "row", "column", "says"),
    [
        (table([{"if Tier": "'gold'", **ELSE}, ELSE]), None, "Tier", "'Tier' is no fact"),
        (
            table([{"if tier": "'gold'", "parcel_price": "1"}, {"parcel_price": "2"}]),
            None,
            "parcel_price",
            "is no answer",
        ),
        (table([ELSE, {"if tier": "'gold'", **ELSE}]), 2, None, "row 1 matches everything"),
        (table([{"if tier": "'a'", **ELSE}, {"if tier": " 'a'", **ELSE}, ELSE]), 2, None, "row 1 asks the same"),
        (table([]), None, None, "needs a row and a column"),
        (content(rules=[]), None, None, "needs a row"),
        (content(hitPolicy="collect"), None, None, "until the first that matches"),
        (content(executionMode="loop"), None, None, "executionMode 'loop' is not allowed"),
        (content(inputField="order"), None, None, "inputField 'order' is not allowed"),
        (content(outputPath="x"), None, None, "outputPath 'x' is not allowed"),
        (
            content(rules=[{"if tier": "'x'", "hour_minor": "1", "gone": "2"}, {"hour_minor": "1"}]),
            1,
            None,
            "is of no column",
        ),
        (
            content(rules=[{"if tier": 5, "hour_minor": "1"}, {"hour_minor": "1"}]),
            1,
            "if tier",
            "a cell is text, found 5",
        ),
        (
            content(outputs=[{"id": "hour_minor", "field": "hour_minor"}, {"id": "b", "field": "hour_minor"}]),
            None,
            None,
            "two columns give",
        ),
        (
            content(outputs=[{"id": "hour_minor", "name": "h", "field": "hour_minor"}] * 2),
            None,
            "h",
            "two columns have the id",
        ),
        (content(outputs=[{"id": "if tier", "field": "hour_minor"}]), None, None, "have the id 'if tier'"),
    ],
)
def test_a_table_in_which_something_would_be_left_out_is_refused(
    made: dict[str, Any], row: int | None, column: str | None, says: str
) -> None:
    found = errors(lint(policy("p", made)))
    assert (Cell("p", "prices", row, column), True) in [(each.cell, says in each.what) for each in found], found


def test_a_column_without_a_fact_asks_a_whole_condition() -> None:
    asked = [{"if ": "lines > 2 and tier == 'gold'", "hour_minor": "5"}, {"hour_minor": "1"}]
    given = policy("p", table(asked))
    assert lint(given) == []
    policies = Policies(release("p"), [given])
    prices = [
        policies.priced(question(facts=Facts(tier=tier, lines=3)), "o", NOW_MS).prices.hour_milli
        for tier in ("gold", "x")
    ]
    assert prices == [5_000, 1_000]
    assert "a condition is true or false" in only(policy("p", table([{"if ": "lines + 1", **ELSE}, ELSE]))).what


def test_a_table_that_says_nothing_of_other_orders_gives_a_warning() -> None:
    found = lint(policy("p", table([{"if tier": "'gold'", **ELSE}])))
    assert [(each.severity, each.cell.node) for each in found] == [("warning", "prices")]
    assert "no row for everything else" in found[0].what
    silent = lint(policy("p", table([{"if tier": "'gold'", "parcel_minor": ""}, ELSE])))
    assert [(each.severity, each.cell.row) for each in silent] == [("warning", 1)]


def test_expressions_that_are_blank_twice_or_unknown_are_refused() -> None:
    assert "it is blank" in only(policy("p", expressions({"hour_minor": " "}))).what
    assert "is no answer" in only(policy("p", expressions({"hours": "1"}))).what
    assert "computes nothing" in only(policy("p", expressions({}))).what
    twice = expressions({"hour_minor": "1"})
    twice["content"]["expressions"] *= 2
    assert "computed twice" in only(policy("p", twice)).what


# --- the text --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"nodes": [], "nodes": [], "edges": []}', "the key 'nodes' stands twice"),
        ('{"nodes": [{"id": "a", "id": "b"}], "edges": []}', "the key 'id' stands twice"),
        ('{"nodes": [NaN], "edges": []}', "NaN is no number of JSON"),
        ("[" * 90_000, "no JSON"),
        ("{", "no JSON"),
        ("[]", "no JSON object"),
        ('"' + "x" * 100_000 + '"', "bytes, the limit is"),
    ],
)
def test_what_is_no_graph_is_refused(text: str, says: str) -> None:
    assert says in only(Policy("p", 1, "p", "p", text)).what


def test_a_key_that_stands_twice_deep_within_a_table_is_refused() -> None:
    text = msgspec.json.encode(graph(table([ELSE]))).decode()
    doubled = text.replace('"hitPolicy":"first"', '"hitPolicy":"first","hitPolicy":"first"')
    assert doubled != text
    assert "stands twice" in only(Policy("p", 1, "p", "p", doubled)).what


def test_too_many_rows_columns_policies_and_bytes_are_refused() -> None:
    rows = [{"if lines": f"> {n}", **ELSE} for n in range(POLICY_ROWS_MAX)]
    assert f"{POLICY_ROWS_MAX + 1} rows" in only(policy("p", table([*rows, ELSE]))).what
    columns = [{"id": f"c{n}", "field": "lines"} for n in range(POLICY_COLUMNS_MAX + 1)]
    assert "33 inputs, the limit is 32" in errors(lint(policy("p", content(inputs=columns))))[0].what
    one = policy("p", table([ELSE]))
    many = [replace(one, policy_id=f"p{n}") for n in range(POLICIES_MAX + 1)]
    assert "65 policies, the limit is 64" in lint_bundle(release("p"), many).errors[0].what
    large = [replace(one, policy_id=f"p{n}", graph=" " * 90_000) for n in range(POLICY_BUNDLE_BYTES_MAX // 90_000 + 1)]
    assert "bytes of graphs" in lint_bundle(release("p"), large).errors[0].what


# --- the release -----------------------------------------------------------------------------------------------------


def test_a_release_is_checked_with_its_policies() -> None:
    one = policy("p", table([ELSE]))
    assert lint_bundle(release("p"), [one]).is_clean
    for made, says in (
        (release("q"), "layers of the release names it"),
        (release("p", experiments=(Experiment("default", ("p",)),)), "no experiment may be called 'default'"),
        (release("p", experiments=(Experiment("a", ("p",)), Experiment("a", ("p",)))), "the same name"),
        (release("p", experiments=tuple(Experiment(n, ("p",), "share", 60) for n in "ab")), "take 120 per cent"),
    ):
        found = lint_bundle(made, [one])
        assert not found.is_clean
        assert says in found.errors[0].what


def test_the_first_errors_are_named_and_the_others_counted() -> None:
    rows = [{"if tier": f"{n}", **ELSE} for n in range(POLICY_FINDINGS_MAX + 5)]
    found = lint_bundle(release("p"), [policy("p", table([*rows, ELSE]))])
    assert (len(found.errors), found.errors_found) == (POLICY_FINDINGS_MAX, POLICY_FINDINGS_MAX + 5)
