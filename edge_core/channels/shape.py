"""Whether the template of a mapping fits the order document: names, objects, lists, and what must not be missing."""

import types
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints

from msgspec import NODEFAULT, Struct
from msgspec.structs import fields

from edge_core.channels.expressions import Expression, Scope, parse
from edge_core.channels.template import EachNode, LeafNode, ListNode, Node, ObjectNode
from edge_core.orders.document import Line, TillOrder, Totals

# Made by `edge_core.channels.complete` where the channel does not say them.
COMPLETED: Final[dict[type[Struct], frozenset[str]]] = {
    TillOrder: frozenset({"channel", "currency", "totals"}),
    Line: frozenset({"gross_minor", "discount_minor", "net_minor"}),
    Totals: frozenset(
        {"gross_minor", "discount_minor", "net_minor", "tax_minor", "shipping_minor", "grand_total_minor"}
    ),
}

_PLAIN: Final[dict[Any, str]] = {str: "text", int: "integer", float: "number", bool: "boolean"}


class Compiler:
    """Makes nodes of a template, and gathers what is wrong with it as pairs of pointer and expectation."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self.problems: list[tuple[str, str]] = []

    def compile(self, written: Any, hint: Any, pointer: str) -> Node | None:
        """The node for what is written at a place where the order document has a value of `hint`."""
        hint = _bare(hint)
        if isinstance(written, str):
            return self._leaf(written, hint, pointer)
        if isinstance(written, dict) and "each" in written:
            return self._each(written, hint, pointer)
        if isinstance(written, dict):
            return self._object(written, hint, pointer)
        if isinstance(written, list) and get_origin(hint) is tuple:
            item = get_args(hint)[0]
            nodes = [self.compile(one, item, f"{pointer}/{at}") for at, one in enumerate(written)]
            return ListNode(tuple(node for node in nodes if node is not None))
        self._expect(pointer, f"{_name(hint)}: {_form(hint)}")
        return None

    def _leaf(self, written: str, hint: Any, pointer: str) -> Node | None:
        if isinstance(hint, type) and issubclass(hint, Struct):
            self._expect(pointer, f"{_name(hint)}: {_form(hint)}")
            return None
        found = parse(written, self._scope)
        if isinstance(found, Expression):
            return LeafNode(found)
        self._expect(pointer, found)
        return None

    def _each(self, written: dict[str, Any], hint: Any, pointer: str) -> Node | None:
        if get_origin(hint) is not tuple or written.keys() != {"each", "item"}:
            self._expect(pointer, f"{_name(hint)}: {_form(hint)}")
            return None
        item = self.compile(written["item"], get_args(hint)[0], f"{pointer}/item")
        each = parse(written["each"], self._scope) if isinstance(written["each"], str) else "an expression"
        if isinstance(each, str):
            self._expect(f"{pointer}/each", each)
            return None
        return None if item is None else EachNode(each, item)

    def _object(self, written: dict[str, Any], hint: Any, pointer: str) -> Node | None:
        if get_origin(hint) is dict:
            of = dict.fromkeys(written, get_args(hint)[1])
            required: frozenset[str] = frozenset()
        elif isinstance(hint, type) and issubclass(hint, Struct):
            hints = get_type_hints(hint, include_extras=True)
            of = {field.encode_name: hints[field.name] for field in fields(hint)}
            required = _required(hint)
        else:
            self._expect(pointer, f"{_name(hint)}: {_form(hint)}")
            return None
        for name in sorted(written.keys() - of.keys()):
            self._expect(f"{pointer}/{name}", f"a field of {_name(hint)}, one of: {', '.join(of)}")
        for name in sorted(required - written.keys()):
            self._expect(f"{pointer}/{name}", f"{_name(of[name])}: {_form(of[name])}, for it must not be missing")
        nodes = {name: self.compile(one, of[name], f"{pointer}/{name}") for name, one in written.items() if name in of}
        return ObjectNode({name: node for name, node in nodes.items() if node is not None}, required)

    def _expect(self, pointer: str, expected: str) -> None:
        self.problems.append((pointer, expected))


def _required(cls: type[Struct]) -> frozenset[str]:
    needed = {f.encode_name for f in fields(cls) if f.default is NODEFAULT and f.default_factory is NODEFAULT}
    return frozenset(needed - COMPLETED.get(cls, frozenset()))


def _bare(hint: Any) -> Any:
    """A hint without its constraints, and without None among what it allows."""
    if get_origin(hint) is Annotated:
        return _bare(get_args(hint)[0])
    if get_origin(hint) in {Union, types.UnionType}:
        (only,) = (arm for arm in get_args(hint) if arm is not type(None))
        return _bare(only)
    return hint


def _name(hint: Any) -> str:
    hint = _bare(hint)
    if get_origin(hint) is tuple:
        return f"list of {_name(get_args(hint)[0])}"
    return _PLAIN[hint] if hint in _PLAIN else str(getattr(hint, "__name__", hint))


def _form(hint: Any) -> str:
    hint = _bare(hint)
    if get_origin(hint) is tuple:
        return 'a list, or an object with "each" and "item"'
    if get_origin(hint) is dict or (isinstance(hint, type) and issubclass(hint, Struct)):
        return "an object"
    return "an expression, as a text"
