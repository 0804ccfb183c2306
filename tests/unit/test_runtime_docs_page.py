"""The contract's page and the metrics' page, through a Starlette application."""

import asyncio
import re
from html.parser import HTMLParser
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct
from prometheus_client import Counter
from starlette.applications import Starlette
from starlette.routing import Route

from holdfast_runtime.docs_page import docs_html, docs_routes
from holdfast_runtime.metrics import Metrics
from holdfast_runtime.openapi import Operation, Parameter, openapi


class Line(Struct):
    """One line of an order."""

    sku: Annotated[str, Meta(max_length=64, description="What is sold; `GTIN` when known")]
    quantity_milli: Annotated[int, Meta(gt=0)] = 1000


class Order(Struct):
    lines: list[Line]
    note: str | None = None


def document() -> dict[str, Any]:
    parameter = Parameter("Idempotency-Key", "header", "Chosen by the till", {"type": "string"}, is_required=True)
    place = Operation(
        "POST", "/v1/orders", "place", "Place <an> order", {201: Order}, Order, (parameter,), ("busy",), "order"
    )
    return openapi(title="Agent", description="First.\n\nSecond.", version="1.2", operations=[place])


async def get(routes: list[Route], path: str) -> tuple[int, dict[str, str], bytes]:
    scope = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b"", "root_path": ""}
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.Future()

    async def send(message: Any) -> None:
        sent.append(message)

    await Starlette(routes=routes)(scope, receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, sent[1]["body"]


class Outline(HTMLParser):
    """The links, the anchors and whether every element is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "meta":
            self.open.append(tag)
        for name, value in attrs:
            if name in ("href", "src"):
                self.links.append(value or "")
            if name == "id":
                self.ids.add(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def outline(html: str) -> Outline:
    parser = Outline()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    return parser


async def test_the_contract_is_served_as_it_is() -> None:
    status, headers, body = await get(docs_routes(document), "/openapi.json")
    assert (status, headers["content-type"]) == (200, "application/json")
    assert msgspec.json.decode(body) == msgspec.json.decode(msgspec.json.encode(document()))


async def test_the_page_shows_every_operation_field_and_limit() -> None:
    status, headers, body = await get(docs_routes(document), "/docs")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    text = outline(body.decode()).text
    for wanted in (
        "/v1/orders",
        "Place <an> order",
        "Idempotency-Key",
        "201",
        "503",
        "quantity_milli",
        "> 0",
        "array of",
    ):
        assert wanted in text
    assert "<code>GTIN</code>" in body.decode()


async def test_the_page_is_well_formed_and_every_link_leads_somewhere_on_this_host() -> None:
    page = outline(docs_html(document()))
    for link in page.links:
        assert link == "openapi.json" or link.removeprefix("#") in page.ids
    assert "#schema-Line" in page.links


async def test_the_policy_forbids_every_script_and_every_other_host() -> None:
    _, headers, body = await get(docs_routes(document), "/docs")
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert b"<script" not in body
    assert not re.search(rb"https?://", body)


def test_a_hostile_text_stays_text() -> None:
    hostile = document()
    hostile["info"]["description"] = "<script>alert(1)</script>"
    hostile["components"]["schemas"]["Line"]["properties"]["sku"]["description"] = "`<b>` and ` one more"
    html = docs_html(hostile)
    assert "<script" not in html
    assert "<b>" not in html
    assert outline(html).text.count("alert(1)") == 1


async def test_metrics_are_served_from_a_registry_of_their_own() -> None:
    metrics, other = Metrics(), Metrics()
    Counter("orders", "Orders accepted", registry=metrics.registry).inc(3)
    status, headers, body = await get([metrics.route()], "/metrics")
    assert (status, headers["content-type"].split(";")[0]) == (200, "text/plain")
    assert b"orders_total 3.0" in body
    assert b"process_resident_memory_bytes" in body
    assert b"orders_total" not in other.text()
