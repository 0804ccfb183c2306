"""What each command of `central-sync` does. Each answers with the exit code: 0 fine, 1 findings."""

import argparse
import re
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any, Final

import msgspec
from msgspec import Struct

from central_sync import times
from central_sync.api.documents import (
    EnrolmentList,
    NodeList,
    OrderPage,
    ParkedPage,
    Ticket,
    enrolment_item,
    order_summary,
    parked_item,
)
from central_sync.api.handlers import fleet_status
from central_sync.app import opened_database
from central_sync.config import CentreConfig
from central_sync.fleet import NodeStatus
from central_sync.foreign import outline
from central_sync.store import enrolments, orders, parked
from central_sync.store.database import Connection
from central_sync.store.migrate import check, migrate
from central_sync.store.parked import ParkedRow
from central_sync.verify import verify
from edge_core.limits import PAGE_ROWS_MAX
from edge_core.sync.topics import NODE_ID_PATTERN
from holdfast_runtime.tokens import digest_of, new_secret

Command = Callable[[CentreConfig, argparse.Namespace], Coroutine[Any, Any, int]]
_HEX_COLUMNS: Final = 16
_FINDINGS: Final = 1
_HOUR_S: Final = 3_600


async def _run(config: CentreConfig, _: argparse.Namespace) -> int:
    from central_sync.service import run_service  # noqa: PLC0415 - the other commands need no server

    await run_service(config)
    return 0


async def _migrate(config: CentreConfig, _: argparse.Namespace) -> int:
    async with opened_database(config.database, shared=True) as database:
        applied = await migrate(database)
    _say("\n".join(applied) if applied else "the schema is up to date")
    return 0


async def _nodes(config: CentreConfig, arguments: argparse.Namespace) -> int:
    async with _reading(config) as connection:
        found = await fleet_status(connection, times.now())
    if arguments.json:
        _print_json(NodeList(tuple(found)))
    else:
        _print_table("NODE STATE PENDING OLDEST LAST-SEEN DURABLE PARKED BOOKS VERSION", map(_node_row, found))
    return 0


async def _orders(config: CentreConfig, arguments: argparse.Namespace) -> int:
    limit = min(max(arguments.limit, 1), PAGE_ROWS_MAX)
    async with _reading(config) as connection:
        rows = await orders.page(
            connection, node_id=arguments.node, status=arguments.status, before=None, rows_max=limit
        )
    page = OrderPage(tuple(map(order_summary, rows)), None)
    if arguments.json:
        _print_json(page)
    else:
        cells = (
            (o.placed_at, o.node_id, o.display_number, o.order_type, o.status, str(o.grand_total_minor), o.currency)
            for o in page.orders
        )
        _print_table("PLACED NODE NUMBER TYPE STATUS TOTAL-MINOR CURRENCY", cells)
    return 0


async def _parked(config: CentreConfig, arguments: argparse.Namespace) -> int:
    showing = arguments.action == "show"
    if showing and arguments.id is None:
        sys.stderr.write("central-sync: parked show needs the ID of a row; `parked list` prints them\n")
        return 2
    async with _reading(config) as connection:
        rows = await parked.page(
            connection,
            node_id=None,
            parked_id=arguments.id if showing else None,
            before=None,
            rows_max=PAGE_ROWS_MAX,
        )
    if showing and not rows:
        sys.stderr.write(f"central-sync: nothing is parked as {arguments.id}\n")
        return _FINDINGS
    if arguments.json:
        _print_json(ParkedPage(tuple(map(parked_item, rows)), None))
    elif showing:
        _print_parked(rows[0])
    else:
        cells = (
            (
                str(r.id),
                times.rfc3339(r.received_at),
                r.node_id or "-",
                r.lane or "-",
                str(r.seq or "-"),
                r.reason,
                r.detail,
            )
            for r in rows
        )
        _print_table("ID RECEIVED NODE LANE SEQ REASON DETAIL", cells)
    return 0


