"""What the replay makes of each oddity of the ledger: every line has one fate, and no amount is bent."""

import csv
import gzip
from collections import Counter
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from deploy.demo.records import SAMPLE
from deploy.replay.bodies import order_body, return_body, unreceipted_body, write_off_body
from deploy.replay.journal import lines_of
from deploy.replay.mapping import (
    Mapper,
    Refused,
    ReturnWithoutReceipt,
    ReturnWithReceipt,
    Sale,
    Step,
    WriteOff,
    store_index,
)
from deploy.replay.source import Unreadable, read_invoices, survey
from edge_core.limits import LINES_MAX
from edge_core.orders.commands import StockMovement
from edge_core.orders.document import TillOrder
from edge_core.orders.requests import ReturnRequest, UnreceiptedReturn
from edge_core.orders.validation import check_order
from edge_core.shapes import json_reader

COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
NOBODY = {"CustomerID": ""}


def row(number: str, sku: str = "85123A", quantity: int = 6, price: str = "2.55", **changes: str) -> dict[str, str]:
    usual = {
        "InvoiceNo": number,
        "StockCode": sku,
        "Description": "a thing",
        "Quantity": str(quantity),
        "InvoiceDate": "2011-07-01 08:26",
        "UnitPrice": price,
        "CustomerID": "17850",
        "Country": "France",
    }
    return usual | changes


def ledger(folder: Path, *rows: dict[str, str]) -> Path:
    path = folder / "ledger.csv.gz"
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


def mapped(path: Path) -> list[Step | Refused]:
    mapper = Mapper()
    return [step for invoice in read_invoices(path) for step in mapper.steps(invoice)]


def rows_of(step: Step | Refused) -> list[int]:
    return [step.line.row] if isinstance(step, Refused) else [line.row for line in lines_of(step)]


def read_by_agent(step: Step | Refused) -> object:
    match step:
        case Sale():
            return json_reader(TillOrder)(msgspec.json.encode(order_body(step, "store-0001")))
        case ReturnWithReceipt():
            return json_reader(ReturnRequest)(msgspec.json.encode(return_body(step)))
        case ReturnWithoutReceipt():
            return json_reader(UnreceiptedReturn)(msgspec.json.encode(unreceipted_body(step)))
        case WriteOff():
            return json_reader(StockMovement)(msgspec.json.encode(write_off_body(step)))
        case Refused():
            return None


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (row("A563186", "B", 1, "-11062.06", **NOBODY), "bad-debt"),
        (row("A563185", "B", 1, "11062.06", **NOBODY), "bad-debt"),
        (row("C537600", "AMAZONFEE", -1, "1.00", **NOBODY), "own-cost"),
        (row("536370", quantity=10, price="0", **NOBODY), "stock-found"),
        (row("536370", quantity=0), "no-quantity"),
        (row("536370", price="-1"), "negative-price"),
        (row("536370", quantity=1000, price="0.001"), "fraction-of-a-penny"),
    ],
)
def test_what_is_no_business_of_a_store_is_refused_with_its_reason(
    line: dict[str, str], reason: str, tmp_path: Path
) -> None:
    (refused,) = mapped(ledger(tmp_path, line))
    assert isinstance(refused, Refused)
    assert refused.reason == reason


@pytest.mark.parametrize(
    "line",
    [
        row("536370", "POST", 1, "18.00"),
        row("536370", "BANK CHARGES", 1, "15.00"),  # charged to a customer
        row("536370", "m", 1, "1.50", **NOBODY),
        row("536370", price="0"),  # a gift: the customer is known
        row("536370", "PADS", 1, "0.001"),  # rounds to nought, as its amount does
    ],
)
def test_whatever_somebody_was_charged_is_a_line_of_an_order(line: dict[str, str], tmp_path: Path) -> None:
    (sale,) = mapped(ledger(tmp_path, line))
    assert isinstance(sale, Sale)
    order = order_body(sale, "store-0001")
    assert order["totals"]["grand_total_minor"] == sale.lines[0].amount_minor
    assert check_order(json_reader(TillOrder)(msgspec.json.encode(order)), frozenset({"store-0001"})) is None


def test_goods_come_back_to_the_customers_latest_order_of_them_at_that_price_with_so_many_left(tmp_path: Path) -> None:
    steps = mapped(
        ledger(
            tmp_path,
            row("1", quantity=6),
            row("2", quantity=6),
            row("3", quantity=9, price="2.50"),
            row("C4", quantity=-4),
            row("C5", quantity=-4),
            row("C6", quantity=-4),
        )
    )
    assert [step.sale_key for step in steps if isinstance(step, ReturnWithReceipt)] == ["2", "1"]
    assert isinstance(steps[-1], ReturnWithoutReceipt)
    assert return_body(steps[3])["lines"] == [{"line_id": "2", "quantity_milli": 4000}]  # type: ignore[arg-type]


