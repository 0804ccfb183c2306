"""The messages with which a newcomer gets what is least needed to sell, before its history (docs/protocol.md).

The centre draws a picture of the node as of the ends of its former streams: the entries of the orders that are open,
and what all entries together have made of the stock. It comes in pages; the newcomer asks for one after the other.
"""

from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from edge_core.errors import UNREADABLE, PeerFault
from edge_core.limits import ENTRY_BYTES_MAX, FORMER_INCARNATIONS_MAX, MESSAGE_BYTES_MAX, TEXT_CHARS_MAX
from edge_core.sync.fields import Codec, Hash, Lane, NodeId, Seq

Name = Annotated[str, Meta(max_length=TEXT_CHARS_MAX)]
Quantity = Annotated[int, Meta(ge=-(1 << 62), le=1 << 62)]


class Ground(Struct, frozen=True, array_like=True):
    """Where a former stream ends in the picture, the chain's hash there, and how far the centre's backup covers it."""

    incarnation: UUID
    lane: Lane
    seq: Seq
    hash: Hash
    backed_up_seq: Seq = 0


class Reached(Struct, frozen=True, array_like=True):
    """How far the pages have come: up to an order; or through all orders, and up to a SKU and lot."""

    order_id: UUID | None = None
    goods: tuple[Name, Name] | None = None


class OpenEntry(Struct, frozen=True, array_like=True, tag="entry"):
    """An entry of an open order: which of the grounds its stream is, the chain's hash at it, its bytes."""

    ground: Annotated[int, Meta(ge=0)]
    hash: Hash
    body: Annotated[bytes, Meta(max_length=ENTRY_BYTES_MAX)]


class Goods(Struct, frozen=True, array_like=True, tag="goods"):
    """What the entries have made of one position, in thousandths of the unit. `lot` is '' for goods without lots."""

    sku: Name
    lot: Name
    unit: Name
    expires_on: Name | None
    on_hand_milli: Quantity
    reserved_milli: Quantity


Item = OpenEntry | Goods


class Need(Struct, frozen=True, array_like=True, tag="need"):
    """The edge, whose file has nothing of its node's past, asks for the next page of a picture; at first of any."""

    node_id: NodeId
    incarnation: UUID
    as_of: Hash | None = None
    after: Reached | None = None


class Needed(Struct, frozen=True, array_like=True, tag="needed"):
    """A page of the picture `as_of`: what comes `after`, as it was asked; `then` is where to go on, None at the end.

    The block is packed as that of a push, each body one `Item`. No grounds: the centre has no picture to give. `at_seq`
    is how far the asker's own orders are in the goods.
    """

    incarnation: UUID
    as_of: Hash
    grounds: Annotated[tuple[Ground, ...], Meta(max_length=2 * FORMER_INCARNATIONS_MAX)]
    at_seq: Seq
    after: Reached | None
    then: Reached | None
    codec: Codec
    block: Annotated[bytes, Meta(max_length=MESSAGE_BYTES_MAX)]


_ENCODER: Final = msgspec.msgpack.Encoder(uuid_format="bytes")
_ITEM: Final[msgspec.msgpack.Decoder[Item]] = msgspec.msgpack.Decoder(Item)


def encode_item(item: Item) -> bytes:
    """The bytes of one thing in a page's block."""
    return _ENCODER.encode(item)


def decode_item(raw: bytes) -> Item:
    """Read one of them. Raises `PeerFault`."""
    try:
        return _ITEM.decode(raw)
    except UNREADABLE as error:
        raise PeerFault("undecodable", f"nothing that a page carries: {error}") from error
