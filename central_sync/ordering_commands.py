"""`central-sync orders place`, `exceptions` and `why`: orders of the centre itself (docs/assignment.md).

Exit codes: 0 fine, 1 refused, 2 wrong usage.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

from central_sync import times
from central_sync.api.assignments import AssignmentPage, AssignmentStatus, receipt, statuses
from central_sync.attempts import Desk
from central_sync.decisions import Decisions
from central_sync.ordering import place
from central_sync.printing import print_json, print_table, say
from central_sync.reasons import decisions_about
from central_sync.store import assignments
from central_sync.store.database import Database
from edge_core.errors import UNREADABLE, Rejected
from edge_core.limits import PAGE_ROWS_MAX
from edge_core.orders.document import TillOrder
from edge_core.orders.requests import CancelRequest
from edge_core.orders.routing_report import routing_report
from edge_core.routing.wording import as_text
from edge_core.shapes import json_object, json_reader

_DONE, _REFUSED, _USAGE = 0, 1, 2
_READ: Final = json_reader(TillOrder)
_ACTIONS: Final = {"list": 0, "show": 1, "assign": 2, "cancel": 1}
"""What may be done about an exception, and how many words follow."""


async def place_file(database: Database, arguments: argparse.Namespace) -> int:
    """Take the order in a file in; `-` is standard input."""
    if arguments.id is None:
        return _usage("orders place needs a FILE, or - for standard input")
    try:
        posted = _READ(_body(arguments.id))
    except OSError as error:
        return _usage(f"{error.filename}: {error.strerror}")
    except UNREADABLE as error:
        return _usage(f"{arguments.id} is no order: {error}")
    async with database.transaction() as connection:
        placed = await place(connection, posted, arguments.key or str(uuid4()), now_ms=times.now_ms())
    if isinstance(placed, Rejected):
        return _refused(placed)
    if arguments.json:
        print_json(receipt(placed))
    else:
        say(f"{placed.order.display_number} {placed.order.order_id}")
    return _DONE


async def exceptions(database: Database, arguments: argparse.Namespace) -> int:
    """Look at orders that wait for people, and decide about them."""
    words: Sequence[str] = arguments.more
    action = arguments.id or "list"
    if _ACTIONS.get(action) != len(words):
        return _usage("orders exceptions list | show ID | assign ID NODE | cancel ID --reason WORD")
    if action == "list":
        return await _list(database, arguments)
    if action == "cancel" and arguments.reason is None:
        return _usage("orders exceptions cancel needs a --reason")
    try:
        order_id = UUID(words[0])
    except ValueError:
        return _usage(f"{words[0]!r} is no id")
    refused: Rejected | None = None
    decisions = Decisions(Desk(times.now_ms, arguments.accept_ms))
    async with database.transaction() as connection:
        if action == "assign":
            refused = await decisions.assign(connection, order_id, words[1])
        elif action == "cancel":
            refused = await decisions.cancel(
                connection, order_id, CancelRequest(arguments.reason), arguments.key or str(uuid4())
            )
    return _refused(refused) if refused is not None else await _show(database, order_id)


async def why(database: Database, arguments: argparse.Namespace) -> int:
    """Say why the goods of an order go as they go, by the order's id or an attempt's."""
    try:
        order_id = UUID(arguments.id or "")
    except ValueError:
        return _usage("orders why needs the ID of an order")
    async with database.reading() as connection:
        decisions = await decisions_about(connection, order_id)
    if not decisions:
        return _refused(Rejected("routing-not-recorded", f"no decision about order {order_id} is recorded"))
    report = routing_report(order_id, decisions, lang=arguments.lang, zone=UTC)
    if arguments.json:
        print_json(json_object(report))
    else:
        say("\n\n".join(as_text(decision.words) for decision in report.decisions))
    return _DONE


async def _list(database: Database, arguments: argparse.Namespace) -> int:
    limit = min(max(arguments.limit, 1), PAGE_ROWS_MAX)
    async with database.reading() as connection:
        rows = await assignments.page(connection, status="exception", before=None, rows_max=limit)
        shown = await statuses(connection, rows)
    if arguments.json:
        print_json(AssignmentPage(shown, None))
    else:
        print_table("RECEIVED ORDER NUMBER CHANNEL REASON TRIED", map(_row, shown))
    return _DONE


async def _show(database: Database, order_id: UUID) -> int:
    async with database.reading() as connection:
        row = await assignments.one(connection, order_id)
        shown = () if row is None else await statuses(connection, [row])
    if not shown:
        return _refused(Rejected("order-not-found", f"order {order_id} was not posted to the centre"))
    print_json(shown[0])
    return _DONE


def _body(name: str) -> bytes:
    return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()


def _row(status: AssignmentStatus) -> tuple[str, ...]:
    tried = ",".join(f"{each.node_id}:{each.reason or each.status}" for each in status.attempts) or "-"
    number, reason = status.display_number, status.reason or ""
    return status.received_at, str(status.order_id), number, status.channel, reason, tried


def _refused(rejected: Rejected) -> int:
    sys.stderr.write(f"central-sync: {rejected.detail}\n")
    return _REFUSED


def _usage(text: str) -> int:
    sys.stderr.write(f"central-sync: {text}\n")
    return _USAGE
