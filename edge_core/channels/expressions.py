"""One expression of a mapping: JMESPath (jmespath.org), read once when the mapping is loaded, with our functions.

JMESPath has no way to run code, to loop without end or to reach anything but the value that it is given.
"""

import re
from typing import Any, Final

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.visitor import TreeInterpreter
from msgspec import Struct

from edge_core.channels.amounts import UnreadableValue
from edge_core.channels.functions import Context, Functions, arities
from edge_core.limits import CHANNEL_EXPRESSION_CHARS_MAX, CHANNEL_EXPRESSION_DEPTH_MAX

_MAKERS: Final = frozenset({"multi_select_list", "multi_select_dict"})  # what they make may hold one value often
_REFUSED: Final = (JMESPathError, TypeError, ValueError, ArithmeticError, RecursionError, re.error)
"""What the library lets through to Python, which raises: `'two' > 0`, `floor(to_number('1e999'))`, `%d` twice."""
_PREFIX: Final = re.compile(r"^(?:Invalid|Bad) jmespath expression: ", re.IGNORECASE)


class _Metered(TreeInterpreter):  # type: ignore[misc]  # the library has no annotations
    """JMESPath's own interpreter, which counts the nodes that it visits."""

    def __init__(self, context: Context) -> None:
        super().__init__(jmespath.Options(custom_functions=Functions(context)))
        self._meter = context.meter

    def visit(self, node: Any, *arguments: Any, **named: Any) -> Any:
        self._meter.step()
        found = super().visit(node, *arguments, **named)
        if node["type"] in _MAKERS:
            self._meter.weigh(found)
        return found

    def visit_comparator(self, node: Any, value: Any) -> Any:
        """Compare; both sides are weighed first, because lists are compared part by part."""
        for child in node["children"]:
            self._meter.weigh(self.visit(child, value))
        return super().visit_comparator(node, value)


class Expression:
    """A parsed expression. `text` is how it is written in the document, `tree` what JMESPath made of it."""

    def __init__(self, text: str, tree: Any) -> None:
        self.text = text
        self.tree = tree

    def evaluate(self, value: Any, context: Context) -> Any:
        """The value that it finds, or None. Raises `UnreadableValue` for what a function cannot take."""
        try:
            found = _Metered(context).visit(self.tree, value)
            context.meter.weigh(found)
        except UnreadableValue:
            raise
        except _REFUSED as error:
            raise UnreadableValue(str(error)) from error
        return found


class Scope(Struct, frozen=True):
    """The names that a document's expressions may use."""

    tables: frozenset[str]
    given: frozenset[str]


def parse(text: str, scope: Scope) -> Expression | str:
    """Read an expression, or say what is wrong with it: syntax, an unknown function, table or given value."""
    if len(text) > CHANNEL_EXPRESSION_CHARS_MAX:
        return f"an expression of at most {CHANNEL_EXPRESSION_CHARS_MAX} characters"
    try:
        tree = jmespath.compile(text).parsed
    except JMESPathError as error:
        return f"a JMESPath expression: {_first_line(error)}"
    except RecursionError:
        return "a JMESPath expression with less in one another"
    nodes = _nodes(tree)
    if nodes is None:
        return "a JMESPath expression with less in one another"
    if any(node["type"] == "slice" and node["children"][2] == 0 for node in nodes):
        return "a slice whose step is not 0"
    for call in (node for node in nodes if node["type"] == "function_expression"):
        found = _wrong(call["value"], call["children"], scope)
        if found is not None:
            return found
    return Expression(text, tree)


def _wrong(name: str, arguments: list[dict[str, Any]], scope: Scope) -> str | None:
    arity = arities(name)
    if arity is None:
        return f"a known function, and {name}() is none"
    least, most = arity
    if len(arguments) < least or (most is not None and len(arguments) > most):
        return f"{name}() with {least} arguments, not {len(arguments)}"
    names = {"lookup": ("table", scope.tables), "given": ("given value", scope.given)}
    if name in names:
        kind, known = names[name]
        wanted = arguments[0]
        if wanted["type"] != "literal" or wanted["value"] not in known:
            return f"the name of a {kind} in {name}(), one of: {', '.join(sorted(known)) or 'none'}"
    return None


def _nodes(tree: Any) -> list[dict[str, Any]] | None:
    """Every node of a syntax tree; None where it is deeper than `CHANNEL_EXPRESSION_DEPTH_MAX`."""
    found: list[dict[str, Any]] = []
    level = [tree]
    for _ in range(CHANNEL_EXPRESSION_DEPTH_MAX):
        found += level
        level = [child for node in level for child in node.get("children", ()) if isinstance(child, dict)]
        if not level:
            return found
    return None


def _first_line(error: JMESPathError) -> str:
    """What the library says, without the drawing of the place and without the words that it begins with."""
    return _PREFIX.sub("", str(error).splitlines()[0]).rstrip(":")
