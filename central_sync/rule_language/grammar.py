"""The grammar of each language with its words put in: LALR(1), so that the words that may follow are always known.

Of two classes that could stand at one place, the one with longer words is tried first: "the customer is not a" before
"the customer is". A sentence is read in a time that grows with its length alone: each class of words is one regular
expression of fixed words, and a word once read is never read again (ADR 29).
"""

import re
from functools import lru_cache
from importlib.resources import files
from typing import Final

from lark import Lark

from central_sync.rule_language.vocabulary import Vocabulary, plain
from edge_core.routing.terms import Lang

_FILES: Final = {"en": "english.lark", "zh": "chinese.lark"}
_GRAMMARS_MAX: Final = 8
"""Held at once: both languages for the names of some chains; each takes some 50 ms to make."""


@lru_cache(maxsize=_GRAMMARS_MAX)
def parser(lang: Lang, vocabulary: Vocabulary) -> Lark:
    """The parser of a language. A word of the chain's that no pattern can be made of is a bug of `Names`."""
    folder = files(__package__)
    rules = [folder.joinpath(name).read_text(encoding="utf-8") for name in ("rules.lark", _FILES[lang])]
    classes = ((kind, vocabulary.ways(kind, lang)) for kind in vocabulary.words)
    words = [f"{kind}.{len(max(ways, key=len))}: /{_pattern(ways)}/" for kind, ways in classes if ways]
    return Lark("\n".join([*rules, *words]), parser="lalr", lexer="contextual", start="rule", maybe_placeholders=False)


def _pattern(ways: tuple[str, ...]) -> str:
    """Any of some words, the longest first. A word of Latin letters ends where its letters end."""
    return "|".join(_one(way) for way in sorted(ways, key=len, reverse=True))


def _one(way: str) -> str:
    pattern = r"\s+".join(re.escape(part).replace("/", r"\/") for part in plain(way).split())
    return pattern + (r"(?![a-z0-9_])" if way[-1].isascii() and way[-1].isalnum() else "")
