"""`central-sync rule say|tell|words`: rules in plain words, and the rows that they are (docs/rules-language.md).

The row is always shown before anything is done with it. Exit codes: 0 understood, 1 a sentence that is no rule, 2 wrong
usage. Needs no database.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from central_sync.printing import print_json, print_table, say
from edge_core.errors import Rejected

if TYPE_CHECKING:
    from central_sync.rule_language.vocabulary import Vocabulary

_DONE, _FINDINGS, _USAGE = 0, 1, 2
_NO_WORDS: Final = "(no sentence gives this row)"
_EXAMPLES: Final = """\
  central-sync rule say "When the order has fragile goods, then do not send fragile goods by air"
  central-sync rule say "当订单含3件以上液体商品且收货地为海南且客户为黑金会员，则使用冷运并优先分拣" --json
  central-sync rule say "When the customer is an emerald member, then keep the promise" --names chain.toml
  central-sync rule say "..." "..." --out rule.json     one table, the first row that matches wins
  central-sync rule tell rule.json                      each row of its tables as a sentence
  central-sync rule words                               everything that may be said, in both languages
"""


class SaidRow(Struct, frozen=True):
    """One row as it was understood, said back in both languages."""

    en: str
    zh: str
    inputs: dict[str, str]
    outputs: dict[str, str]


class SaidTable(Struct, frozen=True):
    """The rows, and the graph that they make: a JDM document."""

    rows: tuple[SaidRow, ...]
    graph: dict[str, Any]


class ToldRow(Struct, frozen=True):
    """One row of a table; without sentences where it has none."""

    table: str
    en: str | None
    zh: str | None
    inputs: dict[str, str]
    outputs: dict[str, str]


class ToldDocument(Struct, frozen=True):
    """The rows of every table of a document."""

    rows: tuple[ToldRow, ...]


def add_parser(several: Any, common: argparse.ArgumentParser, printing: argparse.ArgumentParser) -> None:
    """Add the command to the parser of `central-sync`."""
    parser = several.add_parser(
        "rule",
        parents=[common, printing],
        help="say a rule of routing in plain words, and see the row that it becomes",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("action", choices=_ACTIONS, help="read sentences, tell the rows of a table, or list all words")
    parser.add_argument("said", nargs="*", metavar="SENTENCE|FILE", help="one for each row; a JDM document to tell")
    parser.add_argument("--lang", choices=["en", "zh"], help="the language (default: by the sentence's characters)")
    parser.add_argument("--names", type=Path, metavar="FILE", help="TOML with the chain's own tiers, regions, channels")
    parser.add_argument("--name", default="rules", metavar="NAME", help="what the table is called (default: rules)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the table as a JDM document")


async def rule(_config: object, arguments: argparse.Namespace) -> int:
    """Run the command."""
    from central_sync.rule_language.vocabulary import Names, Vocabulary, read_names  # noqa: PLC0415 - see below

    try:
        names = read_names(arguments.names.read_text(encoding="utf-8")) if arguments.names else Names()
    except (OSError, UnicodeDecodeError) as error:
        return _usage(f"{arguments.names}: {error}")
    if isinstance(names, Rejected):
        return _usage(names.detail)
    return _ACTIONS[arguments.action](Vocabulary(names), arguments)


# The language's parser takes a tenth of a second to load, and no other command needs it: each imports what it uses.


def _words(vocabulary: "Vocabulary", _: argparse.Namespace) -> int:
    from central_sync.rule_language.describing import words  # noqa: PLC0415

    print_table("CLASS STANDS-FOR ENGLISH CHINESE", words(vocabulary))
    return _DONE


def _say(vocabulary: "Vocabulary", arguments: argparse.Namespace) -> int:
    from central_sync.rule_language.said import understood  # noqa: PLC0415

    if not arguments.said:
        return _usage("rule say needs a SENTENCE")
    found = understood(arguments.said, arguments.lang, vocabulary, arguments.name)
    if isinstance(found, str):
        sys.stderr.write(f"central-sync: {found}\n")
        return _FINDINGS
    rows, graph = found
    table = SaidTable(tuple(SaidRow(en, zh, dict(row.inputs), dict(row.outputs)) for row, en, zh in rows), graph)
    _show(table.rows, table, is_json=arguments.json)
    if arguments.out is not None:
        return _write(arguments.out, graph)
    return _DONE


def _tell(vocabulary: "Vocabulary", arguments: argparse.Namespace) -> int:
    """Every row of a document's tables; one that no sentence would give is shown in its cells alone."""
    from central_sync.rule_language.graph import tables_of  # noqa: PLC0415
    from central_sync.rule_language.said import aloud  # noqa: PLC0415

    if len(arguments.said) != 1:
        return _usage("rule tell needs a FILE")
    try:
        tables = tables_of(Path(arguments.said[0]).read_bytes())
    except OSError as error:
        return _usage(f"{error.filename}: {error.strerror}")
    if isinstance(tables, Rejected):
        return _usage(f"{arguments.said[0]}: {tables.detail}")
    told = [(table.name, row, aloud(row, vocabulary) or (None, None)) for table in tables for row in table.rows]
    rows = tuple(ToldRow(name, en, zh, dict(row.inputs), dict(row.outputs)) for name, row, (en, zh) in told)
    _show(rows, ToldDocument(rows), is_json=arguments.json)
    return _DONE


_ACTIONS: Final[Mapping[str, Callable[["Vocabulary", argparse.Namespace], int]]] = MappingProxyType(
    {"say": _say, "tell": _tell, "words": _words}
)


def _show(rows: Sequence[SaidRow | ToldRow], document: Struct, *, is_json: bool) -> None:
    """The rows, before anything is done with them."""
    if is_json:
        print_json(document)
        return
    for number, row in enumerate(rows, 1):
        say("\n".join(sentence for sentence in (row.en, row.zh) if sentence is not None) or _NO_WORDS)
        cells = [("if", *cell) for cell in row.inputs.items()] + [("then", *cell) for cell in row.outputs.items()]
        print_table("ROW IS COLUMN CELL", ((str(number), *cell) for cell in cells))


def _write(path: Path, graph: dict[str, Any]) -> int:
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(graph), indent=2) + b"\n")
    except OSError as error:
        return _usage(f"{path}: {error.strerror}")
    return _DONE


def _usage(message: str) -> int:
    sys.stderr.write(f"central-sync: {message}\n")
    return _USAGE
