"""Rows said aloud, whoever wrote their cells."""

from typing import Final

from central_sync.rule_language.misreading import Misreading
from central_sync.rule_language.reading import read
from central_sync.rule_language.rule import Rule
from central_sync.rule_language.table import Row, row_of, rule_of
from central_sync.rule_language.tellable import can_be_told
from central_sync.rule_language.telling import tell
from central_sync.rule_language.vocabulary import Vocabulary
from edge_core.routing.terms import Lang

_LANGS: Final[tuple[Lang, ...]] = ("en", "zh")


def aloud(row: Row, vocabulary: Vocabulary) -> tuple[str, str] | None:
    """A row in English and in Chinese; None where no sentence would give this row."""
    rule = rule_of(row)
    if rule is None or not can_be_told(rule):
        return None
    en, zh = (tell(rule, lang, vocabulary) for lang in _LANGS)
    found = [read(sentence, lang, vocabulary) for sentence, lang in zip((en, zh), _LANGS, strict=True)]
    return (en, zh) if all(_cells(each) == row_of(rule) for each in found) else None


def _cells(rule: Rule | Misreading) -> Row | None:
    return None if isinstance(rule, Misreading) else row_of(rule)
