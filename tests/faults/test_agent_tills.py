"""A till that goes away: half-way through its body nothing is kept; after the whole request, its order stands."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rigs.agents import Agent, key, request_bytes, running, sale
from tests.rigs.waiting import eventually

pytestmark = pytest.mark.slow

_TILLS = 20


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    with running(Agent(tmp_path)) as agent:
        yield agent


def sale_bytes(agent: Agent, name: str) -> bytes:
    """A sale as bytes on the wire."""
    return request_bytes(agent, "/v1/orders", key(name), json.dumps(sale(name)).encode())


def leave_after(agent: Agent, sent: bytes, *, is_reset: bool) -> None:
    """Send so much and go: by closing the connection, or as a machine does that loses its power (RST)."""
    with socket.create_connection(("127.0.0.1", agent.port)) as till:
        till.sendall(sent)
        if is_reset:
            linger = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")  # struct linger: on, for no time
            till.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


@pytest.mark.parametrize("is_reset", [False, True], ids=["closed", "reset"])
def test_a_till_that_leaves_half_way_through_its_body_leaves_nothing_and_may_come_again(
    agent: Agent, is_reset: bool
) -> None:
    names = [f"till-{number}" for number in range(_TILLS)]
    for name in names:
        whole = sale_bytes(agent, name)
        leave_after(agent, whole[: len(whole) - 40], is_reset=is_reset)
    with agent.client() as till:
        assert till.get("/v1/orders").json()["orders"] == []
        for name in names:
            assert till.post("/v1/orders", headers=key(name), json=sale(name)).status_code == 201
        assert len(till.get("/v1/orders").json()["orders"]) == _TILLS
    assert agent.verify()["findings"] == []
    assert "request_failed" not in agent.service.log_text()


@pytest.mark.parametrize("is_reset", [False, True], ids=["closed", "reset"])
async def test_a_till_that_leaves_without_its_answer_has_its_order_once_and_the_answer_when_it_asks_again(
    agent: Agent, is_reset: bool
) -> None:
    names = [f"till-{number}" for number in range(_TILLS)]
    for name in names:
        leave_after(agent, sale_bytes(agent, name), is_reset=is_reset)

    async def all_in() -> bool:
        return agent.entries() == _TILLS

    if not is_reset:  # after a reset the kernel may have thrown away what the agent had not read yet
        await eventually(all_in)
    with agent.client() as till:
        first = [till.post("/v1/orders", headers=key(name), json=sale(name)) for name in names]
        again = [till.post("/v1/orders", headers=key(name), json=sale(name)) for name in names]
        assert {answer.status_code for answer in first} == {201}
        assert [answer.content for answer in again] == [answer.content for answer in first]
        assert len(till.get("/v1/orders").json()["orders"]) == _TILLS
    placed = [entry["events"][0]["order"]["idempotency_key"] for entry in agent.export()]
    assert sorted(placed) == sorted(names)
    assert agent.verify()["findings"] == []
    assert "request_failed" not in agent.service.log_text()
