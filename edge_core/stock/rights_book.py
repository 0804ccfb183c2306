"""What a machine knows of the rights to one SKU, and what the owner has set aside for them (docs/stock.md, "Rights").

`rights` is the bounded counter: who may promise how much. `backing` is kept by the owner alone: by lot, all that was
ever set aside for rights and all that was ever taken out again, because a promise elsewhere became an order here. What
is set aside counts as reserved in the ledger from the moment in which rights are given out, so that nobody here can
promise it too. All figures only grow and two copies merge by the larger, so any order of hearing leads to the same.
"""

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from edge_core.errors import InvariantViolated, Rejected
from edge_core.stock import rights as rules
from edge_core.stock.ledger import Allocation
from edge_core.stock.rights import Life, Rights, Row

LINE: str = "rights"
"""The line of an allocation that stands for rights and for no order."""


class Backing(Struct, frozen=True, array_like=True, gc=False):
    """Of one lot: all that was ever set aside for rights, and all that was ever taken out, in thousandths."""

    lot: str | None
    unit: str
    set_aside_milli: int = 0
    taken_milli: int = 0

    @property
    def left_milli(self) -> int:
        """What is set aside now."""
        return self.set_aside_milli - self.taken_milli


class RightsBook(Struct, frozen=True, array_like=True):
    """All that is known here of the rights to one SKU of one location. Backings are sorted by lot."""

    rights: Rights
    backing: tuple[Backing, ...] = ()

    @property
    def set_aside_milli(self) -> int:
        """The `rights` of the location's invariant."""
        return sum(each.left_milli for each in self.backing)


class Granted(Struct, frozen=True):
    """The book afterwards, and its part that is news: the cells that changed and nothing else."""

    book: RightsBook
    news: RightsBook


def empty(owner_id: str, sku: str) -> RightsBook:
    """Nothing is known."""
    return RightsBook(Rights(owner_id, sku))


def merge(one: RightsBook, other: RightsBook) -> RightsBook:
    """What two copies know together."""
    lots = {each.lot: each for each in one.backing}
    for each in other.backing:
        known = lots.get(each.lot, Backing(each.lot, each.unit))
        lots[each.lot] = Backing(
            each.lot,
            known.unit,
            max(known.set_aside_milli, each.set_aside_milli),
            max(known.taken_milli, each.taken_milli),
        )
    backing = tuple(lots[lot] for lot in sorted(lots, key=lambda lot: (lot is not None, lot or "")))
    return RightsBook(rules.merge(one.rights, other.rights), backing)


def grant(
    book: RightsBook, life: Life, to: Life, allocations: Iterable[Allocation], quantity_milli: int
) -> Granted | Rejected:
    """Give rights to goods that were allocated for it: mint them, and move them to who asked."""
    minted = rules.mint(rules.begin(book.rights, life), life, quantity_milli)
    if isinstance(minted, Rejected):
        return minted
    moved = rules.move(minted, life, to, quantity_milli)
    if isinstance(moved, Rejected):
        return moved
    backing = tuple(_aside(book, each) for each in allocations)
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


def take_out(book: RightsBook, quantity_milli: int) -> tuple[Granted, tuple[Allocation, ...]] | Rejected:
    """A promise elsewhere has become an order here: so much is no longer set aside, lot by lot."""
    if quantity_milli > book.set_aside_milli:
        detail = f"{book.rights.sku}: {quantity_milli} thousandths named, {book.set_aside_milli} are set aside"
        return Rejected("rights-exceeded", detail)
    backing, allocations, missing_milli = [], [], quantity_milli
    for each in book.backing:
        part_milli = min(each.left_milli, missing_milli)
        if part_milli > 0:
            backing.append(replace(each, taken_milli=each.taken_milli + part_milli))
            allocations.append(Allocation(LINE, book.rights.sku, each.lot, each.unit, part_milli))
            missing_milli -= part_milli
    news = RightsBook(replace(book.rights, rows=()), tuple(backing))
    return Granted(merge(book, news), news), tuple(allocations)


def check(book: RightsBook) -> None:
    """What holds at the owner whatever happened. Raises `InvariantViolated`."""
    minted = sum(row.minted_milli for row in book.rights.rows)
    aside = sum(each.set_aside_milli for each in book.backing)
    if minted != aside or any(each.left_milli < 0 for each in book.backing):
        raise InvariantViolated(f"rights to {minted} of {book.rights.sku!r} stand on {aside} set aside")


def _aside(book: RightsBook, allocation: Allocation) -> Backing:
    known = next((each for each in book.backing if each.lot == allocation.lot), None)
    before = known or Backing(allocation.lot, allocation.unit)
    return replace(before, set_aside_milli=before.set_aside_milli + allocation.quantity_milli)


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
