"""What people decide about an order of the centre: which node is asked, or that nobody is any more."""

from uuid import UUID

from central_sync.attempts import Desk, assignment_of
from central_sync.instructions import issue
from central_sync.ordering import number_of, posted_of
from central_sync.spending import spend, spendable
from central_sync.store import assignments, nodes
from central_sync.store.assignments import CentralOrder
from central_sync.store.database import Connection
from edge_core.assignment import steps
from edge_core.assignment.choosing import demand_of
from edge_core.errors import Rejected
from edge_core.orders.requests import CancelRequest
from edge_core.sync.instruction import CancelTask


class Decisions:
    """For the API and the command line, each in the caller's transaction; a refusal has changed nothing."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def assign(self, connection: Connection, order_id: UUID, node_id: str) -> Rejected | None:
        """People say which node is asked: one that was tried before, or is not heard, may be."""
        row = await assignments.lock(connection, order_id)
        if row is None:
            return _unknown(order_id)
        if not await nodes.page(connection, node_id):
            return Rejected("node-not-found", f"no node {node_id!r} ever said hello here", "/node_id")
        before = await assignment_of(connection, row)
        if before.status not in {"unassigned", "exception"}:
            return Rejected("assignment-not-possible", f"the order is {before.status}", state=before.status)
        demand = demand_of(posted_of(row))
        spent = await spend(connection, node_id, demand, await spendable(connection, demand))
        promised = () if isinstance(spent, Rejected) else spent  # people know more: the node has to decide
        await self._desk.write(connection, row, before, self._desk.offer(before, node_id, promised))
        return None

    async def cancel(self, connection: Connection, order_id: UUID, request: CancelRequest, key: str) -> Rejected | None:
        """The customer wants nothing any more. A node that has accepted the order is asked, once for each `key`."""
        row = await assignments.lock(connection, order_id)
        if row is None:
            return _unknown(order_id)
        if row.status == "divided":
            return await self._cancel_parts(connection, row, request, key)
        before = await assignment_of(connection, row)
        current = before.current
        if before.status == "accepted" and current is not None:
            task = CancelTask(request.reason, request.operator_id, request.expected_revision)
            name, subject = f"order.cancel/{current.assignment_id}/{key}", current.assignment_id
            now_ms = self._desk.now_ms()
            asked = await issue(connection, current.node_id, task, subject=subject, key=name, now_ms=now_ms)
            return asked if isinstance(asked, Rejected) else None
        stepped = steps.cancel(before)
        if isinstance(stepped, Rejected):
            return stepped
        await self._desk.write(connection, row, before, stepped)
        return None

    async def _cancel_parts(
        self, connection: Connection, row: CentralOrder, request: CancelRequest, key: str
    ) -> Rejected | None:
        """Every part that can be; a refusal where none can."""
        parts = sorted(await assignments.parts(connection, [row.order_id]), key=number_of)
        refused = [await self.cancel(connection, part.order_id, request, key) for part in parts]
        return refused[0] if all(refused) else None


def _unknown(order_id: UUID) -> Rejected:
    return Rejected("order-not-found", f"order {order_id} was not posted to the centre")
