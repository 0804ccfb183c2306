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
from typing import Final, Literal, get_args
from uuid import UUID

import structlog
from msgspec import Struct

from edge_agent.batch import Batch
from edge_agent.batch_file import learn_order, learn_skus, write_batch
from edge_agent.commanding import Circumstances, assigned, centre_command
from edge_agent.intake import Intake
from edge_agent.store import answers, downlink, log, rights
from edge_agent.store.connection import Connection
from edge_agent.store.downlink import ParkedInstruction, ParkedRow
from edge_agent.store.file import StoreFile
from edge_agent.surroundings import Surroundings
from edge_core.errors import InvariantViolated, PeerFault, RecordDamaged, Rejected
from edge_core.limits import ERROR_TEXT_CHARS_MAX, PARKED_INSTRUCTIONS_MAX
from edge_core.orders.commands import CancelOrder, SetQuota, ShareRights
from edge_core.orders.decide import skus_of
from edge_core.orders.events import InstructionAnswered
from edge_core.stock.requests import RightsTask
from edge_core.sync.chain import genesis
from edge_core.sync.entry import Entry
from edge_core.sync.hold_tasks import HoldingTask
from edge_core.sync.instruction import (
    AssignTask,
    CancelTask,
    Head,
    Instruction,
    QuotaTask,
    WithdrawTask,
    decode_instruction,
    kind_in,
    kind_of,
    read_head,
)
from edge_core.sync.messages import DOWN, Deliver, DownPosition
from edge_core.sync.receive_stream import Applied, Cursor, prepare, receive
from edge_core.sync.receive_stream import Batch as Delivery

Accept = Literal["automatic", "people"]

_LOG: Final = structlog.get_logger()
WAITS: Final = "waits"
DISCARDED: Final = "discarded"


class Instructions:
    """The node's end of the downlink. `position` and `parked` are as last read or committed."""

    def __init__(
        self, file: StoreFile, intake: Intake, surroundings: Surroundings, *, accept: Accept = "automatic"
    ) -> None:
        """`accept`: whether assigned orders are taken on by stock alone, or once people of the store say so."""
        self._file = file
        self._intake = intake
        self._here = surroundings
        self._accept = accept
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
            work = _Work(connection, self._file, self._here, outcomes, self._accept, self._intake)
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
            await _Work(connection, self._file, self._here, outcomes, self._accept, self._intake).grant_wishes()

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
        self,
        connection: Connection,
        file: StoreFile,
        surroundings: Surroundings,
        outcomes: "Counter[str]",
        accept: Accept,
        intake: Intake,
    ) -> None:
        self._connection = connection
        self._file = file
        self._here = surroundings
        self._now_ms = surroundings.now_ms()
        self._outcomes = outcomes
        self._kept: dict[UUID, Entry] = {}
        self._accept = accept
        self._intake = intake
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
        await write_batch(self._connection, self._batch)
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
        await write_batch(self._connection, self._batch)

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
        if not isinstance(task, CancelTask) or order_id is None:
            return Rejected("order-not-found", "the instruction names no order")
        await learn_order(self._connection, self._batch, order_id)
        return self._batch.execute(CancelOrder(order_id, task.request(), "centre"), instruction.traceparent)

    async def set_quota(self, instruction: Instruction) -> Rejected | None:
        """`stock.set_quota`: decided like one of somebody at the store."""
        task = instruction.task
        if not isinstance(task, QuotaTask):
            raise InvariantViolated(f"{task!r} is no plan")
        await learn_skus(self._connection, self._batch, [task.sku])
        here = self._circumstances
        command = SetQuota(here.new_id(), task.request(), here.today, here.now_ms)
        return self._batch.execute(command, instruction.traceparent)

    async def share_rights(self, instruction: Instruction) -> Rejected | None:
        """`stock.grant_rights` and its like. Whoever is asked by the centre is greeted, and so confirmed."""
        task, here = instruction.task, self._circumstances
        if not isinstance(task, RightsTask):
            raise InvariantViolated(f"{task!r} is not about rights")
        key = task.key(here.stream.node_id)
        self._batch.learn_rights(await rights.read_books(self._connection, [key]))
        if key[0] == here.stream.node_id:
            await learn_skus(self._connection, self._batch, [key[1]])
        return self._batch.execute(
            ShareRights(here.new_id(), task, here.own_life, here.today, is_confirmed=True), instruction.traceparent
        )

    async def hold_or_answer(self, instruction: Instruction) -> Rejected | None:
        """`order.hold`, `order.approve`, `order.refuse`: the centre stands above everybody at the store."""
        task, order_id = instruction.task, instruction.subject
        if not isinstance(task, HoldingTask) or order_id is None:
            return Rejected("order-not-found", "the instruction names no order")
        await learn_order(self._connection, self._batch, order_id)
        name = kind_of(task).removeprefix("order.")
        command = centre_command(order_id, name, task.request(), self._circumstances)
        return self._batch.execute(command, instruction.traceparent)

    async def assign(self, instruction: Instruction) -> Rejected | None:
        """`order.assign`: placed with goods of this store, or refused. One that is here already is not placed again."""
        task, order_id = instruction.task, instruction.subject
        if not isinstance(task, AssignTask) or order_id is None:
            return Rejected("order-not-found", "the instruction names no order")
        command = assigned(task, order_id, self._circumstances, is_accepted=self._accept == "automatic")
        await learn_order(self._connection, self._batch, order_id, skus_of(command))
        node_id = self._circumstances.stream.node_id
        shared = [(node_id, spent.sku) for spent in task.spent]
        self._batch.learn_rights(await rights.read_books(self._connection, shared))
        if self._batch.knows_order(order_id):
            return None
        self._batch.learn_router(await self._intake.router_for(self._connection, task.order))
        return self._batch.execute(command, instruction.traceparent)

    async def withdraw(self, instruction: Instruction) -> Rejected | None:
        """`order.withdraw`: what was assigned goes back, unless it cannot any more."""
        task, order_id = instruction.task, instruction.subject
        if not isinstance(task, WithdrawTask) or order_id is None:
            return Rejected("order-not-found", "the instruction names no order")
        await learn_order(self._connection, self._batch, order_id)
        command = centre_command(order_id, "hand-back", task.request(), self._circumstances)
        return self._batch.execute(command, instruction.traceparent)

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


Handler = Callable[[_Work, Instruction], Awaitable[Rejected | None]]
HANDLERS: Final = MappingProxyType[type, Handler](
    {
        CancelTask: _Work.cancel,
        AssignTask: _Work.assign,
        WithdrawTask: _Work.withdraw,
        **dict.fromkeys(get_args(HoldingTask), _Work.hold_or_answer),
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
