"""Enrolment on real parts: strangers wait and sell, a ticket lets one machine in, the last one is the node."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.rigs.brokers import Broker
from tests.rigs.house import CentreProcess
from tests.rigs.processes import run
from tests.rigs.stores import NotNow, Store
from tests.rigs.waiting import eventually

NODE = "store-0001"


@pytest.fixture
async def centre(broker: Broker, postgres_dsn: str, tmp_path: Path) -> AsyncIterator[CentreProcess]:
    found = CentreProcess(tmp_path / "centre", broker.url, postgres_dsn, admit="enrolled")
    await found.start()
    yield found
    await found.end()


@pytest.fixture
async def store(centre: CentreProcess, broker: Broker, tmp_path: Path) -> AsyncIterator[Store]:
    found = Store(tmp_path / "first", broker.url, NODE, centre_url=centre.service.url)
    await found.start()
    yield found
    await found.end()


async def test_a_store_that_is_not_enrolled_sells_and_what_it_sold_arrives_once_it_is(
    centre: CentreProcess, store: Store
) -> None:
    await store.sell(3)
    await eventually(lambda: _waits(store))
    assert await centre.query("SELECT count(*) FROM entry") == [(0,)]
    assert "is enrolled" in (await enrol(centre, store)).stdout
    store.agent.restart()  # rather than wait for its next hello
    await store.drained()
    assert len(await centre.totals(NODE)) == 3


async def test_an_enrolled_store_trusts_what_the_centre_signs_and_uses_the_policies_that_are_installed(
    centre: CentreProcess, store: Store
) -> None:
    await enrol(centre, store)
    printed = await asyncio.to_thread(run, "central-sync", "policy", "key", "--config", centre.config)
    assert (store.agent.folder / "policy-keys").read_text() == printed.stdout
    store.agent.restart()
    installed = await asyncio.to_thread(run, "central-sync", "policy", "install", "--config", centre.config)
    assert installed.returncode == 0, installed.stderr

    async def used() -> bool:
        found = (await store.get("/v1/status"))["policies"]
        assert (found["number"] > 0, found["fault"]) == (True, None), found
        return True

    await eventually(used, 60)
    await store.sell()


async def test_the_machine_that_is_enrolled_last_is_the_node_and_the_first_one_drains(
    centre: CentreProcess, store: Store, broker: Broker, tmp_path: Path
) -> None:
    await enrol(centre, store)
    store.agent.restart()
    await store.sell(2)
    await store.drained()
    other = Store(tmp_path / "second", broker.url, NODE, centre_url=centre.service.url)
    try:
        await enrol(centre, other)  # before its first start: the file is begun
        await other.start()
        await other.online()
        await eventually(lambda: _is_barred(store))
        with pytest.raises(NotNow, match="node-fenced"):
            await store.sell()
        assert len(await other.sell(1)) == 1
        await other.drained()
        await enrol(centre, store)  # a change of mind: the first machine, whose agent runs, is the node again
        await eventually(lambda: _is_barred(other))
        await eventually(lambda: _sells(store))
        await store.sell(1)
        await store.drained()
    finally:
        await other.end()


async def test_a_ticket_lets_one_machine_in_and_again_only_that_one(
    centre: CentreProcess, store: Store, broker: Broker, tmp_path: Path
) -> None:
    ticket = await offer(centre)
    assert (await redeem(ticket, store)).returncode == 0
    assert (await redeem(ticket, store)).returncode == 0
    other = Store(tmp_path / "second", broker.url, NODE, centre_url=centre.service.url)
    refused = await redeem(ticket, other)
    await other.end()
    assert (refused.returncode, "another machine" in refused.stderr) == (1, True)
    unknown = await redeem("hf_nobody-made-this", store)
    assert (unknown.returncode, "central-sync enrol" in unknown.stderr) == (1, True)


async def test_a_ticket_is_for_one_node_and_expires(centre: CentreProcess, store: Store) -> None:
    elsewhere = await offer(centre, "store-0002")
    assert "not known for this node" in (await redeem(elsewhere, store)).stderr
    late = await offer(centre)
    await centre.query("UPDATE enrolment_ticket SET expires_at = now() - interval '1 s'")
    assert "has expired" in (await redeem(late, store)).stderr


async def offer(centre: CentreProcess, node: str = NODE) -> str:
    made = await asyncio.to_thread(run, "central-sync", "enrol", node, "--config", centre.config)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


async def redeem(ticket: str, store: Store) -> "subprocess.CompletedProcess[str]":
    return await asyncio.to_thread(store.agent.run, "enrol", stdin=ticket)


async def enrol(centre: CentreProcess, store: Store) -> "subprocess.CompletedProcess[str]":
    shown = await redeem(await offer(centre), store)
    assert shown.returncode == 0, shown.stderr
    return shown


async def _waits(store: Store) -> bool:
    status = await store.get("/v1/status")
    assert "not enrolled" in (status["last_error"] or ""), status
    return True


async def _sells(store: Store) -> bool:
    status = await store.get("/v1/status")
    assert status["accepting"], status
    return True


async def _is_barred(store: Store) -> bool:
    status = await store.get("/v1/status")
    assert (status["accepting"], status["link"]["state"]) == (False, "online"), status
    return True
