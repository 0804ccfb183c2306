"""A node's log without a node: entries, their chain, and the pushes that carry them."""

from collections.abc import Sequence
from uuid import UUID

from msgspec.structs import astuple, replace

from edge_core import ids
from edge_core.limits import PUSH_ENTRIES_MAX
from edge_core.orders.events import Event
from edge_core.sync import chain
from edge_core.sync.entry import ENTRY_VERSION, LANES, encode_entry, new_entry
from edge_core.sync.messages import Early, Hello, Lane, LanePosition, Push, pack_block
from tests.rigs.orders import START_MS, order_id, placed


class NodeLog:
    """The log of one node in one incarnation. Its entries are of `version`, or of the lowest that can say them."""

    def __init__(
        self,
        node_id: str = "store-0001",
        incarnation: UUID | None = None,
        lane: Lane = "orders",
        version: int = 1,
    ) -> None:
        self.version = version
        self.node_id = node_id
        self.incarnation = incarnation or ids.uuid7(START_MS, 1)
        self.lane = lane
        self.bodies: list[bytes] = []
        self.hashes = [chain.genesis(self.node_id, self.incarnation, self.lane)]

    @property
    def tail_seq(self) -> int:
        """The last seq."""
        return len(self.bodies)

    def record(self, events: Sequence[Event], about: UUID | None = None) -> int:
        """Append one decision and return its seq."""
        seq = self.tail_seq + 1
        at_ms = START_MS + seq
        entry = new_entry(seq=seq, hlc=at_ms << 16, recorded_at_ms=at_ms, order_id=about, events=tuple(events))
        return self.append(encode_entry(replace(entry, version=max(entry.version, self.version))))

    def append(self, body: bytes) -> int:
        """Append bytes, whatever they are."""
        self.bodies.append(body)
        self.hashes.append(chain.link(self.hashes[-1], body))
        return self.tail_seq

    def sell(self, count: int, *, first: int = 1) -> None:
        """Append so many carry-out sales."""
        for number in range(first, first + count):
            self.record(placed(number, node_id=self.node_id), order_id(number))

    def push(self, from_seq: int = 1, to_seq: int | None = None) -> Push:
        """Entries as one message."""
        last = self.tail_seq if to_seq is None else to_seq
        codec, block = pack_block(self.bodies[from_seq - 1 : last])
        return Push(
            node_id=self.node_id,
            incarnation=self.incarnation,
            lane=self.lane,
            from_seq=from_seq,
            to_seq=last,
            previous_hash=self.hashes[from_seq - 1],
            tail_hash=self.hashes[last],
            codec=codec,
            block=block,
        )

    def early(self, from_seq: int, to_seq: int | None = None) -> Early:
        """The same as a copy that runs ahead."""
        return Early(*astuple(self.push(from_seq, to_seq)))

    def pushes(self, entries: int = PUSH_ENTRIES_MAX) -> list[Push]:
        """The whole log as messages of so many entries."""
        return [self.push(seq, min(seq + entries - 1, self.tail_seq)) for seq in range(1, self.tail_seq + 1, entries)]

    def hello(self, history_id: UUID | None = None) -> Hello:
        """How the node introduces itself."""
        positions = [LanePosition("orders" if lane == "orders" else "bulk", 1, *self._tail(lane)) for lane in LANES]
        return Hello(
            node_id=self.node_id,
            incarnation=self.incarnation,
            lanes=tuple(positions),
            history_id=history_id,
            wall_clock_ms=START_MS,
            software_version="0.1.0",
            schema_version=ENTRY_VERSION,
            name=f"Store {self.node_id}",
            region="CN-HI",
        )

    def _tail(self, lane: str) -> tuple[int, bytes]:
        if lane == self.lane:
            return self.tail_seq, self.hashes[-1]
        return 0, chain.genesis(self.node_id, self.incarnation, lane)
