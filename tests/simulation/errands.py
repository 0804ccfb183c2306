"""What people at the counter ask of orders that were taken: any step of any flow, by somebody who sees the order."""

import random
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from edge_agent.submission import Ask
from edge_core.orders.document import Payment, PaymentTerms, TillOrder
from edge_core.orders.merge import merge
from edge_core.orders.parts import returnable
from edge_core.orders.rendering import Origin, Recorded
from edge_core.orders.requests import (
    CancelLinesRequest,
    ExchangeRequest,
    ReturnLine,
    UnreceiptedLine,
    UnreceiptedReturn,
)
from edge_core.orders.state import OrderState
from edge_core.sync.entry import decode_entry
from tests.rigs.players import filled, likely
from tests.simulation.machine import Machine
from tests.simulation.promises import on_disk

FEWER = "fewer"
"""The reason of a partial cancel: everything else that a till calls off is called off as a whole."""

_DETOURS: Final = frozenset({"split", "redirect", "renew", "cancel-lines", "void"})
_SECOND_THOUGHTS: Final = 4  # before somebody does one of these: else few orders come to their end


def read_state(machine: Machine, order_id: UUID) -> OrderState | None:
    """The order as the machine would show it now; None where its file does not have it."""
    found = on_disk(machine, "order_id = ?", order_id.bytes)
    entries = [
        Recorded(Origin(machine.node_id, UUID(bytes=incarnation), lane, seq), decode_entry(body))
        for incarnation, lane, seq, body in found
    ]
    return merge(entries).state if entries else None


def next_step(chance: random.Random, state: OrderState, code: str) -> Ask:
    """Something that the tables allow as the order stands. `code` is the pickup code that somebody heard last."""
    name, request = likely(chance, state)
    for _ in range(_SECOND_THOUGHTS):
        if name not in _DETOURS:
            break
        name, request = likely(chance, state)
    if isinstance(request, CancelLinesRequest):
        request = CancelLinesRequest(request.lines, FEWER)
    return Ask(state.order.order_id, name, filled(request, state, code))


def exchange(state: OrderState, instead: TillOrder) -> Ask | None:
    """One piece of the order for another order of the same price or a higher one, if there is one to come back."""
    able = [line for line in state.order.lines if returnable(state)[line.line_id] >= 1_000]
    if not able:
        return None
    total, back = instead.totals.grand_total_minor, able[0].unit_price_minor
    order = replace(instead, order_type="exchange", payments=_cash(total - back))
    back_lines = (ReturnLine(able[0].line_id, 1_000),)
    return Ask(state.order.order_id, "exchange", ExchangeRequest(back_lines, "too-small", order))


def unreceipted(chance: random.Random, terminal_id: str, sku: str, placed_at: str) -> UnreceiptedReturn:
    """A piece or two that nobody knows the order of."""
    pieces = chance.randint(1, 2)
    condition = "resaleable" if chance.random() < 0.7 else "damaged"
    line = UnreceiptedLine(sku, pieces * 1_000, "H87", pieces * 200, condition)  # type: ignore[arg-type]
    return UnreceiptedReturn(terminal_id, "op-1", "op-2", placed_at, "CNY", "cash", "no-receipt", (line,))


def ahead(posted: TillOrder) -> TillOrder:
    """The same order, of which a part is paid now and the balance later."""
    total = posted.totals.grand_total_minor
    deposit = total // 2
    terms = PaymentTerms(deposit, total - deposit)
    return replace(posted, order_type="preorder", payments=_cash(deposit), payment_terms=terms)


def _cash(amount_minor: int) -> tuple[Payment, ...]:
    return (Payment("p1", "cash", amount_minor, "captured", "offline"),) if amount_minor else ()