async def _verify(config: CentreConfig, arguments: argparse.Namespace) -> int:
    async with opened_database(config.database, shared=True) as database:
        await check(database)
        result = await verify(database)
    if arguments.json:
        _print_json(result)
    else:
        cells = ((f.node_id, str(f.incarnation), f.lane, str(f.seq), f.problem) for f in result.findings)
        if result.findings:
            _print_table("NODE INCARNATION LANE SEQ PROBLEM", cells)
        _say(f"{result.entries} entries in {result.streams} streams, {len(result.findings)} findings")
    return _FINDINGS if result.findings else 0


async def _enrol(config: CentreConfig, arguments: argparse.Namespace) -> int:
    if arguments.node is None:
        return await _list_enrolments(config, arguments)
    if not re.fullmatch(NODE_ID_PATTERN, arguments.node):
        sys.stderr.write(f"central-sync: a node id matches {NODE_ID_PATTERN}\n")
        return 2
    secret = new_secret()
    async with opened_database(config.database, shared=True) as database:
        await check(database)
        async with database.transaction() as connection:
            expires_at = await enrolments.offer(
                connection, arguments.node, digest_of(secret), ttl_s=arguments.hours * _HOUR_S
            )
    if arguments.json:
        _print_json(Ticket(arguments.node, secret, times.rfc3339(expires_at)))
    else:
        sys.stderr.write(f"good for one machine until {times.rfc3339(expires_at)}; on it: edge-agent enrol\n")
        _say(secret)
    return 0


async def _list_enrolments(config: CentreConfig, arguments: argparse.Namespace) -> int:
    async with _reading(config) as connection:
        found = await enrolments.every(connection)
    if arguments.json:
        _print_json(EnrolmentList(tuple(map(enrolment_item, found))))
    else:
        cells = ((e.node_id, str(e.incarnation), str(e.number), times.rfc3339(e.enrolled_at)) for e in found)
        _print_table("NODE INCARNATION NUMBER ENROLLED", cells)
    return 0


COMMANDS: Final[Mapping[str, Command]] = MappingProxyType(
    {
        "run": _run,
        "migrate": _migrate,
        "nodes": _nodes,
        "orders": _orders,
        "parked": _parked,
        "verify": _verify,
        "enrol": _enrol,
    }
)


@asynccontextmanager
async def _reading(config: CentreConfig) -> AsyncIterator[Connection]:
    async with opened_database(config.database, shared=True) as database:
        await check(database)
        async with database.reading() as connection:
            yield connection


def _node_row(node: NodeStatus) -> tuple[str, ...]:
    since = f" (unknown since {node.pending_unknown_since})" if node.pending_unknown_since else ""
    return (
        node.node_id,
        node.state,
        f"{node.pending}{since}",
        f"{node.oldest_unacked_age_ms / 1000:.1f}s",
        node.last_seen,
        str(sum(lane.durable_seq for lane in node.lanes)),
        str(sum(lane.parked for lane in node.lanes)),
        "ok" if node.conserved else "; ".join(node.differences),
        node.software_version,
    )


def _print_json(document: Struct) -> None:
    _say(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def _print_table(head: str, rows: Any) -> None:
    """Aligned columns, two blanks between them."""
    lines: list[Sequence[str]] = [head.split(), *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        _say("  ".join(_printable(cell).ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _print_parked(row: ParkedRow) -> None:
    for name in ("id", "node_id", "received_at", "topic", "incarnation", "lane", "seq", "reason", "detail"):
        _say(f"{name:12} {_printable(str(getattr(row, name)))}")
    _say(f"{'reads':12} {_printable(outline(row.payload))}")
    for start in range(0, len(row.payload), _HEX_COLUMNS):
        part = row.payload[start : start + _HEX_COLUMNS]
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        _say(f"{start:08x}  {part.hex(' '):{_HEX_COLUMNS * 3}} {shown}")


def _printable(text: str) -> str:
    """Foreign text as a terminal may show it: without control characters."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
