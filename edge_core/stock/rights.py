"""Rights to promise goods of one SKU at one location, shared among nodes (docs/stock.md, "Rights").

A bounded counter (Balegas et al. 2015, "Extending Eventually Consistent Cloud Databases for Enforcing Numeric
Invariants"). Each **life** of a node, that is a node and its incarnation, writes one row and no other: what it minted,
what it moved to whom, what it used, what of that was returned. Each figure only grows, two replicas merge by the larger
figure of each cell, and

    held(i) = minted(i) + sum of moved(j, i) - sum of moved(i, j) - used(i) + returned(i)  >= 0   at i, always.

What others have not heard yet only makes them think that i holds more of its own and less of theirs, so that nobody
ever spends what another spends as well. A machine that forgot what it spent would, and nothing in its file could tell:
hence a file that was put back goes on as another life, and the rights of the former one are **void**. They are lost to
everybody until somebody who holds the whole record of that life settles them.
"""

from collections.abc import Iterable
from typing import Annotated, Final
from uuid import UUID

from msgspec import Meta, Struct
from msgspec.structs import replace

from edge_core.errors import InvariantViolated, Rejected
from edge_core.limits import RIGHTS_MILLI_MAX, RIGHTS_ROWS_MAX

CENTRE_ID: Final = "@centre"
"""The name under which the centre holds rights; no node is called so. Its lives are the histories of its database."""

Total = Annotated[int, Meta(ge=0, le=RIGHTS_MILLI_MAX)]


class Life(Struct, frozen=True, array_like=True, order=True, forbid_unknown_fields=True, gc=False):
    """A node between two of its losses: what it knows of itself is whole."""

    node_id: str
    incarnation: UUID


class Moved(Struct, frozen=True, array_like=True, gc=False):
    """All that one life ever moved to another, in thousandths of the unit."""

    to: Life
    quantity_milli: Total


class Row(Struct, frozen=True, array_like=True):
    """What one life ever did, in thousandths of the unit. Nobody else writes it, but for `is_void` and a settlement."""

    life: Life
    minted_milli: Total = 0
    moved: tuple[Moved, ...] = ()
    used_milli: Total = 0
    returned_milli: Total = 0
    is_void: bool = False


class Rights(Struct, frozen=True, array_like=True):
    """The rights to one SKU of the location of `owner_id`, as far as they are known here. Rows are sorted by life."""

    owner_id: str
    sku: str
    rows: tuple[Row, ...] = ()


# --- what a life does ------------------------------------------------------------------------------------------------


def mint(rights: Rights, life: Life, quantity_milli: int) -> Rights | Rejected:
    """Make rights to goods that are there and promised to nobody. Only the location's own node can know that."""
    if life.node_id != rights.owner_id:
        raise InvariantViolated(f"{life.node_id} minted rights to goods of {rights.owner_id}")
    row = row_of(rights, life)
    minted_milli = row.minted_milli + _positive(quantity_milli)
    found = _void(rights, life) or _uncountable(rights, minted_milli)
    return found or _with(rights, replace(row, minted_milli=minted_milli))


def move(rights: Rights, life: Life, to: Life, quantity_milli: int) -> Rights | Rejected:
    """Let another life spend some of what this one holds. It can from when it hears of it, and this one cannot now."""
    if to == life:
        raise InvariantViolated(f"{life} moved rights to itself")
    row = row_of(rights, life)
    found = _void(rights, life) or _void(rights, to) or _short(rights, life, quantity_milli) or _crowded(rights, to)
    found = found or _uncountable(rights, _moved_milli(row, to) + quantity_milli)
    return found or _with(rights, _moving(row, to, quantity_milli))


def use(rights: Rights, life: Life, quantity_milli: int) -> Rights | Rejected:
    """Promise goods to a customer."""
    row = row_of(rights, life)
    used_milli = row.used_milli + quantity_milli
    found = _void(rights, life) or _short(rights, life, quantity_milli) or _uncountable(rights, used_milli)
    return found or _with(rights, replace(row, used_milli=used_milli))


def give_back(rights: Rights, life: Life, quantity_milli: int) -> Rights | Rejected:
    """A promise was taken back, and its right is free again at the life that had used it."""
    row = row_of(rights, life)
    returned_milli = row.returned_milli + _positive(quantity_milli)
    if returned_milli > row.used_milli:
        raise InvariantViolated(f"{life} gave back {returned_milli} of {row.used_milli} used")
    return _void(rights, life) or _with(rights, replace(row, returned_milli=returned_milli))


# --- the end of a life -----------------------------------------------------------------------------------------------


def void(rights: Rights, life: Life) -> Rights:
    """A life has ended without a last word: nothing is spent by it or moved to it any more."""
    return _with(rights, replace(row_of(rights, life), is_void=True))


def begin(rights: Rights, life: Life) -> Rights:
    """A node goes on as this life: its earlier ones, by their incarnations, are void. Asked again after each merge."""
    for each in lives(rights):
        if each.node_id == life.node_id and each < life and not row_of(rights, each).is_void:
            rights = void(rights, each)
    return _with(rights, row_of(rights, life))


def settle(rights: Rights, life: Life, heir: Life) -> Rights | Rejected:
    """Give what a void life left to a living one, on its behalf.

    Safe for one caller alone, at one time, who holds the whole record of the void life: nothing that it did is missing
    here, and nothing that turns up later will be honoured. On hearsay it sells goods twice (tests/rigs/rights_model.py
    tries it). What turns up all the same is shown by `uncovered_milli`.
    """
    if not row_of(rights, life).is_void:
        raise InvariantViolated(f"{life} is settled and still lives")
    left_milli = balance_milli(rights, life)
    found = _void(rights, heir) or _crowded(rights, heir)
    if found is not None or left_milli <= 0:
        return found or rights
    found = _uncountable(rights, _moved_milli(row_of(rights, life), heir) + left_milli)
    return found or _with(rights, _moving(row_of(rights, life), heir, left_milli))


