"""What `verify` looks at of the downlink: instructions that wait for people, and answers that outlive their entries."""

from collections.abc import AsyncIterator
from uuid import UUID

import aiosqlite

from edge_agent.store import answers, downlink
from edge_agent.store.connection import fetch
from edge_agent.store.downlink import ParkedRow
from edge_core.errors import PeerFault
from edge_core.sync.entry import decode_entry
from edge_core.sync.instruction import read_head


async def check_downlink(connection: aiosqlite.Connection) -> AsyncIterator[tuple[str, str]]:
    """Each thing that is wrong: where, and what. Raises `StorageFault`."""
    for row in await downlink.read_parked(connection):
        for what in await _wrong_with(connection, row):
            yield f"parked instruction {row.parked_no}", what
    sql = "SELECT subject, answer FROM pruned_subject WHERE answer IS NOT NULL"
    for subject, answer in await fetch(connection, sql):
        if not _answers(answer, UUID(bytes=subject)):
            yield f"instruction {UUID(bytes=subject)}", "what was answered to it cannot be read any more"


async def _wrong_with(connection: aiosqlite.Connection, row: ParkedRow) -> list[str]:
    """The log must say that it is parked, and its columns what its bytes say."""
    instruction, found = row.instruction, []
    head = read_head(instruction.payload)
    told = (head.instruction_id, head.subject) if head is not None else (None, None)
    if told != (instruction.instruction_id, instruction.subject):
        found.append("its bytes are not those that it was parked with")
    if instruction.instruction_id is not None:
        sql = "SELECT 1 FROM entry WHERE order_id = ?1 UNION ALL SELECT 1 FROM pruned_subject WHERE subject = ?1"
        if not await fetch(connection, sql, (instruction.instruction_id.bytes,)):
            found.append("the log does not say that it was parked")
    return found


def _answers(body: bytes, instruction_id: UUID) -> bool:
    """Whether these bytes are an entry with the final answer to this instruction."""
    try:
        event = answers.final_answer(decode_entry(body))
    except PeerFault:
        return False
    return event is not None and event.instruction_id == instruction_id
