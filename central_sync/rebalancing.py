"""Moves rights to where goods are sold, and settles what former lives of the centre left (docs/stock.md, "Shares").

    lock the book -> see what everybody has promised since the last look -> plan (`edge_core.stock.rebalancing`)
    -> ask the givers, and write down why -> COMMIT

Only a giver can move rights, so a plan that was made from old figures moves less, never too much. Any number of
processes may do this: the book is the lock, and what one has just looked at is not due for another.
"""

import asyncio
from collections.abc import Callable

import msgspec
import structlog
from msgspec import Struct
from msgspec.structs import replace

from central_sync.instructions import Issued, issue
from central_sync.rights import centre_life, is_former_centre
from central_sync.store import parties, rights, rights_moves
from central_sync.store.database import Connection, Database
from central_sync.store.parties import Observed
from central_sync.store.rights import RightsKey
from central_sync.store.rights_moves import NewMove
from edge_core.errors import Rejected, TransientFault
from edge_core.limits import (
    RIGHTS_BOOKS_PER_LOOK,
    RIGHTS_LOOK_INTERVAL_MS,
    RIGHTS_MOVE_PATIENCE_MS,
    RIGHTS_MOVES_KEPT,
    RIGHTS_REBALANCE_MS_DEFAULT,
)
from edge_core.stock import rights_book
from edge_core.stock.rebalancing import Planned, Sharer, plan, promised_at_location, promised_by, sharer
from edge_core.stock.requests import GrantRights, HearRights, ReturnRights, SettleRights
from edge_core.stock.rights import CENTRE_ID, Life, Rights, Row, begin, lives, row_of
from edge_core.stock.rights_book import RightsBook
from edge_core.stock.shares import SaleRate, observe, step_of

_log = structlog.get_logger("rights")


class _Table(Struct, frozen=True):
    """Everything about one SKU of one location, while its book is locked."""

    key: RightsKey
    book: RightsBook
    centre: Life
    unit: str
    free_milli: int
    now_ms: int


class Rebalancer:
    """Each process of the centre has one."""

    def __init__(
        self, database: Database, now_ms: Callable[[], int], *, after_ms: int = RIGHTS_REBALANCE_MS_DEFAULT
    ) -> None:
        """`after_ms` is between two looks at one SKU; with 0 they move nothing, and only settle what was left."""
        self._database = database
        self._now_ms = now_ms
        self._moves = after_ms > 0
        self._after_ms = after_ms or RIGHTS_REBALANCE_MS_DEFAULT

    async def run(self) -> None:
        """Look for ever. While the database is away it is left for later."""
        interval_ms = min(RIGHTS_LOOK_INTERVAL_MS, self._after_ms)
        while True:
            await asyncio.sleep(interval_ms / 1000)
            try:
                await self.look()
            except TransientFault as fault:
                _log.warning("rights.database_unreachable", error=str(fault))

    async def look(self) -> int:
        """See to the SKUs that are due; how many moves were asked for. Raises `TransientFault`."""
        async with self._database.transaction() as connection:
            due = await parties.due(connection, self._now_ms() - self._after_ms, RIGHTS_BOOKS_PER_LOOK)
            if due:
                await rights_moves.prune(connection, RIGHTS_MOVES_KEPT)
        moved = 0
        for key in due:
            async with self._database.transaction() as connection:
                moved += await self._see_to(connection, key)
        return moved

    async def _see_to(self, connection: Connection, key: RightsKey) -> int:
        book = (await rights.lock(connection, [key]))[key]
        there, free = await parties.sharing(connection, key), await parties.free_at(connection, key)
        if not there:
            return 0
        centre, now_ms = await centre_life(connection), self._now_ms()
        unit, free_milli = free or ("", 0)
        table = _Table(key, replace(book, rights=begin(book.rights, centre)), centre, unit, free_milli, now_ms)
        rates = {each.node_id: await _seen(connection, table, each) for each in there}
        await _settle_former(connection, table)
        living = {each.node_id: life for each in there if (life := _life_of(each, centre)) is not None}
        if not self._moves or free is None or key.owner_id not in living:
            return 0
        if await rights_moves.is_pending(connection, key, RIGHTS_MOVE_PATIENCE_MS):
            return 0
        owner = Sharer(living.pop(key.owner_id), max(0, free_milli), rates[key.owner_id].per_day_milli)
        others = [sharer(table.book, life, rates[name].per_day_milli) for name, life in living.items()]
        planned = plan(table.book, owner, others, step_milli=step_of(unit))
        figures = msgspec.json.encode([(s.life.node_id, s.held_milli, s.per_day_milli) for s in (owner, *others)])
        for each in planned:
            await _move(connection, table, each, owner.life, living, figures.decode())
        return len(planned)


