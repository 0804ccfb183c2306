"""The instruction: what the centre asks of a node, encoded once, the unit of the downlink (docs/protocol.md).

A body is a MessagePack array whose head any version of this software can read: who it is, when, and what it is about.
So a node that does not know a kind still knows whose later instructions have to wait for it. A new kind is a new
struct in `Task` and a handler at the edge (`edge_agent/instructions.py`); the head and the downlink stay as they are.
"""

from typing import Final
from uuid import UUID

import msgspec
from msgspec import Raw, Struct

from edge_core import ids
from edge_core.errors import UNREADABLE, PeerFault, PermanentFault
from edge_core.limits import INSTRUCTION_BYTES_MAX
from edge_core.orders.document import TillOrder
from edge_core.orders.part_of import PartOf
from edge_core.orders.requests import CancelRequest, HandBackRequest
from edge_core.stock.quotas import Quota
from edge_core.stock.requests import QuotaRequest, RightsTask
from edge_core.stock.rights_book import Spent
from edge_core.sync.hold_tasks import HoldingTask

INSTRUCTION_VERSION: Final = 1


class CancelTask(Struct, frozen=True, array_like=True, gc=False, tag="order.cancel"):
    """Call an order off; `expected_revision` refuses one that has moved on."""

    reason: str
    operator_id: str | None = None
    expected_revision: int | None = None

    def request(self) -> CancelRequest:
        """The same as a till would ask it."""
        return CancelRequest(self.reason, self.operator_id, self.expected_revision)


class AssignTask(Struct, frozen=True, array_like=True, gc=False, tag="order.assign"):
    """Take an order on, under the instruction's subject as its id, or refuse it.

    `central_order_id`, `display_number`, `key` and `payload_hash` are the centre's order's; the location's word is
    wanted until `accept_by_ms` (Unix time, the centre's clock). `spent` are promises that the centre made for it with
    rights to goods of this location. `part_of` is there where the centre has divided a larger order.
    """

    order: TillOrder
    central_order_id: UUID
    display_number: str
    key: str
    payload_hash: bytes
    attempt: int
    accept_by_ms: int
    spent: tuple[Spent, ...] = ()
    part_of: PartOf | None = None


class WithdrawTask(Struct, frozen=True, array_like=True, gc=False, tag="order.withdraw"):
    """Let go of an order that was assigned, unless its goods have left or it was changed."""

    reason: str

    def request(self) -> HandBackRequest:
        """The same as somebody of the store would ask it."""
        return HandBackRequest(self.reason)


class QuotaTask(Struct, frozen=True, array_like=True, gc=False, tag="stock.set_quota"):
    """Part what is free of a SKU between the channels of a store."""

    sku: str
    plan: tuple[Quota, ...]

    def request(self) -> QuotaRequest:
        """The same as somebody at the store would ask it."""
        return QuotaRequest(self.sku, self.plan)


Task = CancelTask | AssignTask | WithdrawTask | HoldingTask | QuotaTask | RightsTask


class Instruction(Struct, frozen=True, array_like=True, gc=False):
    """One thing to be done. `subject` is the order that it is about; `issued_at_ms` is the centre's Unix clock."""

    version: int
    instruction_id: UUID
    issued_at_ms: int
    subject: UUID | None
    task: Task
    traceparent: str | None = None


class Head(Struct, frozen=True, array_like=True, gc=False):
    """What every version of an instruction begins with; its `task` stays unread."""

    version: int
    instruction_id: UUID
    issued_at_ms: int
    subject: UUID | None
    task: Raw


_ENCODER: Final = msgspec.msgpack.Encoder(uuid_format="bytes")
_HEAD: Final = msgspec.msgpack.Decoder(Head)
_DECODER: Final = msgspec.msgpack.Decoder(Instruction)
_KIND: Final = msgspec.msgpack.Decoder(list[Raw])
_TEXT: Final = msgspec.msgpack.Decoder(str)


def instruction_id(key: str) -> UUID:
    """The id of what is asked for under an `Idempotency-Key`: a UUIDv8 (RFC 9562 section 5.8).

    The same key gives the same id for ever, also at a centre that was restored to before it had heard of it: what a
    client repeats then is known to the node, and not done twice.
    """
    return ids.named(b"holdfast/instruction\x00", key)


def encode_instruction(instruction: Instruction) -> bytes:
    """The canonical bytes, at most `INSTRUCTION_BYTES_MAX`; a larger one raises `PermanentFault`."""
    body = _ENCODER.encode(instruction)
    if len(body) > INSTRUCTION_BYTES_MAX:
        raise PermanentFault(f"an instruction of {len(body)} bytes is over the limit of {INSTRUCTION_BYTES_MAX}")
    return body


def read_head(body: bytes) -> Head | None:
    """What an instruction is about, be its kind known or not; None where not even that can be read."""
    try:
        return _HEAD.decode(body)
    except UNREADABLE:
        return None


def kind_in(head: Head) -> str:
    """The name of the task as it stands in the bytes, '' where none can be read."""
    try:
        parts = _KIND.decode(head.task)
        return _TEXT.decode(parts[0]) if parts else ""
    except UNREADABLE:
        return ""


def kind_of(task: Task) -> str:
    """The frozen name of a task, as it stands in the bytes."""
    return str(task.__struct_config__.tag)


def decode_instruction(body: bytes) -> Instruction:
    """Read an instruction that this software knows. Raises `PeerFault` for one that it does not."""
    if len(body) > INSTRUCTION_BYTES_MAX:
        raise PeerFault("too-large", f"an instruction of {len(body)} bytes, the limit is {INSTRUCTION_BYTES_MAX}")
    try:
        version = _HEAD.decode(body).version
        if version != INSTRUCTION_VERSION:
            raise PeerFault("unknown-version", f"instruction version {version}, known is {INSTRUCTION_VERSION}")
        return _DECODER.decode(body)
    except UNREADABLE as error:
        raise PeerFault("undecodable", f"not an instruction of a known kind: {error}") from error
