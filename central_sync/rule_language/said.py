"""Several sentences as one decision table, each said back in both languages so that it can be checked."""

from collections.abc import Sequence
from typing import Any

from central_sync.rule_language.misreading import Misreading
from central_sync.rule_language.reading import lang_of, read
from central_sync.rule_language.table import Row, graph_of, row_of
from central_sync.rule_language.telling import tell
from central_sync.rule_language.vocabulary import Vocabulary
from edge_core.routing.terms import Lang

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
