"""What the replay sends together: as many orders as a batch takes, and nothing before the order that it is from."""

from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from deploy.replay.courier import Portion
from deploy.replay.mapping import Sale, WriteOff
from deploy.replay.source import SourceInvoice, SourceLine, source_line
from edge_core.limits import BATCH_BODY_BYTES_MAX, BATCH_ORDERS_MAX, LINES_MAX

INVOICE = SourceInvoice("1", datetime(2011, 7, 1, tzinfo=UTC), None, ())


def line(row: int, description: str = "") -> SourceLine:
    return source_line(row, "CUP", description, 1, Decimal(255))


def filled(sales: list[Sale]) -> list[Portion]:
    portions = [Portion("store-0001")]
    for sale in sales:
        following = portions[-1].add(sale)
        if following is not None:
            portions.append(following)
    return portions


def test_a_portion_has_no_more_orders_than_a_batch() -> None:
    portions = filled([Sale(str(number), INVOICE, (line(number),)) for number in range(2 * BATCH_ORDERS_MAX + 1)])
    assert [len(portion.sales) for portion in portions] == [BATCH_ORDERS_MAX, BATCH_ORDERS_MAX, 1]


def test_a_portion_has_no_more_bytes_than_a_batch() -> None:
    lines = tuple(line(row, "x" * 200) for row in range(LINES_MAX))
    sales = [Sale(str(number), INVOICE, lines) for number in range(BATCH_ORDERS_MAX)]
    portions = filled(sales)
    assert [sale for portion in portions for sale, _ in portion.sales] == sales
    sizes = [
        len(msgspec.json.encode([{"idempotency_key": sale.key, "order": body} for sale, body in portion.sales]))
        for portion in portions
    ]
    assert BATCH_BODY_BYTES_MAX / 2 < max(sizes) <= BATCH_BODY_BYTES_MAX


def test_what_is_no_order_goes_with_the_orders_before_it() -> None:
    portion, gone = Portion("store-0001"), WriteOff("w", INVOICE, line(1))
    assert portion.add(gone) is None
    assert (portion.sales, portion.others) == ([], [gone])
