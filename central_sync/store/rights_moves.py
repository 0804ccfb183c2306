"""`rights_move`: what the centre moved of rights, and why."""

from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from central_sync.store.database import Connection
from central_sync.store.rights import RightsKey


class NewMove(NamedTuple):
    """A move as it is asked for; `figures` are JSON for people, `instruction_id` is what was asked of a node."""

    owner_id: str
    sku: str
    giver: str
    taker: str
    quantity_milli: int
    why: str
    figures: str
    instruction_id: UUID | None


class MoveRow(NamedTuple):
    """A move and what became of it: `outcome` is the node's answer, None while there is none."""

    number: int
    moved_at: datetime
    owner_id: str
    sku: str
    giver: str
    taker: str
    quantity_milli: int
    why: str
    figures: str
    instruction_id: UUID | None
    outcome: str | None
    code: str | None


_ADD: Final = """
    INSERT INTO rights_move (owner_id, sku, giver, taker, quantity_milli, why, figures, instruction_id)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
_PENDING: Final = """
    SELECT EXISTS (
        SELECT FROM rights_move AS m JOIN instruction AS i USING (instruction_id)
        WHERE m.owner_id = $1 AND m.sku = $2 AND (i.outcome IS NULL OR i.outcome = 'parked')
            AND m.moved_at > now() - $3 * interval '1 millisecond')
"""
_PAGE: Final = """
    SELECT m.number, m.moved_at, m.owner_id, m.sku, m.giver, m.taker, m.quantity_milli, m.why, m.figures,
        m.instruction_id, i.outcome, i.code
    FROM rights_move AS m LEFT JOIN instruction AS i USING (instruction_id)
    WHERE ($1::text IS NULL OR m.owner_id = $1) AND ($2::text IS NULL OR m.sku = $2)
        AND ($3::bigint IS NULL OR m.number < $3)
    ORDER BY m.number DESC LIMIT $4
"""


async def add(connection: Connection, move: NewMove) -> None:
    """Write down what is moved."""
    await connection.execute(_ADD, *move)


async def is_pending(connection: Connection, key: RightsKey, patience_ms: int) -> bool:
    """Whether a move of a SKU waits for its node's answer, and not for too long."""
    found: bool = await connection.fetchval(_PENDING, *key, patience_ms)
    return found


async def page(
    connection: Connection, *, owner_id: str | None, sku: str | None, before: int | None, rows_max: int
) -> list[MoveRow]:
    """What was moved, the newest first."""
    rows = await connection.fetch(_PAGE, owner_id, sku, before, rows_max)
    return [MoveRow(*row) for row in rows]


async def prune(connection: Connection, kept: int) -> None:
    """Forget the oldest ones beyond so many."""
    await connection.execute("DELETE FROM rights_move WHERE number <= (SELECT max(number) - $1 FROM rights_move)", kept)
