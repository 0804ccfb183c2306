"""What a running agent says of itself: OpenAPI that is true, a page that needs no other host, metrics, health."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from edge_agent.api.commands import Commands
from edge_agent.api.queries import Queries
from edge_agent.api.routes import agent_app
from edge_core.errors import CODES, TYPE_PREFIX
from edge_core.orders.requests import REQUESTS
from tests.rigs.agents import NODE_ID, Agent, key, receipt, running, sale, slug

pytestmark = pytest.mark.slow

METRICS: Final = """
    holdfast_intake_accepted_total holdfast_intake_rejected_total holdfast_intake_waiting holdfast_store_faults_total
    holdfast_link_pushed_entries_total holdfast_link_pushed_bytes_total holdfast_link_acks_total
    holdfast_link_peer_faults_total holdfast_link_online holdfast_lane_entries process_resident_memory_bytes
    process_open_fds
""".split()


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    with running(Agent(tmp_path_factory.mktemp("agent"), {"node": {"name": "Store 1", "region": "CN-HI"}})) as agent:
        yield agent


@pytest.fixture
def till(agent: Agent) -> Iterator[httpx.Client]:
    with agent.client() as client:
        yield client


@pytest.fixture(scope="module")
def contract(agent: Agent) -> Any:
    with agent.client() as client:
        return client.get("/openapi.json").json()


def _walk(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        yield part
        for value in part.values():
            yield from _walk(value)
    elif isinstance(part, list):
        for value in part:
            yield from _walk(value)


def _operations(contract: Any) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in contract["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def test_the_contract_is_openapi_3_1_and_each_of_its_references_leads_somewhere(contract: Any) -> None:
    assert contract["openapi"].startswith("3.1.")
    assert {"title", "version"} <= set(contract["info"])
    references = [part["$ref"] for part in _walk(contract) if "$ref" in part]
    assert references
    for reference in references:
        found: Any = contract
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        assert isinstance(found, dict)


def test_each_operation_has_a_name_of_its_own_and_says_what_it_answers(contract: Any) -> None:
    names = [operation["operationId"] for _, _, operation in _operations(contract)]
    assert len(set(names)) == len(names)
    for _, path, operation in _operations(contract):
        assert operation["summary"]
        assert any(status.startswith("2") for status in operation["responses"])
        assert all(response["description"] for response in operation["responses"].values())
        named = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"}
        assert named == set(re.findall(r"{(\w+)}", path))


def test_each_problem_type_of_the_contract_is_in_the_table(contract: Any) -> None:
    described = " ".join(
        response["description"]
        for _, _, operation in _operations(contract)
        for response in operation["responses"].values()
    )
    types = set(re.findall(rf"{TYPE_PREFIX}([a-z-]+)", described))
    assert types <= set(CODES)
    assert {"out-of-stock", "totals-mismatch", "idempotency-key-reused", "storage-full", "order-not-found"} <= types


def test_each_route_that_is_served_is_described_and_each_one_described_is_served(contract: Any) -> None:
    """The routes are read from the application itself; its handlers are never called here."""
    served = {
        (method, path)
        for path, methods in _served()
        for method in methods - {"HEAD"}
        for path in (
            [path.replace("{command}", name) for name in REQUESTS]
            if "{command}" in path
            else [path.replace(":path}", "}")]
        )
    }
    described = {(method, path) for method, path, _ in _operations(contract)}
    assert described - {("GET", "/metrics")} == served


def _served() -> Iterator[tuple[str, set[str]]]:
    unused: Any = object()
    commands, queries = Commands(unused, unused, frozenset(), unused), Queries(*[unused] * 5)
    app: Any = agent_app(commands, queries, [])
    (inner,) = [cell.cell_contents for cell in app.__closure__ if isinstance(cell.cell_contents, Starlette)]
    for route in inner.routes:
        assert isinstance(route, Route)
        yield route.path, set(route.methods or ())


def test_each_operation_that_needs_a_token_refuses_without_one_as_the_contract_says(
    agent: Agent, contract: Any
) -> None:
    with httpx.Client(base_url=agent.url, trust_env=False, verify=False) as stranger:
        for method, path, operation in _operations(contract):
            address = path.replace("{order_id}", "01920000-0000-7000-8000-000000000000").replace("{sku}", "x")
            status = stranger.request(method, address, headers=key()).status_code
            assert (status == 401) is ("security" in operation), (method, path)
            if "security" in operation:
                assert "401" in operation["responses"]


def test_an_order_that_is_answered_has_the_members_that_the_contract_demands(till: httpx.Client, contract: Any) -> None:
    placed = till.post("/v1/orders", headers=key(), json=sale())
    shown = till.get(placed.headers["location"])
    for response, name in ((placed, "Receipt"), (shown, "OrderDocument"), (till.get("/v1/status"), "AgentStatus")):
        schema = contract["components"]["schemas"][name]
        assert set(schema["required"]) <= set(response.json()) <= set(schema["properties"])


def test_the_documentation_page_needs_no_other_host(till: httpx.Client) -> None:
    page = till.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    loaded = re.findall(r"""(?:src|href|action)\s*=\s*["']?([^"'\s>]+)""", page.text)
    assert not [address for address in loaded if re.match(r"(\w+:)?//", address)], loaded
    assert "@import" not in page.text
    assert not re.findall(r"""url\(\s*["']?\s*https?:""", page.text)
    assert "/v1/orders" in page.text


def test_the_metrics_have_their_names_and_follow_what_happens(till: httpx.Client) -> None:
    till.post("/v1/stock/movements", headers=key(), json=receipt("metered", 1_000))
    before = _samples(till)
    assert {name.split("{")[0] for name in before} >= set(METRICS)
    till.post("/v1/orders", headers=key(), json=sale("metered"))
    refused = till.post("/v1/orders", headers=key(), json=sale("metered"))
    assert slug(refused) == "out-of-stock"
    after = _samples(till)
    for name in (
        "holdfast_intake_accepted_total",
        "holdfast_intake_rejected_total",
        'holdfast_lane_entries{lane="orders",state="accepted"}',
        'holdfast_lane_entries{lane="orders",state="pending"}',
    ):
        assert after[name] == before[name] + 1, name


def _samples(till: httpx.Client) -> dict[str, float]:
    lines = till.get("/metrics").text.splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines) if name[:1] != "#"}


