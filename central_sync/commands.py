"""What each command of `central-sync` does. Each answers with the exit code: 0 fine, 1 findings."""

import argparse
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID, uuid4

import msgspec

from central_sync import (
    holds_commands,
    network_commands,
    ordering_commands,
    parking_commands,
    policy_commands,
    policy_parser,
    reference_commands,
    rights_commands,
    rule_commands,
    signal_commands,
    times,
)
from central_sync.api.commands import cancel, instruction_status, read_cancel
from central_sync.api.documents import EnrolmentList, OrderPage, Ticket, enrolment_item, order_summary
from central_sync.api.handlers import fleet
from central_sync.app import opened_database
from central_sync.backup_commands import back_up, mark_restored, restore
from central_sync.channel_commands import channels
from central_sync.config import CentreConfig
from central_sync.fleet import NodeStatus
from central_sync.printing import print_json, print_table, printable, say
from central_sync.store import audits, enrolments, instructions, orders, streams
from central_sync.store.database import Connection, Database
from central_sync.store.migrate import check, migrate
from central_sync.verify import verify
from edge_core.errors import UNREADABLE
from edge_core.limits import PAGE_ROWS_MAX, VERIFY_PAGE_ROWS
from edge_core.sync.exported import exported_line
from edge_core.sync.topics import NODE_ID_PATTERN
from holdfast_runtime.problems import ProblemRaised
from holdfast_runtime.tokens import digest_of, new_secret

Command = Callable[[CentreConfig, argparse.Namespace], Coroutine[Any, Any, int]]
_FINDINGS: Final = 1
_HOUR_S: Final = 3_600
_USAGE: Final = 2


async def _run(config: CentreConfig, _: argparse.Namespace) -> int:
    from central_sync.service import run_service  # noqa: PLC0415 - the other commands need no server

    await run_service(config)
    return 0


async def _migrate(config: CentreConfig, _: argparse.Namespace) -> int:
    async with opened_database(config.database, shared=True) as database:
        applied = await migrate(database)
    say("\n".join(applied) if applied else "the schema is up to date")
    return 0


async def _nodes(config: CentreConfig, arguments: argparse.Namespace) -> int:
    async with _reading(config) as connection:
        found = await fleet(connection, times.now())
    if arguments.json:
        print_json(found)
        return 0
    print_table("NODE STATE PENDING OLDEST LAST-SEEN DURABLE PARKED BOOKS VERSION", map(_node_row, found.nodes))
    for node in found.nodes:
        for alarm in node.alarms:
            say(printable(f"{node.node_id}: {alarm}"))
    history, backup = found.history, found.backup
    say(
        printable(f"history {history.history_id} since {history.began_at} ({history.reason}) {history.detail}").rstrip()
    )
    say(f"backup of {backup.taken_at}, {backup.entries} entries" if backup else "no backup was ever recorded")
    return 0


async def _cancel(config: CentreConfig, arguments: argparse.Namespace) -> int:
    if arguments.id is None or arguments.reason is None:
        sys.stderr.write("central-sync: orders cancel needs the ID of an order and a --reason\n")
        return 2
    async with opened_database(config.database, shared=True) as database:
        await check(database)
        try:
            order_id = UUID(arguments.id)
            asked = read_cancel(msgspec.json.encode({"reason": arguments.reason}))
        except (ValueError, *UNREADABLE) as error:
            sys.stderr.write(f"central-sync: {error}\n")
            return 2
        key = arguments.key or str(uuid4())
        try:
            async with database.transaction() as connection:
                issued = await cancel(connection, order_id, asked, key=key, now_ms=times.now_ms())
                row = await instructions.one(connection, issued.instruction_id)
        except ProblemRaised as problem:
            sys.stderr.write(f"central-sync: {problem.rejected.detail}\n")
            return _FINDINGS
    if row is not None and arguments.json:
        print_json(instruction_status(row))
    elif row is not None:
        say(f"asked of {row.node_id} as {row.instruction_id}; its answer will stand at /v1/instructions")
    return 0


