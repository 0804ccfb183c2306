"""The contract of the requests about the stock itself: what comes and goes, what is counted, what is there."""

from typing import Final

from msgspec import Struct

from edge_agent.api.queries import ReservationView, StockView
from edge_agent.api.rights_operations import rights_operations
from edge_agent.stock_answers import CountReceipt, HoldReceipt, QuotaReceipt, QuotaView
from edge_agent.submission import MovementReceipt
from edge_core.orders.commands import StockMovement
from edge_core.orders.document import TillOrder
from edge_core.orders.rendering import Receipt
from edge_core.shapes import object_shape
from edge_core.stock.requests import ExtendRequest, QuotaRequest, ReleaseRequest, ReservationRequest, StockCount
from holdfast_runtime.openapi import Operation, Parameter

_SKU: Final = Parameter("sku", "path", "The stock keeping unit.", {"type": "string"})
_RESERVATION: Final = Parameter("reservation_id", "path", "The reservation.", {"type": "string", "format": "uuid"})
_GOODS: Final = ("out-of-stock", "lot-expired", "quota-exhausted", "unit-mismatch")
_LEDGER: Final = ("invalid-time", "unit-mismatch", "lot-mismatch")


def stock_operations(
    key: Parameter,
    optional_key: Parameter,
    trace: Parameter,
    *,
    write: tuple[str, ...],
    place: tuple[str, ...],
    auth: tuple[str, ...],
) -> tuple[Operation, ...]:
    """The operations; `write`, `place` and `auth` are the problems of what changes, places an order, and reads."""
    return (
        *_hold_operations((key, trace), write, place, auth),
        *_quota_operations((key, trace), write, auth),
        *rights_operations((key, trace), _SKU, write, auth),
        Operation(
            "POST",
            "/v1/stock/movements",
            "moveStock",
            "Record goods that came or are gone",
            {201: MovementReceipt},
            body=object_shape(StockMovement),
            parameters=(optional_key, trace),
            problems=(*write, *_LEDGER, "out-of-stock"),
            scope="stock",
            tag="stock",
        ),
        Operation(
            "POST",
            "/v1/stock/counts",
            "countStock",
            "Hold what was counted against the book, and post the difference",
            {201: CountReceipt},
            body=object_shape(StockCount),
            parameters=(key, trace),
            problems=(*write, *_LEDGER, "duplicate-identifier", "recount-needed", "approval-needed"),
            scope="stock",
            tag="stock",
        ),
        Operation(
            "GET",
            "/v1/stock/{sku}",
            "getStock",
            "The stock of a SKU at this location, by lot",
            {200: StockView},
            parameters=(_SKU,),
            problems=(*auth, "sku-not-found", "storage-unavailable"),
            scope="read",
            tag="stock",
        ),
    )


def _hold_operations(
    parameters: tuple[Parameter, ...], write: tuple[str, ...], place: tuple[str, ...], auth: tuple[str, ...]
) -> tuple[Operation, ...]:
    commands: tuple[tuple[str, str, str, dict[int, type[Struct] | None], type[Struct], tuple[str, ...]], ...] = (
        ("order", "orderHeldGoods", "Place the order for which goods are kept", {201: Receipt}, TillOrder, place),
        ("extend", "extendHold", "Keep the goods for longer", {200: HoldReceipt}, ExtendRequest, ()),
        ("release", "releaseHold", "Nobody wants the goods any more", {200: HoldReceipt}, ReleaseRequest, ()),
    )
    return (
        Operation(
            "POST",
            "/v1/stock/reservations",
            "holdStock",
            "Keep goods for a while for somebody who has not decided yet",
            {201: HoldReceipt},
            body=object_shape(ReservationRequest),
            parameters=parameters,
            problems=(*write, *_GOODS, "duplicate-identifier"),
            scope="order",
            tag="stock",
        ),
        Operation(
            "GET",
            "/v1/stock/reservations/{reservation_id}",
            "getHold",
            "A hold that lives",
            {200: ReservationView},
            parameters=(_RESERVATION,),
            problems=(*auth, "invalid-parameter", "reservation-not-found", "storage-unavailable"),
            scope="read",
            tag="stock",
        ),
        *(
            Operation(
                "POST",
                f"/v1/stock/reservations/{{reservation_id}}/{name}",
                identifier,
                summary,
                answers,
                body=object_shape(body),
                parameters=(_RESERVATION, *parameters),
                problems=(*write, *more, "invalid-parameter", "reservation-not-found", "reservation-expired"),
                scope="order",
                tag="stock",
            )
            for name, identifier, summary, answers, body, more in commands
        ),
    )


def _quota_operations(
    parameters: tuple[Parameter, ...], write: tuple[str, ...], auth: tuple[str, ...]
) -> tuple[Operation, ...]:
    return (
        Operation(
            "POST",
            "/v1/stock/quotas",
            "setQuota",
            "Part what is free of a SKU between the channels; an empty plan ends it",
            {201: QuotaReceipt},
            body=object_shape(QuotaRequest),
            parameters=parameters,
            problems=(*write, "sku-not-found", "duplicate-identifier", "invalid-parameter"),
            scope="stock",
            tag="stock",
        ),
        Operation(
            "GET",
            "/v1/stock/quotas/{sku}",
            "getQuota",
            "What each channel may promise of a SKU now",
            {200: QuotaView},
            parameters=(_SKU,),
            problems=(*auth, "sku-not-found", "storage-unavailable"),
            scope="read",
            tag="stock",
        ),
    )
