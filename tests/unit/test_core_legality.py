"""What may be asked is what the tables say: every command in every state of the part that it is about."""

from itertools import product
from uuid import UUID

import pytest
from msgspec.structs import replace

from edge_core.errors import Rejected
from edge_core.limits import ORDER_EVENTS_MAX, ORDER_PAYMENTS_MAX, ORDER_RETURNS_MAX
from edge_core.orders.document import Payment
from edge_core.orders.effects import EFFECTS
from edge_core.orders.fulfilling import ELSEWHERE, unregistered
from edge_core.orders.guards import GUARDS
from edge_core.orders.legality import allowed_commands
from edge_core.orders.machines import GROUP, MACHINES, ORDER, RETURN, Machine
from edge_core.orders.requests import (
    GROUP_REQUESTS,
    REQUESTS,
    CollectRequest,
    InspectRequest,
    LineQuantity,
    OrderRequest,
    PayRequest,
    RedirectRequest,
    RejectRequest,
    ReturnLine,
    ReturnRequest,
    ReturnStep,
    ReturnWish,
    ShipRequest,
    SplitRequest,
    StepRequest,
)
from edge_core.orders.return_effects import ORDER_EFFECTS, RETURN_EFFECTS
from edge_core.orders.state import ReturnState
from tests.rigs.counter import Counter, names, slug
from tests.rigs.orders import till_order

PART = (LineQuantity("1", 500),)
BODIES: dict[str, OrderRequest] = {
    **dict.fromkeys(GROUP_REQUESTS, StepRequest()),
    "collect": CollectRequest("CODE"),
    "redirect": RedirectRequest("pickup"),
    "reject": RejectRequest("closed"),
    "ship": ShipRequest("carrier", "T-1"),
    "split": SplitRequest(PART),
    **{name: ReturnStep("r1", reason="worn") for name in REQUESTS if REQUESTS[name] is ReturnStep},
    "return-inspect": InspectRequest("r1", (ReturnLine("1", 500),)),
}


def states_of(machine: Machine) -> set[str]:
    return {machine.initial, *machine.finals, *(row.source for row in machine.transitions)}


def an_order() -> tuple[Counter, UUID]:
    """A reserved order to send; where its group stands is then set by the test."""
    at = Counter()
    for line in till_order().lines:
        at.receive(line.sku, 10_000)
    return at, at.place(till_order(method="ship"))


@pytest.mark.parametrize(("status", "command"), sorted(product(states_of(GROUP), GROUP_REQUESTS)))
def test_a_command_on_a_group_is_possible_where_its_table_has_it(status: str, command: str) -> None:
    at, placed = an_order()
    before = at.states[placed]
    at.states[placed] = replace(before, groups=(replace(before.groups[0], status=status),))
    found = at.ask(placed, command, BODIES[command])
    refused = isinstance(found, Rejected) and found.slug == "command-not-allowed"
    assert refused == (command not in GROUP.commands(status))
    if isinstance(found, Rejected) and refused:
        assert set(GROUP.commands(status)) <= set(found.allowed)


@pytest.mark.parametrize(("status", "command"), sorted(product(states_of(RETURN), ({*BODIES} - {*GROUP_REQUESTS}))))
def test_a_command_on_a_return_is_possible_where_its_table_has_it(status: str, command: str) -> None:
    at, placed = an_order()
    state = at.states[placed]
    groups = (replace(state.groups[0], status="delivered"),)
    at.states[placed] = replace(state, groups=groups, returns=(ReturnState("r1", status, (("1", 500),)),))
    found = at.ask(placed, command, BODIES[command])
    refused = isinstance(found, Rejected) and found.slug == "command-not-allowed"
    assert refused == (command not in RETURN.commands(status))


def test_an_order_is_not_changed_for_ever_but_can_always_be_ended() -> None:
    at, placed = an_order()
    at.states[placed] = replace(at.states[placed], revision=ORDER_EVENTS_MAX - 1)
    assert names(at.ask(placed, "split", SplitRequest(PART))) == ["group.split"]
    assert slug(at.ask(placed, "split", replace(SplitRequest(PART), group_id="g1"))) == "order-too-long"
    assert names(at.ask(placed, "pick", StepRequest("g1"))) == ["fulfillment.picked"]
    assert names(at.cancel(placed)) == ["order.cancelled"]


def test_goods_of_a_long_order_come_back_though_not_in_crumbs_for_ever() -> None:
    at = an_order()[0]
    sold = at.place(till_order())
    at.states[sold] = replace(at.states[sold], revision=ORDER_EVENTS_MAX)
    back = ReturnRequest((ReturnLine("1", 1),), "too-small")
    for _ in range(ORDER_RETURNS_MAX):
        assert names(at.ask(sold, "return", back))[0] == "order.returned"
    assert slug(at.ask(sold, "return", back)) == "order-too-long"
    assert slug(at.ask(sold, "return-request", ReturnWish(PART, "too-small"))) == "order-too-long"


def test_a_long_order_is_paid_though_not_in_farthings_for_ever() -> None:
    at = an_order()[0]
    posted = replace(till_order(method="ship"), payments=())
    placed = at.place(posted)
    at.states[placed] = replace(at.states[placed], revision=ORDER_EVENTS_MAX)
    for number in range(ORDER_PAYMENTS_MAX):
        tender = Payment(f"p{number}", "cash", 1, "captured", "offline")
        assert names(at.ask(placed, "pay", PayRequest(tender))) == ["payment.captured"]
    more = PayRequest(Payment("more", "cash", 1, "captured", "offline"))
    assert slug(at.ask(placed, "pay", more)) == "order-too-long"


def test_every_command_of_the_tables_has_a_body_and_every_body_a_row() -> None:
    commanded = {row.command for machine in MACHINES for row in machine.transitions if row.command is not None}
    assert commanded == set(REQUESTS)
    assert {row.command for row in GROUP.transitions if row.command is not None} == set(GROUP_REQUESTS)


def test_every_guard_and_effect_that_is_registered_is_used_and_every_one_used_is_registered() -> None:
    rows = [row for machine in (ORDER, GROUP, RETURN) for row in machine.transitions]
    assert {name for row in rows for name in row.guards} == set(GUARDS)
    assert {name for row in rows for name in row.effects} == {*EFFECTS, *ORDER_EFFECTS, *RETURN_EFFECTS} | ELSEWHERE
    assert set(unregistered()) == set()


def test_what_is_allowed_names_each_command_once_in_the_order_of_the_tables() -> None:
    at, placed = an_order()
    allowed = allowed_commands(at.states[placed])
    on_the_order = ("hold", "cancel", "cancel-lines", "void", "return", "exchange", "return-request", "pay")
    assert allowed == (*on_the_order, "accept", "reject", "pick", "redirect", "split")
