"""The chore that takes goods back to the shelf which nobody fetched in time, and passes on holds that nobody answered.

Now and then it looks through the orders that are on their way, and gives the command `expire` where the time that a
customer had is over (docs/processes.md, "timeouts"), and `escalate` where that of a hold's owner is (docs/checks.md).
It asks as a till would: the decision is the core's, once for each code that was given out and each rung of a ladder,
and whoever comes at the same moment is either before it or after it.
"""

from collections import defaultdict
from typing import Final
from uuid import UUID

import structlog

from edge_agent.chores import look_now_and_then
from edge_agent.intake import Intake
from edge_agent.store import orders
from edge_agent.store.file import StoreFile
from edge_agent.submission import Ask
from edge_agent.surroundings import Surroundings
from edge_core.errors import StorageFault
from edge_core.limits import OVERDUE_LOOK_INTERVAL_MS, OVERDUE_ORDERS_PER_STEP
from edge_core.orders.machines import GROUP
from edge_core.orders.merge import merge
from edge_core.orders.rendering import Recorded
from edge_core.orders.requests import EscalateRequest, StepRequest
from edge_core.orders.state import GroupState, HoldState, OrderState
from holdfast_runtime.log import bounded

_LOG: Final = structlog.get_logger()


def _postponed(fault: StorageFault) -> None:
    _LOG.warning("overdue.postponed", error=bounded(fault))


class Overdue:
    """Looks now and then whether a customer's time is over."""

    def __init__(self, file: StoreFile, intake: Intake, surroundings: Surroundings) -> None:
        self._file = file
        self._intake = intake
        self._here = surroundings

    async def run(self) -> None:
        """Look for ever."""
        await look_now_and_then(self.look, OVERDUE_LOOK_INTERVAL_MS, _postponed)

    async def look(self) -> int:
        """Take back what is overdue and pass on holds, and say how many there were of both. Raises `StorageFault`."""
        expired, escalated, after = 0, 0, UUID(int=0)
        while step := await orders.list_under_way(self._file.reader, after, OVERDUE_ORDERS_PER_STEP):
            for order_id, entries in (await self._entries(step)).items():
                state = merge(entries).state
                if state is None:
                    continue
                for group in _overdue(state, self._here.now_ms()):
                    expired += await self._expire(order_id, group)
                for hold in _unanswered(state, self._here.now_ms()):
                    escalated += await self._escalate(order_id, hold)
            after = step[-1]
        if expired:
            _LOG.info("overdue.taken_back", groups=expired)
        if escalated:
            _LOG.warning("overdue.escalated", holds=escalated)
        return expired + escalated

    async def _entries(self, order_ids: list[UUID]) -> dict[UUID, list[Recorded]]:
        found: defaultdict[UUID, list[Recorded]] = defaultdict(list)
        for recorded in await orders.read_orders(self._file.reader, order_ids):
            if recorded.entry.order_id is not None:
                found[recorded.entry.order_id].append(recorded)
        return found

    async def _expire(self, order_id: UUID, group: GroupState) -> bool:
        """Give the command. The key names the code, so that a renewed one has a time of its own."""
        key = f"expire {order_id} {group.group_id} {group.expires_at_ms}"
        answer = await self._intake.submit(Ask(order_id, "expire", StepRequest(group.group_id), "timer"), key, None)
        return answer.status < 300 and not answer.is_replay

    async def _escalate(self, order_id: UUID, hold: HoldState) -> bool:
        """Give the command. The key names the level, so that the next one has a time of its own."""
        key = f"escalate {order_id} {hold.hold_id} {hold.level}"
        answer = await self._intake.submit(Ask(order_id, "escalate", EscalateRequest(hold.hold_id), "timer"), key, None)
        return answer.status < 300 and not answer.is_replay


def _overdue(state: OrderState, now_ms: int) -> list[GroupState]:
    """The groups of an order that a timeout of their table may end now."""
    return [
        group
        for group in state.groups
        if GROUP.timeout(group.status) is not None and group.expires_at_ms is not None and group.expires_at_ms <= now_ms
    ]


def _unanswered(state: OrderState, now_ms: int) -> list[HoldState]:
    """The holds of an order whose owner's time is over, where there is somebody above."""
    return [hold for hold in state.held if hold.ladder and hold.due_at_ms <= now_ms]
