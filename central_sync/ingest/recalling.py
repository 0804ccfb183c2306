"""What a node asks back of an earlier stream of its own: the entries after the newest common mark; and what is lost."""

from collections.abc import Sequence

from msgspec import Struct

from central_sync.store import streams
from central_sync.store.backups import LossRow
from central_sync.store.database import Connection
from central_sync.store.streams import StreamKey
from edge_core.limits import PUSH_ENTRIES_MAX
from edge_core.sync.chain import genesis
from edge_core.sync.locator import newest_common
from edge_core.sync.messages import Deliver, Hello, Mark, Recall, Welcome, pack_block, within_bytes
from edge_core.sync.salvage import sound_prefix


class Recalled(Struct, frozen=True):
    """The answer to a recall, none where the rows are damaged here, and what it shows that neither end has any more."""

    deliver: Deliver | None
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
    common = newest or 0
    rows = await streams.after(connection, key, common, PUSH_ENTRIES_MAX)
    rows = rows[: within_bytes([body for _, body in rows])]
    rows = rows[: provable(rows, common, held[common]) or None]
    codec, block = pack_block([body for _, body in rows])
    tail_hash = rows[-1][0] if rows else held[common]
    first, last = common + 1, common + len(rows)
    return Recalled(Deliver(recall.former, recall.lane, first, last, held[common], tail_hash, codec, block))


async def _leading_up(connection: Connection, recall: Recall, key: StreamKey, mark: Mark) -> Deliver | None:
    """The entries that lead up to a mark; none where it is not in this chain: the centre has lost what the node asks.

    Without a row among them, the ones after it; where that is the mark's own, an audit has to mend it first.
    """
    rows = await streams.up_to(connection, key, mark.seq, PUSH_ENTRIES_MAX + 1)
    run = [row for at, row in enumerate(rows) if row[0] == mark.seq - at]
    if not run or run[0][1] != mark.hash:
        cursors = await streams.of_incarnations(connection, [(key.node_id, key.incarnation)])
        if not run and key in cursors and cursors[key].durable_seq >= mark.seq:
            return None
        gone = mark.seq + 1, mark.seq, mark.hash, mark.hash, *pack_block([])
        return Deliver(recall.former, recall.lane, *gone, before=mark.seq)
    taken = run[:PUSH_ENTRIES_MAX]
    taken = taken[: within_bytes([body for _, _, body in taken])]
    first = taken[-1][0]
    ground = genesis(*key) if first == 1 else next((at for seq, at, _ in run if seq == first - 1), None)
    if ground is None:  # the row before is missing: the first one that is there is the ground
        first, ground, taken = first + 1, taken[-1][1], taken[:-1]
    if not taken:
        return None
    block = pack_block([body for _, _, body in reversed(taken)])
    return Deliver(recall.former, recall.lane, first, mark.seq, ground, mark.hash, *block, before=mark.seq)


def provable(rows: Sequence[tuple[bytes, bytes]], common: int, at_common: bytes) -> int:
    """How many of the (hash, body) that should follow a seq lead from hash to hash: a damaged one would spoil them all.

    What comes before it is delivered. Where that is nothing, the node has to hear of it: it refuses such a delivery.
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
