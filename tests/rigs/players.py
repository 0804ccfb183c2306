"""Strategies for people at the counter: whatever may be asked of an order, sensible or not."""

from random import Random
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from msgspec.structs import replace

from edge_core.errors import Rejected
from edge_core.orders.commands import Role
from edge_core.orders.document import (
    Address,
    FulfillmentRequest,
    Line,
    Method,
    Payment,
    PaymentPosted,
    PaymentTerms,
    TillOrder,
)
from edge_core.orders.events import Event
from edge_core.orders.legality import allowed_commands
from edge_core.orders.machines import GROUP
from edge_core.orders.parts import is_open
from edge_core.orders.requests import (
    ApproveRequest,
    CancelLinesRequest,
    CollectRequest,
    EscalateRequest,
    ExchangeRequest,
    HoldRequest,
    InspectRequest,
    LineQuantity,
    OrderRequest,
    PayRequest,
    RedirectRequest,
    RefuseRequest,
    RejectRequest,
    ReturnLine,
    ReturnRequest,
    ReturnStep,
    ReturnWish,
    ShipRequest,
    SplitRequest,
    StepRequest,
    UnreceiptedLine,
    UnreceiptedReturn,
    VoidRequest,
)
from edge_core.orders.settling import covered_minor, owed_minor
from edge_core.orders.state import OrderState
from tests.rigs.counter import Counter
from tests.rigs.orders import PLACED_AT, till_order

# Few goods and small quantities, so that the shelf is empty as often as it is full.
SKUS = st.sampled_from(["milk", "bread"])
LOTS = st.sampled_from([None, "soon", "late", "gone"])
DATES = {None: None, "soon": "2026-12-01", "late": "2027-12-01", "gone": "2026-11-20"}
MILLI = st.integers(1, 4)
_HOME = Address("A. Receiver", "DE")
_LINE_IDS = st.sampled_from(["1", "1", "2"])
_GROUPS = st.sampled_from([None, None, None, "g1", "g2", "g3"])
_PARTS = st.lists(st.builds(LineQuantity, _LINE_IDS, MILLI), min_size=1, max_size=2).map(tuple)
_BACK = st.lists(
    st.builds(ReturnLine, _LINE_IDS, MILLI, st.sampled_from(["resaleable", "damaged"])), min_size=1, max_size=2
).map(tuple)
_REFUND_TO = st.sampled_from([None, None, "p1", "p2"])
FIRST, RIGHT = "first", "right"  # stand for the return that was asked for first, and for the code that was given out


@st.composite
def posted_orders(draw: st.DrawFn, order_type: str | None = None) -> TillOrder:
    """Orders of every type, with lines of one SKU or two, paid in one of several ways."""
    method: Method = draw(st.sampled_from(["carry_out", "ship", "pickup"]))
    wanted = draw(st.lists(st.tuples(SKUS, MILLI, LOTS), min_size=1, max_size=2))
    lines = tuple(_line(number, *each) for number, each in enumerate(wanted, 1))
    total = sum(line.net_minor for line in lines)
    posted = till_order(lines=len(lines), method=method)
    sums = replace(posted.totals, gross_minor=total, net_minor=total, tax_minor=0, grand_total_minor=total)
    statuses: list[PaymentPosted] = ["captured"] if method == "carry_out" else ["captured", "authorized", "pending"]
    status = draw(st.sampled_from(statuses))
    ahead = order_type is None and method != "carry_out" and draw(st.booleans())
    deposit = draw(st.integers(0, total)) if ahead else total
    first = draw(st.integers(0, deposit))
    payments = (
        Payment("p1", "card", first, "captured" if ahead else status, "online"),
        Payment("p2", "cash", deposit - first, "captured" if ahead else status, "offline"),
    )
    return replace(
        posted,
        order_type=order_type or ("preorder" if ahead else posted.order_type),
        lines=lines,
        totals=sums,
        payments=payments,
        payment_terms=PaymentTerms(deposit, total - deposit) if ahead else None,
        fulfillment=FulfillmentRequest(method, ship_to=_HOME),
    )


