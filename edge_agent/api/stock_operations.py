"""The contract of the requests about the stock itself: what comes and goes, what is counted, what is there."""

from typing import Final

from edge_agent.api.queries import StockView
from edge_agent.stock_answers import CountReceipt
from edge_agent.submission import MovementReceipt
from edge_core.orders.commands import StockMovement
from edge_core.shapes import object_shape
from edge_core.stock.requests import StockCount
from holdfast_runtime.openapi import Operation, Parameter

_SKU: Final = Parameter("sku", "path", "The stock keeping unit.", {"type": "string"})
_LEDGER: Final = ("invalid-time", "unit-mismatch", "lot-mismatch")


def stock_operations(
    key: Parameter, optional_key: Parameter, trace: Parameter, write: tuple[str, ...], auth: tuple[str, ...]
) -> tuple[Operation, ...]:
    """The operations; `write` and `auth` are the problems of every request that changes and that reads something."""
    return (
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
