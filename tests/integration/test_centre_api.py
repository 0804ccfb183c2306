"""The centre's API over real HTTP: lists, pages, problems, tokens, and the live feed with its resumption."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from central_sync.store import feed
from edge_core.orders.events import LIFECYCLE_NAMES, StockMoved
from edge_core.stock.ledger import StockDelta
from holdfast_runtime.tokens import TokenFile
from tests.rigs.brokers import Broker
from tests.rigs.centre import PATIENCE_S, RunningCentre, eventually, greet, push, running_centre
from tests.rigs.orders import cancelled, order_id, placed, till_order
from tests.rigs.streams import NodeLog


@pytest.fixture
async def centre(nats: Broker, centre_dsn: str) -> AsyncIterator[RunningCentre]:
    async with running_centre(centre_dsn, nats.url) as running:
        yield running


@pytest.fixture
async def log(centre: RunningCentre) -> NodeLog:
    node = NodeLog()
    await greet(centre.centre.database, node)
    return node


SALE = 7
"""Events of a carry-out sale of goods that the ledger had never seen."""


class Stream:
    """A viewer of the live feed that reads event by event."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines

    async def next(self) -> dict[str, Any]:
        """The next event: its id, its name, and its data as JSON."""
        found: dict[str, Any] = {}
        async with asyncio.timeout(PATIENCE_S):
            async for line in self._lines:
                name, _, value = line.partition(": ")
                if line == "" and "data" in found:
                    found["data"] = msgspec.json.decode(found["data"])
                    return found
                if name in {"id", "event", "data"}:
                    found[name] = value
        raise AssertionError("the stream ended")

    async def end(self) -> None:
        """Read on until the centre ends the stream."""
        async for _ in self._lines:
            continue

    async def take(self, count: int) -> list[dict[str, Any]]:
        """So many events."""
        return [await self.next() for _ in range(count)]


@asynccontextmanager
async def watching(centre: RunningCentre, last_event_id: str | None = None) -> AsyncIterator[Stream]:
    """An open live feed."""
    headers = {} if last_event_id is None else {"last-event-id": last_event_id}
    async with centre.http.stream("GET", "/v1/events", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.aiter_lines()
        while await anext(lines) != "":  # the greeting: the viewer is known now
            pass
        async with asyncio.timeout(PATIENCE_S):
            while not centre.centre.live.viewers:
                await asyncio.sleep(0.005)
        yield Stream(lines)


async def test_an_order_is_shown_with_its_journey(centre: RunningCentre, log: NodeLog) -> None:
    history = placed(1, till_order(method="ship"))
    log.record(history, order_id(1))
    log.record(cancelled(1, history), order_id(1))
    await push(centre.centre.database, log.push())
    order = await centre.get(f"/v1/orders/{order_id(1)}")
    assert (order["status"], order["node_id"], order["revision"]) == ("cancelled", "store-0001", len(history) + 1)
    last = order["journey"][-1]
    assert (last["event"], last["seq"], last["lane"], last["status"]) == ("order.cancelled", 2, "orders", "cancelled")
    assert last["at"].endswith("Z")
    assert {step["event"] for step in order["journey"]} <= set(LIFECYCLE_NAMES)


async def test_orders_come_newest_first_page_by_page_and_by_node_and_state(centre: RunningCentre, log: NodeLog) -> None:
    log.sell(5)
    other = NodeLog("store-0002")
    other.record(placed(6, till_order(method="ship"), node_id="store-0002"), order_id(6))
    await greet(centre.centre.database, other)
    await push(centre.centre.database, log.push(), other.push())
    first = await centre.get("/v1/orders", limit=4)
    second = await centre.get("/v1/orders", limit=4, cursor=first["next_cursor"])
    ids = [order["order_id"] for order in first["orders"] + second["orders"]]
    assert ids == [str(order_id(number)) for number in (6, 5, 4, 3, 2, 1)]
    assert second["next_cursor"] is None
    assert len((await centre.get("/v1/orders", node="store-0001"))["orders"]) == 5
    assert [o["node_id"] for o in (await centre.get("/v1/orders", status="validated"))["orders"]] == ["store-0002"]
    assert (await centre.get("/v1/orders", node="nobody"))["orders"] == []


async def test_stock_is_listed_by_node_and_sku_page_by_page(centre: RunningCentre, log: NodeLog) -> None:
    deltas = [StockDelta(line.sku, None, line.unit, on_hand_milli=1_000) for line in till_order(lines=5).lines]
    log.record([StockMoved(order_id(1), "receipt", None, tuple(deltas))])
    await push(centre.centre.database, log.push())
    first = await centre.get("/v1/stock", node="store-0001", limit=3)
    second = await centre.get("/v1/stock", node="store-0001", limit=3, cursor=first["next_cursor"])
    skus = [position["sku"] for position in first["positions"] + second["positions"]]
    assert skus == sorted(skus)
    assert len(set(skus)) == 5
    assert (await centre.get("/v1/stock", sku=skus[0]))["positions"] == first["positions"][:1]


async def test_a_question_that_cannot_be_answered_is_a_problem_document(centre: RunningCentre) -> None:
    for path, status, slug in (
        ("/v1/orders/not-a-uuid", 400, "invalid-parameter"),
        ("/v1/orders/018f0000-0000-7000-8000-000000000000", 404, "order-not-found"),
        ("/v1/nodes/nobody", 404, "node-not-found"),
        ("/v1/nodes/zero%00character", 400, "invalid-parameter"),
        ("/v1/orders?limit=0", 400, "invalid-parameter"),
        ("/v1/orders?limit=501", 400, "invalid-parameter"),
        ("/v1/orders?limit=ten", 400, "invalid-parameter"),
        ("/v1/orders?cursor=x", 400, "invalid-parameter"),
        ("/v1/stock?cursor=x", 400, "invalid-parameter"),
        ("/v1/parked?cursor=-1", 400, "invalid-parameter"),
        ("/v1/events?last_event_id=x", 400, "invalid-parameter"),
        ("/nothing", 404, "not-found"),
    ):
        answer = await centre.http.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), path
        assert answer.json()["type"] == f"urn:holdfast:problem:{slug}", path