def a_basket(chance: Random) -> TillOrder:
    """An order to send or to fetch, of two lines, promised by a bank or paid."""
    method: Method = chance.choice(["ship", "pickup"])
    lines = tuple(_line(number, sku, chance.randint(1, 4), None) for number, sku in enumerate(("milk", "bread"), 1))
    total = sum(line.net_minor for line in lines)
    posted = till_order(lines=2, method=method)
    sums = replace(posted.totals, gross_minor=total, net_minor=total, tax_minor=0, grand_total_minor=total)
    payment = Payment("p1", "card", total, "captured" if chance.random() < 0.5 else "authorized", "online")
    asked = FulfillmentRequest(method, ship_to=_HOME)
    return replace(posted, lines=lines, totals=sums, payments=(payment,), fulfillment=asked)


def _line(number: int, sku: str, milli: int, lot: str | None) -> Line:
    """A line whose price does not divide well: 1.37 a thousandth."""
    amount = 137 * milli
    return Line(str(number), sku, milli, "H87", 137_000, amount, 0, amount, 0, lot=lot)


_STEPS = st.builds(StepRequest, _GROUPS)
_ON_RETURN = st.builds(ReturnStep, st.just(FIRST), st.sampled_from([None, "worn"]), _REFUND_TO)
_OPERATORS = st.sampled_from(["op-17", "manager-1", None])  # the first has placed the orders
BODIES: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("accept", "pick", "pack", "ready", "renew", "deliver", "expire", "route"), _STEPS),
    "cancel-lines": st.builds(CancelLinesRequest, _PARTS, st.just("changed-mind")),
    "collect": st.builds(CollectRequest, st.sampled_from([RIGHT, RIGHT, "WRONG"]), _GROUPS),
    "approve": st.builds(ApproveRequest, operator_id=_OPERATORS),
    "escalate": st.builds(EscalateRequest, st.sampled_from([FIRST, "h1"])),
    "hold": st.builds(HoldRequest, st.just("odd"), st.sampled_from(["store", "back_office", "centre"])),
    "refuse": st.builds(RefuseRequest, st.just("odd"), operator_id=_OPERATORS),
    "pay": st.builds(
        PayRequest,
        st.builds(
            Payment,
            st.sampled_from(["p1", "p2", "p3"]),
            st.sampled_from(["card", "cash"]),
            st.integers(1, 600),
            st.sampled_from(["authorized", "captured"]),
            st.just("online"),
        ),
    ),
    "redirect": st.builds(RedirectRequest, st.sampled_from(["ship", "pickup"]), st.just(_HOME), _GROUPS),
    "reject": st.builds(
        RejectRequest,
        st.sampled_from(["not_found", "short", "damaged", "closed"]),
        st.one_of(st.just(()), _PARTS),
        _GROUPS,
    ),
    "return": st.builds(ReturnRequest, _BACK, st.just("too-small"), _REFUND_TO),
    **dict.fromkeys(("return-approve", "return-receive", "return-refuse", "return-refund"), _ON_RETURN),
    "return-inspect": st.builds(InspectRequest, st.just(FIRST), _BACK),
    "return-request": st.builds(ReturnWish, _PARTS, st.just("too-small")),
    "ship": st.builds(ShipRequest, st.just("carrier"), st.just("T-1"), _GROUPS),
    "split": st.builds(SplitRequest, _PARTS, st.sampled_from([None, "not_found", "short"]), _GROUPS),
    "void": st.builds(VoidRequest, st.just("mistake")),
}
"""What may stand in the body of each command, but of those that are structs of their own."""


_ASIDE = frozenset({"cancel-lines", "void", "reject", "redirect", "expire", "pay", "hold", "refuse", "escalate"})


