"""`central-sync reference`: publish a dataset from a file, and show what is kept and who has it (docs/reference.md).

Exit codes: 0 done, 1 rows that are wrong, 2 wrong usage.
"""

import argparse
import asyncio
import getpass
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from central_sync import times
from central_sync.api.reference import ReferenceList, ReferenceVersion, shown, shown_version
from central_sync.printing import print_json, print_table, printable, say
from central_sync.reference import fault_in, publish, read_scope
from central_sync.store import nodes, reference
from central_sync.store.database import Database
from central_sync.store.reference import ALL
from edge_core.errors import Rejected
from edge_core.limits import REFERENCE_BODY_BYTES_MAX
from edge_core.reference.datasets import KINDS
from edge_core.reference.publication import Publication, read_publication

_DONE, _FINDINGS, _USAGE = 0, 1, 2
_EXAMPLES: Final = """\
  central-sync reference publish prices prices.csv     the file is the whole dataset, not a change of it
  central-sync reference publish prices north.csv --for group/north
  central-sync reference withdraw prices --for group/north    they take again what is for all
  central-sync reference group north store-0001 store-0002    who is in it: these, and nobody else
  central-sync reference list                          what is kept, and how many nodes use which version
"""
_SUFFIXES: Final = (".json", ".csv")


def add_parser(several: Any, common: argparse.ArgumentParser, printing: argparse.ArgumentParser) -> None:
    """Add the command to the parser of `central-sync`."""
    parser = several.add_parser(
        "reference",
        parents=[common, printing],
        help="publish catalogue, prices and other reference data to the stores",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("action", choices=["list", "publish", "withdraw", "group"], nargs="?", default="list")
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"DATASET FILE to publish, DATASET to withdraw, GROUP NODE... to make a group; "
        f"datasets are {', '.join(KINDS)}, a file ends in .json (an array) or .csv",
    )
    parser.add_argument("--for", dest="scope", metavar="SCOPE", help="group/NAME or region/NAME instead of all nodes")


def mistake(arguments: argparse.Namespace) -> str | None:
    """What is wrong with how it was called, if anything."""
    names: list[str] = arguments.names
    scope = read_scope(f"group/{names[0]}" if arguments.action == "group" and names else arguments.scope)
    if isinstance(scope, Rejected):
        return scope.detail
    wanted = {"list": 0, "publish": 2, "withdraw": 1}.get(arguments.action, len(names) or 1)
    if len(names) != wanted:
        return f"reference {arguments.action} needs {_NEEDS[arguments.action]}"
    if arguments.action in {"publish", "withdraw"} and names[0] not in KINDS:
        return f"no dataset {names[0]!r}; known are {', '.join(KINDS)}"
    if arguments.action == "publish" and not names[1].endswith(_SUFFIXES):
        return f"{names[1]}: expected a file that ends in .json or .csv"
    return None


_NEEDS: Final = {
    "list": "no names",
    "publish": "a DATASET and a FILE",
    "withdraw": "a DATASET",
    "group": "a GROUP and its NODES",
}


async def run_reference(database: Database, arguments: argparse.Namespace) -> int:
    """Run the command."""
    actions = {"list": _list, "publish": _publish, "withdraw": _withdraw, "group": _group}
    return await actions[arguments.action](database, arguments)


async def _publish(database: Database, arguments: argparse.Namespace) -> int:
    dataset, path = arguments.names[0], Path(arguments.names[1])
    try:
        found = await asyncio.to_thread(_read, dataset, path)
    except OSError as error:
        sys.stderr.write(f"central-sync: {path}: {error.strerror}\n")
        return _USAGE
    if found.mistakes:
        return tell_mistakes(path, found)
    return await make_version(database, arguments, dataset, found.rows)


def tell_mistakes(path: Path, found: Publication) -> int:
    """Say what is wrong with a file, by line; the exit code."""
    for each in found.mistakes:
        sys.stderr.write(printable(f"{path}:{each.line}: {each.what}") + "\n")
    sys.stderr.write(f"central-sync: {found.mistaken} rows are wrong; nothing was published\n")
    return _FINDINGS


async def _withdraw(database: Database, arguments: argparse.Namespace) -> int:
    return await make_version(database, arguments, arguments.names[0], {})


async def make_version(
    database: Database,
    arguments: argparse.Namespace,
    dataset: str,
    rows: dict[str, bytes],
    keeps: Callable[[str], bool] | None = None,
) -> int:
    """Publish rows, and say what became of them; the exit code."""
    scope = arguments.scope or ALL
    who = getpass.getuser()
    made = await publish(database, dataset, rows, who=who, now=times.now(), scope=scope, keeps=keeps)
    if isinstance(made, Rejected):
        sys.stderr.write(f"central-sync: {made.detail}\n")
        return _FINDINGS
    document = shown(made)
    if arguments.json:
        print_json(document)
    else:
        deltas = ", ".join(map(str, made.deltas_from)) or "none"
        say(f"{document.dataset} {document.version}: {document.rows} rows; deltas from versions: {deltas}")
    return _DONE


async def _group(database: Database, arguments: argparse.Namespace) -> int:
    group, *names = arguments.names
    async with database.transaction() as connection:
        await reference.set_members(connection, group, sorted(set(names)))
    say(f"{group}: {', '.join(sorted(set(names))) or 'nobody'}")
    return _DONE


def read_bounded(path: Path) -> bytes:
    """A file of rows as a whole. Raises `OSError`, also for one that is too large."""
    with path.open("rb") as file:
        body = file.read(REFERENCE_BODY_BYTES_MAX + 1)
    if len(body) > REFERENCE_BODY_BYTES_MAX:
        raise OSError(0, f"larger than {REFERENCE_BODY_BYTES_MAX} bytes")
    return body


def _read(dataset: str, path: Path) -> Publication:
    return read_publication(dataset, read_bounded(path), "csv" if path.suffix == ".csv" else "json", fault_in)


async def _list(database: Database, arguments: argparse.Namespace) -> int:
    async with database.reading() as connection:
        rows = await reference.kept(connection)
        fleet = await nodes.page(connection)
    if arguments.json:
        print_json(ReferenceList(tuple(map(shown_version, rows))))
        return _DONE
    held = [(each.dataset, each.version) for node in fleet for each in nodes.decode_held(node.reference)]
    documents = [shown_version(row) for row in rows]
    print_table("DATASET VERSION FOR ROWS BYTES MADE WHO NODES", (_cells(d, held) for d in documents))
    return _DONE


def _cells(document: ReferenceVersion, held: list[tuple[str, int]]) -> tuple[str, ...]:
    return (
        document.dataset,
        str(document.version),
        document.scope,
        str(document.rows),
        str(document.size_bytes),
        document.made_at,
        document.who,
        str(held.count((document.dataset, document.version))),
    )
