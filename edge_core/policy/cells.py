"""The type of a cell, from its tree: an engine that compares a word with a number says no, and nothing else.

Besides the types: that every name is a fact, that no number can grow beyond what the engine holds (28 digits, past
which a cell is silently blank), and which words and numbers a fact is compared with, for the samples of a trial.
"""

from typing import Final, Literal, NamedTuple

from lark import Token, Tree

from edge_core.limits import POLICY_CELL_CHARS_MAX, POLICY_CELL_DEPTH_MAX
from edge_core.policy.grammar import Parsed, Unreadable, parse_expression, parse_tests
from edge_core.policy.schema import INPUTS, Input

CellType = Literal["number", "word", "yesno", "null", "words", "numbers"]
Node = Tree[Token]

NUMBER_MAX: Final = 10**27
"""The engine's decimals have 28 digits."""

_FACT_MAX: Final = 2**53
_LIST_OF: Final[dict[CellType, CellType]] = {"word": "words", "number": "numbers"}
_CALLS: Final[dict[str, tuple[tuple[CellType, ...], CellType]]] = {
    **dict.fromkeys(("abs", "ceil", "floor", "round"), (("number",), "number")),
    **dict.fromkeys(("min", "max"), (("numbers",), "number")),
    **dict.fromkeys(("startsWith", "endsWith"), (("word", "word"), "yesno")),
    "contains": (("word", "word"), "yesno"),
}
_LITERALS: Final = frozenset({"number", "negative", "word", "yesno", "null"})
_CONDITIONS: Final = frozenset(
    {"compared", "among", "relation", "member", "either", "both", "opposite", "call", "group"}
)


class Typed(NamedTuple):
    """What a part of a cell is. `bound` is how large a number can get, either way."""

    type: CellType
    is_constant: bool = True
    bound: float = 0


class Use(NamedTuple):
    """A fact beside a value that it is compared with."""

    fact: str
    value: str | float


