"""From the cells of a row back to a rule, so that a table can be read aloud whoever made it."""

from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedInput

from central_sync.rule_language.rule import Condition, Outcome, Sign, Value

Test = tuple[Sign, tuple[Value, ...]]


def read_tests(fact: str, cell: str) -> tuple[Condition, ...] | None:
    """What a cell compares a fact with; None for one that this language does not say."""
    tests = _read(cell, "test")
    return None if tests is None else tuple(Condition(fact, sign, values) for sign, values in tests)


def read_answer(name: str, cell: str) -> Outcome | None:
    """What a cell answers; None for one that this language does not say."""
    value = _read(cell, "answer")
    return None if value is None else Outcome(name, value)


def _read(cell: str, start: str) -> Any:
    try:
        return _Cells().transform(_parser().parse(cell, start=start))
    except UnexpectedInput:
        return None


@cache
def _parser() -> Lark:
    grammar = files(__package__).joinpath("cells.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", start=["test", "answer"], maybe_placeholders=False)


class _Cells(Transformer[Token, Any]):
    """Each method is a rule of the grammar, or a terminal."""

    def compared(self, parts: Sequence[Any]) -> list[Test]:
        return [(sign, (number,)) for sign, number in zip(parts[::2], parts[1::2], strict=True)]

    def any_of(self, parts: Sequence[Any]) -> list[Test]:
        return [("==", tuple(parts))]

    def none_of(self, parts: Sequence[Any]) -> list[Test]:
        (of,) = parts
        return [("!=", of if isinstance(of, tuple) else (of,))]

    def answer(self, parts: Sequence[Any]) -> Any:
        return parts[0]

    def words(self, parts: Sequence[Any]) -> tuple[str, ...]:
        return tuple(parts)

    def SIGN(self, token: Token) -> str:  # noqa: N802 - the name of the terminal
        return str(token)

    def NUMBER(self, token: Token) -> Decimal:  # noqa: N802
        return Decimal(token)

    def WORD(self, token: Token) -> str:  # noqa: N802
        return str(token[1:-1])

    def YESNO(self, token: Token) -> bool:  # noqa: N802
        return str(token) == "true"
