"""What a backlog of a million entries costs the agent: memory while it waits and while it drains, and time to start."""

import asyncio
import shutil
import time
from pathlib import Path
from statistics import median
from typing import Final

import msgspec
from msgspec import Struct

from bench.backlog import build
from bench.house import Agent, Centre, memory, running_database
from bench.orders import orders_without_end
from bench.results import Row, say
from bench.visible import Till
from bench.wire import Client, get, post, post_head
from central_sync.embedded import EmbeddedBroker

STARTS: Final = 3
_ORDERS: Final = 300
_RETRY_INTERVAL_S: Final = 0.002
_STATUS_INTERVAL_S: Final = 0.05
_START_S_MAX: Final = 60.0


async def measure_footprint(folder: Path, *, entries: int, drain_s: float) -> list[Row]:
    """Rows for memory and start. The floor of both is the same agent on an empty file."""
    full, empty = folder / "footprint" / "full", folder / "footprint" / "empty"
    say(f"  building a backlog of {entries:,} entries")
    began = time.monotonic()
    await build(full / "store.db", entries)
    size_mb = (full / "store.db").stat().st_size / 1e6
    say(f"  built in {time.monotonic() - began:.0f} s, {size_mb:,.0f} MB")
    broker = EmbeddedBroker(folder / "footprint-broker")  # named already, started later: until then it is not there
    laden, light = Agent(full, broker_url=broker.url), Agent(empty, "store-0002", broker.url)
    await light.service.start()
    await light.receive_stock()
    assert (await light.service.terminate()) == 0
    started = [(await _start_ms(laden), await _start_ms(light)) for _ in range(STARTS)]
    with running_database(folder / "footprint-postgres") as (dsn, _):
        centre = Centre(folder / "footprint-centre", dsn, broker.url)
        laden_mb = await _peak_mb(laden, centre, broker, drain_s)
        light_mb = await _peak_mb(light, centre, broker, drain_s / 2)
    shutil.rmtree(full.parent)
    return [
        Row("agent_rss_mb_backlog_1m", laden_mb, "MB", light_mb),
        Row("start_ms_backlog_1m", median(s[0] for s in started), "ms", median(s[1] for s in started)),
    ]


async def _start_ms(agent: Agent) -> float:
    """From exec to the first 201, in ms; the file is in the page cache."""
    request = post(post_head("/v1/orders", agent.token), b"%d" % time.monotonic_ns(), next(orders_without_end()))
    began = time.monotonic()
    agent.service.child.start()
    try:
        async with asyncio.timeout(_START_S_MAX):
            await _taken(agent.port, request)
        took_ms = (time.monotonic() - began) * 1000
        assert (await agent.service.terminate()) == 0
    finally:
        agent.service.child.stop()
    say(f"  {agent.file.parent.name} file: first 201 after {took_ms:.0f} ms")
    return took_ms


async def _taken(port: int, request: bytes) -> None:
    """Try until somebody listens; what listens must take the order."""
    client = Client(port)
    while True:
        try:
            answer = await client.request(request)
        except OSError:
            await asyncio.sleep(_RETRY_INTERVAL_S)
        else:
            client.close()
            assert answer.status == 201, answer.body
            return


async def _peak_mb(agent: Agent, centre: Centre, broker: EmbeddedBroker, drain_s: float) -> float:
    """The most that was ever resident: taking orders without a broker, then draining."""
    await agent.service.start()
    try:
        till = Till(agent.port, agent.token)
        for _ in range(_ORDERS):
            await till.place()
        alone = memory(agent.pid)
        broker.start()
        await centre.service.start()
        await _draining(agent)
        await asyncio.sleep(drain_s)
        draining = memory(agent.pid)
        till.close()
    finally:
        agent.service.child.stop()
        centre.service.child.stop()
        broker.stop()
    say(
        f"  {agent.file.parent.name} file: without a broker {alone.peak_rss_mb:.1f} MB at most (PSS {alone.pss_mb:.1f})"
        f", draining {draining.peak_rss_mb:.1f} MB at most (PSS {draining.pss_mb:.1f})"
    )
    return draining.peak_rss_mb


class _Books(Struct):
    confirmed: int


class _Status(Struct):
    lanes: list[_Books]


async def _draining(agent: Agent) -> None:
    """Wait until the centre has confirmed something; the pause before the next try to connect may be long."""
    client, question = Client(agent.port), get("/v1/status", agent.token)
    async with asyncio.timeout(_START_S_MAX):
        while True:
            answer = await client.request(question)
            if msgspec.json.decode(answer.body, type=_Status).lanes[0].confirmed:
                client.close()
                return
            await asyncio.sleep(_STATUS_INTERVAL_S)
