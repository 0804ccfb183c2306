"""What a node asks back of an earlier stream of its own: the entries after the newest common mark; and what is lost."""

from collections.abc import Sequence
from itertools import pairwise

from msgspec import Struct

from central_sync.ingest.skipping import end_before, ground_after, leading, stands_on
from central_sync.store import audits, streams
from central_sync.store.backups import LossRow
from central_sync.store.database import Connection
from central_sync.store.streams import StreamKey
from edge_core.limits import PUSH_ENTRIES_MAX
from edge_core.sync.audit import Entry
from edge_core.sync.chain import genesis
from edge_core.sync.locator import newest_common
from edge_core.sync.messages import Deliver, Hello, Mark, Recall, Welcome, pack_block, within_bytes
from edge_core.sync.salvage import sound_prefix


class Recalled(Struct, frozen=True):
    """The answer to a recall, and what it shows that neither end has any more."""

    deliver: Deliver
    loss: LossRow | None = None


async def recalled(connection: Connection, recall: Recall) -> Recalled:
    """The entries of an earlier stream that follow the newest common mark; none when the node has them all.

    Where the node has let go of everything that both had, there is nothing to deliver: it hears where the centre ends.
    """
    key = StreamKey(recall.node_id, recall.former, recall.lane)
    if recall.before is not None:
        return Recalled(await _leading_up(connection, recall, key, recall.before))
    held = await streams.hashes_at(connection, key, [mark.seq for mark in recall.locator])
    newest = newest_common(recall.locator, held)
    if newest is None and recall.locator and recall.locator[-1].seq > 0:
        return await _apart(connection, recall, key)
    common = Mark(newest or 0, held[newest or 0])
    rows = await streams.after(connection, key, common.seq, PUSH_ENTRIES_MAX)
    rows = rows[: within_bytes([body for _, body in rows])]
    rows = rows[: provable(rows, common.seq, common.hash)]
    if not rows:
        return Recalled(await _behind_damage(connection, recall, key, common))
    return Recalled(_delivered(recall, common, [body for _, body in rows], rows[-1][0]))


def _delivered(recall: Recall, ground: Mark, bodies: Sequence[bytes], tail_hash: bytes, lacking: int = 0) -> Deliver:
    """The entries that follow a place."""
    first, last = ground.seq + 1, ground.seq + len(bodies)
    block = pack_block(list(bodies))
    return Deliver(recall.former, recall.lane, first, last, ground.hash, tail_hash, *block, lacking=lacking)


async def _behind_damage(connection: Connection, recall: Recall, key: StreamKey, common: Mark) -> Deliver:
    """What follows the first row that is damaged, or of which only the hash is; nothing where the copies are equal."""
    cursor = (await streams.of_incarnations(connection, [key[:2]])).get(key)
    if cursor is None or cursor.durable_seq <= common.seq:
        return _delivered(recall, common, [], common.hash)
    end, ground = Mark(cursor.durable_seq, cursor.durable_hash), common
    for _ in range(2):
        rows = await audits.entries_in(connection, key, ground.seq + 1, ground.seq + PUSH_ENTRIES_MAX)
        rows = rows[: within_bytes([row.body for row in rows])]
        hashes = leading(rows, ground.seq, ground.hash, end)
        if hashes:
            bodies = [row.body for row in rows[: len(hashes)]]
            return _delivered(recall, ground, bodies, hashes[-1], ground.seq - common.seq)
        ground = await ground_after(connection, key, common.seq, end.seq) or end
    return _delivered(recall, end, [], end.hash, end.seq - common.seq)