async def _seen(connection: Connection, table: _Table, party: Observed) -> SaleRate:
    """How fast a party sells, with what it has promised since it was last seen."""
    seen_milli = (
        promised_at_location(table.book, table.free_milli) if party.is_owner else promised_by(table.book, party.node_id)
    )
    rate = SaleRate(party.sold_milli, party.span_ms)
    if party.seen_milli is not None and party.seen_at_ms is not None:
        elapsed_ms = max(0, table.now_ms - party.seen_at_ms)
        rate = observe(rate, max(0, seen_milli - party.seen_milli), elapsed_ms)
    await parties.see(connection, table.key, party.node_id, seen_milli, table.now_ms, rate)
    return rate


async def _settle_former(connection: Connection, table: _Table) -> None:
    """What a former life of this centre has left comes back to the location, by the location's own word."""
    for life in lives(table.book.rights):
        if is_former_centre(life, table.centre) and not _is_settled(table.book, life):
            key = f"rights.settle/{table.key.owner_id}/{table.key.sku}/{life.incarnation}"
            task = SettleRights(table.key.sku, life)
            await issue(connection, table.key.owner_id, task, subject=None, key=key, now_ms=table.now_ms)


def _is_settled(book: RightsBook, life: Life) -> bool:
    """Whether the location has said that the life is over: it writes what it was told into the life's row."""
    row = row_of(book.rights, life)
    return row.is_void and any(moved.to.node_id == book.rights.owner_id for moved in row.moved)


async def _move(
    connection: Connection, table: _Table, planned: Planned, owner: Life, living: dict[str, Life], figures: str
) -> None:
    giver, taker, quantity_milli = planned.transfer.giver, planned.transfer.taker, planned.transfer.quantity_milli
    sku, now_ms = table.key.sku, table.now_ms
    asked = giver if giver != CENTRE_ID else table.key.owner_id
    task: GrantRights | ReturnRights | HearRights | None
    if giver == table.key.owner_id:
        task = GrantRights(sku, quantity_milli, living[taker])
    elif giver == CENTRE_ID:
        task = await _give_back(connection, table, owner, quantity_milli)
    else:
        await _tell_life(connection, table, giver, owner)
        task = ReturnRights(table.key.owner_id, sku, quantity_milli)
    if task is None:
        return
    key = f"rights.move/{table.key.owner_id}/{sku}/{giver}/{taker}/{now_ms}"
    issued = await issue(connection, asked, task, subject=None, key=key, now_ms=now_ms)
    instruction_id = issued.instruction_id if isinstance(issued, Issued) else None
    move = NewMove(table.key.owner_id, sku, giver, taker, quantity_milli, planned.why, figures, instruction_id)
    await rights_moves.add(connection, move)
    _log.info("rights.moved", owner_id=table.key.owner_id, sku=sku, giver=giver, taker=taker, why=planned.why)


async def _tell_life(connection: Connection, table: _Table, holder_id: str, owner: Life) -> None:
    """A holder gives back to the last life of the location that it knows: it is told once of each that began anew."""
    if not any(each.node_id == owner.node_id and each != owner for each in lives(table.book.rights)):
        return
    book = RightsBook(Rights(table.key.owner_id, table.key.sku, (Row(owner),)))
    key = f"rights.life/{table.key.owner_id}/{table.key.sku}/{holder_id}/{owner.incarnation}"
    await issue(connection, holder_id, HearRights(book), subject=None, key=key, now_ms=table.now_ms)


async def _give_back(connection: Connection, table: _Table, owner: Life, quantity_milli: int) -> HearRights | None:
    """The centre's own rights go back to their location, which hears it."""
    moved = rights_book.move(table.book, table.centre, owner, quantity_milli)
    if isinstance(moved, Rejected):
        return None
    await rights.put(connection, [moved.book])
    return HearRights(RightsBook(moved.news.rights))


def _life_of(party: Observed, centre: Life) -> Life | None:
    """As whom a party holds rights; None for one that is not heard."""
    if party.node_id == CENTRE_ID:
        return centre
    return Life(party.node_id, party.incarnation) if party.incarnation is not None and party.is_heard else None
