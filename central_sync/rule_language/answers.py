"""What the second half of a sentence means: what a policy answers."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from lark import Token

from central_sync.rule_language.clauses import THOUSANDTH, Clause, Number, Parts, clause, is_any
from central_sync.rule_language.misreading import Wrong
from central_sync.rule_language.rule import BOUNDS, EVERYTHING, SWITCHES, UNBOUNDED, Outcome
from edge_core.policy.schema import OUTPUTS
from edge_core.policy.verdict import NONE


class Answers(Parts):
    """Each method is a rule of the grammar."""

    def switched(self, parts: Sequence[Any]) -> Clause:
        """A yes or a no."""
        return clause(parts[0], Outcome(*SWITCHES[parts[0].type]))

    def unbounded(self, parts: Sequence[Any]) -> Clause:
        """There is no such bound, or no such price."""
        return clause(parts[0], Outcome(UNBOUNDED[parts[0].type], NONE))

    def bounded(self, parts: Sequence[Any]) -> Clause:
        """A number of something, whole where it is counted."""
        opener, number = parts[0], parts[1]
        return clause(opener, Outcome(name := BOUNDS[opener.type][0], self._answer(name, number, number.value)))

    def priced(self, parts: Sequence[Any]) -> Clause:
        """What something counts for, in minor units."""
        price, number, unit = (part for part in parts if not is_any(part, "COUNT", "AS"))
        minor = number.value * self._minor_units(unit)
        if minor % THOUSANDTH:
            raise Wrong(number.column, "fine", found=number.text)
        return clause(price, Outcome(name := self._value(price), self._answer(name, number, minor)))

    def carried(self, parts: Sequence[Any]) -> Clause:
        """Goods of a trait, or all goods, go by what carries something."""
        carries = next(part for part in parts if is_any(part, "CARRIES"))
        trait = next((part for part in parts if not isinstance(part, Token)), EVERYTHING)
        return clause(carries, Outcome("requires", (f"{trait}:{self._value(carries)}",)))

    def barred(self, parts: Sequence[Any]) -> Clause:
        """Goods of a trait, or all goods, do not go by a mode, or to some regions, or at all."""
        opener = next(part for part in parts if is_any(part, "DO_NOT_SEND"))
        trait = next((part for part in parts if isinstance(part, str) and not isinstance(part, Token)), EVERYTHING)
        mode = next((part[0] for part in parts if isinstance(part, tuple)), EVERYTHING)
        regions = next((part for part in parts if isinstance(part, list)), None)
        bar = f"{trait}:{mode}"
        bars = (bar,) if regions is None else tuple(f"{bar}:{region}" for region in dict.fromkeys(regions))
        return clause(opener, Outcome("bars", bars))

    def way(self, parts: Sequence[Any]) -> tuple[str]:
        """By which mode."""
        return (self._value(next(part for part in parts if part.type == "MODE")),)

    def where(self, parts: Sequence[Any]) -> list[str]:
        """To which regions."""
        return list(parts[1])

    def _answer(self, name: str, number: Number, value: Decimal) -> Decimal:
        """A number that a policy may answer with."""
        output, found = OUTPUTS[name], number.text
        if not output.least <= value <= output.most:
            scale = value / number.value if number.value else Decimal(1)
            least, most = f"{output.least / scale:,f}", f"{output.most / scale:,f}"
            raise Wrong(number.column, "range", found=found, least=least, most=most)
        if output.per_unit == 1 and value % 1:
            raise Wrong(number.column, "whole", found=found)
        return value
