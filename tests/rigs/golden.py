"""Fixed examples of everything that is written down or sent, for the golden files (tests/contract/golden).

    python -m tests.rigs.golden NAME     prints the golden file NAME as the code would write it today

A golden file is never written anew for a version that has been released: bytes that differ are a new version.
"""

import sys
from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec

from edge_core.orders.day_events import CurrencySums, DayClosed, TenderSum
from edge_core.orders.document import (
    Address,
    Adjustment,
    Confirmations,
    Customer,
    FulfillmentRequest,
    GroupLine,
    Line,
    Payment,
    PaymentTerms,
    Promise,
    TaxLine,
    TillOrder,
    Totals,
)
from edge_core.orders.events import (
    Event,
    FulfillmentAccepted,
    FulfillmentDelivered,
    FulfillmentPacked,
    FulfillmentPicked,
    FulfillmentReadyForPickup,
    FulfillmentRejected,
    FulfillmentRouted,
    FulfillmentShipped,
    InstructionAnswered,
    OrderApproved,
    OrderCancelled,
    OrderHeld,
    OrderReturned,
    OrderValidated,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentReversal,
    StockMoved,
    StockReserved,
    name_of,
)
from edge_core.orders.further_events import (
    AssignmentTaken,
    GoodsTakenBack,
    GroupQuantity,
    GroupRedirected,
    GroupSplit,
    ReturnApproved,
    ReturnInspected,
    ReturnReceived,
    ReturnRefused,
    ReturnRequested,
    TakenBackLine,
)
from edge_core.orders.judgment import Basis, EditionUsed, Finding, Proposal, Rung
from edge_core.orders.part_of import Cut, PartOf
from edge_core.orders.routing_events import Avoided, RoutedGroup, RoutingDecided
from edge_core.routing.deciding import route
from edge_core.routing.record import Record, record_of
from edge_core.shapes import json_object
from edge_core.stock.counting import CountLine, Shortage
from edge_core.stock.ledger import Allocation, StockDelta
from edge_core.stock.quota_book import ChannelRate, SkuQuota
from edge_core.stock.quotas import Budget, Quota
from edge_core.stock.requests import GrantRights, HearRights, MoveRights, ReturnRights, SettleRights, SpendRights
from edge_core.stock.rights import Life, Moved, Rights, Row
from edge_core.stock.rights_book import Backing, RightsBook, Spent, Told
from edge_core.stock.shares import SaleRate
from edge_core.stock.stock_events import (
    HoldEnded,
    HoldExtended,
    QuotaChanged,
    RightsGranted,
    RightsHeard,
    RightsMoved,
    RightsReturned,
    RightsSpent,
    RightsUsed,
    StockCounted,
    StockHeld,
)
from edge_core.sync.audit_messages import (
    AuditCall,
    CurrencyTotal,
    DayTotal,
    DayTotals,
    Digest,
    DigestReply,
    Run,
    ScrubReport,
    Supply,
)
from edge_core.sync.entry import Entry, encode_entry, new_entry
from edge_core.sync.hold_tasks import ApproveTask, HoldTask, RefuseTask
from edge_core.sync.instruction import AssignTask, CancelTask, Instruction, QuotaTask, WithdrawTask, encode_instruction
from edge_core.sync.messages import (
    Ack,
    AckedPosition,
    Bye,
    Deliver,
    DeliverAck,
    DownMessage,
    DownPosition,
    DurablePosition,
    Early,
    FormerStream,
    Grant,
    GrantMessage,
    Heartbeat,
    Hello,
    LaneLedger,
    LanePosition,
    Mark,
    Push,
    Recall,
    UpMessage,
    Welcome,
    encode_message,
)
from edge_core.sync.need_messages import Ground, Need, Needed, Reached
from edge_core.sync.policy_messages import PolicyReport
from edge_core.sync.reference_messages import Held, Published, Version
from tests.rigs.orders import order_id, placed
from tests.rigs.routing import question as routing_question

