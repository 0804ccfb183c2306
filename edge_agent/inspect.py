"""What the command line looks up in the file of an agent, which may be running or not."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final
from uuid import UUID

from msgspec import Struct

from edge_agent.config import AgentConfig
from edge_agent.reference_status import DatasetStatus, dataset_status
from edge_agent.store import downlink, log, policies, reference
from edge_agent.store.connection import Connection, locked, open_reader, open_writer
from edge_agent.store.log import Stream
from edge_agent.store.schema import migrate
from edge_agent.surroundings import wall_ms
from edge_core.errors import PermanentFault
from edge_core.orders.rendering import rfc3339
from edge_core.reference.datasets import KINDS
from edge_core.sync.conservation import ledger
from edge_core.sync.entry import decode_entry
from edge_core.sync.exported import exported_line

_ROWS: Final = 500
_PROBE_TIMEOUT_S: Final = 2.0


class LaneBooks(Struct, frozen=True):
    """A lane's books, and how old its oldest pending entry is."""

    lane: str
    accepted: int
    confirmed: int
    pending: int
    parked: int
    oldest_pending_age_ms: int | None


class FileStatus(Struct, frozen=True):
    """What `edge-agent status` shows."""

    node_id: str
    incarnation: UUID
    path: str
    agent: str
    lanes: tuple[LaneBooks, ...]
    parked_instructions: int = 0
    entries_to_come: int = 0
    reference: tuple[DatasetStatus, ...] = ()
    policies_release: int = 0


class ParkedItem(Struct, frozen=True):
    """An instruction of the centre that waits for people, as `edge-agent parked` shows it; `payload` is hexadecimal."""

    number: int
    parked_at: str
    kind: str
    subject: UUID | None
    instruction_id: UUID | None
    reason: str
    detail: str
    wish: str | None
    payload: str


async def parked_items(path: Path) -> list[ParkedItem]:
    """Every parked instruction, the oldest first."""
    reader = await open_reader(path)
    try:
        return [_parked_item(row) for row in await downlink.read_parked(reader)]
    finally:
        await reader.close()


async def wish_for(path: Path, number: int, wanted: downlink.Wish) -> bool:
    """Leave word of what is wanted of a parked instruction; False where there is none of this number.

    An agent that runs on the file sees it with its next heartbeat, another one after its start.
    """
    writer = await open_writer(path)
    try:
        return await downlink.wish(writer, number, wanted)
    finally:
        await writer.close()


def _parked_item(row: downlink.ParkedRow) -> ParkedItem:
    parked = row.instruction
    return ParkedItem(
        row.parked_no,
        rfc3339(parked.parked_at_ms),
        parked.kind,
        parked.subject,
        parked.instruction_id,
        parked.reason,
        parked.detail,
        row.wish,
        parked.payload.hex(),
    )


async def file_status(config: AgentConfig) -> FileStatus:
    """The books as they stand in the file, and whether an agent answers."""
    path = config.store.path
    if not path.exists():
        raise PermanentFault(f"{path}: there is no such file; has the agent ever run with this configuration?")
    reader = await open_reader(path)
    try:
        streams = await log.read_streams(reader)
        if not streams:
            raise PermanentFault(f"{path}: no agent has begun this file yet")
        newest = await log.present_incarnation(reader)
        lanes = []
        for stream in streams:
            if stream.incarnation == newest:
                tail = await log.read_tail(reader, stream)
                books = ledger(stream.lane, tail_seq=tail.seq, durable_seq=stream.durable_seq, parked=stream.parked)
                pending = await log.read_range(reader, stream, stream.durable_seq + 1, 1)
                age = wall_ms() - decode_entry(pending[0][2]).recorded_at_ms if pending else None
                lanes.append(LaneBooks(books.lane, books.accepted, books.confirmed, books.pending, books.parked, age))
        parked = await downlink.count_parked(reader)
        used = {row.dataset: row for row in await reference.read_datasets(reader)}
        bundle = await policies.read_bundle(reader)
    finally:
        await reader.close()
    datasets = tuple(dataset_status(name, used.get(name)) for name in KINDS)
    to_come = sum(stream.pruned_seq for stream in streams if stream.is_awaited)
    number = 0 if bundle is None else bundle.number
    return FileStatus(
        streams[0].node_id, newest, str(path), _probe(config), tuple(lanes), parked, to_come, datasets, number
    )


async def exported_lines(path: Path, lane: str, from_seq: int) -> AsyncIterator[bytes]:
    """Each entry of a lane as one JSON object, through every incarnation, oldest first."""
    reader = await open_reader(path)
    try:
        for stream in await log.read_streams(reader):
            if stream.lane == lane:
                async for line in _lines(stream, reader, from_seq):
                    yield line
    finally:
        await reader.close()


async def _lines(stream: Stream, reader: Connection, from_seq: int) -> AsyncIterator[bytes]:
    while rows := await log.read_range(reader, stream, from_seq, _ROWS):
        for seq, entry_hash, body in rows:
            yield exported_line((stream.node_id, stream.incarnation, stream.lane), seq, entry_hash, body)
        from_seq = rows[-1][0] + 1


async def migrate_file(config: AgentConfig) -> list[str]:
    """Bring the file to this software's schema while no agent runs on it."""
    with locked(config.store.path):
        writer = await open_writer(config.store.path)
        try:
            return await migrate(writer)
        finally:
            await writer.close()


def _probe(config: AgentConfig) -> str:
    """Whether the agent takes orders. One plain question: httpx would take longer to import than it takes to answer."""
    here = f"{config.api.host}:{config.api.port}"
    connection = HTTPConnection(config.api.host, config.api.port, timeout=_PROBE_TIMEOUT_S)
    try:
        connection.request("GET", "/readyz")
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        return f"does not answer at {here} ({error})"
    finally:
        connection.close()
    return f"takes orders at {here}" if status == HTTPStatus.OK else f"answers at {here} and takes no orders ({status})"