async def test_a_viewer_sees_each_event_of_a_commit_as_a_cloud_event(centre: RunningCentre, log: NodeLog) -> None:
    async with watching(centre) as stream:
        log.sell(1)
        await push(centre.centre.database, log.push())
        events = await stream.take(SALE)
    assert [event["event"] for event in events[:3]] == ["order.placed", "order.validated", "payment.captured"]
    placing = events[0]["data"]
    assert (placing["specversion"], placing["type"], placing["subject"]) == ("1.0", "order.placed", str(order_id(1)))
    assert (placing["source"], placing["sequence"]) == ("/nodes/store-0001", "1")
    assert placing["data"]["grand_total_minor"] == 1000
    assert len({event["id"] for event in events}) == SALE


async def test_a_viewer_resumes_after_the_event_that_it_saw_last(centre: RunningCentre, log: NodeLog) -> None:
    log.sell(3)
    async with watching(centre) as stream:
        await push(centre.centre.database, log.push(1, 2))
        everything = await stream.take(2 * SALE)
    await push(centre.centre.database, log.push(3, 3))
    for seen in (0, 3, SALE - 1, SALE, 2 * SALE - 1):
        missed = everything[seen + 1 :]
        async with watching(centre, everything[seen]["id"]) as stream:
            rest = await stream.take(len(missed) + SALE)
        assert [event["id"] for event in rest[: len(missed)]] == [event["id"] for event in missed]
        assert [event["data"]["sequence"] for event in rest[len(missed) :]] == ["3"] * SALE


async def test_a_commit_behind_an_open_transaction_is_shown_once_and_in_order(
    centre: RunningCentre, log: NodeLog
) -> None:
    other = NodeLog("store-0002")
    await greet(centre.centre.database, other)
    log.sell(1)
    other.sell(1, first=2)
    async with watching(centre) as stream:
        async with centre.centre.database.transaction() as slow:
            await slow.execute("SELECT pg_current_xact_id()")  # older than the commit that follows
            await push(centre.centre.database, other.push())
            async with centre.centre.database.reading() as connection:
                waiting = await feed.after(connection, feed.FeedPosition(0, 0, 0), 10)
            assert [entry.is_settled for entry in waiting] == [False]
        await push(centre.centre.database, log.push())
        events = await stream.take(2 * SALE)
    assert [event["data"]["nodeid"] for event in events] == ["store-0002"] * SALE + ["store-0001"] * SALE


async def test_a_parked_entry_is_not_announced(centre: RunningCentre, log: NodeLog) -> None:
    log.append(b"\xc1")
    log.sell(1, first=2)
    async with watching(centre) as stream:
        await push(centre.centre.database, log.push())
        assert (await stream.next())["data"]["sequence"] == "2"


async def test_the_contract_names_every_path_and_is_openapi_3_1(centre: RunningCentre) -> None:
    contract = await centre.get("/openapi.json")
    assert contract["openapi"].startswith("3.1")
    assert {
        "/v1/nodes",
        "/v1/nodes/{node_id}",
        "/v1/orders",
        "/v1/orders/{order_id}",
        "/v1/stock",
        "/v1/events",
    } <= set(contract["paths"])
    assert (await centre.http.get("/docs")).status_code == 200


async def test_the_page_may_only_ask_its_own_server(centre: RunningCentre) -> None:
    page = await centre.http.get("/")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "http://" not in page.text
    assert "https://" not in page.text
    for path in ("/console.js", "/console.css"):
        assert (await centre.http.get(path)).status_code == 200
    assert "innerHTML" not in (await centre.http.get("/console.js")).text


async def test_without_tokens_a_request_under_a_foreign_host_name_is_refused(centre: RunningCentre) -> None:
    answer = await centre.http.get("/v1/nodes", headers={"host": "attacker.example:7080"})
    assert answer.status_code == 400


async def test_with_a_tokens_file_every_question_needs_a_token_that_may_read(
    nats: Broker, centre_dsn: str, tmp_path: Path
) -> None:
    file = tmp_path / "tokens.json"
    reader = TokenFile(file).add("console", ["read"])
    till = TokenFile(file).add("till-1", ["order"])
    async with running_centre(centre_dsn, nats.url, tokens_file=file) as centre:

        async def ask(token: str | None) -> httpx.Response:
            headers = {} if token is None else {"authorization": f"Bearer {token}"}
            return await centre.http.get("/v1/orders", headers=headers)

        assert [(await ask(token)).status_code for token in (None, "hf_wrong", till, reader)] == [401, 401, 403, 200]
        assert (await centre.http.get("/healthz")).status_code == 200


async def test_readyz_says_what_is_missing_and_healthz_does_not_care(nats: Broker, centre: RunningCentre) -> None:
    await eventually(lambda: centre.centre.leases.is_listening, "the centre never listened")
    assert await centre.get("/readyz") == {"status": "ready", "waiting_for": []}
    nats.kill()
    await eventually(lambda: not centre.centre.link.connected, "the loss was not noticed")
    answer = await centre.http.get("/readyz")
    assert (answer.status_code, answer.json()["waiting_for"]) == (503, ["broker", "leases"])
    assert (await centre.get("/healthz"))["status"] == "ok"
