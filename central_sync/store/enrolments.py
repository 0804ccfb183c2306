"""`enrolment_ticket` and `enrolment`: which machine may be which node."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal, NamedTuple
from uuid import UUID

from central_sync.store import nodes, replaced
from central_sync.store.database import Connection

Refusal = Literal["unknown", "expired", "used"]


class Enrolment(NamedTuple):
    """A machine that was let in as a node. The larger `number` is the later one."""

    node_id: str
    incarnation: UUID
    number: int
    enrolled_at: datetime


_OFFER: Final = """
    INSERT INTO enrolment_ticket (node_id, digest, expires_at)
    VALUES ($1, $2, now() + make_interval(secs => $3)) RETURNING expires_at
"""
_FORGET_EXPIRED: Final = "DELETE FROM enrolment_ticket WHERE node_id = $1 AND expires_at < now() AND used_by IS NULL"
_LOCK_TICKET: Final = """
    SELECT used_by, expires_at < now() AS is_expired FROM enrolment_ticket
    WHERE node_id = $1 AND digest = $2 FOR UPDATE
"""
_USE: Final = "UPDATE enrolment_ticket SET used_by = $3 WHERE node_id = $1 AND digest = $2"
_ENROL: Final = """
    INSERT INTO enrolment (node_id, incarnation) VALUES ($1, $2)
    ON CONFLICT (node_id, incarnation) DO UPDATE SET number = DEFAULT, enrolled_at = now()
"""
_REINSTATE: Final = """
    UPDATE stream_cursor SET superseded_by = NULLIF($2::uuid, incarnation)
    WHERE node_id = $1 AND EXISTS (SELECT FROM stream_cursor WHERE node_id = $1 AND incarnation = $2)
"""
_COLUMNS: Final = "node_id, incarnation, number, enrolled_at"
_OF_NODES: Final = f"""
    SELECT {_COLUMNS} FROM enrolment WHERE node_id = ANY($1::text[]) ORDER BY node_id, number
"""  # noqa: S608 - the columns are ours
_ALL: Final = f"SELECT {_COLUMNS} FROM enrolment ORDER BY node_id, number"  # noqa: S608

_INHERIT: Final = """
    INSERT INTO enrolment (node_id, incarnation, number) OVERRIDING SYSTEM VALUE
    SELECT * FROM unnest($1::text[], $2::uuid[], $3::bigint[]) ON CONFLICT DO NOTHING
"""


async def offer(connection: Connection, node_id: str, digest: bytes, ttl_s: int) -> datetime:
    """Keep a new ticket's digest, and say until when it is good."""
    await connection.execute(_FORGET_EXPIRED, node_id)
    expires_at: datetime = await connection.fetchval(_OFFER, node_id, digest, ttl_s)
    return expires_at


async def redeem(connection: Connection, node_id: str, digest: bytes, incarnation: UUID) -> Refusal | None:
    """Let a machine in with its ticket, or say why not. Doing it again changes nothing.

    A machine that was replaced, and is let in again with another ticket, is the node again.
    """
    ticket = await connection.fetchrow(_LOCK_TICKET, node_id, digest)
    if ticket is None:
        return "unknown"
    if ticket["used_by"] is not None:
        return None if ticket["used_by"] == incarnation else "used"
    if ticket["is_expired"]:
        return "expired"
    await connection.execute(_USE, node_id, digest, incarnation)
    await connection.execute(_ENROL, node_id, incarnation)
    await nodes.reinstate(connection, node_id, incarnation)  # the node before its cursors, as a greeting locks them
    await connection.execute(_REINSTATE, node_id, incarnation)
    await replaced.forget(connection, node_id, incarnation)
    return None


async def inherit(connection: Connection, heirs: Sequence[tuple[str, UUID, int]]) -> None:
    """Incarnations of enrolled machines: node, incarnation, and the number of the enrolment on which it stands."""
    if heirs:
        await connection.execute(_INHERIT, *(list(column) for column in zip(*heirs, strict=True)))


async def of_nodes(connection: Connection, node_ids: Sequence[str]) -> list[Enrolment]:
    """The enrolments of some nodes, the earliest first."""
    return [Enrolment(*row) for row in await connection.fetch(_OF_NODES, list(node_ids))]


async def every(connection: Connection) -> list[Enrolment]:
    """All enrolments, by node, the earliest first."""
    return [Enrolment(*row) for row in await connection.fetch(_ALL)]
