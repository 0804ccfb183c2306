"""Rules of routing in plain words, for the command and for the API: what was understood of sentences, and rows told.

A language's grammar is made when its first sentence is read, in a tenth of a second (docs/rules-language.md).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from central_sync.rule_language.aloud import aloud
from central_sync.rule_language.graph import graph_of, tables_of
from central_sync.rule_language.misreading import Misreading
from central_sync.rule_language.reading import lang_of, read
from central_sync.rule_language.table import Row, row_of
from central_sync.rule_language.telling import tell as told
from central_sync.rule_language.vocabulary import Vocabulary, read_names
from edge_core.errors import Rejected
from edge_core.routing.terms import Lang
from holdfast_runtime.config import ConfigError

_KEY: Final = "rules.names_file"


class SaidRow(Struct, frozen=True):
    """One row as it was understood, said back in both languages: cells by the facts and the answers."""

    en: str
    zh: str
    inputs: dict[str, str]
    outputs: dict[str, str]


class SaidMistake(Struct, frozen=True):
    """Why a sentence is no rule, in its language: the column from 1, and the words that may stand there."""

    column: int
    what: str
    allowed: tuple[str, ...]
    told: str


class SaidSentence(Struct, frozen=True):
    """What became of one sentence: a row, or a mistake."""

    sentence: str
    lang: Lang
    row: SaidRow | None = None
    mistake: SaidMistake | None = None


class SaidTable(Struct, frozen=True):
    """What was understood, sentence by sentence; and the JDM document of one table, where all of it was."""

    sentences: tuple[SaidSentence, ...]
    graph: dict[str, Any] | None = None


class ToldRow(Struct, frozen=True):
    """One row of a table; without sentences where none would give it."""

    table: str
    en: str | None
    zh: str | None
    inputs: dict[str, str]
    outputs: dict[str, str]


class ToldDocument(Struct, frozen=True):
    """The rows of every table of a JDM document, in its order."""

    rows: tuple[ToldRow, ...]


def load_vocabulary(path: Path | None) -> Vocabulary:
    """The language's words and the chain's own. Raises `ConfigError` for names that cannot be used."""
    if path is None:
        return Vocabulary()
    try:
        names = read_names(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(_KEY, f"file {path}", f"expected a readable file, found: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(_KEY, f"file {path}", f"expected UTF-8, found: {error}") from error
    if isinstance(names, Rejected):
        raise ConfigError(_KEY, f"file {path}", names.detail)
    return Vocabulary(names)


def say(sentences: Sequence[str], lang: Lang | None, vocabulary: Vocabulary, name: str) -> SaidTable:
    """Read sentences as the rows of one table. Without `lang`, each in the language of its characters."""
    said = tuple(_said(sentence, lang, vocabulary) for sentence in sentences)
    rows = [each.row for each in said if each.row is not None]
    if len(rows) < len(said):
        return SaidTable(said)
    graph = graph_of([(Row(row.inputs, row.outputs), f"{row.en} {row.zh}") for row in rows], name)
    return SaidTable(said, graph)


def tell(document: bytes, vocabulary: Vocabulary) -> ToldDocument | Rejected:
    """The rows of a JDM document's tables, each as a sentence where there is one for it."""
    tables = tables_of(document)
    if isinstance(tables, Rejected):
        return tables
    rows = ((table.name, row, aloud(row, vocabulary)) for table in tables for row in table.rows)
    return ToldDocument(tuple(_told(name, row, sentences) for name, row, sentences in rows))


def _said(sentence: str, lang: Lang | None, vocabulary: Vocabulary) -> SaidSentence:
    spoken = lang or lang_of(sentence)
    found = read(sentence, spoken, vocabulary)
    if isinstance(found, Misreading):
        mistake = SaidMistake(found.column, found.what, found.allowed, found.said(spoken))
        return SaidSentence(sentence, spoken, mistake=mistake)
    row = row_of(found)
    en, zh = told(found, "en", vocabulary), told(found, "zh", vocabulary)
    return SaidSentence(sentence, spoken, SaidRow(en, zh, dict(row.inputs), dict(row.outputs)))


def _told(table: str, row: Row, sentences: tuple[str, str] | None) -> ToldRow:
    en, zh = sentences or (None, None)
    return ToldRow(table, en, zh, dict(row.inputs), dict(row.outputs))
