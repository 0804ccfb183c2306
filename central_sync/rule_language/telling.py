"""From a rule back to a sentence, in either language, so that whoever wrote it can read what was understood."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from central_sync.rule_language.rule import (
    BOUNDS,
    EVERYTHING,
    MEASURES,
    NAMINGS,
    SWITCHES,
    UNBOUNDED,
    Condition,
    Outcome,
    Rule,
    Value,
)
from central_sync.rule_language.vocabulary import Vocabulary
from central_sync.rule_language.words import WORDS
from edge_core.orders.currency import minor_digits
from edge_core.policy.verdict import NONE
from edge_core.routing.terms import Lang

_MEASURED: Final = {measure.fact: opener for opener, measure in MEASURES.items()}
_NAMED: Final = {(naming.fact, naming.sign): opener for opener, naming in NAMINGS.items()}
_SWITCHED: Final = {answer: opener for opener, answer in SWITCHES.items()}
_UNBOUNDED: Final = {name: opener for opener, name in UNBOUNDED.items()}
_BOUNDED: Final = {name: (opener, unit) for opener, (name, unit) in BOUNDS.items()}
_PRICED: Final = frozenset(word.value for word in WORDS["PRICE"])


def tell(rule: Rule, lang: Lang, vocabulary: Vocabulary) -> str:
    """A sentence that is read as this rule again, in the usual words."""
    return _Teller(rule, lang, vocabulary).sentence()


class _Teller:
    """Tells one rule in one language."""

    def __init__(self, rule: Rule, lang: Lang, vocabulary: Vocabulary) -> None:
        self._rule, self._lang, self._vocabulary = rule, lang, vocabulary
        currencies = [each.values[0] for each in rule.conditions if each.fact == "currency"]
        self._currency = str(currencies[0]) if currencies else ""

    def sentence(self) -> str:
        """All of it."""
        conditions = [self._condition(each) for each in self._rule.conditions if each.fact != "currency"]
        if self._currency and not self._says_money():
            conditions.append(self._join(self._word("CURRENCY_IS"), self._word("CURRENCY", self._currency)))
        answers = self._series([said for each in self._rule.outcomes for said in self._outcome(each)])
        head = self._join(self._word("WHEN"), self._joined("AND", "AND", conditions))
        if not conditions:
            head = self._word("ALWAYS")
            if self._lang == "en":
                return self._ended(f"{head}{self._comma()}{answers}")
        return self._ended(f"{head}{self._comma()}{self._join(self._word('THEN'), answers)}")

    def _ended(self, text: str) -> str:
        return f"{text}。" if self._lang == "zh" else f"{text[0].upper()}{text[1:]}."

    def _says_money(self) -> bool:
        """Whether an amount says the currency."""
        is_worth = any(each.fact == "value_minor" for each in self._rule.conditions)
        return is_worth or any(each.name in _PRICED and each.value != NONE for each in self._rule.outcomes)

    # --- conditions --------------------------------------------------------------------------------------------------

    def _condition(self, condition: Condition) -> str:
        fact, value = condition.fact, condition.values[0]
        if fact in _MEASURED:
            opener = _MEASURED[fact]
            measure = MEASURES[opener]
            assert isinstance(value, Decimal)
            said = value / measure.per_unit
            return self._join(self._word(opener), self._sign(condition), *self._counted(said, measure.unit))
        if fact == "value_minor":
            return self._join(self._word("VALUE_IS"), self._sign(condition), *self._money(value))
        if fact == "is_offline":
            return self._word("OFFLINE" if value else "ONLINE")
        if isinstance(value, bool):
            return self._join(self._word("WANTS"), self._word("EXTRA", fact))
        if (opener := _NAMED.get((fact, condition.sign), "")) and not fact.endswith(("units", "lines")):
            return self._naming(opener, condition)
        return self._amount(condition)

    def _naming(self, opener: str, condition: Condition) -> str:
        words = NAMINGS[opener].words
        values = self._joined("OR", "OR", [self._word(words, _plain(value)) for value in condition.values])
        is_member = condition.fact == "tier" and self._lang == "zh"  # in English the article would depend on the name
        member = self._word("MEMBER") if is_member else ""
        return self._join(self._word(opener), values, member)

    def _amount(self, condition: Condition) -> str:
        *trait, unit = condition.fact.rsplit("_", 1)
        number = condition.values[0]
        goods = self._goods(trait[0]) if trait else ""
        if trait and unit == "lines" and (condition.sign, number) in {(">=", 1), ("==", 0)}:
            return self._join(self._word("HAS" if number else "HAS_NO"), goods)
        is_one = number == 1
        counted = (_plain(number), self._vocabulary.said("UNIT", unit, self._lang, is_one=is_one))
        of = self._word("OF") if self._lang == "en" and trait else ""
        return self._join(self._word("HAS"), self._sign(condition), *counted, of, goods)

    # --- answers -----------------------------------------------------------------------------------------------------

    def _outcome(self, outcome: Outcome) -> Iterator[str]:
        name, value = outcome.name, outcome.value
        if isinstance(value, tuple):
            yield from map(self._requirement if name == "requires" else self._bar, value)
        elif isinstance(value, bool):
            yield self._word(_SWITCHED[name, value])
        elif value == NONE:
            yield self._word(_UNBOUNDED[name])
        elif name in _BOUNDED:
            opener, unit = _BOUNDED[name]
            assert isinstance(value, Decimal)
            yield self._join(self._word(opener), *self._counted(value, unit))
        else:
            count = self._word("COUNT") if self._lang == "en" else ""
            yield self._join(count, self._word("PRICE", name), self._word("AS"), *self._money(value))

    def _requirement(self, word: str) -> str:
        trait, _, carries = word.partition(":")
        use = self._join(self._word("USE"), self._word("CARRIES", carries))
        goods = "" if trait == EVERYTHING else self._goods(trait)
        if self._lang == "zh":
            return self._join(goods, use)
        return self._join(use, self._word("FOR") if goods else "", goods)

    def _bar(self, word: str) -> str:
        trait, mode, *region = word.split(":")
        goods = self._word("ALL_GOODS") if trait == EVERYTHING else self._goods(trait)
        by = "" if mode == EVERYTHING else self._join(self._word("BY"), self._word("MODE", mode))
        to = self._join(self._word("TO"), self._word("REGION", region[0])) if region else ""
        if self._lang == "en":
            return self._join(self._word("DO_NOT_SEND"), goods, by, to)
        way = self._word("WAY") if by else ""
        return self._join(goods, self._word("DO_NOT_SEND"), by, way, to or self._word("SEND"))

    # --- words -------------------------------------------------------------------------------------------------------

    def _word(self, kind: str, value: str | None = None) -> str:
        """The usual word of a class, or of a value of it."""
        return self._vocabulary.said(kind, kind if value is None else value, self._lang)

    def _goods(self, trait: str) -> str:
        return self._join(self._word("TRAIT", trait), self._word("GOODS"))

    def _sign(self, condition: Condition) -> str:
        return self._word("SIGN", condition.sign)

    def _counted(self, number: Decimal, unit: str) -> tuple[str, str]:
        return _plain(number), self._vocabulary.said(unit, unit, self._lang, is_one=number == 1)

    def _money(self, minor: object) -> tuple[str, str]:
        assert isinstance(minor, Decimal)
        if not self._currency:
            return self._counted(minor, "MINOR")
        digits = minor_digits(self._currency)
        amount = minor.scaleb(-digits).normalize()
        decimals = max(digits, -int(amount.as_tuple().exponent))
        return f"{amount:.{decimals}f}", self._word("CURRENCY", self._currency)

    def _series(self, answers: list[str]) -> str:
        """Answers with commas between them, and a word before the last."""
        *others, last = answers
        if not others:
            return last
        return self._joined("AND", "ALSO", [self._comma().join(others), last])

    def _comma(self) -> str:
        return "，" if self._lang == "zh" else ", "

    def _joined(self, kind: str, between: str, clauses: list[str]) -> str:
        word = self._word(kind, between)
        return (f" {word} " if self._lang == "en" else word).join(clauses)

    def _join(self, *pieces: str) -> str:
        return ("" if self._lang == "zh" else " ").join(piece for piece in pieces if piece)


def _plain(value: Value) -> str:
    """A value as a sentence has it: no exponent, no zeros at the end."""
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)
