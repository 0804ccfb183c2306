"""How each node is, in one word and in figures, from what it said last and from what the centre holds. Pure.

fenced    its current incarnation may not go on
offline   nothing was heard for `NODE_OFFLINE_AFTER_MS`, or it said bye: what waits there since is not known
lagging   it is heard, something waits, and the oldest of it waited longer than `NODE_LAGGING_AFTER_MS` when last told
online    everything else
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from msgspec import Struct

from central_sync.store.backups import LossRow
from central_sync.store.breakers import Breaker
from central_sync.store.nodes import (
    HeldDataset,
    LaneBooks,
    NodePolicies,
    NodeRow,
    decode_held,
    decode_ledger,
    decode_policies,
)
from central_sync.store.streams import CursorRow, StreamKey
from central_sync.times import rfc3339
from edge_core.limits import NODE_LAGGING_AFTER_MS, NODE_OFFLINE_AFTER_MS
from edge_core.sync.entry import LANES

NodeState = Literal["online", "lagging", "offline", "fenced"]


class LaneStatus(Struct, frozen=True):
    """One lane: what the centre holds and its backup covers, and the node's own books of it at its last heartbeat.

    `discarded` entries are held too, and are never to be used.
    """

    lane: str
    durable_seq: int
    parked: int
    discarded: int
    backed_up_seq: int
    reported: LaneBooks | None


class NodeStatus(Struct, frozen=True):
    """A node as the fleet view shows it.

    `pending` is the node's word at its last heartbeat; `pending_unknown_since` is when that word became old, and None
    while the node is heard. `held` says where its streams stop for an entry version that is not known here.
    `conserved` is whether its books add up with the centre's; `differences` says where not, and where the books of a
    business day do not agree. `damaged_entries` are those of its file, when it was last scrubbed or since.
    `granted_entries_per_s` is what the centre lets it send of its backlog, None without a limit. `alarms` are what
    people must know of what is lost, or would be with the next failure. `reference` are the datasets that it takes,
    `policies` the release of them that it uses.
    """

    node_id: str
    name: str
    region: str
    state: NodeState
    incarnation: UUID
    first_seen: str
    last_seen: str
    pending: int
    pending_unknown_since: str | None
    oldest_unacked_age_ms: int
    lanes: tuple[LaneStatus, ...]
    conserved: bool
    differences: tuple[str, ...]
    clock_offset_ms: int
    disk_free_bytes: int | None
    software_version: str
    last_error: str | None
    held: tuple[str, ...]
    fenced_reason: str | None
    granted_entries_per_s: int | None = None
    alarms: tuple[str, ...] = ()
    scrubbed_at: str | None = None
    damaged_entries: int = 0
    parked_instructions: int = 0
    reference: tuple[HeldDataset, ...] = ()
    policies: NodePolicies | None = None


def status_of(
    node: NodeRow,
    cursors: Mapping[StreamKey, CursorRow],
    now: datetime,
    losses: Iterable[LossRow] = (),
    held: Sequence[Breaker] = (),
) -> NodeStatus:
    """Put together what is known of a node; of the losses, those of the node."""
    books = {lane.lane: lane for lane in decode_ledger(node.ledger)}
    rows = {lane: cursors.get(StreamKey(node.node_id, node.incarnation, lane)) for lane in LANES}
    fenced = next((row.fenced for row in rows.values() if row is not None and row.fenced is not None), node.refused)
    pending = _pending(books, rows)
    state = _state(node, fenced, pending, now)
    return NodeStatus(
        node_id=node.node_id,
        name=node.name,
        region=node.region,
        state=state,
        incarnation=node.incarnation,
        first_seen=rfc3339(node.first_seen),
        last_seen=rfc3339(node.last_seen),
        pending=pending,
        pending_unknown_since=None if state in {"online", "lagging"} else rfc3339(node.last_seen),
        oldest_unacked_age_ms=node.oldest_unacked_age_ms if pending else 0,
        lanes=tuple(
            LaneStatus(lane, row.durable_seq, row.parked, row.discarded, row.backed_up_seq, books.get(lane))
            for lane, row in rows.items()
            if row is not None
        ),
        conserved=not node.differences,
        differences=(*node.differences, *node.day_differences),
        clock_offset_ms=node.clock_offset_ms,
        disk_free_bytes=node.disk_free_bytes,
        software_version=node.software_version,
        last_error=node.last_error,
        held=tuple(f"{b.lane} at {b.seq}: entry version {b.version} is not known here" for b in held),
        fenced_reason=fenced,
        granted_entries_per_s=node.granted_entries_per_s,
        parked_instructions=node.parked_instructions,
        alarms=(*_unprotected(books, rows), *(_lost(loss) for loss in losses if loss.node_id == node.node_id)),
        scrubbed_at=None if node.scrubbed_at is None else rfc3339(node.scrubbed_at),
        damaged_entries=node.damaged_entries,
        reference=decode_held(node.reference),
        policies=decode_policies(node.policies),
    )


def _unprotected(books: Mapping[str, LaneBooks], rows: Mapping[str, CursorRow | None]) -> Iterator[str]:
    """Lanes of which the node had to let go more than a backup of the centre covers."""
    for lane, book in books.items():
        row = rows.get(lane)
        covered = row.backed_up_seq if row is not None else 0
        if book.pruned_seq > covered:
            yield f"{lane}: the node has let go of up to {book.pruned_seq}, the backup covers up to {covered}"


def _lost(loss: LossRow) -> str:
    return f"{loss.lane}: {loss.from_seq} to {loss.to_seq} of {loss.incarnation} are lost: neither end has them"


def _state(node: NodeRow, fenced: str | None, pending: int, now: datetime) -> NodeState:
    if fenced is not None:
        return "fenced"
    if node.is_gone or now - node.last_seen > timedelta(milliseconds=NODE_OFFLINE_AFTER_MS):
        return "offline"
    return "lagging" if pending and node.oldest_unacked_age_ms > NODE_LAGGING_AFTER_MS else "online"


def _pending(books: Mapping[str, LaneBooks], rows: Mapping[str, CursorRow | None]) -> int:
    """What the node counted as accepted at its last heartbeat and the centre does not hold yet."""
    pending = 0
    for lane, book in books.items():
        row = rows.get(lane)
        pending += max(0, book.accepted - (row.durable_seq if row is not None else 0))
    return pending
