"""`node` and `node_status`: who there is, and how they said they were."""

from collections.abc import Mapping, Sequence, Set
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

import msgspec
from msgspec import Struct

from central_sync.store.database import Connection
from edge_core.sync.messages import LaneLedger
from edge_core.sync.policy_messages import PolicyReport
from edge_core.sync.reference_messages import Held


class Greeting(NamedTuple):
    """What a hello says about its node; `refused` is why it may not go on, if so."""

    node_id: str
    incarnation: UUID
    name: str
    region: str
    clock_offset_ms: int
    software_version: str
    refused: str | None


class Report(NamedTuple):
    """What a heartbeat says. `ledger` is `encode_ledger`'s JSON, `reference` is `encode_held`'s."""

    node_id: str
    incarnation: UUID
    ledger: str
    oldest_unacked_age_ms: int
    disk_free_bytes: int
    clock_offset_ms: int
    software_version: str
    last_error: str | None
    parked_instructions: int = 0
    reference: str = "[]"
    policies: str | None = None


class HeldDataset(Struct, frozen=True):
    """Which version of a dataset a node uses, and which one it is fetching; 0 for none. An object in JSON."""

    dataset: str
    version: int
    fetching: int = 0


class NodePolicies(Struct, frozen=True):
    """The release of policies that a node uses (0: none), the newest that it refused and why. An object in JSON."""

    number: int
    refused: int = 0
    fault: str | None = None
    waiting_for: int = 0


class LaneBooks(Struct, frozen=True):
    """The books of one lane as the node keeps them; an object in JSON."""

    lane: str
    accepted: int
    confirmed: int
    pending: int
    parked: int
    backed_up_seq: int = 0
    pruned_seq: int = 0


class NodeRow(NamedTuple):
    """A node and its status; the fields of the status are None or empty before its first heartbeat."""

    node_id: str
    name: str
    region: str
    first_seen: datetime
    incarnation: UUID
    last_seen: datetime
    heartbeat_at: datetime | None
    is_gone: bool
    ledger: str
    oldest_unacked_age_ms: int
    disk_free_bytes: int | None
    clock_offset_ms: int
    software_version: str
    last_error: str | None
    refused: str | None
    differences: list[str]
    granted_entries_per_s: int | None = None
    scrubbed_at: datetime | None = None
    damaged_entries: int = 0
    day_differences: Sequence[str] = ()
    parked_instructions: int = 0
    reference: str = "[]"
    policies: str | None = None


_GREET_NODES: Final = """
    INSERT INTO node (node_id, incarnation, name, region)
    SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[])
    ON CONFLICT (node_id) DO UPDATE SET
        incarnation = excluded.incarnation, name = excluded.name, region = excluded.region
"""
_GREET_STATUS: Final = """
    INSERT INTO node_status (node_id, incarnation, clock_offset_ms, software_version, refused, last_seen)
    SELECT *, now() FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::text[], $5::text[])
    ON CONFLICT (node_id) DO UPDATE SET
        incarnation = excluded.incarnation, clock_offset_ms = excluded.clock_offset_ms,
        software_version = excluded.software_version, refused = excluded.refused, last_seen = now(), is_gone = false
"""
_REPORT: Final = """
    UPDATE node_status AS old
    SET last_seen = now(), heartbeat_at = now(), is_gone = false, ledger = new.ledger::jsonb,
        oldest_unacked_age_ms = new.age_ms, disk_free_bytes = new.disk_free_bytes,
        clock_offset_ms = new.clock_offset_ms, software_version = new.software_version, last_error = new.last_error,
        parked_instructions = new.parked_instructions, reference = new.reference::jsonb,
        policies = new.policies::jsonb
    FROM unnest($1::text[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[], $8::text[],
                $9::bigint[], $10::text[], $11::text[])
        AS new (node_id, incarnation, ledger, age_ms, disk_free_bytes, clock_offset_ms, software_version, last_error,
                parked_instructions, reference, policies)
    WHERE old.node_id = new.node_id AND old.incarnation = new.incarnation
    RETURNING old.node_id, old.incarnation
"""
_SILENT: Final = """
    SELECT node_id, incarnation FROM node JOIN node_status USING (node_id, incarnation)
    WHERE node_id = ANY($1::text[]) AND last_seen < now() - $2 * interval '1 millisecond'
"""
_REINSTATE: Final = """
    UPDATE node SET incarnation = $2
    WHERE node_id = $1 AND EXISTS (SELECT FROM stream_cursor WHERE node_id = $1 AND incarnation = $2)
"""
_NOTE_DIFFERENCES: Final = """
    UPDATE node_status AS old SET differences = new.differences
    FROM (
        SELECT node_id, incarnation, ARRAY(SELECT jsonb_array_elements_text(texts::jsonb)) AS differences
        FROM unnest($1::text[], $2::uuid[], $3::text[]) AS found (node_id, incarnation, texts)
    ) AS new
    WHERE old.node_id = new.node_id AND old.incarnation = new.incarnation AND old.differences <> new.differences
    RETURNING old.node_id, old.incarnation
"""
_NOTE_GRANTS: Final = """
    UPDATE node_status AS old SET granted_entries_per_s = new.rate
    FROM unnest($1::text[], $2::integer[]) AS new (node_id, rate)
    WHERE old.node_id = new.node_id AND old.granted_entries_per_s IS DISTINCT FROM new.rate
"""
_NODES: Final = """
    SELECT node_id, name, region, first_seen, node.incarnation, last_seen, heartbeat_at, is_gone, ledger,
        oldest_unacked_age_ms, disk_free_bytes, clock_offset_ms, software_version, last_error, refused, differences,
        granted_entries_per_s, scrubbed_at, damaged_entries, day_differences, parked_instructions,
        reference, policies
    FROM node JOIN node_status USING (node_id)
    WHERE $1::text IS NULL OR node_id = $1
    ORDER BY node_id
"""

