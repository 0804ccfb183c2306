"""`central_order`, `assignment` and `assignment_news`: the centre's orders, and what becomes of them at nodes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from central_sync.store.database import Connection
from edge_core.assignment.state import Assignment, Attempt
from edge_core.stock.rights_book import Spent

_ENCODER: Final = msgspec.msgpack.Encoder(uuid_format="bytes")
_SPENT_DECODER: Final = msgspec.msgpack.Decoder(tuple[Spent, ...])
CHANNEL: Final = "holdfast_assignment"
CLAIMED: Final = "claimed"


class CentralOrder(NamedTuple):
    """One order of the centre, without its attempts. `document` is what was posted, as MessagePack.

    Of a part of an order `parent_id` is what was divided, and `part_of` says how, as MessagePack.
    """

    order_id: UUID
    key: str
    payload_hash: bytes
    display_number: str
    document: bytes
    traceparent: str | None
    received_at: datetime
    status: str
    reason: str | None
    since_ms: int
    due_at_ms: int | None
    parent_id: UUID | None = None
    part_of: bytes | None = None


class NewOrder(NamedTuple):
    """An order as it is taken in. `units_milli` is how much of anything there is to pick."""

    order_id: UUID
    key: str
    payload_hash: bytes
    display_number: str
    document: bytes
    traceparent: str | None
    parent_id: UUID | None = None
    part_of: bytes | None = None
    units_milli: int = 0


_COLUMNS: Final = ", ".join(CentralOrder._fields)
_ADD: Final = """
    INSERT INTO central_order (order_id, key, payload_hash, display_number, document, traceparent, parent_id, part_of,
        units_milli, status, since_ms, due_at_ms)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (order_id) DO NOTHING RETURNING order_id
"""
_PUT: Final = """
    UPDATE central_order SET status = $2, reason = $3, since_ms = $4, due_at_ms = $5, changed_at = now()
    WHERE order_id = $1
"""
_PUT_ATTEMPT: Final = """
    INSERT INTO assignment (order_id, assignment_id, node_id, number, status, reason, spent, ended_at_ms)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (order_id, assignment_id) DO UPDATE SET
        number = excluded.number, status = excluded.status, reason = excluded.reason,
        ended_at_ms = excluded.ended_at_ms, changed_at = now()
"""
_PAGE: Final = f"""
    SELECT {_COLUMNS} FROM central_order
    WHERE ($1::text IS NULL OR status = $1)
        AND ($2::uuid IS NULL OR (received_at, order_id) <
            (SELECT received_at, order_id FROM central_order WHERE order_id = $2))
    ORDER BY received_at DESC, order_id DESC LIMIT $3
"""  # noqa: S608


async def add(connection: Connection, new: NewOrder, assignment: Assignment) -> bool:
    """Take an order in; False where there is one with its id already. Announced at COMMIT."""
    added = await connection.fetchval(_ADD, *new, assignment.status, assignment.since_ms, assignment.due_at_ms)
    if added is not None:
        await connection.execute(f"NOTIFY {CHANNEL}")
    return added is not None


async def one(connection: Connection, order_id: UUID) -> CentralOrder | None:
    """One order by its id or by that of an attempt, not locked."""
    statement = f"""
        SELECT {_COLUMNS} FROM central_order
        WHERE order_id = $1 OR order_id = (SELECT order_id FROM assignment WHERE assignment_id = $1 LIMIT 1)
    """  # noqa: S608
    row = await connection.fetchrow(statement, order_id)
    return None if row is None else CentralOrder(*row)


async def lock(connection: Connection, order_id: UUID) -> CentralOrder | None:
    """One order, locked until the end of the transaction: whoever holds it decides about the order."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM central_order WHERE order_id = $1 FOR UPDATE",  # noqa: S608
        order_id,
    )
    return None if row is None else CentralOrder(*row)


async def page(connection: Connection, *, status: str | None, before: UUID | None, rows_max: int) -> list[CentralOrder]:
    """Orders of the centre, the newest first, from before one on."""
    return [CentralOrder(*row) for row in await connection.fetch(_PAGE, status, before, rows_max)]