class Checker:
    """Checks cells. `uses` gathers what facts are compared with."""

    def __init__(self) -> None:
        self.uses: list[Use] = []
        self._own: Input | None = None
        self._is_guarded = False
        self._depth = 0

    def tests(self, text: str, own: Input) -> None:
        """A cell under a fact. Raises `Unreadable`."""
        self._own, self._is_guarded, self._depth = own, True, 0
        for alternative in _parsed(text, own=True).tree.children:
            assert isinstance(alternative, Tree)
            self._alternative(alternative, own)

    def expression(self, text: str, *, is_guarded: bool = False) -> Typed:
        """A cell that gives a value. `is_guarded`: where it cannot be computed, its row does not match."""
        self._own, self._is_guarded, self._depth = None, is_guarded, 0
        return self._typed(_parsed(text, own=False).tree)

    def _alternative(self, node: Node, own: Input) -> None:
        if node.data in _LITERALS:
            self._match(Typed(own.type), self._typed(node), node)
            self._note(own.name, node)
        elif own.type == "yesno" and node.data != "compared":
            raise Unreadable("a fact that is true or false is compared with one of the two", ("true", "false"))
        elif node.data not in _CONDITIONS:
            raise Unreadable(
                "expected a value in plain, or a comparison", (">= 3", "'gold', 'black'", "not in ['gold']")
            )
        else:
            self._condition(node)

    def _condition(self, node: Node) -> None:
        if node.data in _LITERALS:
            raise Unreadable(
                "a value next to and, or or is not compared with the fact: write ==, or values with commas"
            )
        if self._typed(node).type != "yesno":
            raise Unreadable("expected a comparison")

    def _typed(self, node: Node | Token) -> Typed:
        assert isinstance(node, Tree)
        if self._depth >= POLICY_CELL_DEPTH_MAX:
            raise Unreadable(f"more than {POLICY_CELL_DEPTH_MAX} parts within one another")
        self._depth += 1
        handler = getattr(self, f"_on_{node.data}")
        typed: Typed = handler(node, [child for child in node.children if isinstance(child, Tree)])
        self._depth -= 1
        if typed.bound > NUMBER_MAX:
            raise Unreadable("the number can get longer than the engine's 28 digits")
        return typed

    # --- values ------------------------------------------------------------------------------------------------------

    def _on_number(self, node: Node, _: list[Node]) -> Typed:
        return Typed("number", bound=float(str(node.children[0])))

    def _on_word(self, _: Node, __: list[Node]) -> Typed:
        return Typed("word")

    def _on_yesno(self, _: Node, __: list[Node]) -> Typed:
        return Typed("yesno")

    def _on_null(self, _: Node, __: list[Node]) -> Typed:
        return Typed("null")

    def _on_name(self, node: Node, _: list[Node]) -> Typed:
        name = str(node.children[0])
        fact = INPUTS.get(name)
        if fact is None:
            near = tuple(known for known in INPUTS if known.lower() == name.lower())
            raise Unreadable(f"{name!r} is no fact", near or tuple(INPUTS))
        return self._fact(fact)

    def _on_own(self, _: Node, __: list[Node]) -> Typed:
        if self._own is None:
            raise Unreadable("$ stands for the fact of a column, and here is none")
        return self._fact(self._own)

    def _fact(self, fact: Input) -> Typed:
        if not fact.is_known and not self._is_guarded:
            raise Unreadable(f"{fact.name!r} is not known of every order: it may only be compared, in a table")
        return Typed(fact.type, is_constant=False, bound=_FACT_MAX if fact.type == "number" else 0)

    def _on_list(self, _: Node, children: list[Node]) -> Typed:
        parts = [self._typed(child) for child in children]
        types = {part.type for part in parts}
        if len(types) != 1 or not types <= _LIST_OF.keys():
            raise Unreadable("a list holds words, or numbers, and at least one")
        is_constant = all(part.is_constant for part in parts)
        return Typed(_LIST_OF[types.pop()], is_constant, max(part.bound for part in parts))

    def _on_group(self, _: Node, children: list[Node]) -> Typed:
        return self._typed(children[0])

    def _on_call(self, node: Node, children: list[Node]) -> Typed:
        name = str(node.children[0])
        expected, result = _CALLS[name]  # the grammar lets no other one through
        parts = [self._typed(child) for child in children]
        if tuple(part.type for part in parts) != expected:
            raise Unreadable(f"{name}() takes {', '.join(expected)}")
        return Typed(result, all(p.is_constant for p in parts), max(p.bound for p in parts) + 1)

    # --- arithmetic --------------------------------------------------------------------------------------------------

    def _on_sum(self, _: Node, children: list[Node]) -> Typed:
        one, other = self._numbers(children)
        return Typed("number", one.is_constant and other.is_constant, one.bound + other.bound)

    def _on_product(self, _: Node, children: list[Node]) -> Typed:
        one, other = self._numbers(children)
        return Typed("number", one.is_constant and other.is_constant, one.bound * other.bound)

    def _on_quotient(self, _: Node, children: list[Node]) -> Typed:
        one, other = self._numbers(children)
        if children[1].data != "number" or other.bound == 0:
            raise Unreadable("by a plain number other than 0: a division by 0 would leave the cell blank")
        return Typed("number", one.is_constant, max(one.bound, one.bound / other.bound))

    def _on_negative(self, _: Node, children: list[Node]) -> Typed:
        return self._numbers(children)[0]

    def _numbers(self, children: list[Node]) -> list[Typed]:
        parts = [self._typed(child) for child in children]
        if any(part.type != "number" for part in parts):
            raise Unreadable("only numbers can be computed with")
        return parts

    # --- conditions --------------------------------------------------------------------------------------------------

    def _on_compared(self, node: Node, children: list[Node]) -> Typed:
        assert self._own is not None
        self._compare(Typed(self._own.type), self._typed(children[0]), node)
        self._note(self._own.name, children[0])
        return Typed("yesno", is_constant=False)

    def _on_relation(self, node: Node, children: list[Node]) -> Typed:
        one, other = children
        self._compare(self._typed(one), self._typed(other), node)
        for fact, value in ((one, other), (other, one)):
            if fact.data in {"name", "own"}:
                self._note(self._name(fact), value)
        return Typed("yesno", is_constant=False)

    def _on_among(self, _: Node, children: list[Node]) -> Typed:
        assert self._own is not None
        return self._within(Typed(self._own.type), self._own.name, children[0])

    def _on_member(self, _: Node, children: list[Node]) -> Typed:
        name = self._name(children[0]) if children[0].data in {"name", "own"} else ""
        return self._within(self._typed(children[0]), name, children[1])

    def _within(self, one: Typed, name: str, many: Node) -> Typed:
        if self._typed(many).type != _LIST_OF.get(one.type):
            raise Unreadable(f"a {one.type} is not in a list of something else")
        for value in many.children:
            self._note(name, value)
        return Typed("yesno", is_constant=False)

    def _on_either(self, _: Node, children: list[Node]) -> Typed:
        for child in children:
            self._condition(child)
        return Typed("yesno", is_constant=False)

    _on_both = _on_either

    def _on_opposite(self, _: Node, children: list[Node]) -> Typed:
        if self._own is not None:  # the engine reads some of them, and takes `not (a and b)` for an interval
            raise Unreadable("under a fact there is no not: compare the other way", ("!=", "not in ['gold']"))
        typed = self._typed(children[0])
        if typed.type != "yesno":
            raise Unreadable("not stands before what is true or false")
        return typed

    def _on_choice(self, _: Node, children: list[Node]) -> Typed:
        condition, one, other = [self._typed(child) for child in children]
        if condition.type != "yesno":
            raise Unreadable("before ? stands what is true or false")
        if one.type != other.type:
            raise Unreadable(f"one way it is a {one.type}, the other way a {other.type}")
        return Typed(one.type, is_constant=False, bound=max(one.bound, other.bound))

    def _compare(self, one: Typed, other: Typed, node: Node) -> None:
        operator = next(str(child) for child in node.children if isinstance(child, Token))
        self._match(one, other, node)
        if operator not in {"==", "!="} and "number" not in {one.type, other.type}:
            raise Unreadable(f"a {one.type} is not more or less than another", ("==", "!="))

    def _match(self, one: Typed, other: Typed, node: Node) -> None:
        """Values of two types are never equal. Null is what a fact may be that is not known of every order."""
        if other.type == "null" and self._is_guarded and self._may_be_null(node):
            return
        if one.type != other.type:
            raise Unreadable(f"a {one.type} is compared with a {other.type}, and is never equal to it")

    def _may_be_null(self, node: Node) -> bool:
        names = {str(each.children[0]) for each in node.find_data("name")}
        facts = [INPUTS[name] for name in names] + ([] if self._own is None else [self._own])
        return any(not fact.is_known for fact in facts)

    # --- what facts are compared with --------------------------------------------------------------------------------

    def _name(self, node: Node) -> str:
        return str(node.children[0]) if node.data == "name" else "" if self._own is None else self._own.name

    def _note(self, fact: str, value: Node | Token) -> None:
        if isinstance(value, Tree) and value.data in {"number", "word"}:
            text = str(value.children[0])
            self.uses.append(Use(fact, float(text) if value.data == "number" else text[1:-1]))


def _parsed(text: str, *, own: bool) -> Parsed:
    if len(text) > POLICY_CELL_CHARS_MAX:
        raise Unreadable(f"{len(text)} characters, the limit is {POLICY_CELL_CHARS_MAX}")
    if max(text.count("("), text.count("[")) > POLICY_CELL_DEPTH_MAX:
        raise Unreadable(f"more than {POLICY_CELL_DEPTH_MAX} brackets")
    return parse_tests(text) if own else parse_expression(text)
