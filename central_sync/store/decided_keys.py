"""`decided_key`: the answers to requests that are decided at the centre, by their `Idempotency-Key`."""

from typing import NamedTuple

from central_sync.store.database import Connection


class Decided(NamedTuple):
    """What a key stands for, and what was answered."""

    payload_hash: bytes
    answer: bytes


async def find(connection: Connection, key: str) -> Decided | None:
    """What was answered under a key. Whoever asks for the same one waits until this transaction has ended."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", key)
    row = await connection.fetchrow("SELECT payload_hash, answer FROM decided_key WHERE key = $1", key)
    return None if row is None else Decided(*row)


async def keep(connection: Connection, key: str, decided: Decided) -> None:
    """Write down what is answered."""
    statement = "INSERT INTO decided_key (key, payload_hash, answer) VALUES ($1, $2, $3)"
    await connection.execute(statement, key, *decided)


async def forget(connection: Connection, days: int) -> None:
    """Let go of what was decided longer ago."""
    await connection.execute("DELETE FROM decided_key WHERE decided_at < now() - $1 * interval '1 day'", days)
