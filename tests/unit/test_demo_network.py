"""The network that the demo publishes: the product reads it, and every parcel of the sample goes by it."""

import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from deploy.demo.invoices import to_order
from deploy.demo.network import network
from deploy.demo.records import load
from deploy.house.stage import PLACES, Place
from edge_core.orders.document import TillOrder
from edge_core.reference.datasets import decode_row
from edge_core.reference.lookup import Reference
from edge_core.reference.publication import read_publication
from edge_core.routing.asking import ask
from edge_core.routing.deciding import route
from edge_core.routing.network import Network
from edge_core.routing.network_check import findings_in
from edge_core.routing.question import Stamp
from edge_core.routing.wishes import Lot, Site, wish_of
from edge_core.shapes import json_reader

LEDGER = load()
READ = json_reader(TillOrder)


def published() -> Network:
    """The rows as the centre reads them."""
    rows: dict[str, Any] = {}
    for dataset, documents in network(PLACES).items():
        found = read_publication(dataset, json.dumps(documents).encode(), "json")
        assert found.mistakes == (), dataset
        rows[dataset] = {key: decode_row(dataset, body) for key, body in found.rows.items()}
    return Network(rows["locations"], rows["services"], rows["tariffs"], rows["carbon"])


def test_the_rows_fit_together() -> None:
    assert findings_in(published()) == ()


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_every_parcel_of_the_sample_goes_in_one_piece_from_each_store(place: Place) -> None:
    reference = Reference({}, network=published())
    now_ms = int(datetime(2026, 11, 22, 18, tzinfo=ZoneInfo(place.time_zone)).timestamp() * 1000)
    posted = [to_order(invoice, store_id=place.node_id, terminal_id="t", type_="ship") for invoice in LEDGER.invoices]
    sent = [READ(msgspec.json.encode(document)) for document in posted]
    services = set()
    for order in sent:
        lots = {line.sku: Lot(line.sku, line.unit, 10**9) for line in order.lines}
        site = Site(place.node_id, tuple(lots.values()), Stamp("ledger", now_ms), Stamp("open orders", now_ms))
        zone = ZoneInfo(place.time_zone)
        question = ask(wish_of(order), (site,), reference, here=place.node_id, zone=zone, zones=ZoneInfo, now_ms=now_ms)
        decision = route(question)
        assert decision.kind == "fulfil_here", decision
        assert len(decision.allocations) == 1
        services |= {each.service_id for each in decision.allocations}
    assert len(sent) > 50
    assert "post" in services
