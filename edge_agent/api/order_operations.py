"""The contract of the commands on an order: an operation for each, what it means, what it may be refused for."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from edge_agent.submission import PickupReceipt
from edge_core.orders.rendering import Receipt
from edge_core.orders.requests import GROUP_REQUESTS, REQUESTS
from edge_core.shapes import object_shape
from holdfast_runtime.openapi import Operation, Parameter

PLACE_PROBLEMS: Final = (
    "totals-mismatch",
    "duplicate-identifier",
    "unknown-currency",
    "invalid-time",
    "payment-mismatch",
    "card-number-refused",
    "flow-not-available",
    "unknown-reference",
    "wrong-store",
    "unit-mismatch",
    "out-of-stock",
    "lot-expired",
    "quota-exhausted",
)
"""What an order may be refused for when it is placed, on its own or for goods that came back."""

JUDGED: Final = (
    "duplicate-suspected",
    "item-not-sold",
    "price-outdated",
    "promotion-invalid",
    "coupon-used",
    "promotion-stacking",
    "discount-too-large",
    "credit-exceeded",
    "customer-blocked",
    "age-unconfirmed",
    "place-denied",
    "license-missing",
    "insurance-missing",
)
"""What an order may be refused for by the checks against reference data (docs/checks.md)."""

_ANY: Final = (
    "order-not-found",
    "invalid-parameter",
    "command-not-allowed",
    "revision-stale",
    "role-not-allowed",
    "order-too-long",
    "assignment-over",
)
_GROUP: Final = ("order-held", "unknown-reference", "group-ambiguous")
_GOODS: Final = ("quantity-too-large", "out-of-stock", "lot-expired", "quota-exhausted", "unit-mismatch")
_REFUND: Final = ("unknown-reference", "payment-mismatch")

_COMMANDS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = MappingProxyType(
    {
        "approve": (
            "An order that is held may go on; a carry-out sale is handed over",
            ("hold-not-found", "approval-needed", "hold-ambiguous"),
        ),
        "accept": ("The location takes a group on", ()),
        "cancel": (
            "Call off what has not left: reservations are released, payments voided or refunded",
            ("goods-left",),
        ),
        "cancel-lines": (
            "Call off so much of some lines; the rest goes on",
            ("goods-left", "quantity-too-large", *_REFUND),
        ),
        "collect": ("Hand a group over to who shows its pickup code", ("pickup-code-wrong", "balance-due")),
        "deliver": ("The carrier has brought a group", ()),
        "escalate": ("Nobody has answered a hold in time: the agent's own clock asks", ("hold-not-overdue",)),
        "exchange": (
            "Take goods back and place the order for what goes instead; only the difference is paid or paid back",
            ("return-too-large", *_REFUND, *PLACE_PROBLEMS, *JUDGED),
        ),
        "expire": ("Nobody came for a group in time: its goods go back to the shelf", ("pickup-not-overdue",)),
        "hand-back": (
            "An order that the centre assigned goes back to it, whole",
            ("not-assigned", "goods-left", "order-changed"),
        ),
        "hold": ("Somebody has to look at the order before it goes on", ()),
        "pack": ("The goods of a group are in a parcel", ()),
        "pay": (
            "One more payment, or a pending one that was made",
            (
                *("payment-mismatch", "duplicate-identifier", "card-number-refused", "invalid-time"),
                *("credit-exceeded", "customer-blocked"),
            ),
        ),
        "pick": ("The goods of a group are in the hand of the store", ()),
        "ready": ("The customer can come; the answer alone says the pickup code", ("method-mismatch",)),
        "redirect": (
            "Send what was to be fetched, keep what was to be sent, or send it to another address",
            ("method-mismatch", "place-denied", "insurance-missing"),
        ),
        "refuse": (
            "Call an order off that is held, as far as its goods have not left",
            ("hold-not-found", "approval-needed", "hold-ambiguous", "goods-left"),
        ),
        "reject": ("The location cannot serve a group; the reason changes the stock", ("quantity-too-large",)),
        "renew": ("A new pickup code and a new time for one that was lost", ()),
        "return": ("Take goods back at the till, looked at and refunded at once", ("return-too-large", *_REFUND)),
        "return-approve": ("The goods of a return may come", ("return-not-found",)),
        "return-inspect": ("Say how the goods of a return were found", ("return-not-found", "inspection-mismatch")),
        "return-receive": ("The goods of a return are in the building", ("return-not-found",)),
        "return-refund": ("Refund an inspected return", ("return-not-found", *_REFUND)),
        "return-refuse": ("The goods of a return stay with the customer", ("return-not-found",)),
        "return-request": ("A customer wants to bring goods back", ("return-too-large", "unknown-reference")),
        "route": ("Promise goods to a group that waits for them", _GOODS),
        "ship": ("A carrier has a group; payments that were promised are taken", ("method-mismatch", "balance-due")),
        "split": ("A part of a group waits on its own, so that the rest can go", ("quantity-too-large",)),
        "void": ("Take the order back at the till on its day, before anything left", ("void-too-late",)),
    }
)


def order_operations(parameters: tuple[Parameter, ...], problems: tuple[str, ...]) -> tuple[Operation, ...]:
    """An operation for each command; `parameters` and `problems` are those of every request that writes."""
    return tuple(_operation(name, parameters, problems) for name in REQUESTS)


def _operation(name: str, parameters: tuple[Parameter, ...], problems: tuple[str, ...]) -> Operation:
    summary, own = _COMMANDS[name]
    group = _GROUP if name in GROUP_REQUESTS else ()
    verb, _, rest = name.partition("-")
    gives_code = name in {"ready", "renew"}
    return Operation(
        "POST",
        f"/v1/orders/{{order_id}}/{name}",
        f"{verb}Order{rest.capitalize()}",
        summary,
        {201: Receipt} if name == "exchange" else {200: PickupReceipt if gives_code else Receipt},
        body=object_shape(REQUESTS[name]),
        parameters=parameters,
        problems=tuple(dict.fromkeys((*problems, *_ANY, *group, *own))),
        scope="order",
        tag="orders",
    )
