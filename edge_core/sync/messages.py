"""The messages of protocol v1 and their bytes (docs/protocol.md).

A message is `HF`, one byte of protocol version, then a tagged MessagePack array. `decode_message` is made for foreign
bytes: it bounds the length first, reads only what the types declare, and raises `PeerFault` for everything else.
"""

from collections.abc import Sequence
from typing import Annotated, Final, Literal, TypeVar
from uuid import UUID

import msgspec
import zstandard
from msgspec import Meta, Struct

from edge_core.errors import UNREADABLE, PeerFault
from edge_core.limits import (
    BLOCK_BYTES_MAX,
    ENTRY_BYTES_MAX,
    FORMER_INCARNATIONS_MAX,
    LOCATOR_MARKS_MAX,
    MESSAGE_BYTES_MAX,
    PUSH_BYTES_MAX,
    PUSH_ENTRIES_MAX,
    REFERENCE_DATASETS_MAX,
)
from edge_core.sync import fields
from edge_core.sync.audit_messages import AuditCall, DayTotals, Digest, DigestReply, ScrubReport
from edge_core.sync.need_messages import Need, Needed
from edge_core.sync.policy_messages import PolicyReport
from edge_core.sync.reference_messages import Held, Published

M = TypeVar("M")

PROTOCOL_VERSION: Final = 1
_MAGIC: Final = b"HF" + bytes([PROTOCOL_VERSION])

NodeId = fields.NodeId
Seq = fields.Seq
Millis = fields.Millis
Hash = fields.Hash
Lane = fields.Lane
StreamLane = Literal["orders", "bulk", "down"]  # "down" is the centre's stream; the others are a node's
DOWN: Final = "down"
ShortText = fields.ShortText
Codec = fields.Codec
Decision = fields.Decision


def lane_of(name: str) -> Lane:
    """A lane's name as the messages type it."""
    return "bulk" if name == "bulk" else "orders"


def within_bytes(bodies: Sequence[bytes], bytes_max: int = PUSH_BYTES_MAX) -> int:
    """How many of the first bodies fit one message; one that alone is larger goes alone."""
    size = 0
    for index, body in enumerate(bodies):
        size += len(body)
        if size > bytes_max and index:
            return index
    return len(bodies)


class LanePosition(Struct, frozen=True, array_like=True):
    """Where a stream begins and ends at its owner: the first seq still held, the last, and the chain's hash there."""

    lane: Lane
    first_seq: Seq
    tail_seq: Seq
    tail_hash: Hash


class AckedPosition(Struct, frozen=True, array_like=True):
    """How far the centre has acked a lane, by the word of the history that the hello names."""

    lane: Lane
    durable_seq: Seq


class DurablePosition(Struct, frozen=True, array_like=True):
    """How far a stream is durable at the centre, the chain's hash there, and how far the centre's backup covers it.

    `parked` entries of it wait for people; `settled` ones were parked once, and were replayed or discarded.
    """

    lane: Lane
    durable_seq: Seq
    durable_hash: Hash
    backed_up_seq: Seq = 0
    parked: Seq = 0
    settled: Seq = 0


class FormerStream(Struct, frozen=True, array_like=True):
    """A lane of an earlier incarnation of the node, how far the centre has it, and its backup covers it."""

    incarnation: UUID
    lane: Lane
    durable_seq: Seq
    durable_hash: Hash
    backed_up_seq: Seq = 0


class Mark(Struct, frozen=True, array_like=True):
    """A place in a chain: a seq, and the hash there."""

    seq: Seq
    hash: Hash


class Grant(Struct, frozen=True, array_like=True):
    """What the centre allows a node: pushes in flight, entries a second (0: no limit), not before, for how long."""

    window: Annotated[int, Meta(ge=1, le=64)]
    rate_entries_per_s: Annotated[int, Meta(ge=0)]
    start_after_ms: Millis
    ttl_ms: Millis


class LaneLedger(Struct, frozen=True, array_like=True):
    """The books of one lane: accepted = confirmed + pending + parked (promise G8).

    `backed_up_seq` is how far the node knows the centre's backup to cover it, `pruned_seq` how far it has let go of it.
    `settled` is the centre's figure that came with `parked`: it says how old that is.
    """

    lane: Lane
    accepted: Seq
    confirmed: Seq
    pending: Seq
    parked: Seq
    backed_up_seq: Seq = 0
    pruned_seq: Seq = 0
    settled: Seq = 0


class DownPosition(Struct, frozen=True, array_like=True):
    """How far a node has taken a downlink: its incarnation, the last seq, and the chain's hash there."""

    incarnation: UUID
    seq: Seq
    hash: Hash


