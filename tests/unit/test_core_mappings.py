"""A mapping document is checked as a whole when it is loaded: every mistake is named, where it stands."""

from typing import Any

import msgspec
import pytest

from edge_core.channels.adapt import Adapted, adapt
from edge_core.channels.mapping import Mapping, Problem, load
from edge_core.limits import CHANNEL_DOCUMENT_BYTES_MAX, CHANNEL_EXPRESSION_CHARS_MAX

# The least that a mapping can say: one line, picked up, paid.
LEAST: dict[str, Any] = {
    "mapping_version": 1,
    "channel": "desk",
    "reads": "json",
    "key": "id",
    "currency": "'EUR'",
    "order": {
        "order_type": "'pickup'",
        "store_id": "'store-0001'",
        "terminal_id": "'web'",
        "placed_at": "moment(at)",
        "prices_include_tax": "`true`",
        "lines": [
            {
                "line_id": "'1'",
                "sku": "sku",
                "quantity_milli": "milli(pieces)",
                "unit": "'H87'",
                "unit_price_minor": "minor(price)",
                "tax_minor": "`0`",
            }
        ],
        "fulfillment": {"method": "'pickup'"},
    },
}
SENT = b'{"id": 1, "at": "2026-11-21T10:00:00Z", "sku": "milk", "pieces": 2, "price": "1.49"}'


def with_(pointer: str, value: Any) -> bytes:
    """The least mapping with something put at a place, or taken away (`...`)."""
    document = msgspec.json.decode(msgspec.json.encode(LEAST))
    *path, last = pointer.removeprefix("/").split("/")
    place = document
    for step in path:
        place = place[int(step)] if isinstance(place, list) else place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return msgspec.json.encode(document)


def problems(body: bytes) -> tuple[Problem, ...]:
    found = load(body)
    assert not isinstance(found, Mapping)
    return found


def test_the_least_mapping_makes_a_whole_order() -> None:
    mapping = load(msgspec.json.encode(LEAST))
    assert isinstance(mapping, Mapping), mapping
    (outcome,) = adapt(mapping, SENT, {})
    assert isinstance(outcome, Adapted), outcome
    assert outcome.order.totals.grand_total_minor == 298
    assert (outcome.order.channel, outcome.order.currency, outcome.key) == ("desk", "EUR", "desk:1")


