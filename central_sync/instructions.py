"""The rules of the centre's log for each node: how it grows, where a node stands in it, when it begins anew.

A downlink is named by (node, its own incarnation, lane `down`). A node says how far it has taken it, with the chain's
hash there. Where the centre cannot agree, it was put back to an older copy of itself: it begins a new downlink with
everything that is not known to be done, and a node that has done some of it already knows that by the instructions'
ids (docs/protocol.md, "The downlink").
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from hashlib import blake2b
from secrets import randbits
from typing import Final, NamedTuple
from uuid import UUID

import structlog

from central_sync.ingest.reading import Reading
from central_sync.store import downlinks, instructions
from central_sync.store.database import Connection
from central_sync.store.downlinks import DownlinkRow
from central_sync.store.instructions import AnswerRow, Asked
from central_sync.store.parked import shown
from central_sync.store.streams import StreamKey
from edge_core import ids
from edge_core.errors import Rejected
from edge_core.orders.events import InstructionAnswered
from edge_core.sync.chain import hashes
from edge_core.sync.instruction import (
    INSTRUCTION_VERSION,
    Instruction,
    Task,
    encode_instruction,
    instruction_id,
    kind_of,
)
from edge_core.sync.messages import DownPosition, Hello

_UUID7_RANDOM_BITS: Final = 74
_HASH_BYTES: Final = 32
_ASSIGNING: Final = frozenset({"order.assign", "order.withdraw"})
_log = structlog.get_logger("downlink")

RandomBits = Callable[[], int]


def machine_bits() -> int:
    """The random part of a UUIDv7."""
    return randbits(_UUID7_RANDOM_BITS)


class Claim(NamedTuple):
    """A node's word about its downlink, and which of its incarnations gives it.

    A report says where the node is, each time anew; an acknowledgement where it was, and may be heard late.
    """

    node_id: str
    by: UUID
    position: DownPosition
    is_report: bool = False


class Issued(NamedTuple):
    """What was asked: its id, and whether the same had been asked before."""

    instruction_id: UUID
    is_repeated: bool


async def issue(
    connection: Connection,
    node_id: str,
    task: Task,
    *,
    subject: UUID | None,
    key: str,
    now_ms: int,
    traceparent: str | None = None,
    random_bits: RandomBits = machine_bits,
) -> Issued | Rejected:
    """Ask something of a node, once for each `key`: in its downlink at COMMIT, at the node whenever that is heard."""
    rows = await downlinks.lock(connection, [node_id])
    rows = rows or await downlinks.begin_first(connection, {node_id: ids.uuid7(now_ms, random_bits())})
    asked = instruction_id(key)
    instruction = Instruction(INSTRUCTION_VERSION, asked, now_ms, subject, task, traceparent)
    payload_hash = _payload_hash(node_id, instruction)
    known = await instructions.one(connection, asked)
    if known is not None:
        if known.payload_hash not in {None, payload_hash}:
            return Rejected("idempotency-key-reused", "this key was sent before with another request")
        return Issued(asked, is_repeated=True)
    body = encode_instruction(instruction)
    await instructions.add(connection, Asked(node_id, asked, kind_of(task), subject, body, payload_hash))
    row = rows[node_id]
    await downlinks.append(connection, row, [asked], hashes(row.tail_hash, [body]))
    return Issued(asked, is_repeated=False)


async def greet(
    connection: Connection,
    hellos: Sequence[Hello],
    newcomers: Collection[str],
    now_ms: int,
    random_bits: RandomBits,
) -> dict[str, UUID]:
    """The downlink of each node that says hello; it goes on after what the node has taken, or begins anew.

    `newcomers` are the nodes that come as an incarnation which was not there before: with the life before it, answers
    may be lost that no copy holds any more.
    """
    rows = await downlinks.lock(connection, [hello.node_id for hello in hellos])
    new = {hello.node_id: ids.uuid7(now_ms, random_bits()) for hello in hellos if hello.node_id not in rows}
    begun = await downlinks.begin_first(connection, new) if new else {}
    found = {node_id: row.incarnation for node_id, row in begun.items()}
    for hello in hellos:
        row = rows.get(hello.node_id)
        if row is None:
            continue
        goes_on = hello.downlink is not None and _is_known(row, hello.downlink)
        goes_on = goes_on or await _resume(connection, row, hello.downlink)
        if hello.node_id in newcomers and hello.downlink is not None:
            goes_on = goes_on and not await _lacks_answers(connection, row, hello.downlink)
        if not goes_on:
            row = await _begin_anew(connection, row, ids.uuid7(now_ms, random_bits()))
        found[hello.node_id] = row.incarnation
    return found


async def acknowledge(connection: Connection, claims: Sequence[Claim]) -> list[Claim]:
    """Move the downlinks to where their nodes say that they are.

    Backwards too, for a report: a node can be put back to before what it acknowledged, and its old acknowledgement be
    heard after its hello. Where the report was the late one, something is sent twice, and taken once.

    Returns the claims that cannot be: those nodes have to greet again, and hear in the welcome how it goes on.
    """
    seen = await downlinks.read(connection, [claim.node_id for claim in claims])
    news = [claim for claim in claims if not _is_known(seen.get(claim.node_id), claim.position)]
    if not news:
        return []
    rows = await downlinks.lock(connection, sorted({claim.node_id for claim in news}))
    wrong: list[Claim] = []
    for claim in news:
        row, position = rows.get(claim.node_id), claim.position
        if (
            row is None
            or row.incarnation != position.incarnation
            or await downlinks.hash_at(connection, row, position.seq) != position.hash
        ):
            wrong.append(claim)
        elif position.seq > row.durable_seq or (claim.is_report and position.seq < row.durable_seq):
            rows[claim.node_id] = row._replace(durable_seq=position.seq, durable_hash=position.hash)
            await downlinks.move(connection, claim.node_id, position.seq, position.hash)
    return wrong


def answers_in(new: Iterable[tuple[StreamKey, Reading]]) -> list[AnswerRow]:
    """What new entries answer, one answer for each instruction: a final one counts more than `parked`."""
    found: dict[tuple[str, UUID], AnswerRow] = {}
    for key, reading in new:
        if reading.entry is None or reading.order_id is not None:
            continue
        for event in reading.entry.events:
            if isinstance(event, InstructionAnswered):
                before = found.get((key.node_id, event.instruction_id))
                if before is None or before.outcome == "parked":
                    found[key.node_id, event.instruction_id] = _answer(key.node_id, event)
    return list(found.values())


def about_assignments(answers: Iterable[AnswerRow]) -> list[UUID]:
    """The attempts to assign an order that answers are about."""
    return sorted({row.subject for row in answers if row.kind in _ASSIGNING and row.subject is not None})


async def _resume(connection: Connection, row: DownlinkRow, held: DownPosition | None) -> bool:
    """Go on after what the node has; False where the downlink has to begin anew.

    So it has where the node has taken what this database does not hold, and where the file is another than the one
    that took this downlink: what is known to be done need not be said again.
    """
    if held is None or held.incarnation != row.incarnation:
        if row.durable_seq:
            return False
        held = DownPosition(row.incarnation, 0, await downlinks.hash_at(connection, row, 0) or b"")
    if await downlinks.hash_at(connection, row, held.seq) != held.hash:
        return False
    if held.seq != row.durable_seq:
        await downlinks.move(connection, row.node_id, held.seq, held.hash)
    return True


async def _lacks_answers(connection: Connection, row: DownlinkRow, held: DownPosition) -> bool:
    """Whether more has no answer than what the node has not taken. What it has answered, it knows by its log."""
    waiting = row.tail_seq - held.seq
    return held.seq > 0 and len(await instructions.unanswered(connection, row.node_id)) > waiting


async def _begin_anew(connection: Connection, before: DownlinkRow, incarnation: UUID) -> DownlinkRow:
    row = await downlinks.begin(connection, before.node_id, incarnation)
    again = await instructions.unanswered(connection, before.node_id)
    if again:
        chain = hashes(row.tail_hash, [body for _, body in again])
        await downlinks.append(connection, row, [each for each, _ in again], chain)
    _log.warning("downlink.begun_anew", node_id=row.node_id, incarnation=str(incarnation), instructions=len(again))
    return row


def _is_known(row: DownlinkRow | None, position: DownPosition) -> bool:
    return row is not None and (row.incarnation, row.durable_seq, row.durable_hash) == (
        position.incarnation,
        position.seq,
        position.hash,
    )


def _answer(node_id: str, event: InstructionAnswered) -> AnswerRow:
    return AnswerRow(
        node_id,
        event.instruction_id,
        shown(event.kind),
        event.subject,
        event.outcome,
        None if event.code is None else shown(event.code),
        None if event.detail is None else shown(event.detail),
    )


def _payload_hash(node_id: str, instruction: Instruction) -> bytes:
    """What a key stands for: what is asked of whom, without the time at which it was asked."""
    timeless = Instruction(instruction.version, instruction.instruction_id, 0, instruction.subject, instruction.task)
    return blake2b(node_id.encode() + b"\x00" + encode_instruction(timeless), digest_size=_HASH_BYTES).digest()
