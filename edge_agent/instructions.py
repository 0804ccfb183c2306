"""What a node does about instructions of the centre: take them in order, do each once, tell what became of it.

    delivery -> one transaction: compare with the cursor -> decide each as a till's request would be decided
             -> append the decisions and the answers -> move the cursor -> COMMIT -> deliver_ack (the link's)

An answer is an entry of the node's own log (`instruction.answered`), found by the instruction's id: it reaches the
centre as surely as an order does, and whoever hears an instruction again finds that it is done. What cannot be used is
parked, and so is whatever follows it about the same subject; other instructions go on (promise G7).
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from types import MappingProxyType
from typing import Final, get_args
from uuid import UUID

import structlog
from msgspec import Struct

from edge_agent.batch import Batch
from edge_agent.commanding import Circumstances
from edge_agent.intake import Intake
from edge_agent.store import answers, downlink, log, orders, quotas, rights, stock
from edge_agent.store.connection import Connection
from edge_agent.store.downlink import ParkedInstruction, ParkedRow
from edge_agent.store.file import StoreFile
from edge_agent.surroundings import Surroundings
from edge_core import ids
from edge_core.errors import InvariantViolated, PeerFault, RecordDamaged, Rejected
from edge_core.limits import ERROR_TEXT_CHARS_MAX, PARKED_INSTRUCTIONS_MAX
from edge_core.orders.commands import CancelOrder, SetQuota, ShareRights
from edge_core.orders.events import InstructionAnswered, deltas_of
from edge_core.orders.rendering import Recorded
from edge_core.stock.requests import RightsTask
from edge_core.sync.chain import genesis
from edge_core.sync.entry import Entry
from edge_core.sync.instruction import CancelTask, Head, Instruction, QuotaTask, decode_instruction, kind_in, read_head
from edge_core.sync.messages import DOWN, Deliver, DownPosition
from edge_core.sync.receive_stream import Applied, Cursor, prepare, receive
from edge_core.sync.receive_stream import Batch as Delivery

_LOG: Final = structlog.get_logger()
WAITS: Final = "waits"
DISCARDED: Final = "discarded"


class Instructions:
    """The node's end of the downlink. `position` and `parked` are as last read or committed."""

    def __init__(self, file: StoreFile, intake: Intake, surroundings: Surroundings) -> None:
        self._file = file
        self._intake = intake
        self._here = surroundings
        self.position: DownPosition | None = None
        self.parked = 0

    async def load(self) -> DownPosition | None:
        """Read what the file says: how far which downlink is taken. Raises `StorageFault`."""
        self.position = await downlink.read_position(self._file.link_reader)
        self.parked = await downlink.count_parked(self._file.link_reader)
        return self.position

    def position_in(self, incarnation: UUID | None) -> DownPosition | None:
        """How far the named downlink is taken: one that is new to the file is at its beginning."""
        if incarnation is None:
            return None
        return _position_in(self._file.node_id, self.position, incarnation)

    async def take(self, deliver: Deliver) -> DownPosition:
        """Take what is new of a delivery, and say how far the downlink is taken then.

        A gap, a repetition and another history all change nothing: the position that is answered, with its hash, tells
        the centre what to send. Raises `PeerFault` for a delivery that contradicts itself, and `StorageFault`.
        """
        delivery = prepare(deliver)
        outcomes: Counter[str] = Counter()

        async def change(connection: Connection) -> None:
            work = _Work(connection, self._file, self._here, outcomes)
            await work.take(deliver.incarnation, delivery)

        await self.load()
        here = _position_in(self._file.node_id, self.position, deliver.incarnation)
        if isinstance(receive(Cursor(here.seq, here.hash), delivery), Applied):
            if self.parked >= PARKED_INSTRUCTIONS_MAX:
                raise PeerFault("too-large", f"{self.parked} instructions are parked: nothing more is taken")
            await self._change(change, outcomes)
        return _position_in(self._file.node_id, self.position, deliver.incarnation)

    async def grant_wishes(self) -> None:
        """Replay or discard what somebody asked for at the command line. Raises `StorageFault`."""
        if not await downlink.has_wishes(self._file.link_reader):
            return
        outcomes: Counter[str] = Counter()

        async def change(connection: Connection) -> None:
            await _Work(connection, self._file, self._here, outcomes).grant_wishes()

        await self._change(change, outcomes)

    async def _change(self, change: Callable[[Connection], Awaitable[None]], outcomes: "Counter[str]") -> None:
        await self._intake.change_log(change)
        await self.load()
        if outcomes:
            _LOG.info("instructions.taken", **outcomes)
        if outcomes["parked"]:
            _LOG.warning("instructions.parked", count=outcomes["parked"], waiting=self.parked)


class _Item(Struct, frozen=True):
    """An instruction as far as it could be read."""

    payload: bytes
    head: Head | None
    instruction: Instruction | None
    fault: PeerFault | None

    @property
    def instruction_id(self) -> UUID | None:
        return self.head.instruction_id if self.head is not None else None

    @property
    def subject(self) -> UUID | None:
        return self.head.subject if self.head is not None else None


