"""`central-sync reference`: publish a dataset from a file, and show what is kept and who has it (docs/reference.md).

Exit codes: 0 done, 1 rows that are wrong, 2 wrong usage.
"""

import argparse
import asyncio
import getpass
import sys
from pathlib import Path
from typing import Any, Final

from central_sync import times
from central_sync.api.reference import ReferenceList, ReferenceVersion, shown, shown_version
from central_sync.printing import print_json, print_table, printable, say
from central_sync.reference import publish
from central_sync.store import nodes, reference
from central_sync.store.database import Database
from edge_core.limits import REFERENCE_BODY_BYTES_MAX
from edge_core.reference.datasets import KINDS
from edge_core.reference.publication import Publication, read_publication

_DONE, _FINDINGS, _USAGE = 0, 1, 2
_EXAMPLES: Final = """\
  central-sync reference publish prices prices.csv     the file is the whole dataset, not a change of it
  central-sync reference publish rules rules.json
  central-sync reference list                          what is kept, and how many nodes use which version
"""


def add_parser(several: Any, common: argparse.ArgumentParser, printing: argparse.ArgumentParser) -> None:
    """Add the command to the parser of `central-sync`."""
    parser = several.add_parser(
        "reference",
        parents=[common, printing],
        help="publish catalogue, prices and other reference data to the stores",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("action", choices=["list", "publish"], nargs="?", default="list")
    parser.add_argument("dataset", nargs="?", choices=list(KINDS), help="which dataset to publish")
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="its rows: .json (an array) or .csv")


def mistake(arguments: argparse.Namespace) -> str | None:
    """What is wrong with how it was called, if anything."""
    if arguments.action == "list":
        return None
    if arguments.file is None:
        return "reference publish needs a DATASET and a FILE"
    if arguments.file.suffix not in {".json", ".csv"}:
        return f"{arguments.file}: expected a file that ends in .json or .csv"
    return None


async def run_reference(database: Database, arguments: argparse.Namespace) -> int:
    """Run the command."""
    return await (_publish if arguments.action == "publish" else _list)(database, arguments)


async def _publish(database: Database, arguments: argparse.Namespace) -> int:
    try:
        found = await asyncio.to_thread(_read, arguments.dataset, arguments.file)
    except OSError as error:
        sys.stderr.write(f"central-sync: {arguments.file}: {error.strerror}\n")
        return _USAGE
    if found.mistakes:
        for each in found.mistakes:
            sys.stderr.write(printable(f"{arguments.file}:{each.line}: {each.what}") + "\n")
        sys.stderr.write(f"central-sync: {found.mistaken} rows are wrong; nothing was published\n")
        return _FINDINGS
    made = await publish(database, arguments.dataset, found.rows, who=getpass.getuser(), now=times.now())
    document = shown(made)
    if arguments.json:
        print_json(document)
    else:
        deltas = ", ".join(map(str, made.deltas_from)) or "none"
        say(f"{document.dataset} {document.version}: {document.rows} rows; deltas from versions: {deltas}")
    return _DONE


def _read(dataset: str, path: Path) -> Publication:
    with path.open("rb") as file:
        body = file.read(REFERENCE_BODY_BYTES_MAX + 1)
    if len(body) > REFERENCE_BODY_BYTES_MAX:
        raise OSError(0, f"larger than {REFERENCE_BODY_BYTES_MAX} bytes")
    return read_publication(dataset, body, "csv" if path.suffix == ".csv" else "json")


async def _list(database: Database, arguments: argparse.Namespace) -> int:
    async with database.reading() as connection:
        rows = await reference.kept(connection)
        fleet = await nodes.page(connection)
    if arguments.json:
        print_json(ReferenceList(tuple(map(shown_version, rows))))
        return _DONE
    held = [(each.dataset, each.version) for node in fleet for each in nodes.decode_held(node.reference)]
    documents = [shown_version(row) for row in rows]
    print_table("DATASET VERSION ROWS BYTES MADE WHO NODES", (_cells(d, held) for d in documents))
    return _DONE


def _cells(document: ReferenceVersion, held: list[tuple[str, int]]) -> tuple[str, ...]:
    return (
        document.dataset,
        str(document.version),
        str(document.rows),
        str(document.size_bytes),
        document.made_at,
        document.who,
        str(held.count((document.dataset, document.version))),
    )