_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(tuple[LaneBooks, ...])
_held_decoder: Final = msgspec.json.Decoder(tuple[HeldDataset, ...])


def encode_ledger(lanes: Sequence[LaneLedger]) -> str:
    """The books of a heartbeat as JSON objects."""
    return _encoder.encode(
        [LaneBooks(*(getattr(b, name) for name in LaneBooks.__struct_fields__)) for b in lanes]
    ).decode()


def decode_ledger(ledger: str) -> tuple[LaneBooks, ...]:
    """The way back."""
    return _decoder.decode(ledger)


def encode_held(held: Sequence[Held]) -> str:
    """The reference data of a heartbeat as JSON objects."""
    return _encoder.encode([HeldDataset(each.dataset, each.version, each.awaited) for each in held]).decode()


def decode_held(reference: str) -> tuple[HeldDataset, ...]:
    """The way back."""
    return _held_decoder.decode(reference)


def encode_policies(report: PolicyReport | None) -> str | None:
    """What a heartbeat says of policies as a JSON object; None where it says nothing of them."""
    if report is None:
        return None
    return _encoder.encode(NodePolicies(report.number, report.refused, report.fault, report.waiting_for)).decode()


def decode_policies(policies: str | None) -> NodePolicies | None:
    """The way back."""
    return None if policies is None else msgspec.json.decode(policies, type=NodePolicies)


async def incarnations(connection: Connection, node_ids: Sequence[str]) -> dict[str, UUID]:
    """The current incarnation of each node that is known, locked."""
    statement = "SELECT node_id, incarnation FROM node WHERE node_id = ANY($1::text[]) ORDER BY node_id FOR UPDATE"
    return {row[0]: row[1] for row in await connection.fetch(statement, node_ids)}


async def silent(connection: Connection, node_ids: Sequence[str], silent_ms: int) -> dict[str, UUID]:
    """The current incarnations of those nodes of which nothing was heard for so long, since they greeted."""
    rows = await connection.fetch(_SILENT, node_ids, silent_ms)
    return {row[0]: row[1] for row in rows}


async def greet(connection: Connection, greetings: Sequence[Greeting]) -> None:
    """Record hellos, one for each node, in the order of their ids."""
    ids, incarnations_, names, regions, offsets, versions, refused = zip(*greetings, strict=True)
    await connection.execute(_GREET_NODES, ids, incarnations_, names, regions)
    await connection.execute(_GREET_STATUS, ids, incarnations_, offsets, versions, refused)


async def report(connection: Connection, reports: Sequence[Report]) -> Set[tuple[str, UUID]]:
    """Record heartbeats, one for each node, in the order of their ids; returns whose they are.

    Those of an incarnation that was not the last of its node to greet change nothing, and are left out.
    """
    rows = await connection.fetch(_REPORT, *zip(*reports, strict=True))
    return {(row[0], row[1]) for row in rows}


async def reinstate(connection: Connection, node_id: str, incarnation: UUID) -> None:
    """A life that the centre knows is the node again, though it has yet to greet."""
    await connection.execute(_REINSTATE, node_id, incarnation)


async def note_differences(
    connection: Connection, found: Mapping[tuple[str, UUID], Sequence[str]]
) -> list[tuple[str, UUID]]:
    """Record what does not add up in nodes' books, by node and incarnation, and return for which of them it is news.

    A former incarnation's books say nothing about its node.
    """
    texts = [_encoder.encode(tuple(found[who])).decode() for who in found]
    rows = await connection.fetch(_NOTE_DIFFERENCES, [who[0] for who in found], [who[1] for who in found], texts)
    return [(row[0], row[1]) for row in rows]


async def note_grants(connection: Connection, rates: Mapping[str, int | None]) -> None:
    """Record what nodes are granted, in entries a second; None is no limit."""
    await connection.execute(_NOTE_GRANTS, list(rates), list(rates.values()))


async def note_error(connection: Connection, node_id: str, error: str) -> None:
    """Record what the centre holds against a node."""
    await connection.execute("UPDATE node_status SET last_error = $2 WHERE node_id = $1", node_id, error)


async def note_gone(connection: Connection, node_id: str, incarnation: UUID) -> None:
    """Record that an incarnation said bye, or the broker did for it."""
    statement = "UPDATE node_status SET is_gone = true WHERE node_id = $1 AND incarnation = $2"
    await connection.execute(statement, node_id, incarnation)


async def page(connection: Connection, node_id: str | None = None) -> list[NodeRow]:
    """Every node, or the one named."""
    return [NodeRow(*row) for row in await connection.fetch(_NODES, node_id)]


async def history_id(connection: Connection) -> UUID:
    """Which history this database holds."""
    found: UUID = await connection.fetchval("SELECT history_id FROM centre")
    return found
