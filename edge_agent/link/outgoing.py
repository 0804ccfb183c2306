"""What the link says of the file: its hello, and the entries of a push. Read on the link's own connection."""

import asyncio
from collections.abc import Callable
from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import astuple

from edge_agent.store import log
from edge_agent.store.file import StoreFile
from edge_core.errors import RecordDamaged
from edge_core.limits import EARLY_ENTRIES_MAX, FORMER_INCARNATIONS_MAX, PUSH_BYTES_MAX, PUSH_ENTRIES_MAX
from edge_core.sync.link_types import LinkState
from edge_core.sync.messages import (
    AckedPosition,
    DownPosition,
    Early,
    Hello,
    LanePosition,
    Push,
    lane_of,
    pack_block,
    within_bytes,
)
from edge_core.sync.salvage import sound_prefix

_INLINE_BYTES_MAX: Final = 32 * 1024  # a small push compresses faster than a thread is woken


class Introduction(Struct, frozen=True):
    """How the node introduces itself."""

    node_id: str
    name: str
    region: str
    software_version: str
    schema_version: int


class Outgoing:
    """Makes the messages of one node from its file. Raises `StorageFault` where that cannot be read."""

    def __init__(self, file: StoreFile, introduction: Introduction, now_ms: Callable[[], int]) -> None:
        self._file = file
        self._introduction = introduction
        self._now_ms = now_ms

    async def hello(self, state: LinkState, downlink: DownPosition | None) -> Hello:
        """The log's present positions, the history of the centre that was seen last, and what that one had acked.

        `downlink` is how far the centre's own log for this node is taken here.
        """
        lanes = []
        for lane, stream in self._file.streams.items():
            tail = self._file.tails[lane]
            first = await log.first_seq(self._file.link_reader, stream)
            lanes.append(LanePosition(lane_of(lane), first, tail.seq, tail.hash))
        who = self._introduction
        return Hello(
            node_id=who.node_id,
            incarnation=self._file.streams["orders"].incarnation,
            lanes=tuple(lanes),
            history_id=state.history_id,
            wall_clock_ms=self._now_ms(),
            software_version=who.software_version,
            schema_version=who.schema_version,
            name=who.name,
            region=who.region,
            former=self._former(),
            downlink=downlink,
            acked=tuple(AckedPosition(lane_of(stream.lane), stream.durable_seq) for stream in state.streams),
            succeeds=state.succeeds,
        )

    async def push(
        self, lane: str, from_seq: int, entries_max: int = PUSH_ENTRIES_MAX, bytes_max: int = PUSH_BYTES_MAX
    ) -> Push | None:
        """The entries of a lane from a seq on, as many as fit; None where the log does not go on there.

        They end before the first one that is damaged; where that is the one asked for, `RecordDamaged` is raised.
        """
        stream = self._file.streams[lane]
        reader = self._file.link_reader
        if from_seq > self._file.tails[lane].seq:
            return None
        rows = await log.read_range(reader, stream, from_seq, entries_max)
        rows = rows[: within_bytes([body for _, _, body in rows], bytes_max)]
        previous = await log.read_hash(reader, stream, from_seq - 1)
        if previous is None:
            return None
        rows = rows[: sound_prefix(rows, from_seq, previous)]
        if not rows:
            raise RecordDamaged(f"{lane} {from_seq}")
        bodies = [body for _, _, body in rows]
        small = sum(map(len, bodies)) <= _INLINE_BYTES_MAX
        codec, block = pack_block(bodies) if small else await asyncio.to_thread(pack_block, bodies)
        to_seq, tail_hash, _ = rows[-1]
        node_id = self._introduction.node_id
        return Push(node_id, stream.incarnation, lane_of(lane), from_seq, to_seq, previous, tail_hash, codec, block)

    async def early(self, from_seq: int) -> Early | None:
        """A copy of the newest orders, from a seq on, as many as one such message holds."""
        push = await self.push("orders", from_seq, EARLY_ENTRIES_MAX)
        return None if push is None else Early(*astuple(push))

    def _former(self) -> tuple[UUID, ...]:
        """The earlier incarnations of this machine, the newest of them: the centre closes them for good.

        What was taken back from the centre may be the life of another machine, which has to hear that it was replaced.
        """
        lives = dict.fromkeys(stream.incarnation for stream in self._file.former if stream.is_own)
        return tuple(lives)[-FORMER_INCARNATIONS_MAX:]
