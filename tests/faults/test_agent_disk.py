"""A disk that fails or is full: never a false 201, a problem that says so, and the request works afterwards (G9)."""

import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.rigs.agents import Agent, at_once, key, running, sale, slug
from tests.rigs.disks import leave_the_common_mounts
from tests.rigs.needs import lacking
from tests.rigs.strace import Injection
from tests.rigs.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.root]

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting and tracing need root")


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    with running(Agent(tmp_path)) as agent:
        yield agent


async def accepting(agent: Agent) -> None:
    """Wait until the agent says that it takes orders again."""

    async def look() -> bool:
        return agent.service.is_ready()

    await eventually(look)


@needs_root
@pytest.mark.parametrize(
    "inject",
    [
        "fdatasync:error=EIO:when=1",
        "fdatasync:error=EIO",
        "pwrite64:error=EIO",
        "pwrite64:error=ENOSPC",
        "pwrite64:retval=0",
    ],
)
async def test_a_failed_write_or_sync_is_no_201_and_the_order_is_taken_once_afterwards(
    agent: Agent, inject: str
) -> None:
    with agent.client() as till:
        assert till.post("/v1/orders", headers=key("before"), json=sale("before")).status_code == 201
        with Injection(agent.service.child.pid, inject):
            refused = till.post("/v1/orders", headers=key("failed"), json=sale("failed"))
            is_full = "ENOSPC" in inject or "retval" in inject
            expected = (507, "storage-full") if is_full else (503, "storage-unavailable")
            assert (refused.status_code, slug(refused)) == expected
            assert "is not known yet" in refused.json()["detail"], "the commit itself failed: it may be on the disk"
            if ":when=" not in inject:
                assert not agent.service.is_ready()
                assert till.get("/v1/status").json()["accepting"] is False
                again = till.post("/v1/orders", headers=key("failed"), json=sale("failed"))
                assert again.status_code == refused.status_code
                assert till.get("/v1/orders").status_code == 200
        await accepting(agent)
        assert till.post("/v1/orders", headers=key("failed"), json=sale("failed")).status_code == 201
        assert till.post("/v1/orders", headers=key("after"), json=sale("after")).status_code == 201
    _demand_once(agent, {"before", "failed", "after"})


@needs_root
async def test_many_tills_are_told_of_a_failed_sync_and_none_of_them_is_lost(agent: Agent) -> None:
    names = [f"till-{number}" for number in range(100)]
    requests = [("/v1/orders", key(name), sale(name)) for name in names]
    with Injection(agent.service.child.pid, "fdatasync:error=EIO:when=2"):
        answers = await at_once(agent, requests, connections=50)
    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) == {201, 503}
    await accepting(agent)
    again = await at_once(agent, requests, connections=50)
    assert {answer.status_code for answer in again} == {201}
    for first, second in zip(answers, again, strict=True):
        assert first.status_code == 503 or second.content == first.content
    _demand_once(agent, set(names))


@needs_root
async def test_an_agent_whose_disk_is_broken_still_stops_in_time_and_starts_again(agent: Agent) -> None:
    with agent.client() as till, Injection(agent.service.child.pid, "fdatasync:error=EIO"):
        assert till.post("/v1/orders", headers=key("failed"), json=sale()).status_code == 503
        assert await agent.service.terminate() == 0
        assert "agent.part_hangs" not in agent.service.log_text()
    agent.start()
    with agent.client() as till:
        assert till.post("/v1/orders", headers=key("failed"), json=sale()).status_code == 201
    _demand_once(agent, {"failed"})


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB on memory."""
    folder = tmp_path / "small"
    folder.mkdir()
    leave_the_common_mounts()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder], check=False)
    if mounted.returncode != 0:
        lacking("mounting is not allowed here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@needs_root
@pytest.mark.parametrize("reserve_bytes", [0, 1024 * 1024], ids=["without a reserve", "with a reserve"])
async def test_a_full_disk_is_answered_507_and_selling_goes_on_once_there_is_room(
    tmp_path: Path, small_disk: Path, reserve_bytes: int
) -> None:
    agent = Agent(tmp_path, {"store": {"reserve_bytes": reserve_bytes}}, store=small_disk / "store.db")
    junk = small_disk / "something else"
    with running(agent), agent.client() as till:
        promised, refused = _sell_until_full(till, junk)
        assert (refused.status_code, slug(refused)) == (507, "storage-full")
        assert till.get("/v1/orders").status_code == 200
        assert till.get(f"/v1/orders/{promised['order-0']}").status_code == 200
        junk.unlink()
        await accepting(agent)
        name = f"order-{len(promised)}"
        assert till.post("/v1/orders", headers=key(name), json=sale(name)).status_code == 201
        for name, order_id in promised.items():
            assert till.post("/v1/orders", headers=key(name), json=sale(name)).json()["order_id"] == order_id
    _demand_once(agent, {*promised, f"order-{len(promised)}"})


def _sell_until_full(till: httpx.Client, junk: Path) -> tuple[dict[str, str], httpx.Response]:
    """Sell while something else eats the disk, also what the agent lets go; until it refuses three times in a row."""
    promised: dict[str, str] = {}
    refusals = 0
    while True:
        name = f"order-{len(promised)}"
        answer = till.post("/v1/orders", headers=key(name), json=sale(name))
        refusals = 0 if answer.status_code == 201 else refusals + 1
        if refusals == 3:
            return promised, answer
        if answer.status_code == 201:
            promised[name] = answer.json()["order_id"]
        if len(promised) >= 20:
            _fill(junk)
        assert len(promised) < 10_000, "the disk never fills"


def _fill(junk: Path) -> None:
    """Take every page that is free."""
    with junk.open("ab", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4_096):
            pass


def _demand_once(agent: Agent, names: set[str]) -> None:
    assert agent.verify()["findings"] == []
    placed = Counter(entry["events"][0]["order"]["idempotency_key"] for entry in agent.export())
    assert placed == dict.fromkeys(names, 1)
