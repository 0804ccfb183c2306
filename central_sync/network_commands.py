"""`central-sync network`: publish the tables of carriers, and look whether what was published fits together.

Exit codes: 0 done, 1 findings or lines that are wrong, 2 wrong usage (docs/network.md).
"""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from central_sync.printing import print_json, say
from central_sync.reference import read_scope
from central_sync.reference_commands import make_version, read_bounded, tell_mistakes
from central_sync.store.database import Database
from central_sync.store.published_rows import PublishedRows
from edge_core.errors import PermanentFault, Rejected
from edge_core.reference.carrier_tables import read_layout, read_table
from edge_core.reference.lookup import Needs
from edge_core.reference.network_documents import KEY_SEPARATOR
from edge_core.reference.publication import Publication
from edge_core.routing.network_check import findings_in

_DONE, _FINDINGS, _USAGE = 0, 1, 2
_NO_NETWORK: Final = "no network is published for all stores: it takes locations, services and tariffs"
_EXAMPLES: Final = """\
  central-sync network check    names that lead nowhere, zones without a tariff, in what is published for all
  central-sync network import-tariffs rates.csv --layout rates.layout.json --dry-run
  central-sync network import-tariffs rates.csv --layout rates.layout.json    other tariffs stay as they are
"""


class NetworkFindings(Struct, frozen=True):
    """What does not fit together in a network."""

    findings: tuple[str, ...]


class TableRead(Struct, frozen=True):
    """What a table holds: the tariffs, and the keys of their zones."""

    tariffs: tuple[str, ...]
    zones: tuple[str, ...]


def add_parser(several: Any, common: argparse.ArgumentParser, printing: argparse.ArgumentParser) -> None:
    """Add the command to the parser of `central-sync`."""
    parser = several.add_parser(
        "network",
        parents=[common, printing],
        help="check the network that is published; publish carriers' tables of prices",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("action", choices=["check", "import-tariffs"])
    parser.add_argument("file", type=Path, nargs="?", metavar="FILE", help="a carrier's table, CSV in UTF-8")
    parser.add_argument("--layout", type=Path, metavar="FILE", help="which columns are which, as JSON")
    parser.add_argument("--for", dest="scope", metavar="SCOPE", help="group/NAME or region/NAME instead of all nodes")
    parser.add_argument("--dry-run", action="store_true", help="read the table and say what it holds; publish nothing")


async def run_network(database: Database, arguments: argparse.Namespace) -> int:
    """Run the command."""
    if arguments.action == "check":
        if arguments.scope is not None or arguments.file is not None:
            return _misused("network check looks at what is published for all, and takes neither FILE nor --for")
        return await _check(database, arguments)
    if arguments.file is None or arguments.layout is None:
        return _misused("network import-tariffs needs a FILE and a --layout")
    return await _import(database, arguments)


async def _check(database: Database, arguments: argparse.Namespace) -> int:
    async with database.reading() as connection:
        reference = await PublishedRows().read(connection, Needs())
    found = findings_in(reference.network) if reference.network.sources else (_NO_NETWORK,)
    if arguments.json:
        print_json(NetworkFindings(found))
    else:
        say("\n".join(found) or "nothing found")
    return _FINDINGS if found else _DONE


async def _import(database: Database, arguments: argparse.Namespace) -> int:
    """The tariffs that the table names are replaced, all of their zones; others stay."""
    scope = read_scope(arguments.scope)
    if isinstance(scope, Rejected):
        return _misused(scope.detail)
    try:
        found = await asyncio.to_thread(_read, arguments.file, arguments.layout)
    except OSError as error:
        return _misused(f"{error.filename or arguments.file}: {error.strerror}")
    except PermanentFault as fault:
        return _misused(f"{arguments.layout}: {fault}")
    if found.mistakes:
        return tell_mistakes(arguments.file, found)
    names = {_tariff_of(key) for key in found.rows}
    if not arguments.dry_run:
        return await make_version(
            database, arguments, "tariffs", found.rows, keeps=lambda key: _tariff_of(key) not in names
        )
    if arguments.json:
        print_json(TableRead(tuple(sorted(names)), tuple(sorted(found.rows))))
    else:
        say(f"{len(names)} tariffs, {len(found.rows)} zones: {', '.join(sorted(found.rows))}")
    return _DONE


def _read(file: Path, layout: Path) -> Publication:
    return read_table(read_bounded(file), read_layout(read_bounded(layout)))


def _tariff_of(key: str) -> str:
    return key.partition(KEY_SEPARATOR)[0]


def _misused(what: str) -> int:
    sys.stderr.write(f"central-sync: {what}\n")
    return _USAGE
