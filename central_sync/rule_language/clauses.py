"""What the parts of every sentence mean: names, numbers, currencies, and where they stand."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from lark import Token, Transformer

from central_sync.rule_language.misreading import Wrong
from central_sync.rule_language.rule import Condition, Outcome
from central_sync.rule_language.vocabulary import Vocabulary
from edge_core.orders.currency import minor_digits

THOUSANDTH: Final = Decimal("0.001")
TEN: Final = 10


class Number(NamedTuple):
    """A number of the sentence, and the column that it stands in."""

    value: Decimal
    column: int
    text: str


class Clause(NamedTuple):
    """What a part of the sentence says, the column that it begins in, and its first words."""

    item: Condition | Outcome
    column: int
    text: str


class Parts(Transformer[Token, Any]):
    """One sentence; an object is for one alone, since a sentence speaks of one currency."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        super().__init__()
        self._vocabulary = vocabulary
        self._currency: str | None = None

    def goods(self, parts: Sequence[Any]) -> str:
        """Goods of which trait."""
        return self._value(next(part for part in parts if part.type == "TRAIT"))

    def kind(self, parts: Sequence[Any]) -> str:
        """The same, or empty where all goods are counted."""
        return next((self._value(part) for part in parts if part.type == "TRAIT"), "")

    def regions(self, parts: Sequence[Any]) -> list[str]:
        """Any of some names."""
        return [part if not isinstance(part, Token) else self._value(part) for part in flat(parts)]

    countries = tiers = channels = preferences = days = places = regions

    def number(self, parts: Sequence[Any]) -> Number:
        """Written in digits or in Chinese numerals."""
        (part,) = parts
        return part if isinstance(part, Number) else Number(Decimal(part), column_of(part), str(part))

    def hundreds(self, parts: Sequence[Any]) -> Number:
        """Chinese numerals up to 999, each counting for what comes before it."""
        total = pending = 0
        for each in (int(self._value(token)) for token in parts):
            total, pending = (total, each) if each < TEN else (total + max(pending, 1) * each, 0)
        return Number(Decimal(total + pending), column_of(parts[0]), "".join(parts))

    def _value(self, token: Token) -> str:
        if token.type.endswith("_CODE"):
            return token.upper()
        return self._vocabulary.value(token.type, token)

    def _minor_units(self, unit: Token) -> int:
        """How many minor units there are in one of what an amount is said in."""
        return 1 if unit.type == "MINOR" else TEN ** minor_digits(self._in(unit))

    def _in(self, unit: Token) -> str:
        """The currency of an amount, which has to be that of the others."""
        currency = self._value(unit)
        if self._currency not in {None, currency}:
            raise Wrong(column_of(unit), "currencies", found=unit, currency=self._currency or "")
        self._currency = currency
        return currency


def clause(opener: Token, item: Condition | Outcome) -> Clause:
    """What is said from a word on."""
    return Clause(item, column_of(opener), str(opener))


def column_of(token: Token) -> int:
    """Where a word begins, from 1."""
    return (token.start_pos or 0) + 1


def flat(parts: Sequence[Any]) -> Iterator[Any]:
    """Lists of lists, which left recursion makes; without the words between their items."""
    for part in parts:
        if isinstance(part, list):
            yield from part
        elif not is_any(part, "AND", "COMMA", "OR"):
            yield part


def is_any(part: Any, *types: str) -> bool:
    """Whether it is a word of some classes."""
    return isinstance(part, Token) and part.type in types
