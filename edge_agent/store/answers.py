"""Answers to instructions of the centre that the log has let go of: what was done once is known for as long as its id.

Functions take the connection and never commit.
"""

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

import aiosqlite

from edge_agent.store.connection import fetch
from edge_core.errors import PeerFault, RecordDamaged
from edge_core.orders.events import InstructionAnswered
from edge_core.orders.rendering import Recorded
from edge_core.sync.entry import Entry, decode_entry, encode_entry

FINAL: Final = frozenset({"applied", "refused"})
"""The outcomes after which an instruction is done: `parked` may be followed by one of them."""


def final_answer(entry: Entry) -> InstructionAnswered | None:
    """The final answer that an entry gives to an instruction, if it gives one."""
    found = (event for event in entry.events if isinstance(event, InstructionAnswered) and event.outcome in FINAL)
    return next(found, None)


def kept_answer(entries: Iterable[Recorded]) -> bytes | None:
    """What to remember of the entries of one subject: the one with the final answer, encoded; None where none has."""
    answering = [recorded.entry for recorded in entries if final_answer(recorded.entry) is not None]
    return encode_entry(answering[-1]) if answering else None


async def read_kept(connection: aiosqlite.Connection, instruction_ids: Sequence[UUID]) -> dict[UUID, Entry]:
    """The entries with the final answers to these instructions, of those that were let go of.

    Raises `RecordDamaged` for one that cannot be read.
    """
    marks = ",".join("?" * len(instruction_ids))
    sql = f"SELECT subject, answer FROM pruned_subject WHERE subject IN ({marks}) AND answer IS NOT NULL"  # noqa: S608
    rows = await fetch(connection, sql, [each.bytes for each in instruction_ids])
    try:
        return {UUID(bytes=subject): decode_entry(answer) for subject, answer in rows}
    except PeerFault as fault:
        raise RecordDamaged(f"a kept answer ({fault})") from fault
