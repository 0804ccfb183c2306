"""What a newcomer needs to sell, before its history: the node's open orders and its stock, a page at a time.

A page is drawn in one snapshot. `as_of` names what the whole picture stands on, the ends of the former streams and what
is parked of them; where that changed since the last page, the first page of the new picture is the answer.
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Final
from uuid import UUID

import msgspec

from central_sync.store import orders, stock, streams
from central_sync.store.database import Connection
from central_sync.store.streams import CursorRow, StoredEntry, StreamKey
from edge_core.limits import ENTRY_BYTES_MAX, FORMER_INCARNATIONS_MAX, NEEDED_ORDERS_PER_PAGE, PUSH_ENTRIES_MAX
from edge_core.sync.chain import HASH_BYTES
from edge_core.sync.entry import LANES
from edge_core.sync.messages import lane_of, pack_block, within_bytes
from edge_core.sync.need_messages import Goods, Ground, Need, Needed, OpenEntry, Reached, encode_item

_FORMER_MAX: Final = len(LANES) * FORMER_INCARNATIONS_MAX
_FIRST_GOODS: Final = Reached(goods=("", ""))

Drawn = tuple[list[bytes], Reached | None]
"""The items of a page, and where the next one goes on."""


async def needed(connection: Connection, need: Need) -> Needed:
    """The page that is asked for; one without grounds where the asker is not the node, or its past is not all listed.

    Runs in one snapshot of the database.
    """
    present = StreamKey(need.node_id, need.incarnation, LANES[0])
    former = (await streams.former(connection, [present[:2]], _FORMER_MAX)).get(need.node_id, [])
    known = await streams.of_incarnations(connection, [present[:2], *((need.node_id, row[0]) for row in former)])
    own = known.get(present)
    if own is None or own.fenced is not None or own.superseded_by is not None or len(former) >= _FORMER_MAX:
        former = []
    grounds = tuple(Ground(of, lane_of(lane), seq, at, backed_up) for of, lane, seq, at, backed_up in former)
    as_of = _as_of(need.node_id, grounds, known)
    after = need.after if need.as_of == as_of else None
    items, then = await _drawn(connection, need, grounds, after) if grounds else ([], None)
    at_seq = 0 if own is None else own.durable_seq
    return Needed(need.incarnation, as_of, grounds, at_seq, after, then, *pack_block(items))


def _as_of(node_id: str, grounds: Sequence[Ground], known: Mapping[StreamKey, CursorRow]) -> bytes:
    """A name of everything that the picture of these streams depends on."""
    rows = [known[StreamKey(node_id, ground.incarnation, ground.lane)] for ground in grounds]
    said = [
        (g.incarnation, g.lane, row.durable_hash, row.parked, row.settled) for g, row in zip(grounds, rows, strict=True)
    ]
    return blake2b(msgspec.msgpack.encode(said), digest_size=HASH_BYTES).digest()


async def _drawn(connection: Connection, need: Need, grounds: Sequence[Ground], after: Reached | None) -> Drawn:
    """Orders first, then goods."""
    if after is not None and after.goods is not None:
        return await _goods(connection, need.node_id, after.goods)
    last = None if after is None else after.order_id
    open_ids = await orders.open_after(connection, need.node_id, need.incarnation, last, NEEDED_ORDERS_PER_PAGE)
    if not open_ids:
        return await _goods(connection, need.node_id, ("", ""))
    items, taken = await _orders(connection, need.node_id, grounds, open_ids)
    is_all = taken == len(open_ids) < NEEDED_ORDERS_PER_PAGE
    return items, _FIRST_GOODS if is_all else Reached(open_ids[taken - 1])


async def _orders(
    connection: Connection, node_id: str, grounds: Sequence[Ground], open_ids: Sequence[UUID]
) -> tuple[list[bytes], int]:
    """The entries of so many of these orders as fit; an order that fits no page at all comes with the history."""
    places = {StreamKey(node_id, ground.incarnation, ground.lane): at for at, ground in enumerate(grounds)}
    by_order: dict[UUID, list[tuple[int, StoredEntry]]] = {order_id: [] for order_id in open_ids}
    for entry in await streams.of_orders(connection, open_ids):
        at = places.get(StreamKey(entry.node_id, entry.incarnation, entry.lane))
        if at is not None and entry.order_id is not None:
            by_order[entry.order_id].append((at, entry))
    page: list[bytes] = []
    for taken, order_id in enumerate(open_ids):
        entries = sorted(by_order[order_id], key=lambda each: (each[0], each[1].seq))
        items = [encode_item(OpenEntry(at, entry.hash, entry.body)) for at, entry in entries]
        if not _fits(items):
            continue
        if not _fits(page + items):
            return page, taken
        page += items
    return page, len(open_ids)


def _fits(items: Sequence[bytes]) -> bool:
    """Whether these make one page."""
    is_short = len(items) <= PUSH_ENTRIES_MAX and max(map(len, items), default=0) <= ENTRY_BYTES_MAX
    return is_short and within_bytes(items) == len(items)


async def _goods(connection: Connection, node_id: str, after: tuple[str, str]) -> Drawn:
    """The next positions of the node's stock."""
    rows = await stock.page(connection, node_id=node_id, sku=None, after=(node_id, *after), rows_max=PUSH_ENTRIES_MAX)
    items = [
        encode_item(
            Goods(
                row.sku,
                row.lot,
                row.unit,
                None if row.expires_on is None else row.expires_on.isoformat(),
                row.on_hand_milli,
                row.reserved_milli,
            )
        )
        for row in rows
    ]
    taken = within_bytes(items)
    is_all = taken == len(rows) < PUSH_ENTRIES_MAX
    return items[:taken], None if is_all else Reached(goods=(rows[taken - 1].sku, rows[taken - 1].lot))
