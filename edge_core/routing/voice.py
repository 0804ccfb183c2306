"""Amounts, times and phrases of one language, as people write them: thousandths become units, milliseconds hours."""

from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from typing import Final, NamedTuple

from edge_core.orders.currency import minor_digits
from edge_core.routing.phrases import PHRASES
from edge_core.routing.terms import Lang, counted, term

_COST_DIGITS: Final = 3  # costs are in thousandths of the minor unit
_LONGS: Final = (("days", 86_400_000), ("hours", 3_600_000), ("minutes", 60_000), ("seconds", 1_000))
_KILO: Final = 1_000
_LAST_MS: Final = 253_402_214_400_000  # 9999-12-31: no calendar goes on
_COMMA: Final = {"en": ", ", "zh": "、"}


class Voice(NamedTuple):
    """Who speaks: in which language, of which currency, with the clock of which zone."""

    lang: Lang
    currency: str
    zone: tzinfo

    def say(self, key: str, **fields: str) -> str:
        """A phrase of the table, filled in. A phrase or a field that does not exist raises `KeyError`."""
        phrase = PHRASES[key]
        return (phrase.zh if self.lang == "zh" else phrase.en).format(**fields)

    def term(self, group: str, word: str) -> str:
        """A word of the table of terms."""
        return term(group, word, self.lang)

    def listed(self, items: Iterable[str]) -> str:
        """Several of a kind in one line."""
        return _COMMA[self.lang].join(items)

    def number_of(self, noun: str, number: int) -> str:
        """So many of something that is counted whole."""
        return counted(noun, f"{number:,}", self.lang)

    def quantity(self, milli: int) -> str:
        """Thousandths as units."""
        return counted("units", decimal(milli, 3), self.lang)

    def goods(self, milli: int, sku: str) -> str:
        """So much of a stock keeping unit."""
        return self.say("goods", quantity=self.quantity(milli), sku=sku)

    def money(self, milli: int) -> str:
        """Thousandths of the minor unit in the currency, exact: more digits than it has only where there are any."""
        digits = minor_digits(self.currency)
        return f"{decimal(milli, digits + _COST_DIGITS, digits)} {self.currency}"

    def weight(self, grams: int) -> str:
        """Grams as kilograms."""
        return f"{decimal(grams, 3)} kg"

    def distance(self, meters: int) -> str:
        """Meters, as kilometers from one on."""
        if meters < _KILO:
            return f"{meters} m"
        return f"{decimal(meters, 3)} km"

    def carbon(self, grams: int) -> str:
        """CO2 equivalents, in kilograms from one on."""
        return f"{decimal(grams, 3)} kg CO2e" if grams >= _KILO else f"{grams} g CO2e"

    def moment(self, ms: int) -> str:
        """A date and a time of day of the zone, to the minute."""
        at = datetime.fromtimestamp(min(ms, _LAST_MS) // 1000, UTC).astimezone(self.zone)
        if self.lang == "zh":
            return f"{at.year}年{at.month}月{at.day}日 {at:%H:%M}"
        return f"{at:%Y-%m-%d %H:%M}"

    def age(self, ms: int) -> str:
        """How old something was; what is of the same moment, or of a clock that is ahead, is as of then."""
        return self.say("age.past", span=self.span(ms)) if ms > 0 else self.say("age.now")

    def span(self, ms: int) -> str:
        """How long, in the two largest units that are not zero; the rest is cut off."""
        left_ms, spoken = abs(ms), []
        for noun, unit_ms in _LONGS:
            whole, left_ms = divmod(left_ms, unit_ms)
            if whole:
                spoken.append(self.number_of(noun, whole))
        if not spoken:
            return self.number_of("milliseconds", left_ms) if left_ms else self.number_of("seconds", 0)
        return " ".join(spoken[:2])


def decimal(number: int, digits: int, digits_min: int = 0) -> str:
    """An integer of so many decimal places, without zeros at its end beyond the least that are written."""
    whole, part = divmod(abs(number), 10**digits)
    decimals = f"{part:0{digits}d}".rstrip("0").ljust(digits_min, "0") if digits else ""
    sign = "-" if number < 0 else ""
    return f"{sign}{whole:,}.{decimals}" if decimals else f"{sign}{whole:,}"
