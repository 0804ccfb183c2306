"""`replaced_life`: whether a machine that was replaced runs beside the one that is its node."""

from collections.abc import Sequence, Set
from typing import Final
from uuid import UUID

from central_sync.store.database import Connection

# A spell ends where nothing was heard for as long as silence takes. The node's own word counts as beside the spell only
# when it came so long after its beginning, because a word of before a disk was put back may arrive after it.
_HEAR: Final = """
    INSERT INTO replaced_life AS old (node_id, incarnation, heard_from, heard_to)
    SELECT node_id, incarnation, now(), now() FROM unnest($1::text[], $2::uuid[]) AS spoke (node_id, incarnation)
    ON CONFLICT (node_id, incarnation) DO UPDATE SET
        heard_to = now(),
        heard_from = CASE WHEN old.heard_to < now() - $3 * interval '1 millisecond'
            THEN now() ELSE old.heard_from END,
        is_beside = old.is_beside OR old.heard_to >= now() - $3 * interval '1 millisecond' AND EXISTS (
            SELECT FROM node_status
            WHERE node_status.node_id = old.node_id AND last_seen > old.heard_from + $3 * interval '1 millisecond')
    RETURNING node_id, incarnation, is_beside
"""
_FOLLOW: Final = """
    INSERT INTO replaced_life (node_id, incarnation, heard_from, heard_to, is_beside)
    SELECT node_id, next.incarnation, heard_from, heard_to, is_beside
    FROM unnest($1::text[], $2::uuid[], $3::uuid[]) AS next (node_id, incarnation, origin)
    JOIN replaced_life AS old USING (node_id) WHERE old.incarnation = next.origin
    ON CONFLICT DO NOTHING
"""


async def hear(connection: Connection, lives: Sequence[tuple[str, UUID]], silent_ms: int) -> Set[tuple[str, UUID]]:
    """These replaced lives speak, in their order; returns those that are known to run beside their node."""
    rows = await connection.fetch(_HEAR, [life[0] for life in lives], [life[1] for life in lives], silent_ms)
    return {(row[0], row[1]) for row in rows if row[2]}


async def follow(connection: Connection, lives: Sequence[tuple[str, UUID, UUID]]) -> None:
    """New lives of replaced machines: node, incarnation, and the one from which it goes on, whose record it takes."""
    await connection.execute(_FOLLOW, *(list(column) for column in zip(*lives, strict=True)))


async def forget(connection: Connection, node_id: str, incarnation: UUID) -> None:
    """People have said that a life is its node again."""
    await connection.execute("DELETE FROM replaced_life WHERE node_id = $1 AND incarnation = $2", node_id, incarnation)
