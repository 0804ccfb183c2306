"""A state while events are folded into it: the parts by name, in the order of the document and of their coming."""

from edge_core.errors import InvariantViolated
from edge_core.orders.document import Payment
from edge_core.orders.machines import PAYMENT
from edge_core.orders.state import GroupState, OrderState, PaymentState, ReturnState


class Draft:
    """The parts of an order, taken out once and put together once, however many events come in between."""

    __slots__ = (
        "approved",
        "assigned",
        "cancelled",
        "credited_minor",
        "groups",
        "held",
        "holds",
        "order",
        "payments",
        "payments_added",
        "returned",
        "returns",
        "revision",
        "services",
        "validated",
    )

    def __init__(self, state: OrderState) -> None:
        self.order = state.order
        self.revision = state.revision
        self.validated = state.validated
        self.holds = state.holds
        self.approved = state.approved
        self.payments = {payment.payment_id: payment for payment in state.payments}
        self.groups = {group.group_id: group for group in state.groups}
        if len(self.payments) != len(state.payments) or len(self.groups) != len(state.groups):
            raise InvariantViolated("two payments or two groups of one order share a name")
        self.returned = state.returned
        self.cancelled = state.cancelled
        self.returns = {one.return_id: one for one in state.returns} if state.returns else {}
        self.payments_added = state.payments_added
        self.credited_minor = state.credited_minor
        self.held = state.held
        self.assigned = state.assigned
        self.services = state.services

    def state(self) -> OrderState:
        """The state as it is now."""
        return OrderState(
            self.order,
            self.revision,
            self.validated,
            self.holds,
            self.approved,
            tuple(self.payments.values()),
            tuple(self.groups.values()),
            self.returned,
            self.cancelled,
            tuple(self.returns.values()),
            self.payments_added,
            self.credited_minor,
            self.held,
            self.assigned,
            self.services,
        )

    def payment(self, payment_id: str) -> PaymentState:
        """One payment. Raises `InvariantViolated` for one that is not there, as the others do."""
        found = self.payments.get(payment_id)
        if found is None:
            raise InvariantViolated(f"there is no payment {payment_id!r}")
        return found

    def group(self, group_id: str) -> GroupState:
        """One group."""
        found = self.groups.get(group_id)
        if found is None:
            raise InvariantViolated(f"there is no group {group_id!r}")
        return found

    def one_return(self, return_id: str) -> ReturnState:
        """One return."""
        found = self.returns.get(return_id)
        if found is None:
            raise InvariantViolated(f"there is no return {return_id!r}")
        return found

    def note_tender(self, tender: Payment) -> None:
        """A payment that came after the placing, or what came of one that was announced: its document from now on."""
        self.payments.setdefault(tender.payment_id, PaymentState(tender.payment_id, PAYMENT.initial))
        documents = {each.payment_id: each for each in (*self.payments_added, tender)}
        self.payments_added = tuple(documents.values())
