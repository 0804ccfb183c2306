"""`central-sync rule say|accept|tell|words`: rules in plain words, and the rows that they are (docs/rules-language.md).

The row is always shown before anything is done with it. Exit codes: 0 understood, 1 a sentence that is no rule or a
draft with errors, 2 wrong usage. Only `accept` needs the database.
"""

import argparse
import getpass
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import msgspec

from central_sync import rule_drafts, times
from central_sync.api.policy_documents import linted_shown
from central_sync.policy_printing import print_findings
from central_sync.printing import print_json, print_table, say
from central_sync.rule_language.describing import words
from central_sync.rule_language.vocabulary import Vocabulary
from central_sync.rules import SaidRow, SaidTable, ToldRow, load_vocabulary
from central_sync.rules import say as understood
from central_sync.rules import tell as told
from central_sync.store.database import Database
from edge_core.errors import Rejected

_DONE, _FINDINGS, _USAGE = 0, 1, 2
_NO_WORDS: Final = "(no sentence gives this row)"
_EXAMPLES: Final = """\
  central-sync rule say "When the order has fragile goods, then do not send fragile goods by air"
  central-sync rule say "当订单含3件以上液体商品且收货地为海南且客户为黑金会员，则使用冷运并优先分拣" --json
  central-sync rule say "When the customer is an emerald member, then keep the promise" --names chain.toml
  central-sync rule say "..." "..." --out rule.json     one table, the first row that matches wins
  central-sync rule accept island "..."                 a draft of the policy `island`, with this row before its others
  central-sync rule tell rule.json                      each row of its tables as a sentence
  central-sync rule words                               everything that may be said, in both languages
"""


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
        "action",
        choices=["say", "accept", "tell", "words"],
        help="read sentences, draft a policy with them, tell the rows of a table, or list all words",
    )
    parser.add_argument(
        "said", nargs="*", metavar="WORD", help="a SENTENCE for each row; ID SENTENCE... to accept; FILE to tell"
    )
    parser.add_argument("--lang", choices=["en", "zh"], help="the language (default: by the sentence's characters)")
    parser.add_argument(
        "--names",
        type=Path,
        metavar="FILE",
        help="TOML with the chain's own tiers, regions, channels (default: rules.names_file)",
    )
    parser.add_argument("--name", default="rules", metavar="NAME", help="what the table is called (default: rules)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the table as a JDM document")


def accepts(arguments: argparse.Namespace) -> bool:
    """Whether the command writes a draft, for which it takes the database."""
    return bool(arguments.action == "accept")


async def accept(database: Database, names_file: Path | None, arguments: argparse.Namespace) -> int:
    """Show the rows of some sentences, and draft a policy with them."""
    policy_id, *sentences = arguments.said or [""]
    if not sentences:
        return _usage("rule accept needs the ID of a policy and a SENTENCE")
    table = understood(sentences, arguments.lang, load_vocabulary(arguments.names or names_file), policy_id)
    if _told_mistakes(table):
        return _FINDINGS
    rows = [each.row for each in table.sentences if each.row is not None]
    if not arguments.json:
        _show(rows)
    async with database.transaction() as connection:
        drafted = await rule_drafts.accept(connection, policy_id, rows, now=times.now, who=getpass.getuser())
    if isinstance(drafted, Rejected):
        sys.stderr.write(f"central-sync: {drafted.detail}\n")
        return _FINDINGS
    shown = linted_shown(drafted)
    if arguments.json:
        print_json(shown)
    else:
        print_findings(shown.findings)
        say(f"{shown.name} is {shown.status}")
    return _DONE if shown.status == "linted" else _FINDINGS


async def rule(names_file: Path | None, arguments: argparse.Namespace) -> int:
    """Run the command, with the names of a file where the command says no other."""
    vocabulary = load_vocabulary(arguments.names or names_file)
    return _ACTIONS[arguments.action](vocabulary, arguments)


def _words(vocabulary: Vocabulary, _: argparse.Namespace) -> int:
    print_table("CLASS STANDS-FOR ENGLISH CHINESE", words(vocabulary))
    return _DONE


def _say(vocabulary: Vocabulary, arguments: argparse.Namespace) -> int:
    if not arguments.said:
        return _usage("rule say needs a SENTENCE")
    table = understood(arguments.said, arguments.lang, vocabulary, arguments.name)
    if arguments.json:
        print_json(table)
    if _told_mistakes(table):
        return _FINDINGS
    if not arguments.json:
        _show([each.row for each in table.sentences if each.row is not None])
    return _DONE if arguments.out is None else _write(arguments.out, table.graph)


def _tell(vocabulary: Vocabulary, arguments: argparse.Namespace) -> int:
    """Every row of a document's tables; one that no sentence would give is shown in its cells alone."""
    if len(arguments.said) != 1:
        return _usage("rule tell needs a FILE")
    try:
        found = told(Path(arguments.said[0]).read_bytes(), vocabulary)
    except OSError as error:
        return _usage(f"{error.filename}: {error.strerror}")
    if isinstance(found, Rejected):
        return _usage(f"{arguments.said[0]}: {found.detail}")
    if arguments.json:
        print_json(found)
    else:
        _show(found.rows)
    return _DONE


_ACTIONS: Final[Mapping[str, Callable[[Vocabulary, argparse.Namespace], int]]] = MappingProxyType(
    {"say": _say, "tell": _tell, "words": _words}
)


def _told_mistakes(table: SaidTable) -> bool:
    """Say what is wrong with sentences; whether anything is."""
    for each in table.sentences:
        if each.mistake is not None:
            sys.stderr.write(f"central-sync: {each.mistake.told}\n{each.sentence}\n")
    return table.graph is None


def _show(rows: Sequence[SaidRow | ToldRow]) -> None:
    """The rows, before anything is done with them."""
    for number, row in enumerate(rows, 1):
        say("\n".join(sentence for sentence in (row.en, row.zh) if sentence is not None) or _NO_WORDS)
        cells = [("if", *cell) for cell in row.inputs.items()] + [("then", *cell) for cell in row.outputs.items()]
        print_table("ROW IS COLUMN CELL", ((str(number), *cell) for cell in cells))


def _write(path: Path, graph: object) -> int:
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(graph), indent=2) + b"\n")
    except OSError as error:
        return _usage(f"{path}: {error.strerror}")
    return _DONE


def _usage(message: str) -> int:
    sys.stderr.write(f"central-sync: {message}\n")
    return _USAGE