class _Work:
    """One transaction: a delivery, or the wishes of people."""

    def __init__(
        self, connection: Connection, file: StoreFile, surroundings: Surroundings, outcomes: "Counter[str]"
    ) -> None:
        self._connection = connection
        self._file = file
        self._here = surroundings
        self._now_ms = surroundings.now_ms()
        self._outcomes = outcomes
        self._kept: dict[UUID, Entry] = {}
        self._circumstances = Circumstances(
            stream=file.streams["orders"],
            now_ms=self._now_ms,
            random_bits=surroundings.random_bits,
            zone=surroundings.zone,
            is_offline=False,
            life=surroundings.life,
        )
        self._batch = Batch(self._circumstances, file.tails["orders"], positions=[], orders=[], answered=[], replays={})

    async def take(self, incarnation: UUID, delivery: Delivery) -> None:
        before = _position_in(self._file.node_id, await downlink.read_position(self._connection), incarnation)
        found = receive(Cursor(before.seq, before.hash), delivery)
        if not isinstance(found, Applied):
            return
        items = [_read(body) for body in delivery.bodies[found.skip :]]
        waiting = await downlink.read_parked(self._connection)
        ids = {item.instruction_id for item in items if item.instruction_id is not None}
        done = await self._done(ids)
        self._kept = await answers.read_kept(self._connection, sorted(ids - done)) if ids - done else {}
        done |= {row.instruction.instruction_id for row in waiting if row.instruction.instruction_id is not None}
        blocked = {row.instruction.subject for row in waiting if row.instruction.subject is not None}
        for item in items:
            await self._take_one(item, done, blocked)
        await self._write()
        position = DownPosition(incarnation, found.cursor.durable_seq, found.cursor.durable_hash)
        await downlink.put_position(self._connection, position)

    async def grant_wishes(self) -> None:
        """In the order of their coming; what waits behind one that is gone is tried after it."""
        rows = await downlink.read_parked(self._connection)
        freed = {row.instruction.subject for row in rows if row.wish == "replay"} - {None}
        stuck: set[UUID] = set()
        for row in rows:
            subject = row.instruction.subject
            if row.wish == "discard":
                await self._discard(row)
                freed |= {subject} - {None}
            elif row.wish == "replay" or subject in freed:
                await self._replay(row, stuck)
            elif subject is not None:
                stuck.add(subject)
        await self._write()

    # --- one instruction ---------------------------------------------------------------------------------------------

    async def _take_one(self, item: _Item, done: set[UUID], blocked: set[UUID]) -> None:
        if item.instruction_id in done:
            self._outcomes["known"] += 1
            return
        if item.instruction_id is not None and item.instruction_id in self._kept:
            self._answer_again(self._kept[item.instruction_id])
            done.add(item.instruction_id)
            return
        if item.subject in blocked:
            await self._park(item, WAITS, "an earlier instruction about the same is parked")
        else:
            found = await self._try(item)
            if found is not None:
                await self._park(item, *found)
                if item.subject is not None:
                    blocked.add(item.subject)
        if item.instruction_id is not None:
            done.add(item.instruction_id)

    async def _try(self, item: _Item) -> tuple[str, str] | None:
        """Do what an instruction says and note its answer, or say why it must be parked: a reason and a sentence."""
        if item.instruction is None:
            reason = item.fault.reason if item.fault is not None else "undecodable"
            return reason, str(item.fault)
        instruction = item.instruction
        try:
            refused = await HANDLERS[type(instruction.task)](self, instruction)
        except RecordDamaged as fault:
            return "record-damaged", str(fault)
        if refused is None:
            self._answer(item, "applied")
        else:
            self._answer(item, "refused", refused.slug, refused.detail)
        return None

    async def cancel(self, instruction: Instruction) -> Rejected | None:
        """`order.cancel`: decided like a till's."""
        task, order_id = instruction.task, instruction.subject
        if not isinstance(task, CancelTask):
            raise InvariantViolated(f"{task!r} cancels nothing")
        if order_id is None:
            return Rejected("order-not-found", "the instruction names no order")
        if not self._batch.knows_order(order_id):
            await self._learn(await orders.read_order(self._connection, order_id))
        return self._batch.execute(CancelOrder(order_id, task.request()), instruction.traceparent)

    async def set_quota(self, instruction: Instruction) -> Rejected | None:
        """`stock.set_quota`: decided like one of somebody at the store."""
        task = instruction.task
        if not isinstance(task, QuotaTask):
            raise InvariantViolated(f"{task!r} is no plan")
        if not self._batch.knows_sku(task.sku):
            positions = await stock.read_positions(self._connection, [task.sku])
            self._batch.learn(positions, [], await quotas.read_quotas(self._connection, [task.sku]))
        here = self._here
        new_id = ids.uuid7(self._now_ms, here.random_bits())
        return self._batch.execute(SetQuota(new_id, task.request(), here.today, self._now_ms), instruction.traceparent)

    async def share_rights(self, instruction: Instruction) -> Rejected | None:
        """`stock.grant_rights` and its like. Whoever is asked by the centre is greeted, and so confirmed."""
        task, here = instruction.task, self._circumstances
        if not isinstance(task, RightsTask):
            raise InvariantViolated(f"{task!r} is not about rights")
        key = task.key(here.stream.node_id)
        self._batch.learn_rights(await rights.read_books(self._connection, [key]))
        if key[0] == here.stream.node_id and not self._batch.knows_sku(key[1]):
            self._batch.learn(await stock.read_positions(self._connection, [key[1]]), [])
        return self._batch.execute(
            ShareRights(here.new_id(), task, here.own_life, here.today, is_confirmed=True), instruction.traceparent
        )

    async def _learn(self, recorded: list[Recorded]) -> None:
        skus = {delta.sku for r in recorded for event in r.entry.events for delta in deltas_of(event)}
        skus = {sku for sku in skus if not self._batch.knows_sku(sku)}
        self._batch.learn(await stock.read_positions(self._connection, sorted(skus)) if skus else [], recorded)

    def _answer_again(self, answered: Entry) -> None:
        """The log has let go of the answer, and the centre has lost it, or would not ask: tell it the same."""
        self._outcomes["known"] += 1
        for event in answered.events:
            self._batch.note(event, answered.traceparent)

    def _answer(self, item: _Item, outcome: str, code: str | None = None, detail: str | None = None) -> None:
        self._outcomes[outcome] += 1
        if item.head is None:
            return  # nobody can be told about what cannot be named
        shown = detail[:ERROR_TEXT_CHARS_MAX] if detail is not None else None
        kind = kind_in(item.head)[:ERROR_TEXT_CHARS_MAX]
        event = InstructionAnswered(
            item.head.instruction_id,
            kind,
            item.head.subject,
            "applied" if outcome == "applied" else "parked" if outcome == "parked" else "refused",
            code,
            shown,
        )
        self._batch.note(event, item.instruction.traceparent if item.instruction is not None else None)

    # --- parked ------------------------------------------------------------------------------------------------------

    async def _park(self, item: _Item, reason: str, detail: str) -> None:
        kind = kind_in(item.head) if item.head is not None else ""
        parked = ParkedInstruction(
            item.instruction_id, item.subject, kind, reason, detail[:ERROR_TEXT_CHARS_MAX], item.payload, self._now_ms
        )
        await downlink.park(self._connection, parked)
        self._answer(item, "parked", reason, detail)

    async def _replay(self, row: ParkedRow, stuck: set[UUID]) -> None:
        item = _read(row.instruction.payload)
        if item.subject in stuck:
            await downlink.keep_parked(self._connection, row.parked_no, WAITS, "an earlier one is parked again")
            return
        found = await self._try(item)
        if found is None:
            await downlink.unpark(self._connection, row.parked_no)
            return
        self._outcomes["parked"] += 1
        await downlink.keep_parked(self._connection, row.parked_no, *found)
        if item.subject is not None:
            stuck.add(item.subject)

    async def _discard(self, row: ParkedRow) -> None:
        await downlink.unpark(self._connection, row.parked_no)
        self._answer(_read(row.instruction.payload), "refused", DISCARDED, "discarded at the store")

    # --- the file ----------------------------------------------------------------------------------------------------

    async def _done(self, wanted: set[UUID]) -> set[UUID]:
        """Which of the instructions have their final answer in the log already."""
        ids = [each.bytes for each in wanted]
        marks = ",".join("?" * len(ids))
        found = await log.read_recorded(self._connection, f"order_id IN ({marks})", ids) if ids else []
        final = [answers.final_answer(recorded.entry) for recorded in found]
        return {event.instruction_id for event in final if event is not None}

    async def _write(self) -> None:
        batch = self._batch
        if batch.rows:
            await log.append(self._connection, batch.rows)
        if batch.heads:
            await orders.put_heads(self._connection, batch.heads.values())
        if batch.positions:
            await stock.put_positions(self._connection, batch.positions.values())
        if batch.new_quotas:
            await quotas.put_quotas(self._connection, batch.new_quotas)
        if batch.new_rights:
            await rights.put_books(self._connection, batch.new_rights.values())


Handler = Callable[[_Work, Instruction], Awaitable[Rejected | None]]
HANDLERS: Final = MappingProxyType[type, Handler](
    {
        CancelTask: _Work.cancel,
        QuotaTask: _Work.set_quota,
        **dict.fromkeys(get_args(RightsTask), _Work.share_rights),
    }
)
"""What does each kind of task: a new kind needs a row here and its struct in `edge_core.sync.instruction`."""


def _read(body: bytes) -> _Item:
    try:
        return _Item(body, read_head(body), decode_instruction(body), None)
    except PeerFault as fault:
        return _Item(body, read_head(body), None, fault)


def _position_in(node_id: str, held: DownPosition | None, incarnation: UUID) -> DownPosition:
    if held is not None and held.incarnation == incarnation:
        return held
    return DownPosition(incarnation, 0, genesis(node_id, incarnation, DOWN))
