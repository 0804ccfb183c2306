"""How rights to one SKU follow the rates of sale: who sold how much, and which moves lead to fair shares. Pure.

Goods go by way of their location: a holder that has more than its share gives back, and at the next look the location
gives on. So the location hears of every move, and a plan that was made from old figures moves less, never too much.
"""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from edge_core.stock.rights import Life, Row, held_milli, lives, received_milli, row_of
from edge_core.stock.rights_book import RightsBook
from edge_core.stock.shares import Holding, Transfer, rebalance

Why = Literal["rate", "new-life"]


class Sharer(Struct, frozen=True):
    """Somebody who shares a SKU, as the life that it lives now: what it may promise, and what it sells a day."""

    life: Life
    held_milli: int
    per_day_milli: int = 0


class Planned(Struct, frozen=True):
    """A move between the location and another, and why: its share by rate, or a life that has begun anew."""

    transfer: Transfer
    why: Why


def promised_by(book: RightsBook, node_id: str) -> int:
    """All that a node ever promised with rights, in any of its lives, less what came back."""
    rows = (row for row in book.rights.rows if row.life.node_id == node_id)
    return sum(row.used_milli - row.returned_milli for row in rows)


def promised_at_location(book: RightsBook, free_milli: int) -> int:
    """A figure that grows by what the location itself promises, and by what it writes off.

    What is set aside, given back, or told by holders leaves it as it is. Goods that come lower it: what was sold at
    the same time is not seen.
    """
    return -free_milli - book.set_aside_milli - sum(each.quantity_milli for each in book.told)


def plan(book: RightsBook, owner: Sharer, others: Sequence[Sharer], *, step_milli: int) -> tuple[Planned, ...]:
    """The moves that are worth it now: by rate of sale, or where nothing was sold, to lives that have begun anew."""
    everybody = (owner, *others)
    if sum(each.per_day_milli for each in everybody) == 0:
        new = {each.life.node_id for each in others if is_new_life(book, each.life)}
        equal = _transfers(owner, [Sharer(each.life, each.held_milli) for each in others], step_milli)
        return tuple(Planned(each, "new-life") for each in equal if each.taker in new and each.giver == _name(owner))
    return tuple(Planned(each, "rate") for each in _transfers(owner, others, step_milli))


def is_new_life(book: RightsBook, life: Life) -> bool:
    """Whether a node has begun anew and been given nothing yet, where its former lives were."""
    if row_of(book.rights, life) != Row(life) or received_milli(book.rights, life):
        return False
    return any(each.node_id == life.node_id and each != life for each in lives(book.rights))


def sharer(book: RightsBook, life: Life, per_day_milli: int) -> Sharer:
    """What a life holds by what is known here."""
    return Sharer(life, held_milli(book.rights, life), per_day_milli)


def _transfers(owner: Sharer, others: Sequence[Sharer], step_milli: int) -> list[Transfer]:
    """Each move between two holders is one to the location; what it gives on is seen at the next look."""
    holdings = [Holding(_name(each), each.held_milli, each.per_day_milli) for each in (owner, *others)]
    found = rebalance(holdings, minimum_milli=step_milli, step_milli=step_milli)
    given: dict[str, int] = {}
    for each in found:
        if each.giver != _name(owner):
            given[each.giver] = given.get(each.giver, 0) + each.quantity_milli
    back = [Transfer(giver, _name(owner), quantity_milli) for giver, quantity_milli in given.items()]
    return [*(each for each in found if each.giver == _name(owner)), *back]


def _name(each: Sharer) -> str:
    return each.life.node_id
