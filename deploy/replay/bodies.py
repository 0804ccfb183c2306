"""The requests that the steps become, as JSON documents. Pure.

The number of a source line is the id of its line in the order, and the number of a cancellation the reason of its
return: so the logs can be read back line by line, and held against the ledger.
"""

from typing import Final

from deploy.demo.invoices import Document, to_order, to_utc
from deploy.demo.records import Invoice, Line
from deploy.replay.mapping import ReturnWithoutReceipt, ReturnWithReceipt, Sale, WriteOff
from deploy.replay.source import SourceLine
from edge_core.limits import TEXT_CHARS_MAX

TERMINAL: Final = "till-1"
_PIECE: Final = "H87"  # UN/ECE Recommendation 20
_NO_COUNTRY: Final = ""  # the goods leave over the counter; the file does not say how they left


def order_body(sale: Sale, store_id: str) -> Document:
    """The order of `POST /v1/orders`: carried out at once, and paid in full unless it is for nothing."""
    lines = tuple(map(_demo_line, sale.lines))
    invoice = Invoice(sale.key, sale.invoice.placed_at, sale.invoice.customer, _NO_COUNTRY, lines)
    order = to_order(invoice, store_id=store_id, terminal_id=TERMINAL, type_="sale")
    for line, source in zip(order["lines"], sale.lines, strict=True):
        line["line_id"] = str(source.row)
    if order["totals"]["grand_total_minor"] == 0:
        order["payments"] = []
    return order


def return_body(step: ReturnWithReceipt) -> Document:
    """The body of `return` on the order that the goods are from."""
    lines = [{"line_id": str(back.sold_row), "quantity_milli": _pieces_milli(back.line)} for back in step.backs]
    return {"lines": lines, "reason": step.key}


def unreceipted_body(step: ReturnWithoutReceipt) -> Document:
    """The body of `POST /v1/returns`."""
    lines = [
        {
            "sku": line.sku,
            "quantity_milli": _pieces_milli(line),
            "unit": _PIECE,
            "refund_minor": -line.amount_minor,
        }
        for line in step.lines
    ]
    return {
        "terminal_id": TERMINAL,
        "operator_id": "replay",
        "approved_by": "ledger",
        "returned_at": to_utc(step.invoice.placed_at),
        "currency": "GBP",
        "tender": "cash",
        "reason": step.key,
        "lines": lines,
    }


def write_off_body(step: WriteOff) -> Document:
    """The body of `POST /v1/stock/movements`."""
    line = {"sku": step.line.sku, "quantity_milli": _pieces_milli(step.line), "unit": _PIECE}
    return {"movement": "write_off", "reference": step.key, "lines": [line]}


def _demo_line(line: SourceLine) -> Line:
    description = line.description[:TEXT_CHARS_MAX] or line.sku
    return Line(line.sku, description, line.quantity, line.price_minor)


def _pieces_milli(line: SourceLine) -> int:
    return abs(line.quantity) * 1000