INCARNATION = UUID("01939f3e-5c00-7000-8000-0000000000a1")
HISTORY = UUID("01939f3e-5c00-7000-8000-0000000000b2")
MOVEMENT = UUID("01939f3e-5c00-7000-8000-0000000000c3")
HASH = bytes(range(32))
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
GOODS = (Allocation("1", "04012345000016", "L-1", "H87", 1_500),)
DELTAS = (StockDelta("04012345000016", "L-1", "KGM", 9_000, -3, "2026-12-31"),)
UTC = "2026-11-21T09:30:00.000Z"

FULL_ORDER = TillOrder(
    order_type="ship",
    channel="pos",
    store_id="store-0001",
    terminal_id="till-1",
    placed_at=UTC,
    currency="EUR",
    prices_include_tax=False,
    lines=(
        Line(
            "1", "04012345000016", 1_500, "KGM", 1_000, 1_500, 100, 1_400, 266, "Söße", ("cold",), "L-1", "2026-12-31",
            "S-1", 1_500, None,
        ),
        Line("2", "04012345000023", 1_000, "H87", 0, 0, 0, 0, 0, parent_line_id="1"),
    ),
    totals=Totals(1_500, 100, 1_400, 266, 490, 2_156),
    fulfillment=FulfillmentRequest(
        "ship",
        "fastest",
        Address("A. Receiver", "DE", "+4930", "DE-BE", "Berlin", ("Weg 1",), "10115", 52.5, -13.25),
        Promise(UTC, "2026-11-23T09:30:00.000Z"), ("install", "take_back"),
    ),
    operator_id="op-1",
    customer=Customer("cust-1", "gold"),
    adjustments=(Adjustment("a1", "coupon", -100, "C100", ("1",)),),
    tax_lines=(TaxLine("VAT", 190_000, 1_400, 266),),
    payments=(Payment("p1", "card", 2_156, "authorized", "online", "2026-11-28T09:30:00.000Z", "tok-1"),),
    payment_terms=PaymentTerms(156, 2_000, UTC),
    bill_to=Address("B. Payer", "DE"),
    business_date="2026-11-21",
    attribution={"source": "leaflet"},
    confirmations=Confirmations(18, ("spirits",), True),
)  # fmt: skip

PLAIN_ORDER = msgspec.structs.replace(
    FULL_ORDER, confirmations=None, fulfillment=msgspec.structs.replace(FULL_ORDER.fulfillment, services=())
)

FINDING = Finding("price", "higher than the book", "prices", 3, 9)
PART = PartOf(MOVEMENT, (Cut(2, (("4",), ("1", "2", "3"))), Cut(1, (("1",), ("2", "3")))))
PLAN = (Quota("walk_in", 50, 1_000, ("online",)), Quota("online", 20))
QUOTA = SkuQuota(
    "04012345000016", PLAN, (Budget("walk_in", 5_000), Budget("online", 2_000)),
    (ChannelRate("walk_in", SaleRate(9_000, 86_400_000)), ChannelRate("online", SaleRate())), 1_795_000_000_000,
)  # fmt: skip
OWNER, HOLDER = Life("store-0001", INCARNATION), Life("store-0002", HISTORY)
BOOK = RightsBook(
    Rights("store-0001", "04012345000016", (Row(OWNER, 1_500, (Moved(HOLDER, 1_500),), 0, 0, True),)),
    (Backing("L-1", "H87", 1_500, 500, OWNER),),
    (Told(HOLDER, OWNER, 500),),
)

