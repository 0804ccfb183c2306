"""What the tree of a sentence means: the same rule whichever language it came from.

What no rule can mean is said with the column of the word: the same thing twice, half a line, two currencies.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from lark import Token

from central_sync.rule_language.answers import Answers
from central_sync.rule_language.clauses import Clause, flat
from central_sync.rule_language.conditions import Conditions
from central_sync.rule_language.misreading import Wrong
from central_sync.rule_language.rule import Condition, Outcome, Rule


class Meaning(Conditions, Answers):
    """The whole sentence."""

    def rule(self, parts: Sequence[Any]) -> Rule:
        """All of it, with the currency that amounts are in as a condition of its own."""
        *conditions, outcomes = [part for part in parts if not isinstance(part, Token)]
        said = list(conditions[0]) if conditions else []
        if self._currency is not None:
            said.append(Clause(Condition("currency", "==", (self._currency,)), 1, self._currency))
        return Rule(tuple(self._conditions(said)), tuple(self._outcomes(outcomes)))

    def conditions(self, parts: Sequence[Any]) -> list[Clause]:
        """Clauses in the order in which they are said; the currency comes once, at the end."""
        return [part for part in flat(parts) if part is not None]

    actions = conditions

    def _conditions(self, clauses: Sequence[Clause]) -> Iterator[Condition]:
        seen: dict[tuple[str, str], Condition] = {}
        for condition, column, text in clauses:
            assert isinstance(condition, Condition)
            sides = [(condition.fact, side) for side in _sides(condition)]
            if any(side in seen for side in sides):
                raise Wrong(column, "twice", found=text)
            seen |= dict.fromkeys(sides, condition)
            low, high = (seen.get((condition.fact, side)) for side in ("low", "high"))
            if low is not None and high is not None and low is not high and not _meet(low, high):
                raise Wrong(column, "never", found=text)
            yield condition

    def _outcomes(self, clauses: Sequence[Clause]) -> Iterator[Outcome]:
        """Bars are put together, and requirements too; what is said twice of anything else is a mistake."""
        found: dict[str, Outcome] = {}
        for outcome, column, text in clauses:
            assert isinstance(outcome, Outcome)
            former = found.get(outcome.name)
            if former is None:
                found[outcome.name] = outcome
            elif isinstance(former.value, tuple) and isinstance(outcome.value, tuple) and former != outcome:
                found[outcome.name] = Outcome(outcome.name, tuple(dict.fromkeys(former.value + outcome.value)))
            else:
                raise Wrong(column, "twice", found=text)
        yield from found.values()


def _meet(low: Condition, high: Condition) -> bool:
    """Whether a number can be above the one and below the other."""
    (least,), (most,) = low.values, high.values
    assert isinstance(least, Decimal)
    assert isinstance(most, Decimal)
    return least < most or (least == most and (low.sign, high.sign) == (">=", "<="))


def _sides(condition: Condition) -> tuple[str, ...]:
    """Which side of a number is bounded; a word is said of both."""
    return {">=": ("low",), ">": ("low",), "<=": ("high",), "<": ("high",)}.get(condition.sign, ("low", "high"))
