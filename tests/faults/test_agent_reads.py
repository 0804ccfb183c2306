"""Reads that fail: who needs what cannot be read is told so, nothing half-done is kept, and it serves on afterwards."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.rigs.agents import Agent, key, running, sale, slug
from tests.rigs.strace import Injection
from tests.rigs.waiting import eventually

pytestmark = [
    pytest.mark.slow,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="tracing needs root"),
]

_ORDERS: Final = 400  # more pages than a start reads


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    """An agent that has sold, and was started anew: it has not read its orders yet."""
    agent = Agent(tmp_path)
    with running(agent), agent.client() as till:
        for number in range(_ORDERS):
            name = f"before-{number}"
            assert till.post("/v1/orders", headers=key(name), json=sale(name)).status_code == 201
    with running(agent):
        yield agent


def demand_told(answer: httpx.Response) -> None:
    assert (answer.status_code, slug(answer)) == (503, "storage-unavailable")


async def test_reads_that_fail_are_no_answers_and_the_agent_serves_on_once_they_work_again(agent: Agent) -> None:
    names = [f"during-{number}" for number in range(8)]
    with agent.client() as till:
        with Injection(agent.service.child.pid, "pread64:error=EIO") as injection:
            demand_told(till.get("/v1/orders", params={"limit": 500}))
            demand_told(till.post("/v1/orders", headers=key("before-7"), json=sale("before-7")))
            for name in names:
                demand_told(till.post("/v1/orders", headers=key(name), json=sale(name)))
            assert injection.struck() > 0
            assert till.get("/healthz").status_code == 200, "the process is well: to start it again would mend nothing"
            faults = metric(till, "holdfast_store_faults_total")
            assert faults >= len(names)
        names += ["before-7", "after"]
        for name in names:
            assert till.post("/v1/orders", headers=key(name), json=sale(name)).status_code == 201, name
        assert len(till.get("/v1/orders", params={"limit": 500}).json()["orders"]) == _ORDERS + len(names) - 1
        assert metric(till, "holdfast_store_faults_total") == faults
    _demand_once(agent, {*(f"before-{number}" for number in range(_ORDERS)), *names})


async def test_one_read_that_fails_harms_one_request_and_what_the_scrub_then_reads_is_well(agent: Agent) -> None:
    with agent.client() as till:
        with Injection(agent.service.child.pid, "pread64:error=EIO:when=1") as injection:
            answers = [till.get("/v1/orders", params={"limit": 500, "status": "completed"}) for _ in range(3)]
            assert injection.struck() >= 1, "strace counts for each thread: the scrub, which looks then, meets one too"
        assert sorted(answer.status_code for answer in answers) == [200, 200, 503]

        async def looked_through() -> bool:
            scrub = till.get("/v1/status").json()["scrub"]
            return scrub["last_ended_at"] is not None and not scrub["running"]

        await eventually(looked_through)
        assert till.get("/v1/status").json()["scrub"]["damaged"] == 0
        assert till.post("/v1/orders", headers=key("after"), json=sale("after")).status_code == 201
    assert agent.verify()["findings"] == []


def metric(till: httpx.Client, name: str) -> float:
    """A figure of `/metrics`."""
    lines = till.get("/metrics").text.splitlines()
    return float(next(line for line in lines if line.startswith(f"{name} ")).split()[1])


def _demand_once(agent: Agent, names: set[str]) -> None:
    placed = [entry["events"][0]["order"]["idempotency_key"] for entry in agent.export()]
    assert sorted(placed) == sorted(names)
    assert agent.verify()["findings"] == []
