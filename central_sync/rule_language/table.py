"""A rule as a row of a decision table, in cells of zen-engine's language, and back."""

from collections.abc import Mapping
from decimal import Decimal
from itertools import groupby

import msgspec
from msgspec import Struct

from central_sync.rule_language.cells import read_answer, read_tests
from central_sync.rule_language.rule import Condition, Outcome, Rule, Value


class Row(Struct, frozen=True):
    """Cells by the names of their columns: `>= 3` under `liquid_units`, `["*:cold"]` under `requires`."""

    inputs: Mapping[str, str]
    outputs: Mapping[str, str]


def row_of(rule: Rule) -> Row:
    """The cells of a rule. What is said of one fact in two places is one cell."""
    by_fact = sorted(rule.conditions, key=lambda condition: condition.fact)
    cells = {fact: " and ".join(map(_test, of)) for fact, of in groupby(by_fact, key=lambda each: each.fact)}
    ordered = dict.fromkeys(condition.fact for condition in rule.conditions)
    return Row({fact: cells[fact] for fact in ordered}, {each.name: _answer(each) for each in rule.outcomes})


def rule_of(row: Row) -> Rule | None:
    """The rule of a row, whoever wrote its cells; None where one of them is not of this language."""
    conditions = [read_tests(fact, cell) for fact, cell in row.inputs.items()]
    outcomes = [read_answer(name, cell) for name, cell in row.outputs.items()]
    if None in conditions or None in outcomes:
        return None
    said = (condition for of in conditions if of is not None for condition in of)
    return Rule(tuple(said), tuple(outcome for outcome in outcomes if outcome is not None))


def _test(condition: Condition) -> str:
    """A unary test. A list of words is one of them; the engine has no other way to say none of them than a list."""
    values = ", ".join(map(_value, condition.values))
    if condition.sign == "==":
        return values
    if condition.sign == "!=" and len(condition.values) > 1:
        return f"not in [{values}]"
    return f"{condition.sign} {values}"


def _answer(outcome: Outcome) -> str:
    if isinstance(outcome.value, tuple):
        return f"[{', '.join(map(_value, outcome.value))}]"
    return _value(outcome.value)


def _value(value: Value) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case Decimal():
            return f"{value.normalize():f}"
        case _:
            return msgspec.json.encode(value).decode()