async def parts(connection: Connection, order_ids: Sequence[UUID]) -> list[CentralOrder]:
    """The parts of orders that were divided, in no order, not locked."""
    statement = f"SELECT {_COLUMNS} FROM central_order WHERE parent_id = ANY($1::uuid[])"  # noqa: S608
    return [CentralOrder(*row) for row in await connection.fetch(statement, order_ids)]


async def await_order(connection: Connection, order_id: UUID, assignment_id: UUID) -> None:
    """A node has a part of an order that is not known here: its attempt is looked at again once the order is."""
    statement = "INSERT INTO part_claim (order_id, assignment_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"
    await connection.execute(statement, order_id, assignment_id)


async def take_awaiting(connection: Connection, order_id: UUID) -> list[UUID]:
    """The attempts with parts of an order that have waited for it; they wait no longer."""
    statement = "DELETE FROM part_claim WHERE order_id = $1 RETURNING assignment_id"
    return [row[0] for row in await connection.fetch(statement, order_id)]


async def due(connection: Connection, now_ms: int, rows_max: int) -> list[UUID]:
    """Orders about which something has to be done, those that have waited longest first."""
    # Of two that are due at once the earlier one, so that the parts of an order come before the next order.
    statement = """
        SELECT order_id FROM central_order WHERE due_at_ms <= $1
        ORDER BY due_at_ms, received_at, order_id LIMIT $2
    """
    return [row[0] for row in await connection.fetch(statement, now_ms, rows_max)]


async def attempts(connection: Connection, order_ids: Sequence[UUID]) -> Mapping[UUID, tuple[Attempt, ...]]:
    """Every attempt of some orders, claims among them, by order and number."""
    statement = """
        SELECT order_id, assignment_id, node_id, number, status, reason, spent, ended_at_ms FROM assignment
        WHERE order_id = ANY($1::uuid[]) ORDER BY order_id, number, assignment_id
    """
    found: dict[UUID, tuple[Attempt, ...]] = dict.fromkeys(order_ids, ())
    for row in await connection.fetch(statement, order_ids):
        order_id, assignment_id, node_id, number, status, reason, body, ended_at_ms = row
        spent = () if body is None else _SPENT_DECODER.decode(body)
        found[order_id] += (Attempt(assignment_id, node_id, number, status, reason, spent, ended_at_ms),)
    return found


async def put(connection: Connection, assignment: Assignment) -> None:
    """Write a locked order as it stands now, without its attempts."""
    await connection.execute(
        _PUT, assignment.order_id, assignment.status, assignment.reason, assignment.since_ms, assignment.due_at_ms
    )


async def put_attempt(connection: Connection, order_id: UUID, attempt: Attempt) -> None:
    """Write an attempt as it stands now."""
    await connection.execute(
        _PUT_ATTEMPT,
        order_id,
        attempt.assignment_id,
        attempt.node_id,
        attempt.number,
        attempt.status,
        attempt.reason,
        _ENCODER.encode(attempt.spent) if attempt.spent else None,
        attempt.ended_at_ms,
    )


async def order_of(connection: Connection, assignment_id: UUID) -> UUID | None:
    """Which order an attempt is of."""
    statement = "SELECT order_id FROM assignment WHERE assignment_id = $1 LIMIT 1"
    found: UUID | None = await connection.fetchval(statement, assignment_id)
    return found


async def note(connection: Connection, assignment_ids: Sequence[UUID]) -> None:
    """Something was heard of attempts. Announced at COMMIT."""
    await connection.execute(
        "INSERT INTO assignment_news (assignment_id) SELECT * FROM unnest($1::uuid[])", assignment_ids
    )
    await connection.execute(f"NOTIFY {CHANNEL}")


async def news(connection: Connection, rows_max: int) -> list[UUID]:
    """Attempts of which something was heard, the longest ago first; each once."""
    statement = "SELECT assignment_id FROM assignment_news GROUP BY assignment_id ORDER BY min(number) LIMIT $1"
    return [row[0] for row in await connection.fetch(statement, rows_max)]


async def take_news(connection: Connection, assignment_id: UUID) -> None:
    """Forget what was heard of an attempt so far; what is read after this in the transaction is newer."""
    await connection.execute("DELETE FROM assignment_news WHERE assignment_id = $1", assignment_id)


async def count_exceptions(connection: Connection) -> int:
    """How many orders wait for people."""
    found: int = await connection.fetchval("SELECT count(*) FROM central_order WHERE status = 'exception'")
    return found
