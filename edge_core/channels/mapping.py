"""A mapping document: how the orders of one channel become till orders. Read and checked as a whole before any order.

`load` finds every mistake at once and says where it stands and what was expected there, so that a new channel is a
document and its fixture, and nobody learns of a typing error from a customer's order.
"""

import re
from collections.abc import Mapping as MappingType
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from edge_core.channels.expressions import Expression, Scope, parse
from edge_core.channels.shape import Compiler
from edge_core.channels.template import Node, ObjectNode
from edge_core.errors import UNREADABLE
from edge_core.limits import CHANNEL_DOCUMENT_BYTES_MAX, IDENTIFIER_CHARS_MAX, TEXT_CHARS_MAX
from edge_core.orders.document import TillOrder

_PLACE: Final = re.compile(r" - at `\$(.*)`$")
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")

_Name = Annotated[str, Meta(min_length=1, max_length=IDENTIFIER_CHARS_MAX)]


class Problem(Struct, frozen=True):
    """What is wrong with a document: where (JSON pointer, RFC 6901), and what was expected there."""

    pointer: str
    expected: str


class Refusal(Struct, frozen=True, forbid_unknown_fields=True):
    """Orders that are not to be taken: an expression that holds for them, and why."""

    when: str
    because: Annotated[str, Meta(max_length=TEXT_CHARS_MAX)]


class CsvLayout(Struct, frozen=True, forbid_unknown_fields=True):
    """How a file of rows is read; rows with the same value of `group_by` are one order."""

    group_by: str
    delimiter: Annotated[str, Meta(min_length=1, max_length=1)] = ","


class Rounding(Struct, frozen=True, forbid_unknown_fields=True):
    """Sums that the channel states: what its rounded lines lack of them goes to the largest line."""

    tax_minor: str


class Document(Struct, frozen=True, forbid_unknown_fields=True):
    """The document as it is written. All texts in `order` are expressions."""

    mapping_version: Literal[1]
    channel: _Name
    reads: Literal["json", "csv"]
    key: str
    currency: str
    order: dict[str, Any]
    about: str = ""
    given: tuple[_Name, ...] = ()
    tables: dict[_Name, dict[str, str]] = {}
    refuse: tuple[Refusal, ...] = ()
    rounding: Rounding | None = None
    csv: CsvLayout | None = None
    signature: Annotated[str, Meta(pattern=r"^[A-Za-z0-9-]{1,64}\Z")] | None = None


class Mapping(Struct, frozen=True):
    """A document that can be used: everything in it is parsed and fits the order document."""

    channel: str
    given: tuple[str, ...]
    tables: MappingType[str, MappingType[str, str]]
    key: Expression
    currency: Expression
    refusals: tuple[tuple[Expression, str], ...]
    rounded_tax: Expression | None
    order: ObjectNode
    csv: CsvLayout | None
    signature: str | None


def load(body: bytes) -> Mapping | tuple[Problem, ...]:
    """Read a document, or list everything that is wrong with it."""
    if len(body) > CHANNEL_DOCUMENT_BYTES_MAX:
        return (Problem("", f"a document of at most {CHANNEL_DOCUMENT_BYTES_MAX} bytes"),)
    try:
        document = msgspec.json.decode(body, type=Document)
    except msgspec.ValidationError as error:
        return (_problem(error),)
    except UNREADABLE as error:
        return (Problem("", f"a JSON document: {error}"),)
    return _compiled(document)


def pointer_of(error: msgspec.ValidationError) -> tuple[str, str]:
    """The JSON pointer of a place that msgspec names, and what it says without it."""
    found = _PLACE.search(str(error))
    if found is None:
        return "", str(error)
    steps = [name or index for name, index in _STEP.findall(found[1])]
    return "".join(f"/{step}" for step in steps), str(error)[: found.start()]


def _problem(error: msgspec.ValidationError) -> Problem:
    pointer, text = pointer_of(error)
    text = text.removeprefix("Expected ")
    return Problem(pointer, text[0].lower() + text[1:])


def _compiled(document: Document) -> Mapping | tuple[Problem, ...]:
    scope = Scope(frozenset(document.tables), frozenset(document.given))
    problems: list[Problem] = []

    def expression(pointer: str, text: str) -> Expression:
        found = parse(text, scope)
        if isinstance(found, Expression):
            return found
        problems.append(Problem(pointer, found))
        return Expression(text, None)

    if (document.reads == "csv") != (document.csv is not None):
        problems.append(Problem("/csv", "how rows are read, for a document that reads csv and for no other"))
    key = expression("/key", document.key)
    currency = expression("/currency", document.currency)
    refusals = [(expression(f"/refuse/{i}/when", r.when), r.because) for i, r in enumerate(document.refuse)]
    tax = None if document.rounding is None else expression("/rounding/tax_minor", document.rounding.tax_minor)
    compiler = Compiler(scope)
    order: Node | None = compiler.compile(document.order, TillOrder, "/order")
    problems += [Problem(pointer, expected) for pointer, expected in compiler.problems]
    if problems or not isinstance(order, ObjectNode):
        return tuple(problems)
    return Mapping(
        document.channel,
        document.given,
        document.tables,
        key,
        currency,
        tuple(refusals),
        tax,
        order,
        document.csv,
        document.signature,
    )
