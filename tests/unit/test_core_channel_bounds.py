"""No expression of a mapping takes for ever, and none raises anything but that it cannot read."""

from typing import Any

import pytest

from edge_core.channels.amounts import UnreadableValue
from edge_core.channels.expressions import Expression, Scope, parse
from edge_core.channels.functions import Context, Meter

SCOPE = Scope(frozenset(), frozenset())
DOUBLED = "|".join(["[@,@]"] * 30)


def found(text: str, value: Any) -> Any:
    expression = parse(text, SCOPE)
    assert isinstance(expression, Expression), expression
    return expression.evaluate(value, Context(value, {}, {}, Meter()))


@pytest.mark.parametrize(
    "text",
    [
        DOUBLED,
        f"{DOUBLED}|to_string(@)",
        f"{DOUBLED}|[]|[]",
        f"({DOUBLED}) == ({DOUBLED})",
        "x[*].root() | [*].x[*].root() | to_string(@)",
        "to_string([" * 24 + "x" + "])" * 24,
        "x[*].root().text | join('', @) | [@,@,@,@,@,@,@,@] | join('', @)",
    ],
)
def test_what_multiplies_is_refused_before_it_is_large(text: str) -> None:
    with pytest.raises(UnreadableValue, match="steps"):
        found(text, {"x": [1] * 300, "text": "a" * 20_000})


@pytest.mark.parametrize(
    "text",
    [
        "floor(to_number('1e999'))",
        "ceil(to_number('nan'))",
        "moment_as('1.1','%d.%d','+00:00')",
        "text(times(large, large))",
        "text(large)",
        "plus(large, large)",
    ],
)
def test_what_cannot_be_counted_is_not_read(text: str) -> None:
    with pytest.raises(UnreadableValue):
        found(text, {"large": int("9" * 4_000)})


@pytest.mark.parametrize("text", ["x[::0]", "!" * 330 + "x", "to_string(" * 45 + "x[::0]" + ")" * 45])
def test_what_no_order_could_be_read_by_is_refused_when_the_mapping_is_read(text: str) -> None:
    assert isinstance(parse(text, SCOPE), str)


def test_a_long_order_is_looked_at_from_each_of_its_lines() -> None:
    order = {"lines": [{"sku": f"sku-{n}", "text": "a" * 100} for n in range(500)]}
    assert found("lines[*].length(root().lines)", order) == [500] * 500
