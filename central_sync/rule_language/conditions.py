"""What the conditions of a sentence mean: facts, compared."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from lark import Token

from central_sync.rule_language.clauses import THOUSANDTH, Clause, Number, Parts, clause
from central_sync.rule_language.misreading import Wrong
from central_sync.rule_language.rule import MEASURES, NAMINGS, Condition
from edge_core.limits import MONEY_MINOR_MAX, QUANTITY_MILLI_MAX

_MOST: Final = {"hour": 23}


class Compared(NamedTuple):
    """A number, how it is compared, and what stands for its unit."""

    sign: Any
    number: Number
    unit: Token


class Conditions(Parts):
    """Each method is a rule of the grammar."""

    def has_amount(self, parts: Sequence[Any]) -> Clause:
        """So many units or lines, of goods of a trait or of all."""
        opener, compared, *kind = parts
        unit = self._value(compared.unit)
        fact = "_".join(filter(None, [*kind, unit]))
        smallest = THOUSANDTH if unit == "units" else Decimal(1)
        value = self._measured(compared.number, 1, smallest, QUANTITY_MILLI_MAX // 1000)
        return clause(opener, Condition(fact, compared.sign, (value,)))

    def has_goods(self, parts: Sequence[Any]) -> Clause:
        """Any goods of a trait."""
        return clause(parts[0], Condition(f"{parts[1]}_lines", ">=", (Decimal(1),)))

    def has_no_goods(self, parts: Sequence[Any]) -> Clause:
        """No goods of a trait."""
        return clause(parts[0], Condition(f"{parts[1]}_lines", "==", (Decimal(0),)))

    def named(self, parts: Sequence[Any]) -> Clause:
        """One of some words, or none of them."""
        opener, named = parts[0], parts[1]
        naming = NAMINGS[opener.type]
        values = named if isinstance(named, list) else [self._value(named)]
        of = tuple(Decimal(value) for value in values) if naming.words == "DAY" else tuple(values)
        return clause(opener, Condition(naming.fact, naming.sign, tuple(dict.fromkeys(of))))

    def in_currency(self, parts: Sequence[Any]) -> None:
        """The currency, which amounts say as well."""
        self._in(parts[1])

    def wanted(self, parts: Sequence[Any]) -> Clause:
        """What the customer wants besides the goods."""
        return clause(parts[0], Condition(self._value(parts[1]), "==", (True,)))

    def linked(self, parts: Sequence[Any]) -> Clause:
        """Whether the store has a network."""
        return clause(parts[0], Condition("is_offline", "==", (parts[0].type == "OFFLINE",)))

    def worth(self, parts: Sequence[Any]) -> Clause:
        """What the order is worth, in a currency."""
        opener, compared = parts
        per_unit = self._minor_units(compared.unit)
        value = self._measured(compared.number, per_unit, Decimal(1), MONEY_MINOR_MAX)
        return clause(opener, Condition("value_minor", compared.sign, (value,)))

    def measured(self, parts: Sequence[Any]) -> Clause:
        """A number with its unit."""
        opener, compared = parts
        measure = MEASURES[opener.type]
        most = _MOST.get(measure.fact, QUANTITY_MILLI_MAX)
        value = self._measured(compared.number, measure.per_unit, Decimal(1), most)
        return clause(opener, Condition(measure.fact, compared.sign, (value,)))

    def amount(self, parts: Sequence[Any]) -> Compared:
        """A comparison: before the number, or after it."""
        number = next(part for part in parts if isinstance(part, Number))
        sign = next(part for part in parts if isinstance(part, Token) and part.type.startswith("SIGN"))
        unit = next(part for part in parts if isinstance(part, Token) and part is not sign)
        return Compared(self._value(sign), number, unit)

    compared = amount

    def _measured(self, number: Number, per_unit: int, smallest: Decimal, most: int) -> Decimal:
        """A number in the unit of its fact."""
        value = number.value * per_unit
        if not 0 <= value <= most:
            raise Wrong(number.column, "range", found=number.text, least="0", most=f"{Decimal(most) / per_unit:,f}")
        if value % smallest:
            raise Wrong(number.column, "whole", found=number.text)
        return value
