"""`central-sync rights`: who may promise which goods, what was moved and why, and what a machine that is gone left.

Exit codes: 0 fine, 1 refused, 2 wrong usage.
"""

import argparse
import sys
from typing import Any, Final
from uuid import UUID

import msgspec

from central_sync import times
from central_sync.api.rights import MovePage, RightsPage, RightsStatus, move_status, rights_status, settlement
from central_sync.printing import print_json, print_table
from central_sync.rights import centre_life
from central_sync.settling_rights import settle_life
from central_sync.store import nodes, rights, rights_moves
from central_sync.store.database import Connection, Database
from edge_core.errors import Rejected
from edge_core.limits import PAGE_ROWS_MAX
from edge_core.stock.rights import Life

_DONE, _REFUSED, _USAGE = 0, 1, 2
_EXAMPLES: Final = """\
  central-sync rights --node store-0001                      who may promise goods of this store
  central-sync rights moves --sku milk                       what was moved of a SKU, and why
  central-sync rights settle store-0002 INCARNATION --reason disk-died
"""


def add_parser(several: Any, common: argparse.ArgumentParser, printing: argparse.ArgumentParser) -> None:
    """Add the command to the parser of `central-sync`."""
    parser = several.add_parser(
        "rights",
        parents=[common, printing],
        help="who may promise which goods, and what a machine that is gone has left",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("action", choices=["list", "moves", "settle"], nargs="?", default="list", help="default: list")
    parser.add_argument("words", nargs="*", metavar="WORD", help="of settle: NODE INCARNATION")
    parser.add_argument("--node", metavar="ID", help="only goods of this node")
    parser.add_argument("--sku", metavar="SKU", help="only this SKU")
    parser.add_argument("--limit", type=int, default=50, metavar="N", help="how many SKUs or moves (default 50)")
    parser.add_argument("--reason", metavar="WORD", help="why the machine will never be heard again")


async def rights_command(database: Database, arguments: argparse.Namespace) -> int:
    """Look, or settle."""
    if arguments.action == "settle":
        return await _settle(database, arguments)
    if arguments.words:
        return _usage("rights list | moves | settle NODE INCARNATION --reason WORD")
    async with database.reading() as connection:
        return await (_list if arguments.action == "list" else _moves)(connection, arguments)


async def _list(connection: Connection, arguments: argparse.Namespace) -> int:
    books = await rights.page(
        connection, owner_id=arguments.node, sku=arguments.sku, after=None, rows_max=_limit(arguments)
    )
    present = {Life(row.node_id, row.incarnation) for row in await nodes.page(connection)}
    present.add(await centre_life(connection))
    shown = tuple(rights_status(book, present) for book in books)
    if arguments.json:
        print_json(RightsPage(shown, None))
    else:
        print_table("OWNER SKU SET-ASIDE HOLDER INCARNATION HOLDS PROMISED LIFE", (r for s in shown for r in _rows(s)))
    return _DONE


async def _moves(connection: Connection, arguments: argparse.Namespace) -> int:
    rows = await rights_moves.page(
        connection, owner_id=arguments.node, sku=arguments.sku, before=None, rows_max=_limit(arguments)
    )
    shown = tuple(map(move_status, rows))
    if arguments.json:
        print_json(MovePage(shown, None))
        return _DONE
    print_table(
        "MOVED OWNER SKU FROM TO QUANTITY WHY STATE FIGURES",
        (
            (
                *(each.moved_at, each.owner_id, each.sku, each.giver, each.taker, str(each.quantity_milli)),
                *(each.why, each.code or each.state, msgspec.json.encode(each.figures).decode()),
            )
            for each in shown
        ),
    )
    return _DONE


async def _settle(database: Database, arguments: argparse.Namespace) -> int:
    if len(arguments.words) != 2 or arguments.reason is None:
        return _usage("rights settle needs NODE INCARNATION and a --reason")
    node_id, text = arguments.words
    try:
        incarnation = UUID(text)
    except ValueError:
        return _usage(f"{text!r} is no incarnation")
    async with database.transaction() as connection:
        settled = await settle_life(connection, node_id, incarnation, arguments.reason, now_ms=times.now_ms())
    if isinstance(settled, Rejected):
        sys.stderr.write(f"central-sync: {settled.detail}\n")
        return _REFUSED
    if arguments.json:
        print_json(settlement(node_id, incarnation, settled))
    else:
        print_table("OWNER SKU QUANTITY", ((s.owner_id, s.sku, str(s.quantity_milli)) for s in settled))
    return _DONE


def _rows(status: RightsStatus) -> list[tuple[str, ...]]:
    return [
        (
            *(status.owner_id, status.sku, str(status.set_aside_milli), each.node_id, str(each.incarnation)),
            *(str(each.held_milli), str(each.used_milli), "present" if each.is_present else "over"),
        )
        for each in status.holders
    ]


def _limit(arguments: argparse.Namespace) -> int:
    return min(max(int(arguments.limit), 1), PAGE_ROWS_MAX)


def _usage(text: str) -> int:
    sys.stderr.write(f"central-sync: {text}\n")
    return _USAGE