class Hello(Struct, frozen=True, array_like=True, tag="hello"):
    """The edge introduces itself after each connection.

    `succeeds` is the incarnation in whose place it means to be the node, once the centre has named it (`confirm`).
    """

    node_id: NodeId
    incarnation: UUID
    lanes: Annotated[tuple[LanePosition, ...], Meta(max_length=4)]
    history_id: UUID | None
    wall_clock_ms: Millis
    software_version: ShortText
    schema_version: int
    name: ShortText = ""
    region: ShortText = ""
    former: Annotated[tuple[UUID, ...], Meta(max_length=FORMER_INCARNATIONS_MAX)] = ()
    downlink: DownPosition | None = None
    acked: Annotated[tuple[AckedPosition, ...], Meta(max_length=4)] = ()
    succeeds: UUID | None = None


class Welcome(Struct, frozen=True, array_like=True, tag="welcome"):
    """The centre answers with what it holds and what the edge should do.

    `current` is the node's incarnation so far, where the edge has to `confirm` that it takes its place.
    """

    history_id: UUID
    incarnation: UUID
    decision: Decision
    lanes: Annotated[tuple[DurablePosition, ...], Meta(max_length=4)]
    grant: Grant
    clock_offset_ms: Millis
    detail: ShortText = ""
    former: Annotated[tuple[FormerStream, ...], Meta(max_length=2 * FORMER_INCARNATIONS_MAX)] = ()
    downlink: UUID | None = None
    current: UUID | None = None


class Push(Struct, frozen=True, array_like=True, tag="push"):
    """Entries `from_seq` to `to_seq` of one lane, the hash before the first and after the last."""

    node_id: NodeId
    incarnation: UUID
    lane: Lane
    from_seq: Seq
    to_seq: Seq
    previous_hash: Hash
    tail_hash: Hash
    codec: Codec
    block: Annotated[bytes, Meta(max_length=MESSAGE_BYTES_MAX)]


class Ack(Struct, frozen=True, array_like=True, tag="ack"):
    """The centre's word after its COMMIT: everything up to `durable_seq`, with the hash there.

    `parked` and `settled` are its books of the stream. `held` says why it takes nothing more for now, and is
    empty where it takes more; None in an answer to a heartbeat, which was offered nothing and says nothing of it.
    """

    history_id: UUID
    incarnation: UUID
    lane: Lane
    received_seq: Seq
    durable_seq: Seq
    backed_up_seq: Seq
    durable_hash: Hash
    parked: Seq
    settled: Seq = 0
    held: ShortText | None = ""


class GrantMessage(Struct, frozen=True, array_like=True, tag="grant"):
    """A new grant while connected."""

    incarnation: UUID
    grant: Grant


class Heartbeat(Struct, frozen=True, array_like=True, tag="heartbeat"):
    """How the node is, every few seconds."""

    node_id: NodeId
    incarnation: UUID
    lanes: Annotated[tuple[LaneLedger, ...], Meta(max_length=4)]
    oldest_unacked_age_ms: Millis
    disk_free_bytes: Annotated[int, Meta(ge=0)]
    wall_clock_ms: Millis
    software_version: ShortText
    last_error: ShortText | None = None
    downlink: DownPosition | None = None
    parked_instructions: Seq = 0
    scrub: ScrubReport | None = None
    reference: Annotated[tuple[Held, ...], Meta(max_length=REFERENCE_DATASETS_MAX)] = ()
    policies: PolicyReport | None = None


class Recall(Struct, frozen=True, array_like=True, tag="recall"):
    """The edge asks for entries of an earlier incarnation that it may have lost.

    `locator` are marks of its own copy, newest first and ever further apart: the centre answers from the newest that is
    in its chain too, with one `Deliver`; an empty one says that there is nothing more. With `before`, it asks for the
    entries that lead up to this mark, itself included, and the locator says nothing.
    """

    node_id: NodeId
    incarnation: UUID
    former: UUID
    lane: Lane
    locator: Annotated[tuple[Mark, ...], Meta(max_length=LOCATOR_MARKS_MAX)]
    before: Mark | None = None


class Deliver(Struct, frozen=True, array_like=True, tag="deliver"):
    """Down to the node: instructions of the centre's log (lane `down`), or what a recall asked for (any other lane).

    `before` is the seq of the mark where the recall named one, else 0. `lacking` entries next to what both ends have
    are damaged in the centre's copy, and left out: before `from_seq`, or between `to_seq` and the mark.
    """

    incarnation: UUID
    lane: StreamLane
    from_seq: Seq
    to_seq: Seq
    previous_hash: Hash
    tail_hash: Hash
    codec: Codec
    block: Annotated[bytes, Meta(max_length=MESSAGE_BYTES_MAX)]
    before: Seq = 0
    lacking: Seq = 0


