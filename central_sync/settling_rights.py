"""What a life of a node that is over has left of rights, given back to the locations: by the word of people.

A machine that was replaced gives back what it holds itself, as its last word, and nobody need settle anything. Of one
that died no record is known to be whole: what it promised and had not sent is in no log. So its rights stay void until
people say that it is gone for good, and answer for that (docs/stock.md, "Rights of a life that is over").
"""

from typing import NamedTuple
from uuid import UUID

import msgspec
import structlog
from msgspec.structs import replace

from central_sync.instructions import Issued, issue
from central_sync.store import nodes, rights, rights_moves
from central_sync.store.database import Connection
from central_sync.store.rights import RightsKey
from central_sync.store.rights_moves import NewMove
from edge_core.errors import Rejected
from edge_core.stock import rights as rules
from edge_core.stock.requests import HearRights
from edge_core.stock.rights import Life, balance_milli, row_of
from edge_core.stock.rights_book import RightsBook

_PAGE_ROWS = 500
_log = structlog.get_logger("rights")


class Settled(NamedTuple):
    """What came back to a location, in thousandths of the unit."""

    owner_id: str
    sku: str
    quantity_milli: int


async def settle_life(
    connection: Connection, node_id: str, incarnation: UUID, reason: str, *, now_ms: int
) -> tuple[Settled, ...] | Rejected:
    """Give back what a life has left that people say is gone for good; once, and nothing the second time.

    Refused for the life that the node lives now. A location that nobody ever heard of keeps what it has set aside. What
    is refused at one location has changed nothing at any.
    """
    life, present = Life(node_id, incarnation), await nodes.page(connection, node_id)
    if not present:
        return Rejected("node-not-found", f"no node {node_id!r} ever said hello here")
    if present[0].incarnation == incarnation:
        detail = f"{node_id} lives as incarnation {incarnation}, and may spend what it holds"
        return Rejected("rights-not-settled", detail, "/incarnation", state="present")
    found: list[tuple[Settled, RightsBook]] = []
    for key, book in (await rights.lock(connection, await _left_by(connection, life))).items():
        left_milli = balance_milli(book.rights, life)
        after = await _settled(connection, book, life)
        if isinstance(after, Rejected):
            return after
        found += [] if after is None else [(Settled(*key, left_milli), after)]
    for settled, after in found:
        await _write(connection, settled, after, life, reason, now_ms)
    if found:
        _log.warning("rights.settled", node_id=node_id, incarnation=str(incarnation), skus=len(found), reason=reason)
    return tuple(settled for settled, _ in found)


async def _left_by(connection: Connection, life: Life) -> list[RightsKey]:
    """Of which SKUs a life has left rights."""
    found: list[RightsKey] = []
    after: RightsKey | None = None
    while books := await rights.page(connection, owner_id=None, sku=None, after=after, rows_max=_PAGE_ROWS):
        after = RightsKey(books[-1].rights.owner_id, books[-1].rights.sku)
        found += [
            RightsKey(book.rights.owner_id, book.rights.sku) for book in books if balance_milli(book.rights, life) > 0
        ]
    return found


async def _settled(connection: Connection, book: RightsBook, life: Life) -> RightsBook | Rejected | None:
    """A locked book once its location has what a life left; None where that is nothing, or nobody is there."""
    owner_id = book.rights.owner_id
    owner = await nodes.page(connection, owner_id)
    if not owner or balance_milli(book.rights, life) <= 0:
        return None
    after = rules.settle(rules.void(book.rights, life), life, Life(owner_id, owner[0].incarnation))
    return after if isinstance(after, Rejected) else replace(book, rights=after)


async def _write(
    connection: Connection, settled: Settled, after: RightsBook, life: Life, reason: str, now_ms: int
) -> None:
    owner_id, sku, left_milli = settled
    await rights.put(connection, [after])
    task = HearRights(RightsBook(replace(after.rights, rows=(row_of(after.rights, life),))))
    name = f"rights.settled/{owner_id}/{sku}/{life.incarnation}/{now_ms}"
    issued = await issue(connection, owner_id, task, subject=None, key=name, now_ms=now_ms)
    instruction_id = issued.instruction_id if isinstance(issued, Issued) else None
    figures = msgspec.json.encode({"incarnation": str(life.incarnation), "reason": reason}).decode()
    move = NewMove(owner_id, sku, life.node_id, owner_id, left_milli, "settled", figures, instruction_id)
    await rights_moves.add(connection, move)
