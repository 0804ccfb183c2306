"""A newcomer's picture of its node, put together page by page: pure (docs/protocol.md, "Least needed to sell first").

The goods are those of all entries of the node, the newcomer's own sales among them. What its own sales have made of
them comes off, so that the rest can be added to whatever the newcomer has by then.
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field

from edge_core.errors import PeerFault
from edge_core.limits import NEEDED_BYTES_MAX, NEEDED_RESTARTS_MAX
from edge_core.stock.ledger import StockDelta
from edge_core.sync.entry import Entry, decode_entry
from edge_core.sync.messages import unpack_block
from edge_core.sync.need_messages import Goods, Ground, Needed, OpenEntry, Reached, decode_item

Sums = Mapping[tuple[str, str], tuple[int, int]]
"""On hand and reserved, in thousandths, by SKU and lot ('' for goods without lots)."""

Progress = Literal["stale", "more", "whole", "none"]
"""`stale`: not the page that was asked for. `none`: there is no picture, and the history comes without one."""


class Held(Struct, frozen=True):
    """An entry of an open order, in its place."""

    ground: Ground
    entry: Entry
    hash: bytes
    body: bytes


class Picture(Struct):
    """What has come so far, up to `after`. `bases` is what the former streams have made of the stock."""

    as_of: bytes | None = None
    after: Reached | None = None
    grounds: tuple[Ground, ...] = ()
    entries: list[Held] = field(default_factory=list)
    bases: list[StockDelta] = field(default_factory=list)
    size: int = 0
    restarts: int = 0

    def take(self, page: Needed, own: Sums) -> Progress:
        """Take a page; `own` is what the asker's own entries up to its `at_seq` have made. Raises `PeerFault`."""
        if not page.grounds:
            return "none"
        if page.as_of != self.as_of:
            if page.after is not None:
                return "stale"
            self._begin(page)
        elif page.after != self.after:
            return "stale"
        packed = unpack_block(page.codec, page.block)
        items = [decode_item(raw) for raw in packed]
        self.size += sum(map(len, packed))
        if self.size > NEEDED_BYTES_MAX or self.restarts > NEEDED_RESTARTS_MAX:
            return "none"
        for item in items:
            if isinstance(item, OpenEntry):
                self._take_entry(item)
            else:
                self._take_goods(item, own)
        self.after = page.then
        return "whole" if page.then is None else "more"

    def _begin(self, page: Needed) -> None:
        """The picture changed while it was sent: a machine that was replaced has sent what it still had."""
        if len({(ground.incarnation, ground.lane) for ground in page.grounds}) < len(page.grounds):
            raise PeerFault("range-invalid", "a picture that stands on one stream twice")
        self.restarts += self.as_of is not None
        self.as_of, self.after, self.grounds, self.size = page.as_of, None, page.grounds, 0
        self.entries, self.bases = [], []

    def _take_entry(self, item: OpenEntry) -> None:
        if item.ground >= len(self.grounds):
            raise PeerFault("range-invalid", f"an entry of ground {item.ground} of {len(self.grounds)}")
        ground = self.grounds[item.ground]
        try:
            entry = decode_entry(item.body)
        except PeerFault:  # of newer software than this: it comes with the history, as it is
            return
        if not 1 <= entry.seq <= ground.seq or entry.order_id is None:
            raise PeerFault("range-invalid", f"the entry {entry.seq} is no order's before {ground.seq}")
        self.entries.append(Held(ground, entry, item.hash, item.body))

    def _take_goods(self, item: Goods, own: Sums) -> None:
        on_hand_milli, reserved_milli = own.get((item.sku, item.lot), (0, 0))
        base = StockDelta(
            item.sku,
            item.lot or None,
            item.unit,
            item.on_hand_milli - on_hand_milli,
            item.reserved_milli - reserved_milli,
            item.expires_on,
        )
        if base.on_hand_milli or base.reserved_milli:
            self.bases.append(base)
