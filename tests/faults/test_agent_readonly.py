"""A file system that turns read-only under a running agent, as ext4 makes it after an error of the device."""

from collections import Counter
from pathlib import Path

import pytest

from tests.rigs.agents import Agent, key, running, sale, slug
from tests.rigs.disks import LoopDisk

pytestmark = [pytest.mark.slow, pytest.mark.root]


async def test_a_file_system_that_turns_read_only_is_told_and_everything_is_there_once_it_is_mounted_anew(
    tmp_path: Path, disk: LoopDisk
) -> None:
    agent = Agent(tmp_path, store=disk.path / "store.db")
    names = [f"order-{number}" for number in range(20)]
    with running(agent), agent.client() as till:
        promised = {name: till.post("/v1/orders", headers=key(name), json=sale(name)).json() for name in names}
        disk.turn_read_only()
        refused = till.post("/v1/orders", headers=key("failed"), json=sale("failed"))
        assert (refused.status_code, slug(refused)) == (503, "storage-unavailable")
        assert not agent.service.is_ready()
        status = till.get("/v1/status").json()
        assert (status["accepting"], bool(status["storage_fault"])) == (False, True)
        assert till.get("/healthz").status_code == 200
        for name in names:  # what is there can be read
            assert till.get(f"/v1/orders/{promised[name]['order_id']}").status_code == 200
        again = till.post("/v1/orders", headers=key("failed"), json=sale("failed"))
        assert (again.status_code, slug(again)) == (503, "storage-unavailable")
        assert agent.stop() == 0, "what cannot be written keeps nobody from stopping"
    ended = agent.run("run")
    assert (ended.returncode, "Traceback" in ended.stderr) == (1, False)
    await disk.power_on()
    with running(agent), agent.client() as till:
        for name in names:
            repeated = till.post("/v1/orders", headers=key(name), json=sale(name))
            assert (repeated.status_code, repeated.json()) == (201, promised[name])
        assert till.post("/v1/orders", headers=key("failed"), json=sale("failed")).status_code == 201
    assert agent.verify()["findings"] == []
    placed = Counter(entry["events"][0]["order"]["idempotency_key"] for entry in agent.export())
    assert placed == dict.fromkeys([*names, "failed"], 1)
