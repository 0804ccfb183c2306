"""What a machine knows of the rights to one SKU, and what the owner has set aside for them (docs/stock.md, "Rights").

`rights` is the bounded counter: who may promise how much. `backing` and `told` are kept by the owner alone: by lot, all
that was ever set aside for rights and all that was ever taken out again, because a promise elsewhere became an order
here or rights came back; by holder, what it said that it promised. What is set aside counts as reserved in the ledger
from the moment in which rights are given out, so that nobody here can promise it too. Each life of the owner writes
cells of its own. All figures only grow and two copies merge by the larger, so any order of hearing leads to the same.
"""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from edge_core.errors import InvariantViolated, Rejected
from edge_core.stock import rights as rules
from edge_core.stock.ledger import Allocation
from edge_core.stock.rights import CENTRE_ID, Life, Rights, Row

LINE: str = "rights"
"""The line of an allocation that stands for rights and for no order."""


class Backing(Struct, frozen=True, array_like=True, gc=False):
    """Of one lot: all that one life of the owner ever set aside for rights, and ever took out, in thousandths.

    It may take out what an earlier life had set aside, so only the sums over all lives mean something.
    """

    lot: str | None
    unit: str
    set_aside_milli: int = 0
    taken_milli: int = 0
    by: Life | None = None

    @property
    def left_milli(self) -> int:
        """What is set aside now, as far as this life has to do with it."""
        return self.set_aside_milli - self.taken_milli


class Told(Struct, frozen=True, array_like=True, gc=False):
    """All promises of one holder of which a life of the owner was told, in thousandths."""

    holder: Life
    by: Life
    quantity_milli: int


class Spent(Struct, frozen=True, array_like=True, gc=False):
    """A promise that a holder made with its rights, on the way to the owner with the order that it is for."""

    sku: str
    quantity_milli: int
    holder: Life


class RightsBook(Struct, frozen=True, array_like=True):
    """All that is known here of the rights to one SKU of one location. Backings are sorted by lot and life."""

    rights: Rights
    backing: tuple[Backing, ...] = ()
    told: tuple[Told, ...] = ()

    @property
    def set_aside_milli(self) -> int:
        """The `rights` of the location's invariant."""
        return sum(each.left_milli for each in self.backing)

    @property
    def lots(self) -> dict[str | None, int]:
        """What is set aside now, by lot."""
        found: dict[str | None, int] = {}
        for each in self.backing:
            found[each.lot] = found.get(each.lot, 0) + each.left_milli
        return found

    def told_milli(self, holder: Life) -> int:
        """What a holder has said that it promised."""
        return sum(each.quantity_milli for each in self.told if each.holder == holder)


class Granted(Struct, frozen=True):
    """The book afterwards, and its part that is news: the cells that changed and nothing else."""

    book: RightsBook
    news: RightsBook


def empty(owner_id: str, sku: str) -> RightsBook:
    """Nothing is known."""
    return RightsBook(Rights(owner_id, sku))


def merge(one: RightsBook, other: RightsBook) -> RightsBook:
    """What two copies know together."""
    cells = {(each.lot, each.by): each for each in one.backing}
    for each in other.backing:
        known = cells.get((each.lot, each.by), Backing(each.lot, each.unit, by=each.by))
        cells[each.lot, each.by] = replace(
            known,
            set_aside_milli=max(known.set_aside_milli, each.set_aside_milli),
            taken_milli=max(known.taken_milli, each.taken_milli),
        )
    told = {(each.holder, each.by): each for each in one.told}
    for word in other.told:
        before = told.get((word.holder, word.by), word)
        told[word.holder, word.by] = max(before, word, key=lambda each: each.quantity_milli)
    return RightsBook(
        rules.merge(one.rights, other.rights),
        tuple(sorted(cells.values(), key=_by_lot_and_life)),
        tuple(told[place] for place in sorted(told)),
    )


def grant(
    book: RightsBook, life: Life, to: Life, allocations: Sequence[Allocation], quantity_milli: int
) -> Granted | Rejected:
    """Give rights to goods that were allocated for it: mint them, and move them to who asked."""
    minted = rules.mint(rules.begin(book.rights, life), life, quantity_milli)
    if isinstance(minted, Rejected):
        return minted
    moved = rules.move(minted, life, to, quantity_milli)
    if isinstance(moved, Rejected):
        return moved
    backing = tuple(_aside(book, life, each) for each in allocations)
    return _news(book, moved, life, to, backing)


def use(book: RightsBook, life: Life, quantity_milli: int) -> Granted | Rejected:
    """Promise another location's goods to a customer."""
    used = rules.use(book.rights, life, quantity_milli)
    return used if isinstance(used, Rejected) else _news(book, used, life, None, ())


def give_back(book: RightsBook, life: Life, quantity_milli: int) -> Granted | Rejected:
    """Take such a promise back. Only where its location was never told: once told, the goods are free there."""
    returned = rules.give_back(book.rights, life, quantity_milli)
    return returned if isinstance(returned, Rejected) else _news(book, returned, life, None, ())


def move(book: RightsBook, life: Life, to: Life, quantity_milli: int) -> Granted | Rejected:
    """Let another life spend some of what this one holds."""
    moved = rules.move(book.rights, life, to, quantity_milli)
    return moved if isinstance(moved, Rejected) else _news(book, moved, life, to, ())