@pytest.mark.parametrize(
    ("pointer", "value", "at", "expected"),
    [
        ("/order/stroe_id", "'x'", "/order/stroe_id", "a field of TillOrder, one of: order_type, channel, store_id"),
        ("/order/store_id", ..., "/order/store_id", "for it must not be missing"),
        ("/order/lines/0/sku", ..., "/order/lines/0/sku", "must not be missing"),
        ("/order/store_id", 5, "/order/store_id", "text: an expression, as a text"),
        ("/order/lines", {"each": "lines"}, "/order/lines", 'list of Line: a list, or an object with "each"'),
        ("/order/lines", {"each": 1, "item": {}}, "/order/lines/item/line_id", "must not be missing"),
        ("/order/fulfillment", "'pickup'", "/order/fulfillment", "FulfillmentRequest: an object"),
        ("/order/store_id", {"a": "b"}, "/order/store_id", "text: an expression, as a text"),
        ("/order/lines/0/sku", "a..b", "/order/lines/0/sku", "a JMESPath expression: Expecting: "),
        ("/order/lines/0/sku", "", "/order/lines/0/sku", "cannot be empty"),
        ("/order/lines/0/sku", "'", "/order/lines/0/sku", "Unclosed"),
        ("/order/lines/0/sku", "eval(sku)", "/order/lines/0/sku", "a known function, and eval() is none"),
        ("/order/lines/0/sku", "[minor(a, b)]", "/order/lines/0/sku", "minor() with 1 arguments, not 2"),
        ("/order/lines/0/sku", "join(',')", "/order/lines/0/sku", "join() with 2 arguments, not 1"),
        ("/order/lines/0/sku", "lookup('t', sku)", "/order/lines/0/sku", "name of a table in lookup(), one of: none"),
        ("/order/lines/0/sku", "given('x')", "/order/lines/0/sku", "the name of a given value in given()"),
        ("/order/lines/0/sku", "a" * (CHANNEL_EXPRESSION_CHARS_MAX + 1), "/order/lines/0/sku", "at most 500"),
        ("/order/lines/0/sku", "(" * CHANNEL_EXPRESSION_CHARS_MAX, "/order/lines/0/sku", "a JMESPath expression"),
        ("/key", "a[", "/key", "a JMESPath expression: Incomplete expression"),
        ("/currency", "nope()", "/currency", "nope() is none"),
        ("/rounding", {"tax_minor": "x("}, "/rounding/tax_minor", "Incomplete expression"),
        ("/refuse", [{"when": "]", "because": "no"}], "/refuse/0/when", "a JMESPath expression"),
        ("/csv", {"group_by": "x"}, "/csv", "for a document that reads csv and for no other"),
        ("/reads", "csv", "/csv", "how rows are read"),
        ("/reads", "xml", "/reads", "invalid enum value 'xml'"),
        ("/mapping_version", 2, "/mapping_version", "invalid enum value 2"),
        ("/tables", {"t": {"a": 1}}, "/tables/.../...", "`str`, got `int`"),
        ("/channel", ..., "", "object missing required field `channel`"),
        ("/chanel", "x", "", "object contains unknown field `chanel`"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place_and_what_was_expected(
    pointer: str, value: Any, at: str, expected: str
) -> None:
    found = problems(with_(pointer, value))
    assert any(problem.pointer == at and expected in problem.expected for problem in found), found


def test_all_mistakes_of_a_document_are_named_at_once() -> None:
    document = msgspec.json.decode(with_("/order/lines/0/sku", "eval(sku)"))
    document["key"] = "["
    document["order"]["extra"] = "'x'"
    del document["order"]["placed_at"]
    found = problems(msgspec.json.encode(document))
    assert [each.pointer for each in found] == ["/key", "/order/extra", "/order/placed_at", "/order/lines/0/sku"]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"order":' * 100_000, b" " * (CHANNEL_DOCUMENT_BYTES_MAX + 1)])
def test_what_is_no_document_is_said_so(body: bytes) -> None:
    (problem,) = problems(body)
    assert problem.pointer == ""
    assert "document" in problem.expected


@pytest.mark.parametrize(
    ("expression", "made"),
    [
        ("text(given('note'))", "from the caller"),
        ("lookup('names', 'b')", "any other"),
        ("text('  a\t\nb  ')", "a b"),
        ("text(`7`)", "7"),
        ("moment_as('21.11.2026 09:30', '%d.%m.%Y %H:%M', '+01:00')", "2026-11-21T08:30:00.000Z"),
        ("day('2026-11-21T23:59:59')", "2026-11-21"),
        ("region('US', 'Kentucky') || 'none'", "none"),
        ("region('CN', 'CN-31')", "CN-31"),
        ("text(minor(comma('1.234,50')))", "123450"),
        ("text(plus(`2`, times(`3`, minus(`9`, `5`))))", "14"),
        ("text(total([`1`, null_, `2`]))", "3"),
        ("text(root().price)", "1.49"),
    ],
)
def test_expressions_may_call_these(expression: str, made: str) -> None:
    document = msgspec.json.decode(with_("/order/lines/0/description", expression))
    document |= {"given": ["note"], "tables": {"names": {"a": "the first", "*": "any other"}}}
    mapping = load(msgspec.json.encode(document))
    assert isinstance(mapping, Mapping), mapping
    (outcome,) = adapt(mapping, SENT, {"note": "from the caller"})
    assert isinstance(outcome, Adapted), outcome
    assert outcome.order.lines[0].description == made


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("day('21.11.2026')", "an ISO 8601 date, found '21.11.2026'"),
        ("moment_as('x', '%d', '+00:00')", "written %d"),
        ("moment(`5`)", "expected a text, found 5"),
        ("text(plus('1', `1`))", "expected an integer, found '1'; minor() and milli() make one"),
        ("text(total('1'))", "expected a list"),
        ("text(`true`)", "expected a text or a number, found True"),
        ("text(minor(`true`))", "expected a decimal number, found True"),
        ("sum(sku)", "In function sum()"),
        ("moment_at('0001-01-01T00:00:00', '+14:00')", "a time of this era"),
        ("&sku", "values that fit the order"),
    ],
)
def test_what_a_function_cannot_take_is_said(expression: str, says: str) -> None:
    mapping = load(with_("/order/lines/0/description", expression))
    assert isinstance(mapping, Mapping), mapping
    (outcome,) = adapt(mapping, SENT, {})
    assert not isinstance(outcome, Adapted)
    assert says in outcome.rejected.detail
