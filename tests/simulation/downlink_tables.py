"""What the downlink asks of the centre's tables, on those in memory (see `tables`)."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from central_sync.store import downlinks, instructions
from central_sync.store.downlinks import DownlinkRow
from central_sync.store.instructions import AnswerRow, Asked, InstructionRow
from edge_core.errors import InvariantViolated
from edge_core.sync.chain import genesis
from edge_core.sync.messages import DOWN
from tests.simulation.tables import NOON, Tables


async def _read_downlinks(connection: Tables, node_ids: Sequence[str]) -> dict[str, DownlinkRow]:
    return {node_id: connection.downlinks[node_id] for node_id in node_ids if node_id in connection.downlinks}


async def _begin_downlink(connection: Tables, node_id: str, incarnation: UUID) -> DownlinkRow:
    first = genesis(node_id, incarnation, DOWN)
    connection.downlinks[node_id] = row = DownlinkRow(node_id, incarnation, 0, first, 0, first)
    return row


async def _begin_first(connection: Tables, incarnations: Mapping[str, UUID]) -> dict[str, DownlinkRow]:
    return {node_id: await _begin_downlink(connection, node_id, incarnations[node_id]) for node_id in incarnations}


async def _append_downlink(
    connection: Tables, row: DownlinkRow, instruction_ids: Sequence[UUID], hashes: Sequence[bytes]
) -> None:
    held = connection.downlink.get((row.node_id, row.incarnation), ())
    if row != connection.downlinks[row.node_id] or len(held) != row.tail_seq:
        raise InvariantViolated(f"{row} is not the downlink of {row.node_id}")
    connection.downlink[row.node_id, row.incarnation] = (*held, *zip(instruction_ids, hashes, strict=True))
    moved = row._replace(tail_seq=row.tail_seq + len(hashes), tail_hash=hashes[-1])
    connection.downlinks[row.node_id] = moved


async def _move_downlink(connection: Tables, node_id: str, durable_seq: int, durable_hash: bytes) -> None:
    moved = connection.downlinks[node_id]._replace(durable_seq=durable_seq, durable_hash=durable_hash)
    connection.downlinks[node_id] = moved


async def _hash_in_downlink(connection: Tables, row: DownlinkRow, seq: int) -> bytes | None:
    held = connection.downlink.get((row.node_id, row.incarnation), ())
    if seq == 0:
        return genesis(row.node_id, row.incarnation, DOWN)
    return held[seq - 1][1] if seq <= len(held) else None


async def _waiting(connection: Tables, _shards: Collection[int], nodes_max: int) -> list[DownlinkRow]:
    return [row for row in connection.downlinks.values() if row.tail_seq > row.durable_seq][:nodes_max]


async def _after_in_downlink(
    connection: Tables, node_id: str, incarnation: UUID, seq: int, rows_max: int
) -> list[tuple[bytes, bytes]]:
    held = connection.downlink.get((node_id, incarnation), ())[seq : seq + rows_max]
    bodies = [(chain_hash, connection.instructions[asked].body) for asked, chain_hash in held]
    return [(chain_hash, body) for chain_hash, body in bodies if body is not None]


async def _add_instruction(connection: Tables, asked: Asked) -> None:
    connection.instructions[asked.instruction_id] = InstructionRow(
        len(connection.instructions) + 1, *asked, NOON, None, None, None, None, is_taken=False
    )


async def answer_instructions(connection: Tables, answers: Sequence[AnswerRow]) -> None:
    """What the nodes have answered."""
    for answer in answers:
        row = connection.instructions.get(answer.instruction_id) or InstructionRow(
            len(connection.instructions) + 1, *answer[:4], None, None, NOON, None, None, None, None, is_taken=True
        )
        if row.outcome in {None, "parked"}:
            row = row._replace(outcome=answer.outcome, code=answer.code, detail=answer.detail, answered_at=NOON)
        connection.instructions[answer.instruction_id] = row


async def _unanswered(connection: Tables, node_id: str) -> list[tuple[UUID, bytes]]:
    return [
        (row.instruction_id, row.body)
        for row in connection.instructions.values()
        if row.node_id == node_id and row.outcome in {None, "parked"} and row.body is not None
    ]


async def _one_instruction(connection: Tables, instruction_id: UUID) -> InstructionRow | None:
    return connection.instructions.get(instruction_id)


IN_PLACE_OF: tuple[tuple[Any, str, Any], ...] = (
    (downlinks, "read", _read_downlinks),
    (downlinks, "lock", _read_downlinks),
    (downlinks, "begin", _begin_downlink),
    (downlinks, "begin_first", _begin_first),
    (downlinks, "append", _append_downlink),
    (downlinks, "move", _move_downlink),
    (downlinks, "hash_at", _hash_in_downlink),
    (downlinks, "waiting", _waiting),
    (downlinks, "after", _after_in_downlink),
    (instructions, "add", _add_instruction),
    (instructions, "answer", answer_instructions),
    (instructions, "unanswered", _unanswered),
    (instructions, "one", _one_instruction),
)