def test_the_status_shows_the_node_its_books_and_its_link(till: httpx.Client) -> None:
    status = till.get("/v1/status").json()
    assert (status["node_id"], status["name"], status["region"]) == (NODE_ID, "Store 1", "CN-HI")
    assert status["accepting"] is True
    assert status["link"]["state"] == "not_configured"
    assert [lane["lane"] for lane in status["lanes"]] == ["orders", "bulk"]
    for lane in status["lanes"]:
        assert lane["accepted"] == lane["confirmed"] + lane["pending"] + lane["parked"]
    till.post("/v1/orders", headers=key(), json=sale("counted"))
    assert till.get("/v1/status").json()["lanes"][0]["pending"] == status["lanes"][0]["pending"] + 1


def test_health_and_readiness_need_no_token(agent: Agent) -> None:
    with httpx.Client(base_url=agent.url, trust_env=False, verify=False) as stranger:
        assert stranger.get("/healthz").json() == {"status": "ok"}
        assert stranger.get("/readyz").json() == {"status": "ready"}


def test_an_agent_whose_broker_never_answers_sells_all_the_same(tmp_path: Path) -> None:
    with running(Agent(tmp_path, {"broker": {"url": "mqtt://127.0.0.1:1"}})) as agent, agent.client() as till:
        placed = till.post("/v1/orders", headers=key(), json=sale())
        assert (placed.status_code, placed.json()["offline"]) == (201, True)
        assert till.get("/v1/status").json()["link"]["state"] == "offline"