_OF_THE_CENTRE: Final = {
    "place": ordering_commands.place_file,
    "exceptions": ordering_commands.exceptions,
    "why": ordering_commands.why,
}


async def _orders(config: CentreConfig, arguments: argparse.Namespace) -> int:
    if arguments.action == "cancel":
        return await _cancel(config, arguments)
    if arguments.action in _OF_THE_CENTRE:
        arguments.accept_ms = config.assignment.accept_seconds * 1000
        run = _OF_THE_CENTRE[arguments.action]
        async with opened_database(config.database, shared=True) as database:
            await check(database)
            return await run(database, arguments)
    limit = min(max(arguments.limit, 1), PAGE_ROWS_MAX)
    async with _reading(config) as connection:
        rows = await orders.page(
            connection, node_id=arguments.node, status=arguments.status, before=None, rows_max=limit
        )
    page = OrderPage(tuple(map(order_summary, rows)), None)
    if arguments.json:
        print_json(page)
    else:
        cells = (
            (o.placed_at, o.node_id, o.display_number, o.order_type, o.status, str(o.grand_total_minor), o.currency)
            for o in page.orders
        )
        print_table("PLACED NODE NUMBER TYPE STATUS TOTAL-MINOR CURRENCY", cells)
    return 0


async def _holds(config: CentreConfig, arguments: argparse.Namespace) -> int:
    mistake = holds_commands.mistake(arguments)
    if mistake:
        sys.stderr.write(f"central-sync: {mistake}\n")
        return _USAGE
    async with opened_database(config.database, shared=True) as database:
        await check(database)
        return await holds_commands.run_holds(database, arguments)


async def _on_parked(config: CentreConfig, arguments: argparse.Namespace) -> int:
    """`parked` and `breaker`."""
    mistake = parking_commands.mistake(arguments)
    if mistake:
        sys.stderr.write(f"central-sync: {mistake}\n")
        return _USAGE
    run = parking_commands.run_parked if arguments.command == "parked" else parking_commands.run_breaker
    async with opened_database(config.database, shared=True) as database:
        await check(database)
        return await run(database, arguments)


async def _reference(config: CentreConfig, arguments: argparse.Namespace) -> int:
    mistake = reference_commands.mistake(arguments)
    if mistake is not None:
        sys.stderr.write(f"central-sync: {mistake}\n")
        return _USAGE
    async with opened_database(config.database, shared=True) as database:
        await check(database)
        return await reference_commands.run_reference(database, arguments)


async def _network(config: CentreConfig, arguments: argparse.Namespace) -> int:
    async with opened_database(config.database, shared=True) as database:
        await check(database)
        return await network_commands.run_network(database, arguments)


async def _audit(config: CentreConfig, arguments: argparse.Namespace) -> int:
    async with opened_database(config.database, shared=True) as database:
        await check(database)
        async with database.transaction() as connection:
            is_known = await audits.want_audit(connection, arguments.node)
    if not is_known:
        sys.stderr.write(f"central-sync: no node {arguments.node!r} has ever said hello\n")
        return _FINDINGS
    say(f"{arguments.node} is asked at its next heartbeat to compare its file with what is here (see the log)")
    return 0


async def _verify(config: CentreConfig, arguments: argparse.Namespace) -> int:
    async with opened_database(config.database, shared=True) as database:
        await check(database)
        result = await verify(database)
    if arguments.json:
        print_json(result)
    else:
        cells = ((f.node_id, str(f.incarnation), f.lane, str(f.seq), f.problem) for f in result.findings)
        if result.findings:
            print_table("NODE INCARNATION LANE SEQ PROBLEM", cells)
        say(f"{result.entries} entries in {result.streams} streams, {len(result.findings)} findings")
    return _FINDINGS if result.findings else 0


async def _export(config: CentreConfig, arguments: argparse.Namespace) -> int:
    async with _reading(config) as connection:
        for key, _ in await streams.cursors(connection):
            if key.lane == arguments.lane and arguments.node in {None, key.node_id}:
                rows: AsyncIterator[streams.StoredEntry] = streams.walk(connection, key, VERIFY_PAGE_ROWS)
                async for entry in rows:
                    sys.stdout.buffer.write(exported_line(key, entry.seq, entry.hash, entry.body) + b"\n")
    sys.stdout.buffer.flush()
    return 0


