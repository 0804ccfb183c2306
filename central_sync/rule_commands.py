"""`central-sync rule say`: a rule in plain words becomes a row of a decision table (docs/rules-language.md).

The row is always shown before anything is done with it. Exit codes: 0 understood, 1 a sentence that is no rule, 2 wrong
usage. Needs no database.
"""

import argparse
import sys
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from central_sync.printing import print_json, print_table, say
from edge_core.errors import Rejected

_DONE, _FINDINGS, _USAGE = 0, 1, 2
_EXAMPLES: Final = """\
  central-sync rule say "When the order has fragile goods, then do not send fragile goods by air"
  central-sync rule say "当订单含3件以上液体商品且收货地为海南且客户为黑金会员，则使用冷运并优先分拣" --json
  central-sync rule say "When the customer is a diamond member, then keep the promise" --names chain.toml
  central-sync rule say "..." "..." --out rule.json     one table, the first row that matches wins
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


def add_parser(several: Any, common: argparse.ArgumentParser, printing: argparse.ArgumentParser) -> None:
    """Add the command to the parser of `central-sync`."""
    parser = several.add_parser(
        "rule",
        parents=[common, printing],
        help="say a rule of routing in plain words, and see the row that it becomes",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "action", choices=["say", "words"], help="read sentences and show what was understood; or words"
    )
    parser.add_argument("sentences", nargs="*", metavar="SENTENCE", help="one for each row")
    parser.add_argument("--lang", choices=["en", "zh"], help="the language (default: by the sentence's characters)")
    parser.add_argument("--names", type=Path, metavar="FILE", help="TOML with the chain's own tiers, regions, channels")
    parser.add_argument("--name", default="rules", metavar="NAME", help="what the table is called (default: rules)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the table as a JDM document")


async def rule(_config: object, arguments: argparse.Namespace) -> int:
    """Run the command."""
    from central_sync.rule_language import describing  # noqa: PLC0415 - no other command needs its parser
    from central_sync.rule_language.said import understood  # noqa: PLC0415
    from central_sync.rule_language.vocabulary import Names, Vocabulary, read_names  # noqa: PLC0415

    try:
        names = read_names(arguments.names.read_text(encoding="utf-8")) if arguments.names else Names()
    except (OSError, UnicodeDecodeError) as error:
        return _usage(f"{arguments.names}: {error}")
    if isinstance(names, Rejected):
        return _usage(names.detail)
    if arguments.action == "words":
        print_table("CLASS STANDS-FOR ENGLISH CHINESE", describing.words(Vocabulary(names)))
        return _DONE
    if not arguments.sentences:
        return _usage("rule say needs a SENTENCE")
    found = understood(arguments.sentences, arguments.lang, Vocabulary(names), arguments.name)
    if isinstance(found, str):
        sys.stderr.write(f"central-sync: {found}\n")
        return _FINDINGS
    rows, graph = found
    table = SaidTable(tuple(SaidRow(en, zh, dict(row.inputs), dict(row.outputs)) for row, en, zh in rows), graph)
    _show(table, is_json=arguments.json)
    if arguments.out is not None:
        return _write(arguments.out, graph)
    return _DONE


def _show(table: SaidTable, *, is_json: bool) -> None:
    """The rows, before anything is done with them."""
    if is_json:
        print_json(table)
        return
    for number, row in enumerate(table.rows, 1):
        say(f"{row.en}\n{row.zh}")
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
