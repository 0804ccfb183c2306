"""Why a sentence is no rule: which column, what stands there, which words could; in the language of the sentence."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from edge_core.routing.phrases import Phrase
from edge_core.routing.terms import Lang

_PHRASES: Final[Mapping[str, Phrase]] = MappingProxyType(
    {
        "unexpected": Phrase("{found} cannot stand here", "此处不能是{found}"),
        "ended": Phrase("the sentence ends too early", "句子未完"),
        "long": Phrase(
            "the sentence has {has} characters, the limit is {limit}", "句子有 {has} 个字符，上限为 {limit}"
        ),
        "twice": Phrase("{found} was said before", "{found}重复"),
        "never": Phrase(
            "{found}: with what was said before, no order is like that", "{found}：与前文矛盾，没有订单符合"
        ),
        "whole": Phrase("{found}: a whole number is needed", "{found}：须为整数"),
        "range": Phrase("{found}: it has to lie between {least} and {most}", "{found}：须在 {least} 与 {most} 之间"),
        "fine": Phrase(
            "{found}: amounts have thousandths of a minor unit at most", "{found}：金额最多精确到最小货币单位的千分之一"
        ),
        "currencies": Phrase("{found}: the sentence speaks of {currency} already", "{found}：句中已使用 {currency}"),
    }
)
_LAYOUT: Final = Phrase("column {column}: {what}", "第 {column} 列：{what}")
_ALLOWED_MAX: Final = 24
"""Words that a line names: as many as somebody reads."""
_ALLOWED: Final = Phrase("; what can: {words}", "；可用：{words}")


class Misreading(Struct, frozen=True):
    """One mistake. `column` counts the characters of the sentence from 1; `allowed` is empty where no word would do."""

    column: int
    what: str
    allowed: tuple[str, ...] = ()

    def said(self, lang: Lang) -> str:
        """All of it in one line."""
        line = _said(_LAYOUT, lang, column=f"{self.column}", what=self.what)
        if not self.allowed:
            return line
        more = ("…",) if len(self.allowed) > _ALLOWED_MAX else ()
        words = (*self.allowed[:_ALLOWED_MAX], *more)
        return line + _said(_ALLOWED, lang, words=(", " if lang == "en" else "、").join(words))


class Wrong(Exception):  # noqa: N818 - it is a place in a sentence, not a fault
    """Raised while a tree is read: a word that may stand there and means nothing that can be. `found` is that word."""

    def __init__(self, column: int, key: str, found: str, **fields: str) -> None:
        super().__init__(key)
        self.column, self.key, self.found, self.fields = column, key, found, fields


def misread(lang: Lang, column: int, key: str, allowed: tuple[str, ...] = (), **fields: str) -> Misreading:
    """A mistake in the words of a language."""
    return Misreading(column, _said(_PHRASES[key], lang, **fields), allowed)


def quoted(text: str, lang: Lang) -> str:
    """A piece of the sentence as it is quoted."""
    return f"“{text}”" if lang == "zh" else f'"{text}"'


def _said(phrase: Phrase, lang: Lang, **fields: str) -> str:
    return (phrase.zh if lang == "zh" else phrase.en).format(**fields)