class DeliverAck(Struct, frozen=True, array_like=True, tag="deliver_ack"):
    """The edge's word after its COMMIT: how far it has taken a downlink. `by` is the edge's own incarnation."""

    node_id: NodeId
    incarnation: UUID
    lane: StreamLane
    durable_seq: Seq
    durable_hash: Hash
    by: UUID | None = None


class Bye(Struct, frozen=True, array_like=True, tag="bye"):
    """A hint that the node is leaving, or its last will: never a fact."""

    node_id: NodeId
    incarnation: UUID
    reason: ShortText


class Early(Struct, frozen=True, array_like=True, tag="early"):
    """The newest entries of a long backlog, ahead of their turn: a copy that is shown as provisional and never counted.

    The fields are those of a push, and its chain is checked in the same way.
    """

    node_id: NodeId
    incarnation: UUID
    lane: Lane
    from_seq: Seq
    to_seq: Seq
    previous_hash: Hash
    tail_hash: Hash
    codec: Codec
    block: Annotated[bytes, Meta(max_length=MESSAGE_BYTES_MAX)]


UpMessage = Hello | Push | Heartbeat | Recall | Need | DeliverAck | Bye | Early | Digest | DayTotals
DownMessage = Welcome | Ack | GrantMessage | Deliver | Needed | DigestReply | AuditCall | Published

_ENCODER: Final = msgspec.msgpack.Encoder(uuid_format="bytes")
_PUSH: Final = _MAGIC + _ENCODER.encode(["push", *Push.__struct_fields__])[: 2 + len("push")]  # as every push begins
_UP: Final[msgspec.msgpack.Decoder[UpMessage]] = msgspec.msgpack.Decoder(UpMessage)
_DOWN: Final[msgspec.msgpack.Decoder[DownMessage]] = msgspec.msgpack.Decoder(DownMessage)
_BLOCK: Final[msgspec.msgpack.Decoder[list[bytes]]] = msgspec.msgpack.Decoder(
    Annotated[list[Annotated[bytes, Meta(max_length=ENTRY_BYTES_MAX)]], Meta(max_length=PUSH_ENTRIES_MAX)]
)
_ZSTD_LEVEL: Final = 1


def encode_message(message: UpMessage | DownMessage) -> bytes:
    """The bytes of a message."""
    return _MAGIC + _ENCODER.encode(message)


def decode_up(payload: bytes) -> UpMessage:
    """Read what an edge sent. Raises `PeerFault`."""
    return _decode(_UP, payload)


def is_push(payload: bytes) -> bool:
    """Whether a message that was not read yet is a push, as far as its first bytes say."""
    return payload.startswith(_PUSH)


def decode_down(payload: bytes) -> DownMessage:
    """Read what the centre sent. Raises `PeerFault`."""
    return _decode(_DOWN, payload)


def pack_block(bodies: Sequence[bytes]) -> tuple[Codec, bytes]:
    """Entries as one compressed block (zstd level 1: five times smaller at hundreds of MB/s)."""
    return "zstd", zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(_ENCODER.encode(bodies))


def unpack_block(codec: Codec, block: bytes) -> list[bytes]:
    """The entries of a block. Raises `PeerFault` for one that is broken or would unpack beyond `BLOCK_BYTES_MAX`."""
    try:
        raw = _decompress(block) if codec == "zstd" else block
        return _BLOCK.decode(raw)
    except (zstandard.ZstdError, *UNREADABLE) as error:
        raise PeerFault("undecodable", f"not a block of entries: {error}") from error


def _decompress(block: bytes) -> bytes:
    size = zstandard.get_frame_parameters(block).content_size
    if not 0 <= size <= BLOCK_BYTES_MAX:
        raise PeerFault("too-large", f"a block that declares {size} bytes, the limit is {BLOCK_BYTES_MAX}")
    return zstandard.ZstdDecompressor().decompress(block, max_output_size=BLOCK_BYTES_MAX)


def _decode(decoder: msgspec.msgpack.Decoder[M], payload: bytes) -> M:
    if len(payload) > MESSAGE_BYTES_MAX:
        raise PeerFault("too-large", f"a message of {len(payload)} bytes, the limit is {MESSAGE_BYTES_MAX}")
    if payload[:2] != _MAGIC[:2]:
        raise PeerFault("undecodable", "not a message of this protocol")
    if payload[:3] != _MAGIC:
        raise PeerFault("unknown-version", f"protocol version {payload[2:3].hex()}, this software knows 01")
    try:
        return decoder.decode(memoryview(payload)[3:])
    except UNREADABLE as error:
        raise PeerFault("undecodable", f"not a message: {error}") from error
