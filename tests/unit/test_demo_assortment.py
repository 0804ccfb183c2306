"""What the demo's office publishes, and the orders that take its promotion: both as the product itself reads them."""

import json

import msgspec

from deploy.demo.assortment import PROMOTION, datasets, takes_promotion, with_promotion
from deploy.demo.invoices import to_order
from deploy.demo.records import load
from edge_core.checks.judge import Judgment, judge
from edge_core.checks.known import Known
from edge_core.checks.question import Evidence
from edge_core.orders.document import TillOrder
from edge_core.orders.validation import check_order
from edge_core.reference.datasets import decode_row
from edge_core.reference.documents import Price, Promotion
from edge_core.reference.lookup import Edition, Reference
from edge_core.reference.publication import read_publication
from edge_core.shapes import json_reader

LEDGER = load()
READ = json_reader(TillOrder)
NOW_MS = 1_795_000_000_000


def published(dataset: str) -> dict[str, bytes]:
    """The rows as the centre reads them."""
    found = read_publication(dataset, json.dumps(datasets(LEDGER)[dataset]).encode(), "json")
    assert found.mistakes == ()
    return found.rows


def test_everything_can_be_published_and_every_good_is_in_the_catalogue() -> None:
    rows = {dataset: published(dataset) for dataset in datasets(LEDGER)}
    assert set(rows["catalogue"]) == {line.sku for record in LEDGER.records for line in record.lines}
    assert 0 < len(rows["prices"]) < len(rows["catalogue"])


def test_every_order_of_the_sample_passes_the_checks_by_what_was_published_with_and_without_the_promotion() -> None:
    prices = {sku: decode_row("prices", body) for sku, body in published("prices").items()}
    promotions = tuple(decode_row("promotions", body) for body in published("promotions").values())
    reference = Reference(
        {name: Edition(name, 1, NOW_MS) for name in ("prices", "promotions")},
        prices={sku: price for sku, price in prices.items() if isinstance(price, Price)},
        promotions=tuple(each for each in promotions if isinstance(each, Promotion)),
    )
    taken = 0
    for invoice in LEDGER.invoices:
        order = to_order(invoice, store_id="s", terminal_id="t", type_="sale")
        for document in (order, with_promotion(order)):
            posted = READ(msgspec.json.encode(document))
            assert check_order(posted) is None
            found = judge(Evidence(reference, Known()), posted, business_date="2026-11-22", now_ms=NOW_MS)
            assert isinstance(found, Judgment), found
            assert found.hold is None
            taken += any(each.code == PROMOTION for each in posted.adjustments)
    assert taken > 400
    assert 50 < sum(map(takes_promotion, LEDGER.invoices)) < 200
