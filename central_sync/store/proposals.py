"""`hold_answer`: how people answered holds beside which something was proposed (docs/checks.md)."""

from collections.abc import Sequence
from typing import Final, NamedTuple
from uuid import UUID

from central_sync.store.database import Connection


class HoldAnswer(NamedTuple):
    """One hold that was answered: by approving it (`answer` is its id), or by refusing the order."""

    node_id: str
    order_id: UUID
    answer: str
    is_followed: bool


class ShareRow(NamedTuple):
    """How many answers of a node there are, and how many did what was proposed."""

    node_id: str
    answered: int
    followed: int


_ADD: Final = """
    INSERT INTO hold_answer (node_id, order_id, answer, is_followed)
    SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::boolean[])
    ON CONFLICT DO NOTHING
"""
_SHARES: Final = """
    SELECT node_id, count(*), count(*) FILTER (WHERE is_followed) FROM hold_answer
    WHERE $1::text IS NULL OR node_id = $1
    GROUP BY node_id ORDER BY node_id
"""


async def add(connection: Connection, answers: Sequence[HoldAnswer]) -> None:
    """Write answers down; one that is known counts no second time."""
    await connection.execute(_ADD, *(list(column) for column in zip(*answers, strict=True)))


async def shares(connection: Connection, node_id: str | None) -> list[ShareRow]:
    """The share of proposals that were taken, by node."""
    return [ShareRow(*row) for row in await connection.fetch(_SHARES, node_id)]
