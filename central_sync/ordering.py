"""Taking orders of web shops and marketplaces in at the centre: the same checks as at a store, then an owner: us.

An order's id is made of its key. So a client that repeats a request hears the same, also from a centre that was put
back to before it had heard of the order, and what a node has of it meanwhile is found under the same id.
"""

from hashlib import blake2b
from typing import Final, NamedTuple

import msgspec

from central_sync.store import assignments
from central_sync.store.assignments import CentralOrder, NewOrder
from central_sync.store.database import Connection
from edge_core import ids
from edge_core.assignment.dividing import part_id
from edge_core.assignment.state import Assignment, Offer
from edge_core.errors import InvariantViolated, PermanentFault, Rejected
from edge_core.limits import ASSIGNMENT_ATTEMPTS_MAX, INSTRUCTION_BYTES_MAX, RIGHTS_MILLI_MAX
from edge_core.orders.document import TillOrder, hashed_fields
from edge_core.orders.part_of import PartOf
from edge_core.orders.validation import check_order
from edge_core.stock.rights import CENTRE_ID, Life
from edge_core.stock.rights_book import Spent
from edge_core.sync.instruction import INSTRUCTION_VERSION, AssignTask, Instruction, encode_instruction

_HASH_BYTES: Final = 32
_ENCODER: Final = msgspec.msgpack.Encoder(uuid_format="bytes")
_DECODER: Final = msgspec.msgpack.Decoder(TillOrder)
_PART_DECODER: Final = msgspec.msgpack.Decoder(PartOf)


class Placed(NamedTuple):
    """An order that is the centre's now, and whether the same had been posted before."""

    order: CentralOrder
    is_repeated: bool


async def place(
    connection: Connection, posted: TillOrder, key: str, *, now_ms: int, traceparent: str | None = None
) -> Placed | Rejected:
    """Take an order in, once for each key. A node is looked for as soon as this has committed."""
    refused = _check(posted)
    if refused is not None:
        return refused
    order_id = ids.central_order_id(key)
    document = _ENCODER.encode(posted)
    payload_hash = blake2b(_ENCODER.encode(hashed_fields(posted)), digest_size=_HASH_BYTES).digest()
    number, milli = ids.central_display_number(order_id), _units_milli(posted)
    new = NewOrder(order_id, key, payload_hash, number, document, traceparent, units_milli=milli)
    if not fits(new, now_ms):
        return Rejected("entry-too-large", f"an order that is assigned has at most {INSTRUCTION_BYTES_MAX} bytes")
    is_new = await assignments.add(connection, new, Assignment(order_id, now_ms, due_at_ms=now_ms))
    kept = await assignments.one(connection, order_id)
    if kept is None:
        raise InvariantViolated(f"order {order_id} was taken in and is not there")
    if kept.payload_hash != payload_hash:
        return Rejected("idempotency-key-reused", "this key was sent before with another order")
    return Placed(kept, is_repeated=not is_new)


def posted_of(row: CentralOrder | NewOrder) -> TillOrder:
    """What was posted."""
    return _DECODER.decode(row.document)


def task_of(row: CentralOrder, offer: Offer) -> AssignTask:
    """What is asked of the node that the order is offered to."""
    return AssignTask(
        posted_of(row),
        row.order_id,
        row.display_number,
        row.key,
        row.payload_hash,
        offer.attempt.number,
        offer.accept_by_ms,
        offer.attempt.spent,
        part_in(row),
    )


def part_in(row: CentralOrder | NewOrder) -> PartOf | None:
    """Which part of a larger order it is, if it is one."""
    return None if row.part_of is None else _PART_DECODER.decode(row.part_of)


def number_of(row: CentralOrder) -> int:
    """Which part of its order a part is, from 1; 0 for an order that is whole."""
    part = part_in(row)
    return 0 if part is None else part.cuts[-1].number


def new_part(row: CentralOrder, name: PartOf, document: TillOrder) -> NewOrder:
    """A part of an order as an order of its own: its number is the order's, with its own behind it."""
    number, body = name.cuts[-1].number, _ENCODER.encode(document)
    return NewOrder(
        part_id(name),
        f"{row.key}/{number}",
        blake2b(body, digest_size=_HASH_BYTES).digest(),
        f"{row.display_number}-{number}",
        body,
        row.traceparent,
        row.order_id,
        _ENCODER.encode(name),
        _units_milli(document),
    )


def _units_milli(posted: TillOrder) -> int:
    return sum(line.quantity_milli for line in posted.lines)


def fits(new: NewOrder, now_ms: int) -> bool:
    """Whether an order can be carried to its node in one instruction, with what may be promised for it from rights."""
    posted = _DECODER.decode(new.document)
    spent = tuple(
        Spent(sku, RIGHTS_MILLI_MAX, Life(CENTRE_ID, new.order_id)) for sku in {line.sku for line in posted.lines}
    )
    head = (posted, new.order_id, new.display_number, new.key, new.payload_hash)
    task = AssignTask(*head, ASSIGNMENT_ATTEMPTS_MAX, now_ms, spent, part_in(new))
    try:
        encode_instruction(Instruction(INSTRUCTION_VERSION, new.order_id, now_ms, new.order_id, task, new.traceparent))
    except PermanentFault:
        return False
    return True


def _check(posted: TillOrder) -> Rejected | None:
    refused = check_order(posted)
    if refused is None and posted.fulfillment.method == "carry_out":
        detail = "what a customer carries out is sold at a till; the centre takes orders to ship or to pick up"
        return Rejected("flow-not-available", detail, "/fulfillment/method")
    return refused