async def _enrol(config: CentreConfig, arguments: argparse.Namespace) -> int:
    if arguments.node is None:
        return await _list_enrolments(config, arguments)
    if not re.fullmatch(NODE_ID_PATTERN, arguments.node):
        sys.stderr.write(f"central-sync: a node id matches {NODE_ID_PATTERN}\n")
        return _USAGE
    secret = new_secret()
    async with opened_database(config.database, shared=True) as database:
        await check(database)
        async with database.transaction() as connection:
            expires_at = await enrolments.offer(
                connection, arguments.node, digest_of(secret), ttl_s=arguments.hours * _HOUR_S
            )
    if arguments.json:
        print_json(Ticket(arguments.node, secret, times.rfc3339(expires_at)))
    else:
        sys.stderr.write(f"good for one machine until {times.rfc3339(expires_at)}; on it: edge-agent enrol\n")
        say(secret)
    return 0


async def _list_enrolments(config: CentreConfig, arguments: argparse.Namespace) -> int:
    async with _reading(config) as connection:
        found = await enrolments.every(connection)
    if arguments.json:
        print_json(EnrolmentList(tuple(map(enrolment_item, found))))
    else:
        cells = ((e.node_id, str(e.incarnation), str(e.number), times.rfc3339(e.enrolled_at)) for e in found)
        print_table("NODE INCARNATION NUMBER ENROLLED", cells)
    return 0


async def _rights(config: CentreConfig, arguments: argparse.Namespace) -> int:
    async with opened_database(config.database, shared=True) as database:
        await check(database)
        return await rights_commands.rights_command(database, arguments)


async def _rule(config: CentreConfig, arguments: argparse.Namespace) -> int:
    if not rule_commands.accepts(arguments):
        return await rule_commands.rule(config.rules.names_file, arguments)

    async def accept(database: Database, asked: argparse.Namespace) -> int:
        return await rule_commands.accept(database, config.rules.names_file, asked)

    return await _checked(config, arguments, "", accept)


async def _policy(config: CentreConfig, arguments: argparse.Namespace) -> int:
    return await _checked(config, arguments, policy_parser.mistake(arguments), policy_commands.run_policy)


async def _signal(config: CentreConfig, arguments: argparse.Namespace) -> int:
    return await _checked(config, arguments, signal_commands.mistake(arguments), signal_commands.run_signal)


async def _checked(
    config: CentreConfig,
    arguments: argparse.Namespace,
    mistake: str,
    run: Callable[[Database, argparse.Namespace], Awaitable[int]],
) -> int:
    """Run a command on the database, unless it was called wrongly."""
    if mistake:
        sys.stderr.write(f"central-sync: {mistake}\n")
        return _USAGE
    async with opened_database(config.database, shared=True) as database:
        await check(database)
        return await run(database, arguments)


COMMANDS: Final[Mapping[str, Command]] = MappingProxyType(
    {
        "run": _run,
        "migrate": _migrate,
        "nodes": _nodes,
        "orders": _orders,
        "audit": _audit,
        "enrol": _enrol,
        "holds": _holds,
        "parked": _on_parked,
        "breaker": _on_parked,
        "channels": channels,
        "network": _network,
        "policy": _policy,
        "signal": _signal,
        "rule": _rule,
        "reference": _reference,
        "export": _export,
        "rights": _rights,
        "verify": _verify,
        "backup": back_up,
        "restore": restore,
        "restore-mark": mark_restored,
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
        f"{node.state}, held" if node.held else node.state,
        f"{node.pending}{since}",
        f"{node.oldest_unacked_age_ms / 1000:.1f}s",
        node.last_seen,
        str(sum(lane.durable_seq for lane in node.lanes)),
        str(sum(lane.parked for lane in node.lanes)),
        "ok" if node.conserved else "; ".join(node.differences),
        node.software_version,
    )