def test_a_return_by_nobody_by_another_or_of_something_else_has_no_receipt(tmp_path: Path) -> None:
    steps = mapped(
        ledger(
            tmp_path,
            row("1"),
            row("C2", quantity=-1, **NOBODY),
            row("C3", quantity=-1, CustomerID="12345"),
            row("C4", "D", -1, "27.50"),
        )
    )
    blind = [step for step in steps if isinstance(step, ReturnWithoutReceipt)]
    assert [step.key for step in blind] == ["C2", "C3", "C4"]
    assert unreceipted_body(blind[2])["lines"][0]["refund_minor"] == 2750


def test_one_cancellation_takes_back_of_several_orders_and_of_none(tmp_path: Path) -> None:
    steps = mapped(
        ledger(
            tmp_path,
            row("1", "CUP"),
            row("2", "BAG"),
            row("C3", "CUP", -1),
            row("C3", "BAG", -1),
            row("C3", "HAT", -1),
        )
    )
    assert [step.key for step in steps if not isinstance(step, Refused)] == ["1", "2", "C3", "C3-2", "C3-3"]


def test_goods_that_are_gone_at_no_price_are_a_write_off(tmp_path: Path) -> None:
    (step,) = mapped(ledger(tmp_path, row("536589", quantity=-10, price="0", **NOBODY)))
    assert isinstance(step, WriteOff)
    assert write_off_body(step)["lines"][0]["quantity_milli"] == 10_000


def test_an_invoice_of_too_many_lines_becomes_parts_that_name_it(tmp_path: Path) -> None:
    steps = mapped(
        ledger(tmp_path, *(row("573585", f"sku-{n}") for n in range(2 * LINES_MAX + 1)), row("9"), row("573585"))
    )
    sales = [step for step in steps if isinstance(step, Sale)]
    assert [sale.key for sale in sales] == ["573585", "573585-2", "573585-3", "9", "573585-4"]
    assert max(len(sale.lines) for sale in sales) == LINES_MAX


def test_goods_come_back_in_the_store_that_sold_them(tmp_path: Path) -> None:
    for customer in map(str, range(12346, 12366)):
        sold, back = read_invoices(ledger(tmp_path, row("1", CustomerID=customer), row("C2", CustomerID=customer)))
        assert store_index(sold, 3) == store_index(back, 3)


def test_every_line_of_the_sample_has_one_fate_and_every_request_is_one_that_the_agent_reads() -> None:
    steps = mapped(SAMPLE)
    rows = Counter(row for step in steps for row in rows_of(step))
    assert rows == Counter(range(1, survey(read_invoices(SAMPLE)).lines + 1))
    for step in steps:
        read_by_agent(step)
    assert {type(step) for step in steps} >= {Sale, ReturnWithReceipt}


def test_what_the_file_comes_to_is_the_sum_of_its_lines_each_rounded_to_the_penny(tmp_path: Path) -> None:
    found = survey(read_invoices(ledger(tmp_path, *(row("1", quantity=1, price="0.005") for _ in range(3)))))
    assert (found.lines, found.invoices, found.amount_minor, found.exact_pence) == (3, 1, 3, Decimal("1.5"))


def test_a_limit_takes_the_first_invoices_whole(tmp_path: Path) -> None:
    path = ledger(tmp_path, row("1"), row("1"), row("2"), row("1"), row("3"))
    assert [(one.number, len(one.lines)) for one in read_invoices(path, limit=2)] == [("1", 2), ("2", 1), ("1", 1)]


@pytest.mark.parametrize("change", [{"Quantity": "many"}, {"UnitPrice": "dear"}, {"InvoiceDate": "yesterday"}])
def test_a_line_that_cannot_be_read_is_named(change: dict[str, str], tmp_path: Path) -> None:
    path = ledger(tmp_path, row("1"), row("2") | change)
    with pytest.raises(Unreadable, match="line 2"):
        list(read_invoices(path))


def test_a_file_that_is_no_ledger_is_said_to_be_none(tmp_path: Path) -> None:
    (other := tmp_path / "other.csv.gz").write_bytes(gzip.compress(b"a,b\n1,2\n"))
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(SAMPLE.read_bytes()[:5000])
    for path, word in ((other, "InvoiceNo"), (cut, "end"), (tmp_path / "none", "No such file")):
        with pytest.raises(Unreadable, match=word):
            list(read_invoices(path))
