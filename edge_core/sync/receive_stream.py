"""The receiving end of a stream, pure: duplicate-safe, gap-safe, chain-checked, the same in both directions.

    push == prepare ==> Batch          the block unpacked, its chain computed; nothing is compared with the receiver yet
    (cursor, batch) == receive ==>     Applied(cursor, skip)   entries after the first `skip` are new
                                       Duplicate(seq, hash)    nothing new; the receiver must hold that hash at that seq
                                       Gap(expected_seq)       something before it is missing: ack what there is
                                       Fork(seq)               another history under the same name: quarantine and tell

`prepare` costs the CPU and needs no state, so that a receiver may do it while an earlier batch commits.
"""

from msgspec import Struct

from edge_core.errors import PeerFault
from edge_core.limits import PUSH_ENTRIES_MAX
from edge_core.sync.chain import hashes
from edge_core.sync.messages import Deliver, Early, Push, unpack_block


class Cursor(Struct, frozen=True):
    """How far a stream is durable here, and the chain's hash there."""

    durable_seq: int
    durable_hash: bytes


class Batch(Struct, frozen=True):
    """An unpacked push: bodies and the chain's hash after each."""

    from_seq: int
    previous_hash: bytes
    bodies: list[bytes]
    hashes: list[bytes]

    @property
    def to_seq(self) -> int:
        """The last seq in it."""
        return self.from_seq + len(self.bodies) - 1

    def after(self, seq: int) -> "Batch | None":
        """What of it follows a seq, None for nothing."""
        skip = max(0, seq + 1 - self.from_seq)
        if skip >= len(self.bodies):
            return None
        ground = self.hashes[skip - 1] if skip else self.previous_hash
        return Batch(self.from_seq + skip, ground, self.bodies[skip:], self.hashes[skip:])


class Applied(Struct, frozen=True):
    """New entries follow the cursor; the first `skip` of the batch were known."""

    cursor: Cursor
    skip: int


class Duplicate(Struct, frozen=True):
    """All of it is known, provided that the receiver holds `expected_hash` at `seq`."""

    seq: int
    expected_hash: bytes


class Gap(Struct, frozen=True):
    """Entries from `expected_seq` on are missing before it."""

    expected_seq: int


class Fork(Struct, frozen=True):
    """The sender's history is not the receiver's at `seq`."""

    seq: int


def prepare(push: Push | Early | Deliver) -> Batch:
    """Unpack a push and compute its chain. Raises `PeerFault` where it contradicts itself."""
    count = push.to_seq - push.from_seq + 1
    if push.from_seq < 1 or not 1 <= count <= PUSH_ENTRIES_MAX:
        raise PeerFault("range-invalid", f"seq {push.from_seq} to {push.to_seq}")
    bodies = unpack_block(push.codec, push.block)
    if len(bodies) != count:
        raise PeerFault("range-invalid", f"{len(bodies)} entries for seq {push.from_seq} to {push.to_seq}")
    chain = hashes(push.previous_hash, bodies)
    if chain[-1] != push.tail_hash:
        raise PeerFault("chain-broken", f"seq {push.from_seq} to {push.to_seq} do not lead to the hash that was sent")
    return Batch(push.from_seq, push.previous_hash, bodies, chain)


def receive(cursor: Cursor, batch: Batch) -> Applied | Duplicate | Gap | Fork:
    """Decide what a batch means for a receiver that is at `cursor`."""
    if batch.from_seq > cursor.durable_seq + 1:
        return Gap(cursor.durable_seq + 1)
    if batch.to_seq < cursor.durable_seq:
        return Duplicate(batch.to_seq, batch.hashes[-1])
    skip = cursor.durable_seq + 1 - batch.from_seq
    if (batch.hashes[skip - 1] if skip else batch.previous_hash) != cursor.durable_hash:
        return Fork(cursor.durable_seq)
    if batch.to_seq == cursor.durable_seq:
        return Duplicate(batch.to_seq, batch.hashes[-1])
    return Applied(Cursor(batch.to_seq, batch.hashes[-1]), skip)
