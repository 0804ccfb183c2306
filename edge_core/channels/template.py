"""The parts of a mapping, ready to be filled from one order of a channel: expressions, objects, lists, each of many.

Filling is pure and bounded: a template is a finite tree, and `each` goes once over what the channel sent.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from edge_core.channels.amounts import UnreadableValue
from edge_core.channels.expressions import Expression
from edge_core.channels.functions import Context


class Unmapped(Exception):  # noqa: N818 - it names what happened
    """An order of a channel cannot be mapped: the place in the order that was to be made, and why."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(message)
        self.pointer = pointer


class LeafNode(Struct, frozen=True):
    """One value, found by an expression."""

    expression: Expression


class ObjectNode(Struct, frozen=True):
    """An object; `required` names those of its fields that must be there once any of it is."""

    fields: Mapping[str, "Node"]
    required: frozenset[str]


class ListNode(Struct, frozen=True):
    """A list that is written out; what is not there is left out."""

    items: tuple["Node", ...]


class EachNode(Struct, frozen=True):
    """A list with one item for each that an expression finds. The item is filled from it alone."""

    each: Expression
    item: "Node"


Node = LeafNode | ObjectNode | ListNode | EachNode


def fill(node: Node, value: Any, context: Context, pointer: str = "") -> Any:
    """What a node stands for, or None where nothing is there. Raises `Unmapped`."""
    match node:
        case LeafNode(expression):
            return evaluate(expression, value, context, pointer)
        case ObjectNode():
            return _filled_object(node, value, context, pointer)
        case ListNode(items):
            filled = [fill(item, value, context, f"{pointer}/{at}") for at, item in enumerate(items)]
            return [each for each in filled if each is not None]
        case EachNode(each, item):
            return _filled_each(each, item, value, context, pointer)


def evaluate(expression: Expression, value: Any, context: Context, pointer: str) -> Any:
    """The value of an expression; what it cannot take is told with the place that it was for."""
    try:
        return expression.evaluate(value, context)
    except UnreadableValue as error:
        raise Unmapped(pointer, f"{error}; by {expression.text}") from error


def _filled_object(node: ObjectNode, value: Any, context: Context, pointer: str) -> dict[str, Any] | None:
    every = {name: fill(field, value, context, f"{pointer}/{name}") for name, field in node.fields.items()}
    there = {name: found for name, found in every.items() if found is not None}
    if not any(found not in ([], {}, "") for found in there.values()):
        return None
    for name in sorted(node.required - there.keys()):
        field = node.fields[name]
        by = f"; by {field.expression.text}" if isinstance(field, LeafNode) else ""
        raise Unmapped(f"{pointer}/{name}", f"expected a value, found nothing{by}")
    return there


def _filled_each(each: Expression, item: Node, value: Any, context: Context, pointer: str) -> list[Any]:
    found = evaluate(each, value, context, pointer)
    if found is None:
        return []
    if not isinstance(found, list):
        raise Unmapped(pointer, f"expected a list, found {type(found).__name__}; by {each.text}")
    filled = [fill(item, one, replace(context, position=at + 1), f"{pointer}/{at}") for at, one in enumerate(found)]
    return [one for one in filled if one is not None]