async def _leading_up(connection: Connection, recall: Recall, key: StreamKey, mark: Mark) -> Deliver:
    """The entries that lead up to a mark; none where it is not in this chain: the centre has lost what the node asks.

    Where the mark's own row is damaged, or missing, the entries that lead up to the last one before it that is not.
    """
    rows = await streams.up_to(connection, key, mark.seq, PUSH_ENTRIES_MAX + 1)
    is_there = bool(rows) and rows[0][0] == mark.seq
    cursor = (await streams.of_incarnations(connection, [key[:2]])).get(key)
    if cursor is None or cursor.durable_seq < mark.seq or (is_there and rows[0][1] != mark.hash):
        return _up_to(recall, mark, mark.hash, [], mark)
    end: Mark | None = mark
    taken = _provable_down(key, rows) if is_there else []
    if not taken:
        end = await end_before(connection, key, mark.seq)
        rows = [] if end is None else await streams.up_to(connection, key, end.seq, PUSH_ENTRIES_MAX + 1)
        taken = _provable_down(key, rows)
    if not taken or end is None:
        return _up_to(recall, mark, mark.hash, [], mark)
    taken = taken[: within_bytes([body for _, _, body in taken])]
    first = taken[-1][0]
    ground = genesis(*key) if first == 1 else next(at for seq, at, _ in rows if seq == first - 1)
    return _up_to(recall, end, ground, [body for _, _, body in reversed(taken)], mark)


def _up_to(recall: Recall, end: Mark, ground: bytes, bodies: Sequence[bytes], mark: Mark) -> Deliver:
    """Entries that lead up to `end`, which is the mark that was named, or lies before it."""
    first = end.seq + 1 - len(bodies)
    block = pack_block(list(bodies))
    lacking = mark.seq - end.seq
    return Deliver(recall.former, recall.lane, first, end.seq, ground, end.hash, *block, mark.seq, lacking)


def _provable_down(key: StreamKey, rows: Sequence[tuple[int, bytes, bytes]]) -> list[tuple[int, bytes, bytes]]:
    """Of rows that run downwards the first ones, as far as each stands on the next."""
    beginning = [(0, genesis(*key), b"")] if rows and rows[-1][0] == 1 else []
    taken = []
    for row, before in pairwise([*rows, *beginning]):
        if not stands_on(Entry(*row), Entry(*before)):
            break
        taken.append(row)
    return taken


def provable(rows: Sequence[tuple[bytes, bytes]], common: int, at_common: bytes) -> int:
    """How many of the (hash, body) that should follow a seq lead from hash to hash: a damaged one would spoil them all.

    What comes before it is delivered; where that is nothing, what comes behind it (`_behind_damage`).
    """
    numbered = [(seq, entry_hash, body) for seq, (entry_hash, body) in enumerate(rows, common + 1)]
    return sound_prefix(numbered, common + 1, at_common)


def lost_by(hello: Hello, answer: Welcome) -> list[LossRow]:
    """What a hello shows to be nowhere any more: it begins beyond what the centre holds, and is fenced for it.

    It is recorded at once. The recall says the same, but the disk that would ask may be lost before it can.
    """
    if answer.decision != "fence":
        return []
    held = {position.lane: position.durable_seq for position in answer.lanes}
    return [
        LossRow(hello.node_id, hello.incarnation, lane.lane, held[lane.lane] + 1, lane.first_seq - 1)
        for lane in hello.lanes
        if lane.lane in held and lane.first_seq > held[lane.lane] + 1
    ]


async def _apart(connection: Connection, recall: Recall, key: StreamKey) -> Recalled:
    """The node's copy begins where the centre's has ended, or is another history: an empty delivery before the cut.

    The node then appends again what is left. What lies between both is nowhere.
    """
    cut_seq = recall.locator[-1].seq
    rows = await streams.of_incarnations(connection, [(key.node_id, key.incarnation)])
    end_seq = rows[key].durable_seq if key in rows else 0
    ground = min(end_seq, cut_seq - 1)
    held = await streams.hashes_at(connection, key, [ground])
    if ground not in held:
        ground = 0  # the row is lost here: the genesis is before the cut as well
    at_ground = held[ground]
    codec, block = pack_block([])
    deliver = Deliver(recall.former, recall.lane, ground + 1, ground, at_ground, at_ground, codec, block)
    return Recalled(deliver, LossRow(*key, end_seq + 1, cut_seq) if end_seq < cut_seq else None)
