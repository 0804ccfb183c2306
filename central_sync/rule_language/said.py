"""Several sentences as one decision table, each said back in both languages so that it can be checked."""

from collections.abc import Sequence
from typing import Any, Final

from central_sync.rule_language.graph import graph_of
from central_sync.rule_language.misreading import Misreading
from central_sync.rule_language.reading import lang_of, read
from central_sync.rule_language.rule import Rule
from central_sync.rule_language.table import Row, row_of, rule_of
from central_sync.rule_language.tellable import can_be_told
from central_sync.rule_language.telling import tell
from central_sync.rule_language.vocabulary import Vocabulary
from edge_core.routing.terms import Lang

_LANGS: Final[tuple[Lang, ...]] = ("en", "zh")

SaidBack = tuple[Row, str, str]
"""A row, in English, in Chinese."""


def understood(
    sentences: Sequence[str], lang: Lang | None, vocabulary: Vocabulary, name: str
) -> tuple[tuple[SaidBack, ...], dict[str, Any]] | str:
    """The rows of some sentences and the graph of their table; or what is wrong with the first that is no rule.

    Without `lang` each sentence is read in the language of its characters. The graph has the sentences beside its rows.
    """
    rows: list[SaidBack] = []
    for sentence in sentences:
        spoken = lang or lang_of(sentence)
        rule = read(sentence, spoken, vocabulary)
        if isinstance(rule, Misreading):
            return f"{rule.said(spoken)}\n{sentence}"
        rows.append((row_of(rule), tell(rule, "en", vocabulary), tell(rule, "zh", vocabulary)))
    graph = graph_of([(row, f"{en} {zh}") for row, en, zh in rows], name)
    return tuple(rows), graph


def aloud(row: Row, vocabulary: Vocabulary) -> tuple[str, str] | None:
    """A row in English and in Chinese, whoever wrote its cells; None where no sentence would give this row."""
    rule = rule_of(row)
    if rule is None or not can_be_told(rule):
        return None
    said = tuple(tell(rule, lang, vocabulary) for lang in _LANGS)
    found = [read(sentence, lang, vocabulary) for sentence, lang in zip(said, _LANGS, strict=True)]
    en, zh = said
    return (en, zh) if all(_cells(each) == row_of(rule) for each in found) else None


def _cells(rule: Rule | Misreading) -> Row | None:
    return None if isinstance(rule, Misreading) else row_of(rule)
