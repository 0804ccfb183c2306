"""`instruction`: what was asked of the nodes, and what became of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from central_sync.store.database import Connection


class Asked(NamedTuple):
    """An instruction as it is recorded."""

    node_id: str
    instruction_id: UUID
    kind: str
    subject: UUID | None
    body: bytes
    payload_hash: bytes


class AnswerRow(NamedTuple):
    """What a node says of an instruction."""

    node_id: str
    instruction_id: UUID
    kind: str
    subject: UUID | None
    outcome: str
    code: str | None
    detail: str | None


class InstructionRow(NamedTuple):
    """One instruction and its answer. `is_taken` is whether its node has it, by the node's own word."""

    number: int
    node_id: str
    instruction_id: UUID
    kind: str
    subject: UUID | None
    body: bytes | None
    payload_hash: bytes | None
    requested_at: datetime
    outcome: str | None
    code: str | None
    detail: str | None
    answered_at: datetime | None
    is_taken: bool


_ADD: Final = """
    INSERT INTO instruction (node_id, instruction_id, kind, subject, body, payload_hash)
    VALUES ($1, $2, $3, $4, $5, $6)
"""
# A first final answer stays; one that came again, from a history that was replayed, changes nothing.
_ANSWER: Final = """
    INSERT INTO instruction AS old (node_id, instruction_id, kind, subject, outcome, code, detail, answered_at)
    SELECT *, now() FROM
        unnest($1::text[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[])
        AS new (node_id, instruction_id, kind, subject, outcome, code, detail)
    ORDER BY node_id, instruction_id
    ON CONFLICT (node_id, instruction_id) DO UPDATE SET
        outcome = excluded.outcome, code = excluded.code, detail = excluded.detail, answered_at = now()
        WHERE old.outcome IS NULL OR old.outcome = 'parked'
"""
_ROWS: Final = """
    SELECT i.number, i.node_id, i.instruction_id, i.kind, i.subject, i.body, i.payload_hash, i.requested_at, i.outcome,
        i.code, i.detail, i.answered_at,
        i.outcome IS NOT NULL OR EXISTS (
            SELECT FROM downlink AS d JOIN downlink_cursor AS c USING (node_id, incarnation)
            WHERE d.node_id = i.node_id AND d.instruction_id = i.instruction_id AND d.seq <= c.durable_seq)
    FROM instruction AS i
"""
_ONE: Final = _ROWS + " WHERE i.instruction_id = $1 ORDER BY i.number LIMIT 1"
_PAGE: Final = (
    _ROWS
    + """
    WHERE ($1::text IS NULL OR i.node_id = $1) AND ($2::uuid IS NULL OR i.subject = $2)
        AND ($3::bigint IS NULL OR i.number < $3)
    ORDER BY i.number DESC LIMIT $4
"""
)
_OPEN: Final = """
    SELECT instruction_id, body FROM instruction
    WHERE node_id = $1 AND (outcome IS NULL OR outcome = 'parked') AND body IS NOT NULL ORDER BY number
"""


async def add(connection: Connection, asked: Asked) -> None:
    """Record that something is asked."""
    await connection.execute(_ADD, *asked)


async def answer(connection: Connection, answers: Sequence[AnswerRow]) -> None:
    """Record what nodes answered, at most one answer for each instruction."""
    await connection.execute(_ANSWER, *zip(*answers, strict=True))


async def unanswered(connection: Connection, node_id: str) -> list[tuple[UUID, bytes]]:
    """What is not known to be done or refused, in the order in which it was asked."""
    return [(row[0], row[1]) for row in await connection.fetch(_OPEN, node_id)]


async def one(connection: Connection, instruction_id: UUID) -> InstructionRow | None:
    """One instruction, or None."""
    row = await connection.fetchrow(_ONE, instruction_id)
    return None if row is None else InstructionRow(*row)


async def page(
    connection: Connection, *, node_id: str | None, subject: UUID | None, before: int | None, rows_max: int
) -> list[InstructionRow]:
    """Instructions, the newest first."""
    rows = await connection.fetch(_PAGE, node_id, subject, before, rows_max)
    return [InstructionRow(*row) for row in rows]