def take_out(book: RightsBook, life: Life, spent: Spent) -> tuple[Granted, tuple[Allocation, ...]] | Rejected:
    """A promise elsewhere has become an order here: so much is no longer set aside, lot by lot.

    The centre tells everything that it does with rights, so what it holds is known here: it cannot promise more.
    """
    quantity_milli = spent.quantity_milli
    if quantity_milli > book.set_aside_milli:
        detail = f"{book.rights.sku}: {quantity_milli} thousandths named, {book.set_aside_milli} are set aside"
        return Rejected("rights-exceeded", detail)
    if spent.holder.node_id == CENTRE_ID and quantity_milli > unspent_milli(book, spent.holder):
        detail = f"{book.rights.sku}: {quantity_milli} thousandths named, the centre holds rights to fewer"
        return Rejected("rights-exceeded", detail)
    backing, allocations = _taken(book, life, quantity_milli)
    before = next((each for each in book.told if (each.holder, each.by) == (spent.holder, life)), None)
    told_milli = quantity_milli + (0 if before is None else before.quantity_milli)
    news = RightsBook(replace(book.rights, rows=()), backing, (Told(spent.holder, life, told_milli),))
    return Granted(merge(book, news), news), allocations


def take_back(book: RightsBook, life: Life) -> tuple[Granted, tuple[Allocation, ...]] | None:
    """Free the goods of rights that came back to the location; None where there are none.

    The owner spends the right itself, on nobody: it is used, and the goods are no longer set aside.
    """
    quantity_milli = min(rules.held_milli(book.rights, life), book.set_aside_milli)
    if quantity_milli <= 0:
        return None
    used = rules.use(book.rights, life, quantity_milli)
    if isinstance(used, Rejected):
        return None
    backing, allocations = _taken(book, life, quantity_milli)
    return _news(book, used, life, None, backing), allocations


def settle_told(book: RightsBook, ended: Life, heir: Life) -> Granted | Rejected:
    """Take back, for the location, what a life of the centre left that is over.

    Safe at the owner, which hears of every promise of the centre before it counts: what it was not told was no promise.
    """
    left_milli = unspent_milli(book, ended)
    row = rules.row_of(book.rights, ended)
    # What it promised and took back untold stands in both figures: without it, what was told would count as returned.
    row = replace(row, is_void=True, used_milli=max(row.used_milli, book.told_milli(ended) + row.returned_milli))
    settled = rules.settle(rules.merge(book.rights, replace(book.rights, rows=(row,))), ended, heir)
    if isinstance(settled, Rejected):
        return settled
    return _news(book, settled, ended, heir if left_milli > 0 else None, ())


def unspent_milli(book: RightsBook, holder: Life) -> int:
    """What a holder that tells the owner everything has left: what it was given, gave on, and said that it promised."""
    return max(0, rules.received_milli(book.rights, holder) - book.told_milli(holder))


def check(book: RightsBook) -> None:
    """What holds at the owner whatever happened. Raises `InvariantViolated`."""
    minted = sum(row.minted_milli for row in book.rights.rows)
    aside = sum(each.set_aside_milli for each in book.backing)
    if minted != aside or any(left_milli < 0 for left_milli in book.lots.values()):
        raise InvariantViolated(f"rights to {minted} of {book.rights.sku!r} stand on {aside} set aside")


def _taken(book: RightsBook, life: Life, quantity_milli: int) -> tuple[tuple[Backing, ...], tuple[Allocation, ...]]:
    """So much less set aside, by this life's word, in the order of the lots."""
    units = {each.lot: each.unit for each in book.backing}
    backing, allocations, missing_milli = [], [], quantity_milli
    for lot, left_milli in book.lots.items():
        part_milli = min(left_milli, missing_milli)
        if part_milli > 0:
            cell = _cell(book, life, lot, units[lot])
            backing.append(replace(cell, taken_milli=cell.taken_milli + part_milli))
            allocations.append(Allocation(LINE, book.rights.sku, lot, units[lot], part_milli))
            missing_milli -= part_milli
    return tuple(backing), tuple(allocations)


def _aside(book: RightsBook, life: Life, allocation: Allocation) -> Backing:
    cell = _cell(book, life, allocation.lot, allocation.unit)
    return replace(cell, set_aside_milli=cell.set_aside_milli + allocation.quantity_milli)


def _cell(book: RightsBook, life: Life, lot: str | None, unit: str) -> Backing:
    """What a life of the owner has said of a lot so far."""
    known = next((each for each in book.backing if (each.lot, each.by) == (lot, life)), None)
    return known or Backing(lot, unit, by=life)


def _by_lot_and_life(each: Backing) -> tuple[bool, str, bool, Life | tuple[()]]:
    return each.lot is not None, each.lot or "", each.by is not None, each.by or ()


def _news(book: RightsBook, after: Rights, life: Life, to: Life | None, backing: tuple[Backing, ...]) -> Granted:
    """Only the cells that changed travel: a row names up to a thousand lives."""
    row = rules.row_of(after, life)
    part = Row(
        life,
        row.minted_milli,
        tuple(each for each in row.moved if each.to == to),
        row.used_milli,
        row.returned_milli,
        row.is_void,
    )
    news = RightsBook(replace(after, rows=(part,)), backing)
    return Granted(merge(replace(book, rights=after), news), news)