def likely(chance: Random, state: OrderState) -> tuple[str, OrderRequest]:
    """Something that the tables allow as the order stands, asked as somebody would who knows the order."""
    names = [name for name in allowed_commands(state) if name in BODIES] or ["return"]
    onward = [name for name in names if name not in _ASIDE]
    name = chance.choice(onward or names) if chance.random() < 0.8 else chance.choice(names)
    able = [group for group in state.groups if GROUP.commanded(group.status, name) is not None]
    group = chance.choice(able or state.groups)
    line = chance.choice(group.lines or state.order.fulfillment_groups[0].lines)
    part = (LineQuantity(line.line_id, chance.randint(1, line.quantity_milli)),)
    back = (ReturnLine(line.line_id, part[0].quantity_milli, chance.choice(["resaleable", "damaged"])),)
    owed = max(1, owed_minor(state) - covered_minor(state))
    status: PaymentPosted = "captured" if chance.random() < 0.5 else "authorized"
    tender = Payment(f"p{len(state.payments) + 1}", "card", owed, status, "online")
    bodies: dict[str, OrderRequest] = {
        "approve": ApproveRequest(operator_id="manager-1"),
        "cancel-lines": CancelLinesRequest(part, "changed-mind"),
        "escalate": EscalateRequest(FIRST),
        "hold": HoldRequest("odd", chance.choice(["store", "back_office"])),
        "refuse": RefuseRequest("odd", operator_id="manager-1"),
        "collect": CollectRequest(RIGHT, group.group_id),
        "pay": PayRequest(tender),
        "redirect": RedirectRequest("ship" if group.method == "pickup" else "pickup", _HOME, group.group_id),
        "reject": RejectRequest(chance.choice(["not_found", "short", "closed"]), part, group.group_id),
        "return": ReturnRequest(back, "too-small"),
        "return-inspect": InspectRequest(FIRST, back),
        "return-request": ReturnWish(part, "too-small"),
        "ship": ShipRequest("carrier", "T-1", group.group_id),
        "split": SplitRequest(part, chance.choice([None, "not_found", "short"]), group.group_id),
        "void": VoidRequest("mistake"),
    }
    otherwise = ReturnStep(FIRST, "worn") if name.startswith("return-") else StepRequest(group.group_id)
    return name, bodies.get(name, otherwise)


ASKED = st.sampled_from(sorted(BODIES)).flatmap(lambda name: st.tuples(st.just(name), BODIES[name]))
EXCHANGES = st.builds(ExchangeRequest, _BACK, st.just("too-small"), posted_orders("exchange"))
UNRECEIPTED = st.builds(
    lambda lines: UnreceiptedReturn("till-1", "op-1", "boss", PLACED_AT, "CNY", "cash", "no-receipt", tuple(lines)),
    st.lists(
        st.builds(
            UnreceiptedLine, SKUS, MILLI, st.just("H87"), st.just(137), st.sampled_from(["resaleable", "damaged"]), LOTS
        ),
        min_size=1,
        max_size=2,
    ),
)


ROLES: dict[str, Role] = {"expire": "timer", "escalate": "timer", "approve": "back_office"}
"""Who gives a command, where it is not somebody at a till."""


def filled(request: OrderRequest, state: OrderState, code: str) -> OrderRequest:
    """A request with what its placeholders stand for: the code that was given out, and the first return on its way."""
    if isinstance(request, CollectRequest) and request.code == RIGHT:
        return replace(request, code=code)
    if isinstance(request, EscalateRequest | ApproveRequest | RefuseRequest) and state.held:
        return replace(request, hold_id=state.held[0].hold_id)
    if isinstance(request, ReturnStep | InspectRequest):
        open_ = [each for each in state.returns if is_open(each)]
        return_id = open_[0].return_id if open_ else "none"
        if isinstance(request, InspectRequest) and open_:
            condition = request.lines[0].condition
            lines = tuple(ReturnLine(line_id, milli, condition) for line_id, milli in open_[0].quantities)
            return replace(request, return_id=return_id, lines=lines)
        return replace(request, return_id=return_id)
    return request


class Player(Counter):
    """A counter that remembers which codes it gave out, and knows what stands for what in a request."""

    def __init__(self) -> None:
        super().__init__()
        self.codes: dict[UUID, str] = {}

    def play(self, order: UUID, name: str, request: OrderRequest) -> tuple[Event, ...] | Rejected:
        """Ask, with the placeholders of the strategies filled in."""
        request = filled(request, self.states[order], self.codes.get(order, "NONE"))
        found = self.ask(order, name, request, ROLES.get(name, "store"))
        if name in {"ready", "renew"} and not isinstance(found, Rejected):
            self.codes[order] = self.secret
        return found
