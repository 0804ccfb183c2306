"""The state machines as tables: what may follow what. Code reads them, docs/orders.md is drawn from them.

An illegal pair of state and event is never a silent no-op: `next_state` raises, `allowed` says what would have been
legal.
"""

from typing import Final

from msgspec import Struct

from edge_core.errors import InvariantViolated


class Transition(Struct, frozen=True):
    """From `source`, on an event's name (or `name:variant`), to `target`."""

    source: str
    on: str
    target: str


class Machine(Struct, frozen=True, dict=True):
    """A named table with its first and last states."""

    name: str
    initial: str
    finals: frozenset[str]
    transitions: tuple[Transition, ...]

    def __post_init__(self) -> None:
        table = {(row.source, row.on): row.target for row in self.transitions}
        if len(table) != len(self.transitions):
            raise InvariantViolated(f"the {self.name} table has two rows for one pair")
        self.__dict__["table"] = table

    def next_state(self, state: str, on: str) -> str:
        """The state that follows. Raises `InvariantViolated` for a pair that the table does not have."""
        target: str | None = self.__dict__["table"].get((state, on))
        if target is None:
            raise InvariantViolated(f"{self.name}: {on} is not legal in {state}; legal: {self.allowed(state)}")
        return target

    def is_legal(self, state: str, on: str) -> bool:
        """Whether the table has the pair."""
        return (state, on) in self.__dict__["table"]

    def allowed(self, state: str) -> tuple[str, ...]:
        """What may happen in a state, in the order of the table."""
        return tuple(row.on for row in self.transitions if row.source == state)


def _machine(name: str, initial: str, finals: str, rows: str) -> Machine:
    """Read a table written as lines `source | on | target`; several sources are separated by blanks."""
    transitions = [
        Transition(source, on.strip(), target.strip())
        for row in rows.strip().splitlines()
        for sources, on, target in [row.split("|")]
        for source in sources.split()
    ]
    return Machine(name, initial, frozenset(finals.split()), tuple(transitions))


PAYMENT: Final = _machine(
    "payment",
    "pending",
    "voided refunded failed",
    """
    pending                                | payment.authorized              | authorized
    pending authorized                     | payment.captured                | captured
    pending authorized                     | order.cancelled                 | voided
    captured partially_refunded            | order.cancelled                 | refunded
    captured partially_refunded            | order.returned:partial          | partially_refunded
    captured partially_refunded            | order.returned                  | refunded
    pending                                | order.validated:payment_failed  | failed
    """,
)

GROUP: Final = _machine(
    "group",
    "unrouted",
    "delivered cancelled",
    """
    unrouted backordered                   | fulfillment.routed              | routed
    unrouted routed                        | fulfillment.routed:backorder    | backordered
    routed                                 | stock.reserved                  | reserved
    reserved                               | fulfillment.accepted            | accepted
    routed reserved accepted picked packed | fulfillment.rejected            | unrouted
    reserved accepted                      | fulfillment.picked              | picked
    picked                                 | fulfillment.packed              | packed
    picked packed                          | fulfillment.ready_for_pickup    | ready_for_pickup
    picked packed                          | fulfillment.shipped             | shipped
    reserved ready_for_pickup shipped      | fulfillment.delivered           | delivered
    unrouted backordered routed reserved   | order.cancelled                 | cancelled
    accepted picked packed ready_for_pickup| order.cancelled                 | cancelled
    """,
)

# Derived from the parts (`edge_core.orders.fold.order_status`); a test walks it against every reachable order.
# A variant names what else decides: the same event leads elsewhere where the order was approved or has other holds.
ORDER: Final = _machine(
    "order",
    "placed",
    "cancelled returned rejected",
    """
    placed                                 | order.validated                 | validated
    placed                                 | order.validated:failed          | rejected
    validated approved in_fulfillment held | order.held                      | held
    held                                   | order.approved                  | approved
    held                                   | order.approved:other_holds      | held
    held                                   | order.approved:in_fulfillment   | in_fulfillment
    held                                   | order.approved:delivered        | completed
    validated approved                     | fulfillment.routed              | in_fulfillment
    in_fulfillment                         | fulfillment.routed:backorder    | validated
    in_fulfillment                         | fulfillment.routed:approved     | approved
    in_fulfillment                         | fulfillment.rejected            | validated
    in_fulfillment                         | fulfillment.rejected:approved   | approved
    in_fulfillment                         | fulfillment.delivered           | completed
    placed validated held approved         | order.cancelled                 | cancelled
    in_fulfillment                         | order.cancelled                 | cancelled
    completed partially_returned           | order.returned:partial          | partially_returned
    completed partially_returned           | order.returned                  | returned
    """,
)

MACHINES: Final = (ORDER, PAYMENT, GROUP)
