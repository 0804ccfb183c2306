"""`breaker`: which node's streams are held for which entry version (docs/protocol.md, "A stream that is held")."""

from collections.abc import Sequence, Set
from datetime import datetime
from typing import Final, Literal, NamedTuple
from uuid import UUID

from central_sync.store.database import Connection
from central_sync.store.streams import StreamKey

BreakerState = Literal["open", "parking", "closed"]


class Breaker(NamedTuple):
    """One node and version. `seq` is where it was met first; `who` and `why` say what people did."""

    node_id: str
    version: int
    state: BreakerState
    incarnation: UUID
    lane: str
    seq: int
    opened_at: datetime
    changed_at: datetime
    who: str
    why: str


_COLUMNS: Final = ", ".join(Breaker._fields)
_OPEN: Final = f"""
    INSERT INTO breaker (node_id, incarnation, lane, seq, version, state) VALUES ($1, $2, $3, $4, $5, 'open')
    ON CONFLICT (node_id, version) DO UPDATE SET
        state = 'open', incarnation = excluded.incarnation, lane = excluded.lane, seq = excluded.seq,
        opened_at = now(), changed_at = now(), who = '', why = ''
        WHERE breaker.state = 'closed'
    RETURNING {_COLUMNS}
"""  # noqa: S608
_PARKING: Final = """
    SELECT node_id, version FROM breaker
    WHERE state = 'parking' AND (node_id, version) IN (SELECT * FROM unnest($1::text[], $2::integer[]))
"""
_CLOSE_KNOWN: Final = f"""
    UPDATE breaker SET state = 'closed', changed_at = now(), who = 'central-sync', why = 'the version is known now'
    WHERE state <> 'closed' AND version <= $1
    RETURNING {_COLUMNS}
"""  # noqa: S608
_LET_PARK: Final = f"""
    UPDATE breaker SET state = 'parking', changed_at = now(), who = $3, why = $4
    WHERE node_id = $1 AND version = $2 AND state = 'open'
    RETURNING {_COLUMNS}
"""  # noqa: S608
_PAGE: Final = f"""
    SELECT {_COLUMNS} FROM breaker
    WHERE ($1::text[] IS NULL OR node_id = ANY($1)) AND ($2 OR state <> 'closed')
    ORDER BY node_id, version
"""  # noqa: S608


async def open_(connection: Connection, key: StreamKey, seq: int, version: int) -> list[Breaker]:
    """Open a breaker; empty where it was open already."""
    return [Breaker(*row) for row in await connection.fetch(_OPEN, *key, seq, version)]


async def parking(connection: Connection, pairs: Sequence[tuple[str, int]]) -> Set[tuple[str, int]]:
    """Those of some nodes and versions whose entries are parked because an operator said so."""
    rows = await connection.fetch(_PARKING, [node_id for node_id, _ in pairs], [version for _, version in pairs])
    return {(row[0], row[1]) for row in rows}


async def close_known(connection: Connection, version: int) -> list[Breaker]:
    """Close those of every version up to one, which is what this software can read."""
    return [Breaker(*row) for row in await connection.fetch(_CLOSE_KNOWN, version)]


async def let_park(connection: Connection, node_id: str, version: int, *, who: str, why: str) -> bool:
    """Let the entries of a version go on to be parked; False where nothing is held for it."""
    return bool(await connection.fetch(_LET_PARK, node_id, version, who, why))


async def page(
    connection: Connection, node_ids: Sequence[str] | None = None, *, with_closed: bool = False
) -> list[Breaker]:
    """The breakers that are open or let park, of all nodes or of some."""
    return [Breaker(*row) for row in await connection.fetch(_PAGE, node_ids, with_closed)]


async def count_open(connection: Connection) -> int:
    """How many hold a stream."""
    found: int = await connection.fetchval("SELECT count(*) FROM breaker WHERE state = 'open'")
    return found
