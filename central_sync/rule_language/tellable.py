"""Which rules have words at all: those of the facts and answers that sentences speak of, compared as sentences do."""

from decimal import Decimal

from central_sync.rule_language.rule import NAMINGS, UNBOUNDED, Condition, Outcome, Rule
from edge_core.policy.schema import INPUTS, OUTPUTS
from edge_core.policy.verdict import NONE

_NAMED = {(naming.fact, naming.sign) for naming in NAMINGS.values()} | {("currency", "==")}
_PARTS = {"bars": (2, 3), "requires": (2,)}
"""Of what each word of such an answer is made."""


def can_be_told(rule: Rule) -> bool:
    """Whether `tell` has words for each part. Whether they give the rule again shows when they are read."""
    return bool(rule.outcomes) and all(map(_is_asked, rule.conditions)) and all(map(_is_answered, rule.outcomes))


def _is_asked(condition: Condition) -> bool:
    fact = INPUTS.get(condition.fact)
    values = condition.values
    match fact.type if fact is not None else None:
        case "number" if condition.fact == "weekday":
            return condition.sign == "==" and all(isinstance(value, Decimal) for value in values)
        case "number":
            return condition.sign != "!=" and len(values) == 1 and isinstance(values[0], Decimal)
        case "word":
            return (condition.fact, condition.sign) in _NAMED and all(isinstance(value, str) for value in values)
        case "yesno":
            return values == (True,) or (condition.fact == "is_offline" and values == (False,))
        case _:
            return False


def _is_answered(outcome: Outcome) -> bool:
    output, value = OUTPUTS.get(outcome.name), outcome.value
    match output.type if output is not None else None:
        case "yesno":
            return isinstance(value, bool)
        case "number":
            return isinstance(value, Decimal) or (outcome.name in UNBOUNDED.values() and value == NONE)
        case "words":
            of = _PARTS[outcome.name]
            return isinstance(value, tuple) and bool(value) and all(len(word.split(":")) in of for word in value)
        case _:
            return False
