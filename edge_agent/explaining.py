"""Decisions of routing in the file of an agent, which may be running or not: why they were taken, and taken again."""

from collections.abc import AsyncIterator, Callable
from datetime import tzinfo
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID

from msgspec import Struct

from edge_agent.store import log, orders
from edge_agent.store.connection import Connection, open_reader
from edge_agent.store.policies import read_bundle
from edge_core.errors import UNREADABLE, PeerFault, PermanentFault
from edge_core.orders.merge import merge
from edge_core.orders.rendering import Origin, Recorded
from edge_core.orders.routing_events import RoutingDecided
from edge_core.orders.routing_report import RoutingReport, decisions_in, routing_report
from edge_core.policy.bundle import decode_bundle
from edge_core.policy.pricing import Policies
from edge_core.policy.repricing import prices_differ
from edge_core.routing.replaying import IDENTICAL, Outcome, Replay, replay
from edge_core.routing.terms import Lang
from edge_core.sync.entry import decode_entry

_LANE: Final = "orders"
_ROWS: Final = 500
_NAME: Final = str(RoutingDecided.__struct_config__.tag).encode()
"""An entry without these bytes holds no decision of routing; most are sales, and need not be decoded."""


class Differing(Struct, frozen=True):
    """A decision that is not the same when it is taken again, or cannot be: where it stands, and why."""

    order_id: UUID | None
    incarnation: UUID
    seq: int
    outcome: Outcome
    what: str


class Replayed(Struct, frozen=True):
    """How many decisions were taken again, and those that are not what they were.

    `repriced` were asked of their policies again too: those whose prices are built in, or of the bundle in use.
    """

    decisions: int
    identical: int
    repriced: int
    findings: tuple[Differing, ...]

    @property
    def is_sound(self) -> bool:
        """Whether every decision came out as it is recorded."""
        return not self.findings


async def order_named(path: Path, name: str) -> UUID:
    """The order of an id or of a display number. Raises `PermanentFault` where the file has none of that number."""
    try:
        return UUID(name)
    except ValueError:
        pass
    reader = await open_reader(path)
    try:
        found = await orders.find_order(reader, name)
    finally:
        await reader.close()
    if found is None:
        raise PermanentFault(f"no order {name!r} is recorded here")
    return found


async def explained(path: Path, order_id: UUID, *, lang: Lang, zone: tzinfo) -> RoutingReport:
    """Every decision about an order, in words. Raises `PermanentFault` for a record that cannot be read."""
    reader = await open_reader(path)
    try:
        decisions = decisions_in(merge(await orders.read_order(reader, order_id)).accepted)
    finally:
        await reader.close()
    return routing_report(order_id, decisions, lang=lang, zone=zone)


async def replayed(path: Path, order_id: UUID | None, progress: Callable[[int], None]) -> Replayed:
    """Take the decisions about an order again, or all that the file holds; `progress` hears how many it were."""
    reader = await open_reader(path)
    count, repriced, findings = 0, 0, list[Differing]()
    try:
        policies = await _at_hand(reader)
        async for recorded in _of_order(reader, order_id) if order_id else _all(reader):
            for again in _again(recorded, policies):
                count, repriced = count + 1, repriced + again.is_repriced
                findings += [] if again.finding is None else [again.finding]
                progress(count)
    finally:
        await reader.close()
    return Replayed(count, count - len(findings), repriced, tuple(findings))


async def _at_hand(reader: Connection) -> Policies | None:
    """The policies in use. A bundle that cannot be loaded prices nothing, now as when orders were taken."""
    row = await read_bundle(reader)
    if row is None:
        return None
    try:
        bundle = decode_bundle(row.body)
        return Policies(bundle.release, bundle.policies)
    except (*UNREADABLE, PermanentFault):
        return None


class _Again(NamedTuple):
    """What became of one decision."""

    finding: Differing | None
    is_repriced: bool = False


def _again(recorded: Recorded | Differing, policies: Policies | None) -> list[_Again]:
    """What became of each decision of an entry."""
    if isinstance(recorded, Differing):
        return [_Again(recorded)]
    return [_of_record(recorded, replay(decided.record), policies) for decided in decisions_in([recorded])]


def _of_record(recorded: Recorded, found: Replay, policies: Policies | None) -> _Again:
    if found.outcome != IDENTICAL or found.question is None:
        return _Again(_differing(recorded, found.outcome, found.what))
    differs = prices_differ(found.question, policies)
    what = f"priced otherwise by {found.question.policy.source}"
    return _Again(_differing(recorded, "different", what) if differs else None, is_repriced=differs is not None)


def _differing(recorded: Recorded, outcome: Outcome, what: str) -> Differing:
    return Differing(recorded.entry.order_id, recorded.origin.incarnation, recorded.origin.seq, outcome, what)


async def _of_order(reader: Connection, order_id: UUID) -> AsyncIterator[Recorded]:
    for recorded in await orders.read_order(reader, order_id):
        yield recorded


async def _all(reader: Connection) -> AsyncIterator[Recorded | Differing]:
    """The entries with a decision in them, through every incarnation, oldest first."""
    for stream in await log.read_streams(reader):
        from_seq = 1
        while stream.lane == _LANE and (rows := await log.read_range(reader, stream, from_seq, _ROWS)):
            for seq, _, body in rows:
                if _NAME in body:
                    yield _read(stream, seq, body)
            from_seq = rows[-1][0] + 1


def _read(stream: log.Stream, seq: int, body: bytes) -> Recorded | Differing:
    try:
        entry = decode_entry(body)
    except PeerFault as fault:
        return Differing(None, stream.incarnation, seq, "unreadable", str(fault))
    return Recorded(Origin(stream.node_id, stream.incarnation, stream.lane, seq), entry)
