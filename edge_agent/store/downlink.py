"""The downlink in the file: how far it is taken, and what of it is parked. Functions never commit.

`wish` is what somebody wants of a parked instruction; the agent looks at the wishes with each heartbeat, so that the
command line needs no word with a running agent and may leave its wish while none runs.
"""

from typing import Final, Literal
from uuid import UUID

import aiosqlite
from msgspec import Struct

from edge_agent.store.connection import fetch, translated
from edge_core.sync.messages import DownPosition

Wish = Literal["replay", "discard"]

_COLUMNS: Final = "parked_no, instruction_id, subject, kind, reason, detail, payload, parked_at_ms, wish"


class ParkedInstruction(Struct, frozen=True):
    """An instruction that waits for people. `instruction_id` is None where not even that could be read."""

    instruction_id: UUID | None
    subject: UUID | None
    kind: str
    reason: str
    detail: str
    payload: bytes
    parked_at_ms: int


class ParkedRow(Struct, frozen=True):
    """The same as it stands in the file, by its number, with what somebody wants of it."""

    parked_no: int
    instruction: ParkedInstruction
    wish: Wish | None


async def read_position(connection: aiosqlite.Connection) -> DownPosition | None:
    """How far which downlink is taken; None in a file that never took anything."""
    rows = await fetch(connection, "SELECT incarnation, durable_seq, durable_hash FROM downlink")
    return DownPosition(UUID(bytes=rows[0][0]), rows[0][1], rows[0][2]) if rows else None


async def put_position(connection: aiosqlite.Connection, position: DownPosition) -> None:
    """Write down how far the downlink is taken."""
    sql = "INSERT OR REPLACE INTO downlink (one, incarnation, durable_seq, durable_hash) VALUES (1, ?, ?, ?)"
    with translated():
        await connection.execute(sql, (position.incarnation.bytes, position.seq, position.hash))


async def park(connection: aiosqlite.Connection, parked: ParkedInstruction) -> None:
    """Keep an instruction for people."""
    sql = """
        INSERT INTO parked_instruction (instruction_id, subject, kind, reason, detail, payload, parked_at_ms)
        VALUES (?, ?, ?, ?, ?, ?, ?)
    """
    row = (
        parked.instruction_id.bytes if parked.instruction_id else None,
        parked.subject.bytes if parked.subject else None,
        parked.kind,
        parked.reason,
        parked.detail,
        parked.payload,
        parked.parked_at_ms,
    )
    with translated():
        await connection.execute(sql, row)


async def read_parked(connection: aiosqlite.Connection) -> list[ParkedRow]:
    """Everything that is parked, the oldest first; at most `PARKED_INSTRUCTIONS_MAX` rows are ever kept."""
    rows = await fetch(connection, f"SELECT {_COLUMNS} FROM parked_instruction ORDER BY parked_no")  # noqa: S608
    return [
        ParkedRow(
            no,
            ParkedInstruction(_uuid(instruction_id), _uuid(subject), kind, reason, detail, payload, at_ms),
            wish,
        )
        for no, instruction_id, subject, kind, reason, detail, payload, at_ms, wish in rows
    ]


async def count_parked(connection: aiosqlite.Connection) -> int:
    """How many instructions are parked."""
    return int((await fetch(connection, "SELECT count(*) FROM parked_instruction"))[0][0])


async def has_wishes(connection: aiosqlite.Connection) -> bool:
    """Whether somebody wants something of a parked instruction."""
    return bool(await fetch(connection, "SELECT 1 FROM parked_instruction WHERE wish IS NOT NULL LIMIT 1"))


async def wish(connection: aiosqlite.Connection, parked_no: int, wanted: Wish) -> bool:
    """Write down what is wanted; False where nothing is parked under the number."""
    with translated():
        cursor = await connection.execute(
            "UPDATE parked_instruction SET wish = ? WHERE parked_no = ?", (wanted, parked_no)
        )
    return cursor.rowcount > 0


async def unpark(connection: aiosqlite.Connection, parked_no: int) -> None:
    """It waits no longer."""
    with translated():
        await connection.execute("DELETE FROM parked_instruction WHERE parked_no = ?", (parked_no,))


async def keep_parked(connection: aiosqlite.Connection, parked_no: int, reason: str, detail: str) -> None:
    """It was tried again, in vain: it stays, with the reason of now and no wish."""
    sql = "UPDATE parked_instruction SET reason = ?, detail = ?, wish = NULL WHERE parked_no = ?"
    with translated():
        await connection.execute(sql, (reason, detail, parked_no))


def _uuid(value: bytes | None) -> UUID | None:
    return UUID(bytes=value) if value is not None else None