EVENTS: tuple[Event, ...] = (
    placed(1, FULL_ORDER)[0],
    OrderValidated(("flow", "currency"), Basis("r-1", "book", (EditionUsed("prices", 3, 9),), (FINDING,))),
    OrderHeld(
        "h1", ("high-value",), "risk-desk", 1_795_000_000_000, 1, (Rung("centre", 60_000),), "r-1", (FINDING,),
        Proposal("refuse", "so it looks"), "op-1",
    ),
    OrderApproved("h1", "op-1", "back_office", True, "asked"),
    PaymentAuthorized("p1", 2_156, FULL_ORDER.payments[0]),
    PaymentCaptured("p1", 2_156, FULL_ORDER.payments[0]),
    FulfillmentRouted("g1", "fulfil_here", "store-0001"),
    StockReserved("g1", GOODS),
    FulfillmentAccepted("g1"),
    FulfillmentRejected("g1", "damaged", GOODS, Avoided("store-0001", "van", 1_795_000_000_000)),
    FulfillmentPicked("g1"),
    FulfillmentPacked("g1"),
    FulfillmentReadyForPickup("g1", HASH, 1_795_000_000_000),
    FulfillmentShipped("g1", "carrier", "T-1", GOODS),
    FulfillmentDelivered("g1", GOODS),
    OrderCancelled(
        "changed-mind", "op-1", GOODS, (PaymentReversal("p1", "refunded", 2_156),),
        (GroupQuantity("g1", "1", 1_500),), "expired", False,
    ),
    OrderReturned(
        "r1", (("1", 1_500),), GOODS, (PaymentReversal("p1", "voided", 0),), GOODS, "too-small", "op-1", 1_000, MOVEMENT
    ),
    StockMoved(MOVEMENT, "receipt", "DN-1", DELTAS),
    InstructionAnswered(MOVEMENT, "order.cancel", order_id(1), "refused", "command-not-allowed", "too late"),
    GroupSplit("g1", "g2", (GroupLine("1", 500),), GOODS),
    GroupRedirected("g1", "ship", Address("B. Payer", "DE"), "op-1"),
    ReturnRequested("r1", (("1", 1_500),), "too-small"),
    ReturnApproved("r1", "op-1"),
    ReturnRefused("r1", "worn", "op-1"),
    ReturnReceived("r1"),
    ReturnInspected("r1", GOODS, GOODS, "op-1"),
    GoodsTakenBack(
        MOVEMENT, "no-receipt", DELTAS, DELTAS, "EUR", 990, "cash", "op-1", "manager-1", "2026-11-21", "till-1",
        (TakenBackLine("04012345000016", "L-1", "KGM", 1_500, "damaged", 990),),
    ),
    DayClosed(
        MOVEMENT, "2026-11-21", 7, INCARNATION, 9, "op-1",
        (CurrencySums("EUR", 3, 400, 10, 390, 62, 5, 395, 1, 1, 1, 1, 1, (TenderSum("cash", 395, 100, 50),)),),
    ),
    AssignmentTaken(MOVEMENT, 2, 1_795_000_000_000, PART),
    StockCounted(
        MOVEMENT, "cycle_count", "week-47",
        (CountLine("04012345000016", "L-1", "KGM", 9_000, 9_003, "op-1", 1, "2026-12-31"),),
        DELTAS, (Shortage("04012345000016", "L-1", "KGM", 3),), "manager-1",
    ),
    StockHeld(MOVEMENT, GOODS, 1_795_000_000_000, 1_795_000_900_000, "basket-1"),
    HoldExtended(MOVEMENT, order_id(1), GOODS, 1_795_000_000_000, 1_795_001_800_000),
    HoldEnded(MOVEMENT, order_id(1), "hardened", GOODS, order_id(2)),
    QuotaChanged(MOVEMENT, "drawn", (QUOTA,)),
    RightsGranted(MOVEMENT, BOOK, HOLDER, 1_500, GOODS),
    RightsMoved(MOVEMENT, BOOK, HOLDER, 500),
    RightsUsed(MOVEMENT, BOOK, 500, "web-1"),
    RightsSpent(MOVEMENT, BOOK, HOLDER, 500, GOODS),
    RightsHeard(MOVEMENT, BOOK),
    RightsReturned(MOVEMENT, BOOK, 500, GOODS),
    RoutingDecided(
        (RoutedGroup("g1", "van", 1_795_000_000_000, True),), "nearest@1", 1, HASH, b"\x91\x01", b"\x91\x02",
    ),
)  # fmt: skip
PLAIN: tuple[Event, ...] = (
    placed(1, PLAIN_ORDER)[0],
    OrderValidated(("flow", "currency")),
    OrderHeld("h1", ("high-value",), "risk-desk", 1_795_000_000_000),
    OrderApproved("h1", "op-1"),
    PaymentAuthorized("p1", 2_156),
    PaymentCaptured("p1", 2_156),
    FulfillmentRejected("g1", "damaged", GOODS),
    FulfillmentReadyForPickup("g1"),
    OrderCancelled("changed-mind", "op-1", GOODS, (PaymentReversal("p1", "refunded", 2_156),)),
    OrderReturned("r1", (("1", 1_500),), GOODS, (PaymentReversal("p1", "voided", 0),)),
)
"""Of what gained something since version 1, an event that needs nothing of it."""


