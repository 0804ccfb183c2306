"""The words that a chain's rules are said with: those of the language, and the chain's own names beside them."""

import tomllib
from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from central_sync.rule_language.words import OWN, WORDS, Word, Words
from edge_core.errors import Rejected
from edge_core.limits import IDENTIFIER_CHARS_MAX, RULE_NAMES_MAX, RULE_WAYS_MAX
from edge_core.routing.terms import Lang

_Way = Annotated[str, Meta(min_length=1, max_length=IDENTIFIER_CHARS_MAX, pattern=r"^\S(?:[^\n]*\S)?$")]
_Ways = Annotated[tuple[_Way, ...], Meta(min_length=1, max_length=RULE_WAYS_MAX)]


_Value = Annotated[str, Meta(max_length=IDENTIFIER_CHARS_MAX, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]


class Name(Struct, frozen=True, forbid_unknown_fields=True):
    """A tier, a region or a channel of the chain: how its facts have it, and how people say it, the usual way first."""

    value: _Value
    en: _Ways
    zh: _Ways


_Names = Annotated[tuple[Name, ...], Meta(max_length=RULE_NAMES_MAX)]


class Names(Struct, frozen=True, forbid_unknown_fields=True):
    """A chain's own names (TOML: `[[tier]]`, `[[region]]`, `[[channel]]`). They come before those of the language."""

    tier: _Names = ()
    region: _Names = ()
    channel: _Names = ()


class Vocabulary:
    """Which words may stand where, and what each stands for."""

    def __init__(self, names: Names | None = None) -> None:
        own = names or Names()
        added = {kind: tuple(_word(name) for name in getattr(own, kind.lower())) for kind in OWN}
        self.words: Words = {kind: _joined(added.get(kind, ()), words) for kind, words in WORDS.items()}

    def value(self, kind: str, text: str) -> str:
        """What a word of a class stands for. One that is not of the class raises `KeyError`."""
        return self._values[kind][written(text)]

    def said(self, kind: str, value: str, lang: Lang, *, is_one: bool = False) -> str:
        """How a value is usually said; `is_one`: of one. Without a word of its own: as it is, a code."""
        word = next((word for word in self.words.get(kind, ()) if word.value == value), None)
        ways = word.said(lang) if word is not None else ()
        if not ways:
            return value
        return ways[1] if is_one and lang == "en" and len(ways) > 1 else ways[0]

    def ways(self, kind: str, lang: Lang) -> tuple[str, ...]:
        """Every way to say every word of a class."""
        return tuple(way for word in self.words.get(kind, ()) for way in word.said(lang))

    def usual(self, kind: str, lang: Lang) -> tuple[str, ...]:
        """The usual way to say each word of a class."""
        words = self.words.get(kind, ())
        return tuple(dict.fromkeys(ways[0] for word in words if (ways := word.said(lang))))

    @cached_property
    def _values(self) -> Mapping[str, Mapping[str, str]]:
        return {kind: {way: word.value for word in words for way in _ways(word)} for kind, words in self.words.items()}


_WIDE: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_SMALL: Final = {code: code + 0x20 for code in range(ord("A"), ord("Z") + 1)}
_PLAIN: Final = {code: _SMALL.get(narrow, narrow) for code, narrow in _WIDE.items()} | _SMALL


def plain(text: str) -> str:
    """Full-width letters, digits and signs as others, Latin capitals as small ones: one for one, so columns stay."""
    return text.translate(_PLAIN)


def written(text: str) -> str:
    """A word as it is compared: plain, with one blank between its parts."""
    return " ".join(plain(text).split())


def read_names(text: str) -> Names | Rejected:
    """A chain's own names from TOML; a rejection says what is wrong with them."""
    try:
        names = msgspec.convert(tomllib.loads(text), Names)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError) as error:
        return Rejected("invalid-document", f"names of the chain: {error}")
    for kind in Names.__struct_fields__:
        counted = Counter(way for name in getattr(names, kind) for way in _ways(_word(name)))
        twice = [way for way, times in counted.items() if times > 1]
        if twice:
            return Rejected("invalid-document", f"names of the chain: {twice[0]!r} is said of two, at {kind}")
    return names


def _word(name: Name) -> Word:
    return Word(name.value, name.en, name.zh)


def _joined(own: tuple[Word, ...], words: tuple[Word, ...]) -> tuple[Word, ...]:
    """A chain's word takes the place of the language's for the same value, and of those that are said alike."""
    values = {word.value for word in own}
    taken = {way for word in own for way in _ways(word)}
    return (*own, *(word for word in words if word.value not in values and taken.isdisjoint(_ways(word))))


def _ways(word: Word) -> set[str]:
    """How a word is said, in either language."""
    return {written(way) for way in (*word.en, *word.zh)}
