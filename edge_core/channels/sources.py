"""From a place in the order that was to be made, back to the field of what the channel sent. Pure; for refusals only.

Whoever sent an order knows its own document and not ours: a refusal that points into it can be acted on.
"""

from collections.abc import Mapping as MappingType
from typing import Any, Final

from msgspec.structs import replace

from edge_core.channels.amounts import UnreadableValue
from edge_core.channels.expressions import Expression
from edge_core.channels.functions import Context, Meter
from edge_core.channels.mapping import Mapping
from edge_core.channels.template import EachNode, LeafNode, ListNode, Node, ObjectNode
from edge_core.orders.currency import CURRENCIES, minor_digits

_LEFT: Final = frozenset({"projection", "filter_projection", "value_projection", "flatten", "pipe"})
_STEPS: Final = frozenset({"subexpression", "index_expression"})
_ROOT: Final = "root"
Path = tuple[str | int, ...]


def source_of(mapping: Mapping, sent: Any, given: MappingType[str, str], pointer: str) -> str | None:
    """The JSON pointer, in one order that a channel sent, of what was read for a place of the mapped order.

    None where nothing of the order was read for it, as for a literal.
    """
    context = Context(sent, mapping.tables, given, Meter(), _digits(mapping, sent, given))
    try:
        found = _expression_at(mapping, sent, context, pointer)
    except UnreadableValue:  # the expression that finds the element is itself what failed
        return None
    if found is None:
        return None
    expression, value = found
    is_of_root, path = _read_by(expression.tree, value)
    base = () if is_of_root else _place_of(value, sent)
    return None if base is None or not path else "".join(f"/{_escaped(step)}" for step in (*base, *path))


def _digits(mapping: Mapping, sent: Any, given: MappingType[str, str]) -> int | None:
    try:
        found = mapping.currency.evaluate(sent, Context(sent, mapping.tables, given, Meter()))
    except UnreadableValue:
        return None
    return minor_digits(found) if isinstance(found, str) and found in CURRENCIES else None


def _expression_at(mapping: Mapping, sent: Any, context: Context, pointer: str) -> tuple[Expression, Any] | None:
    """The expression that fills a place, or the nearest place above that has one, and the value that it sees."""
    if pointer == "/currency":
        return mapping.currency, sent
    node: Node | None = mapping.order
    value = sent
    nearest: tuple[Expression, Any] | None = None
    for step in pointer.split("/")[1:]:
        match node:
            case ObjectNode(fields):
                node = fields.get(step)
            case ListNode(items):
                node = items[int(step)] if step.isdecimal() and int(step) < len(items) else None
            case EachNode(each, item):
                found = each.evaluate(value, context)
                if not step.isdecimal() or not isinstance(found, list) or int(step) >= len(found):
                    break
                value, node = found[int(step)], item
                context = replace(context, position=int(step) + 1)
            case _:
                break
        nearest = _filler(node, value) or nearest
    return nearest


def _filler(node: Node | None, value: Any) -> tuple[Expression, Any] | None:
    match node:
        case LeafNode(expression):
            return expression, value
        case EachNode(each, _):
            return each, value
        case _:
            return None


def _read_by(tree: Any, value: Any) -> tuple[bool, Path]:
    """Whether an expression reads from the root, and the first fields that it names; one that is there comes first."""
    found = list(_named(tree))
    there = next((each for each in found if _is_there(each[1], value)), None)
    return there or (found[0] if found else (False, ()))


def _named(tree: Any) -> list[tuple[bool, Path]]:
    kind, children = tree["type"], tree.get("children", ())
    match kind:
        case "field":
            return [(False, (tree["value"],))]
        case "index":
            return [(False, (tree["value"],))]
        case "function_expression" if tree["value"] == _ROOT:
            return [(True, ())]
        case _ if kind in _LEFT:
            return _named(children[0])
        case _ if kind in _STEPS:
            left, right = _named(children[0]), _named(children[1])
            if not left or not right or children[0]["type"] in _LEFT:
                return left
            return [(left[0][0], left[0][1] + right[0][1])]
        case _:
            return [each for child in children if isinstance(child, dict) for each in _named(child)]


def _is_there(path: Path, value: Any) -> bool:
    for step in path:
        match value:
            case dict() if step in value:
                value = value[step]
            case list() if isinstance(step, int) and -len(value) <= step < len(value):
                value = value[step]
            case _:
                return False
    return value is not None


def _place_of(wanted: Any, sent: Any) -> Path | None:
    """Where a part stands in what was sent: the very object, since equal ones may stand at several places."""
    if not isinstance(wanted, dict | list):
        return None  # equal numbers and texts may be one object
    waiting: list[tuple[Path, Any]] = [((), sent)]
    while waiting:
        path, part = waiting.pop()
        if part is wanted:
            return path
        if isinstance(part, dict):
            waiting.extend(((*path, name), each) for name, each in part.items())
        elif isinstance(part, list):
            waiting.extend(((*path, at), each) for at, each in enumerate(part))
    return None


def _escaped(step: str | int) -> str:
    """A step of a pointer, RFC 6901 section 3."""
    return str(step).replace("~", "~0").replace("/", "~1")
