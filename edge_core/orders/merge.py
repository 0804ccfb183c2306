"""One order from any set of its entries: those that cannot follow are set aside, by the same rule everywhere (G5).

Two histories of one node (a machine rolled back, a clone) can both have acted on an order. Entries are taken in the
order of `in_order`; one that is illegal after those before it is refused as a whole and changes nothing, for ever.
Both may also have recorded one and the same decision: it counts once, legal again or not.
"""

from collections.abc import Iterable

from msgspec import Struct

from edge_core.errors import InvariantViolated
from edge_core.orders.events import PaymentAuthorized, PaymentCaptured, deltas_of
from edge_core.orders.fold import OrderState, fold_all
from edge_core.orders.rendering import Recorded, in_order
from edge_core.stock.ledger import StockDelta
from edge_core.sync.entry import is_same_decision


class Merged(Struct, frozen=True):
    """The state (None before the placing is known), what made it, and what could not follow or is there already."""

    state: OrderState | None
    accepted: tuple[Recorded, ...]
    refused: tuple[Recorded, ...]

    def deltas(self) -> Iterable[StockDelta]:
        """What the order as a whole has changed in the stock."""
        return (delta for recorded in self.accepted for event in recorded.entry.events for delta in deltas_of(event))

    def credit_at_ms(self) -> int:
        """When the customer last came to owe more on account than when the order was placed (Unix ms); 0 for never."""
        known = set() if self.state is None else {payment.payment_id for payment in self.state.order.payments}
        last_ms = 0
        for recorded in self.accepted:
            for event in recorded.entry.events:
                if not isinstance(event, PaymentAuthorized | PaymentCaptured) or event.payment_id in known:
                    continue
                known.add(event.payment_id)
                if event.tender is not None and event.tender.tender == "on_account":
                    last_ms = recorded.entry.recorded_at_ms
        return last_ms


def merge(entries: Iterable[Recorded]) -> Merged:
    """Fold the entries of one order, however many histories they come from, and however often each of them came."""
    state: OrderState | None = None
    accepted: list[Recorded] = []
    refused: list[Recorded] = []
    for recorded in in_order(_once(entries)):
        if any(is_same_decision(known.entry, recorded.entry) for known in (*accepted, *refused)):
            refused.append(recorded)
            continue
        try:
            state = fold_all(state, recorded.entry.events)
        except InvariantViolated:
            refused.append(recorded)
        else:
            accepted.append(recorded)
    return Merged(state, tuple(accepted), tuple(refused))


def _once(entries: Iterable[Recorded]) -> Iterable[Recorded]:
    """Each entry once: its place in the log names it."""
    return {(r.origin.node_id, r.origin.incarnation, r.origin.lane, r.origin.seq): r for r in entries}.values()
