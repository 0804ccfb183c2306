"""`central-sync network`: publish the tables of carriers (docs/network.md, "Tables of carriers").

Exit codes: 0 done, 1 lines that are wrong, 2 wrong usage.
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
from edge_core.errors import PermanentFault, Rejected
from edge_core.reference.carrier_tables import read_layout, read_table
from edge_core.reference.network_documents import KEY_SEPARATOR
from edge_core.reference.publication import Publication

_DONE, _USAGE = 0, 2
_EXAMPLES: Final = """\
  central-sync network import-tariffs rates.csv --layout rates.layout.json --dry-run
  central-sync network import-tariffs rates.csv --layout rates.layout.json    other tariffs stay as they are
"""


class TableRead(Struct, frozen=True):
    """What a table holds: the tariffs, and the keys of their zones."""

    tariffs: tuple[str, ...]
    zones: tuple[str, ...]


def add_parser(several: Any, common: argparse.ArgumentParser, printing: argparse.ArgumentParser) -> None:
    """Add the command to the parser of `central-sync`."""
    parser = several.add_parser(
        "network",
        parents=[common, printing],
        help="publish carriers' tables of prices to the stores",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("action", choices=["import-tariffs"])
    parser.add_argument("file", type=Path, metavar="FILE", help="a table as a carrier sends it, CSV in UTF-8")
    parser.add_argument("--layout", type=Path, required=True, metavar="FILE", help="which columns are which, as JSON")
    parser.add_argument("--for", dest="scope", metavar="SCOPE", help="group/NAME or region/NAME instead of all nodes")
    parser.add_argument("--dry-run", action="store_true", help="read the table and say what it holds; publish nothing")


async def run_network(database: Database, arguments: argparse.Namespace) -> int:
    """Run the command: the tariffs that the table names are replaced, all of their zones; others stay."""
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
