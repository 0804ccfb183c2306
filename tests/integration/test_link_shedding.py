"""A disk that is nearly full: what can wait rests, orders go on, and all of it goes on once there is room (G9)."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest
import structlog

from edge_agent.store import log
from edge_agent.store.verify import verify_file
from holdfast_runtime.tokens import TokenFile
from tests.rigs.brokers import Broker
from tests.rigs.disks import leave_the_common_mounts
from tests.rigs.fleet import FleetNode, opened_fleet
from tests.rigs.house import CentreProcess
from tests.rigs.needs import lacking
from tests.rigs.waiting import eventually

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")]

_MEGABYTE = 1024 * 1024
_FLOOR_BYTES = 24 * _MEGABYTE


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MB on memory."""
    folder = tmp_path / "small"
    folder.mkdir()
    leave_the_common_mounts()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", folder], check=False)
    if mounted.returncode != 0:
        lacking("mounting is not allowed here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


async def test_with_little_room_the_past_and_the_scrub_wait_and_what_is_sold_goes_on(
    nats: Broker, postgres_dsn: str, tmp_path: Path, small_disk: Path
) -> None:
    centre = CentreProcess(tmp_path, nats.url, postgres_dsn)
    junk = small_disk / "something else"
    try:
        await centre.start()
        async with opened_fleet(tmp_path / "first", nats.url, 1) as (node,):
            await node.sell(300)
            waiting = await node.ship()
            await eventually(lambda: _is_acked(node), 60)
            stock, held = node.stock(), node.orders()
        junk.write_bytes(bytes(30 * _MEGABYTE))
        token = TokenFile(small_disk / "tokens.json").add("status", ["read"])
        with structlog.testing.capture_logs() as logs:
            async with opened_fleet(small_disk, nats.url, 1, shed_free_bytes=_FLOOR_BYTES) as (node,):
                scrub = asyncio.create_task(node.agent.scrub.run())
                await eventually(lambda: _asks_in_vain(node), 60)
                assert node.stock() == stock, "what is needed to sell is there all the same"
                assert node.orders() == {waiting}
                await node.sell(2)
                await eventually(lambda: _is_acked(node), 60)
                node.agent.scrub.begin()
                assert await _shown(node, token) == (True, "1.0")
                assert (await _to_come(node), node.agent.scrub.rounds) == (302, 0)

                junk.unlink()
                await eventually(lambda: _is_whole(node, held), 60)
                assert await _shown(node, token) == (False, "0.0")
                assert (await verify_file(node.agent.file.path)).findings == ()
                scrub.cancel()
        assert [line["event"] for line in logs if line["event"].startswith("store.shedding")] == [
            "store.shedding_begun",
            "store.shedding_ended",
        ]
    finally:
        await centre.end()


async def _asks_in_vain(node: FleetNode) -> bool:
    """The history is next, and was put off twice."""
    state = node.session.state
    assert state.recalls, state.phase
    assert (state.recalls[0].part, state.recall_tries > 2) == ("before", True), state.recall_tries
    return True


async def _to_come(node: FleetNode) -> int:
    streams = await log.read_streams(node.agent.file.reader)
    return sum(stream.pruned_seq for stream in streams if stream.is_awaited)


async def _is_acked(node: FleetNode) -> bool:
    assert node.session.state.streams[0].durable_seq == node.tail_seq
    return True


async def _is_whole(node: FleetNode, held: set[UUID]) -> bool:
    assert held < node.orders(), len(node.orders())
    assert node.session.is_settled
    assert node.agent.scrub.rounds > 0
    return True


async def _shown(node: FleetNode, token: str) -> tuple[bool, str]:
    """What the status and the metrics say of it."""
    transport = httpx.ASGITransport(app=node.agent.app)
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
        status = (await client.get("/v1/status")).json()
        lines = (await client.get("/metrics")).text.splitlines()
    (metric,) = [line.split()[1] for line in lines if line.startswith("holdfast_store_shedding ")]
    return status["shedding"], metric