# --- what is known ---------------------------------------------------------------------------------------------------


def merge(one: Rights, other: Rights) -> Rights:
    """What two replicas know together: the larger figure of each cell. Some rows of a replica do as well as all."""
    if (one.owner_id, one.sku) != (other.owner_id, other.sku):
        raise InvariantViolated(f"{one.owner_id}/{one.sku} was merged with {other.owner_id}/{other.sku}")
    rows = {row.life: row for row in one.rows}
    for row in other.rows:
        known = rows.get(row.life)
        rows[row.life] = row if known is None else _merged(known, row)
    return replace(one, rows=_sorted(rows.values()))


def row_of(rights: Rights, life: Life) -> Row:
    """What is known of a life; of one that is not known, that it did nothing."""
    return next((row for row in rights.rows if row.life == life), Row(life))


def lives(rights: Rights) -> tuple[Life, ...]:
    """Every life that is known here, also those of which nothing is known but that rights were moved to them."""
    named = {m.to for row in rights.rows for m in row.moved}
    return tuple(sorted(named.union(row.life for row in rights.rows)))


def balance_milli(rights: Rights, life: Life) -> int:
    """What a life holds by the figures that are known here. Exact for the life itself; below zero only elsewhere."""
    row = row_of(rights, life)
    return row.minted_milli + received_milli(rights, life) - row.used_milli + row.returned_milli


def received_milli(rights: Rights, life: Life) -> int:
    """What others ever moved to a life, less what it moved to others."""
    came_milli = sum(m.quantity_milli for each in rights.rows for m in each.moved if m.to == life)
    return came_milli - sum(m.quantity_milli for m in row_of(rights, life).moved)


def present_life(rights: Rights, node_id: str) -> Life | None:
    """The last life of a node that is known here and not over; None where there is none."""
    found = [life for life in lives(rights) if life.node_id == node_id and not row_of(rights, life).is_void]
    return max(found, default=None)


def held_milli(rights: Rights, life: Life) -> int:
    """What a life may spend: nothing once it is void."""
    return 0 if row_of(rights, life).is_void else max(0, balance_milli(rights, life))


def outstanding_milli(rights: Rights) -> int:
    """What may still be promised by anybody, or is lost with a void life: the `rights` of the location's invariant.

    At the location's node it is never less than the truth, since it knows all that was minted and perhaps not all that
    was used.
    """
    return sum(row.minted_milli - row.used_milli + row.returned_milli for row in rights.rows)


def stranded_milli(rights: Rights) -> int:
    """What void lives left behind: nobody can spend it before it is settled."""
    return sum(max(0, balance_milli(rights, row.life)) for row in rights.rows if row.is_void)


def uncovered_milli(rights: Rights) -> int:
    """What void lives turn out to have promised beyond what was left to them: settled too early. Never hidden."""
    return sum(max(0, -balance_milli(rights, row.life)) for row in rights.rows if row.is_void)


# --- parts -----------------------------------------------------------------------------------------------------------


def _merged(one: Row, other: Row) -> Row:
    moved = {m.to: m.quantity_milli for m in one.moved}
    for each in other.moved:
        moved[each.to] = max(each.quantity_milli, moved.get(each.to, 0))
    return Row(
        one.life,
        max(one.minted_milli, other.minted_milli),
        tuple(Moved(to, moved[to]) for to in sorted(moved)),
        max(one.used_milli, other.used_milli),
        max(one.returned_milli, other.returned_milli),
        one.is_void or other.is_void,
    )


def _moving(row: Row, to: Life, quantity_milli: int) -> Row:
    return _merged(row, Row(row.life, moved=(Moved(to, _moved_milli(row, to) + quantity_milli),)))


def _moved_milli(row: Row, to: Life) -> int:
    return next((m.quantity_milli for m in row.moved if m.to == to), 0)


def _with(rights: Rights, row: Row) -> Rights:
    return replace(rights, rows=_sorted([*(each for each in rights.rows if each.life != row.life), row]))


def _sorted(rows: Iterable[Row]) -> tuple[Row, ...]:
    return tuple(sorted(rows, key=lambda row: row.life))


def _void(rights: Rights, life: Life) -> Rejected | None:
    if not row_of(rights, life).is_void:
        return None
    return Rejected("rights-void", f"{rights.sku}: {life.node_id} goes on as another incarnation", state="void")


def _short(rights: Rights, life: Life, quantity_milli: int) -> Rejected | None:
    held = held_milli(rights, life)
    if _positive(quantity_milli) <= held:
        return None
    return Rejected("rights-exceeded", f"{rights.sku}: {quantity_milli} thousandths wanted, rights to {held} held")


def _uncountable(rights: Rights, figure_milli: int) -> Rejected | None:
    """A figure beyond the bound would be written, and read by nobody."""
    if figure_milli <= RIGHTS_MILLI_MAX:
        return None
    return Rejected("rights-exceeded", f"{rights.sku}: no more than {RIGHTS_MILLI_MAX} thousandths are counted")


def _crowded(rights: Rights, newcomer: Life) -> Rejected | None:
    known = lives(rights)
    if len(known) < RIGHTS_ROWS_MAX or newcomer in known:
        return None
    return Rejected("rights-exceeded", f"{rights.sku}: shared by {RIGHTS_ROWS_MAX} lives of nodes already")


def _positive(quantity_milli: int) -> int:
    if quantity_milli <= 0:
        raise InvariantViolated(f"{quantity_milli} thousandths are no quantity")
    return quantity_milli
