"""Walks every stream in the database: is each chain whole, does each cursor stand at its end, do the books add up?"""

from collections.abc import AsyncIterator
from uuid import UUID

from msgspec import Struct

from central_sync.store import streams
from central_sync.store.database import Connection, Database
from central_sync.store.streams import CursorRow, StreamKey
from edge_core.limits import VERIFY_PAGE_ROWS
from edge_core.sync import chain


class Finding(Struct, frozen=True):
    """Something that is not as it must be, and where."""

    node_id: str
    incarnation: UUID
    lane: str
    seq: int
    problem: str


class Verification(Struct, frozen=True):
    """What was looked at and what was found."""

    streams: int
    entries: int
    findings: tuple[Finding, ...]


async def verify(database: Database) -> Verification:
    """Check everything in one snapshot, while the centre goes on."""
    entries = 0
    findings: list[Finding] = []
    async with database.reading() as connection:
        cursors = await streams.cursors(connection)
        for key, cursor in cursors:
            count, found = await _verify_stream(connection, key, cursor)
            entries += count
            findings += found
        strays = await streams.without_cursor(connection)
    findings += [Finding(*key, seq=0, problem="entries of a stream that has no cursor") for key in strays]
    return Verification(len(cursors), entries, tuple(findings))


async def _verify_stream(connection: Connection, key: StreamKey, cursor: CursorRow) -> tuple[int, list[Finding]]:
    """Follow the chain from its genesis. After a finding it goes on from either hash, so that each shows once."""
    findings: list[Finding] = []
    stored = computed = chain.genesis(*key)
    seq, parked, discarded, count = 0, 0, 0, 0
    rows: AsyncIterator[streams.StoredEntry] = streams.walk(connection, key, VERIFY_PAGE_ROWS)
    async for entry in rows:
        count += 1
        parked += entry.is_parked and not entry.is_discarded
        discarded += entry.is_discarded
        leads_to = {chain.link(previous, entry.body) for previous in {stored, computed}}
        if entry.seq != seq + 1:
            findings.append(Finding(*key, seq=seq + 1, problem=f"missing up to {entry.seq - 1}"))
        elif entry.hash not in leads_to:
            findings.append(Finding(*key, seq=entry.seq, problem="the bytes do not lead to the hash"))
        computed = entry.hash if entry.hash in leads_to else chain.link(computed, entry.body)
        stored, seq = entry.hash, entry.seq
    if seq != cursor.durable_seq:
        findings.append(Finding(*key, seq=seq, problem=f"the stream ends here, its cursor says {cursor.durable_seq}"))
    elif cursor.durable_hash not in {stored, computed}:
        findings.append(Finding(*key, seq=seq, problem="the cursor holds another hash"))
    for count_of, found, counted in (("parked", parked, cursor.parked), ("discarded", discarded, cursor.discarded)):
        if found != counted:
            findings.append(
                Finding(*key, seq=seq, problem=f"{found} entries are {count_of}, the cursor counts {counted}")
            )
    return count, findings