def _entry(event: Event) -> Entry:
    seq = next(seq for seq, each in enumerate(EVENTS, 1) if type(each) is type(event))
    return new_entry(seq=seq, hlc=seq << 16, recorded_at_ms=seq, order_id=order_id(1), events=(event,))


ENTRIES = {
    **{name_of(event): _entry(event) for event in EVENTS},
    **{f"{name_of(event)}, plain": _entry(event) for event in PLAIN},
    "stock.moved, short": _entry(StockMoved(MOVEMENT, "short", "g1", DELTAS)),
    "with a trace and without an order": new_entry(
        seq=1 << 39,
        hlc=(1 << 63) - 1,
        recorded_at_ms=1_795_000_000_000,
        order_id=None,
        events=(EVENTS[17],),
        traceparent=TRACE,
    ),
}

INSTRUCTIONS = {
    "order.cancel": Instruction(1, MOVEMENT, 1_795_000_000_000, order_id(1), CancelTask("fraud", "op-1", 3), TRACE),
    "order.hold": Instruction(1, MOVEMENT, 9, order_id(1), HoldTask("odd", "centre", "op-1", 3)),
    "order.approve": Instruction(1, MOVEMENT, 9, order_id(1), ApproveTask("h1", "asked", "op-1", 3)),
    "order.refuse": Instruction(1, MOVEMENT, 9, order_id(1), RefuseTask("fraud", "h1", "op-1", 3)),
    "order.assign": Instruction(
        1, MOVEMENT, 1_795_000_000_000, order_id(1),
        AssignTask(FULL_ORDER, HISTORY, "W-AAAAAAAAAA", "shop:1", HASH, 2, 1_795_000_900_000,
                   (Spent("04012345000016", 500, HOLDER),), PART), TRACE,
    ),
    "order.withdraw": Instruction(1, MOVEMENT, 1_795_000_000_000, order_id(1), WithdrawTask("timed-out"), TRACE),
    "the least that it can say": Instruction(1, MOVEMENT, 0, None, CancelTask("fraud")),
    "stock.set_quota": Instruction(1, MOVEMENT, 1_795_000_000_000, None, QuotaTask("04012345000016", PLAN)),
    "stock.grant_rights": Instruction(1, MOVEMENT, 9, None, GrantRights("04012345000016", 1_500, HOLDER)),
    "stock.spend_rights": Instruction(1, MOVEMENT, 9, None, SpendRights("04012345000016", 500, HOLDER)),
    "stock.move_rights": Instruction(1, MOVEMENT, 9, None, MoveRights("store-0001", "04012345000016", 500, HOLDER)),
    "stock.return_rights": Instruction(1, MOVEMENT, 9, None, ReturnRights("store-0001", "04012345000016", 500)),
    "stock.settle_rights": Instruction(1, MOVEMENT, 9, None, SettleRights("04012345000016", HOLDER)),
    "stock.hear_rights": Instruction(1, MOVEMENT, 9, None, HearRights(BOOK)),
}  # fmt: skip

