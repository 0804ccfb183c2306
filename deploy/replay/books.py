"""What the logs say, read back through `edge-agent export` and `central-sync export`: who counts here sent nothing.

The totals of an order are the sum of its lines, or the agent would have refused it; what was given back is what the log
says was refunded, not what was asked for.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence

import httpx
import msgspec
from msgspec import Struct

from deploy.house.looking import centre_orders
from deploy.house.services import command_lines
from deploy.house.stage import Stage
from deploy.replay.journal import Book

_ANSWER_TIMEOUT_S = 30


class CentreView(Struct, frozen=True):
    """The centre's table of orders, as its API lists it: how many there are, and what they come to in pence."""

    orders: int
    total_minor: int


class Books(Struct, frozen=True):
    """The stores' own logs by node, the same logs at the centre, and the centre's view of the orders by node."""

    edges: dict[str, Book]
    centres: dict[str, Book]
    views: dict[str, CentreView]


class _OrderLine(Struct, frozen=True):
    line_id: str
    net_minor: int


class _Order(Struct, frozen=True):
    lines: tuple[_OrderLine, ...]


class _Placed(Struct, frozen=True, tag="order.placed"):
    order: _Order


class _Reversal(Struct, frozen=True):
    amount_minor: int


class _Returned(Struct, frozen=True, tag="order.returned"):
    reason: str
    quantities: tuple[tuple[str, int], ...]
    reversals: tuple[_Reversal, ...]


class _TakenLine(Struct, frozen=True):
    quantity_milli: int


class _TakenBack(Struct, frozen=True, tag="return.unreceipted"):
    reason: str
    refund_minor: int
    lines: tuple[_TakenLine, ...]


class _Delta(Struct, frozen=True):
    on_hand_milli: int


class _Moved(Struct, frozen=True, tag="stock.moved"):
    cause: str
    reference: str | None
    deltas: tuple[_Delta, ...]


class _Head(Struct, frozen=True):
    type: str


class _Line(Struct, frozen=True):
    events: tuple[msgspec.Raw, ...] = ()


class _Node(Struct, frozen=True):
    node_id: str


_NODE = msgspec.json.Decoder(_Node)
_LINE = msgspec.json.Decoder(_Line)
_HEAD = msgspec.json.Decoder(_Head)
_KNOWN = {cls.__struct_config__.tag: msgspec.json.Decoder(cls) for cls in (_Placed, _Returned, _TakenBack, _Moved)}


async def read_books(stage: Stage) -> Books:
    """All books of the house. Raises a `Fault` where they cannot be read."""
    nodes = [store.place.node_id for store in stage.stores]
    edges = await asyncio.gather(
        *(_book(command_lines("edge-agent", "export", "--config", store.config)) for store in stage.stores)
    )
    centres = {node_id: Book() for node_id in nodes}
    async for line in command_lines("central-sync", "export", "--config", stage.centre_config):
        read_line(centres[_NODE.decode(line).node_id], line)
    async with httpx.AsyncClient(timeout=_ANSWER_TIMEOUT_S, trust_env=False) as client:
        views = [await _view(client, stage, node_id) for node_id in nodes]
    return Books(
        dict(zip(nodes, edges, strict=True)),
        centres,
        dict(zip(nodes, views, strict=True)),
    )


def whole(books: Sequence[Book]) -> Book:
    """The books of all stores as one."""
    found = Book()
    for book in books:
        found.absorb(book)
    return found


def read_line(book: Book, line: bytes) -> None:
    """Enter one line of an export."""
    for raw in _LINE.decode(line).events:
        decoder = _KNOWN.get(_HEAD.decode(raw).type)
        event = None if decoder is None else decoder.decode(raw)
        match event:
            case _Placed():
                book.orders += 1
                for sold in event.order.lines:
                    book.add_sold(int(sold.line_id), sold.net_minor)
            case _Returned():
                pieces = sum(quantity for _, quantity in event.quantities)
                book.add_back(event.reason, pieces, sum(reversal.amount_minor for reversal in event.reversals))
            case _TakenBack():
                book.add_back(event.reason, sum(taken.quantity_milli for taken in event.lines), event.refund_minor)
            case _Moved(cause="write_off"):
                book.written_off[event.reference or ""] = -sum(delta.on_hand_milli for delta in event.deltas)


async def _book(lines: AsyncIterator[bytes]) -> Book:
    book = Book()
    async for line in lines:
        read_line(book, line)
    return book


async def _view(client: httpx.AsyncClient, stage: Stage, node_id: str) -> CentreView:
    orders = await centre_orders(client, stage, node_id)
    return CentreView(len(orders), sum(order.grand_total_minor for order in orders))
