"""Finds a node for each order of the centre: hears what became of attempts, minds the time, asks the next node.

    lock the order -> read how each open attempt stands at its node -> step (`edge_core.assignment`) -> write, and
    append what is to be asked to the nodes' downlinks -> COMMIT

What nodes say is read from their entries and answers each time anew: `assignment_news` only says where to look. The row
of the order is the lock, so any number of processes may do this at once.
"""

import asyncio
from uuid import UUID

import structlog

from central_sync.attempts import Desk, assignment_in, claimed_order, words
from central_sync.choosing import Chooser
from central_sync.dividing import divided
from central_sync.store import assignments, histories
from central_sync.store.assignments import CentralOrder
from central_sync.store.database import Connection, Database
from central_sync.telemetry import Telemetry
from edge_core.assignment import steps
from edge_core.assignment.state import Assignment, Stepped
from edge_core.errors import TransientFault
from edge_core.limits import (
    ASSIGNMENT_LOOK_INTERVAL_MS,
    ASSIGNMENT_RESTORE_GRACE_MS,
    ASSIGNMENT_STEPS_MAX,
    DATABASE_RETRY_DELAY_MS_MAX,
)
from holdfast_runtime.waiting import wait_for_word

_log = structlog.get_logger("assignment")


class Assigner:
    """Each process of the centre has one."""

    def __init__(self, database: Database, telemetry: Telemetry, desk: Desk) -> None:
        self._database = database
        self._telemetry = telemetry
        self._desk = desk
        self._wake = asyncio.Event()
        self._chooser = Chooser()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(), name="announcements")
            tasks.create_task(self._serve(), name="assignments")

    async def look(self) -> int:
        """See to what was heard and to what is due; how many orders that were. Raises `TransientFault`."""
        async with self._database.reading() as connection:
            heard = await assignments.news(connection, ASSIGNMENT_STEPS_MAX)
            due: list[UUID] = []
            if not await self._is_in_grace(connection):
                due = await assignments.due(connection, self._desk.now_ms(), ASSIGNMENT_STEPS_MAX)
            self._telemetry.assignment_exceptions.set(await assignments.count_exceptions(connection))
        for assignment_id in heard:
            await self._hear(assignment_id)
        for order_id in due:
            async with self._database.transaction() as connection:
                await self._settle(connection, order_id)
        return len(heard) + len(due)

    # --- the loop ----------------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        """Hear what is announced; while that is not possible, the interval has to do."""
        while True:
            lost = asyncio.Event()
            try:
                async with self._database.listening(assignments.CHANNEL, self._wake.set, lost.set):
                    self._wake.set()
                    await lost.wait()
            except TransientFault as fault:
                _log.warning("assignment.listening_interrupted", error=str(fault))
            await asyncio.sleep(DATABASE_RETRY_DELAY_MS_MAX / 1000)

    async def _serve(self) -> None:
        while True:
            await wait_for_word(self._wake, ASSIGNMENT_LOOK_INTERVAL_MS / 1000)
            try:
                if await self.look() >= ASSIGNMENT_STEPS_MAX:
                    self._wake.set()
            except TransientFault as fault:
                _log.warning("assignment.database_unreachable", error=str(fault))

    async def _is_in_grace(self, connection: Connection) -> bool:
        """A centre that was put back waits until the nodes have told what they have: nobody is asked twice."""
        history = await histories.present(connection)
        since_ms = self._desk.now_ms() - int(history.began_at.timestamp() * 1000)
        return history.reason != "created" and since_ms < ASSIGNMENT_RESTORE_GRACE_MS

    # --- one order ---------------------------------------------------------------------------------------------------

    async def _hear(self, assignment_id: UUID) -> None:
        async with self._database.transaction() as connection:
            await assignments.take_news(connection, assignment_id)
            order_id = await assignments.order_of(connection, assignment_id)
            if order_id is None:
                order_id = await claimed_order(connection, assignment_id, self._desk.now_ms())
            if order_id is not None:
                await self._settle(connection, order_id)

    async def _settle(self, connection: Connection, order_id: UUID) -> None:
        """Everything that can be done about one order now."""
        row = await assignments.lock(connection, order_id)
        if row is None:
            return  # known from a node alone: whoever posted it will repeat that, and it waits for that
        for assignment_id in await assignments.take_awaiting(connection, order_id):
            await claimed_order(connection, assignment_id, self._desk.now_ms())
            row = await assignments.lock(connection, order_id) or row
        rows = (await assignments.attempts(connection, [order_id]))[order_id]
        before = assignment_in(row, rows)
        told, now_ms = await words(connection, rows), self._desk.now_ms()
        is_patient = await self._is_in_grace(connection)
        stepped = steps.settle(before, told, now_ms=now_ms, accept_ms=self._desk.accept_ms, is_patient=is_patient)
        after = stepped.assignment
        if steps.is_sought(after, now_ms) and not is_patient:
            sought = await self._seek(connection, row, after)
            stepped = Stepped(sought.assignment, (*stepped.asks, *sought.asks))
        await self._desk.write(connection, row, before, stepped)

    async def _seek(self, connection: Connection, row: CentralOrder, assignment: Assignment) -> Stepped:
        now_ms = self._desk.now_ms()
        chosen = await self._chooser.choose(connection, row, assignment, now_ms)
        if len(chosen.shares) == 1 and chosen.shares[0].node_id is not None:
            return self._desk.offer(assignment, chosen.shares[0].node_id, chosen.spent)
        parts = None
        if len(chosen.shares) > 1:
            parts = await divided(connection, row, assignment, chosen.shares, now_ms)
        return parts or steps.find_nobody(assignment, now_ms)