_GRANT = Grant(8, 0, 0, 60_000)
MESSAGES: tuple[UpMessage | DownMessage, ...] = (
    Hello(
        "store-0001", INCARNATION, (LanePosition("orders", 1, 9, HASH),), HISTORY, 1_795_000_000_000, "0.1.0", 1,
        "Store 1", "DE-BE", (HISTORY,), DownPosition(MOVEMENT, 9, HASH), (AckedPosition("orders", 8),), HISTORY,
    ),
    Push("store-0001", INCARNATION, "orders", 1, 9, HASH, HASH, "zstd", b"\x28\xb5\x2f\xfd"),
    Heartbeat("store-0001", INCARNATION, (LaneLedger("bulk", 9, 5, 3, 1, 4, 2),), 7, 1 << 40, 1, "0.1.0",
        "broker: gone", DownPosition(MOVEMENT, 9, HASH), 2, ScrubReport(1_795_000_000_000, 9, 1),
        (Held("prices", 7, HASH, 8),), PolicyReport(7, 8, "release: its signature does not match", 9),
    ),
    Recall("store-0001", INCARNATION, HISTORY, "orders", (Mark(9, HASH),), Mark(7, HASH)),
    Need("store-0001", INCARNATION, HASH, Reached(MOVEMENT, ("04012345000016", "L-1"))),
    DeliverAck("store-0001", INCARNATION, "orders", 9, HASH, MOVEMENT),
    Bye("store-0001", INCARNATION, "the agent is stopping"),
    Digest("store-0001", INCARNATION, MOVEMENT, "orders", 1, 9, HASH, (Run(2, 3),), Supply(7, HASH, "raw", b"\x90")),
    DayTotals("store-0001", INCARNATION, 9, (DayTotal("2026-11-21", 3, 1, (CurrencyTotal("EUR", -300),)),)),
    Early("store-0001", INCARNATION, "orders", 8, 9, HASH, HASH, "zstd", b"\x28\xb5\x2f\xfd"),
    Welcome(
        HISTORY, INCARNATION, "resume", (DurablePosition("orders", 9, HASH, 7, 1, 2),), _GRANT, -5, "so it is",
        (FormerStream(MOVEMENT, "orders", 9, HASH, 6),), MOVEMENT, HISTORY,
    ),
    Ack(HISTORY, INCARNATION, "orders", 10, 9, 8, HASH, 1, 2, "entry version 2 is not known here"),
    GrantMessage(INCARNATION, _GRANT),
    Deliver(INCARNATION, "orders", 1, 9, HASH, HASH, "raw", b"\x90", 9, 3),
    Needed(
        INCARNATION, HASH, (Ground(HISTORY, "orders", 9, HASH, 7),), 3, Reached(MOVEMENT), Reached(None, ("a", "")),
        "raw", b"\x90",
    ),
    DigestReply(INCARNATION, MOVEMENT, "orders", 1, 9, True, HASH, (Run(7, 7),), Supply(2, HASH, "raw", b"\x90")),
    AuditCall(INCARNATION),
    Published(INCARNATION, (Version("prices", 8, HASH),), 10),
)  # fmt: skip


ROUTED = record_of(routing_question(), route(routing_question()))
"""What is recorded of a question that three places could answer."""


def shown(entry: Entry) -> Any:
    """An entry as JSON, its events as the objects that people see."""
    fields = {name: getattr(entry, name) for name in entry.__struct_fields__}
    return msgspec.json.decode(msgspec.json.encode({**fields, "events": [json_object(e) for e in entry.events]}))


def entries(version: int) -> dict[str, Any]:
    """The entries of a version, each as bytes and as JSON."""
    return {
        name: {"hex": encode_entry(entry).hex(), "json": shown(entry)}
        for name, entry in ENTRIES.items()
        if entry.version == version
    }


def instructions() -> dict[str, str]:
    """The instructions, each as bytes."""
    return {name: encode_instruction(instruction).hex() for name, instruction in INSTRUCTIONS.items()}


def messages() -> dict[str, str]:
    """The messages, each as bytes."""
    return {str(message.__struct_config__.tag): encode_message(message).hex() for message in MESSAGES}


def routing(record: Record) -> dict[str, Any]:
    """A record of routing, its parts as bytes."""
    parts = {"hash": record.hash, "question": record.question, "decision": record.decision}
    return {"version": record.version, **{name: part.hex() for name, part in parts.items()}}


if __name__ == "__main__":
    files: dict[str, Callable[[], dict[str, Any]]] = {
        "entry_v1": lambda: entries(1),
        "entry_v2": lambda: entries(2),
        "messages_v1": messages,
        "instruction_v1": instructions,
        "routing_v1": lambda: routing(ROUTED),
    }
    wanted = files[sys.argv[1]]()
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(wanted), indent=1).decode() + "\n")
