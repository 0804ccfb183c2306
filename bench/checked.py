"""What the checks cost: the same orders at two agents, one with the reference data of a large store and one without."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Final

import msgspec
from msgspec import Struct

from bench.assortment import publish_assortment
from bench.house import Agent, Centre, Tills, cpu_s, memory, running_database
from bench.load import Job, Result
from bench.results import Row, percentile, say
from bench.wire import Client, get
from central_sync.embedded import EmbeddedBroker

_TILLS: Final = 64
_ROUND_S: Final = 3.0
_PACE_PER_S: Final = 50
_PACED_S: Final = 4.0
_FETCH_S_MAX: Final = 300.0
_STATUS_INTERVAL_S: Final = 0.1


class _Round(Struct, frozen=True):
    """What one agent did: orders per second, and microseconds of processor an order."""

    per_s: float
    order_us: float


async def measure_checks(folder: Path, *, rounds: int) -> list[Row]:
    """Rows for an intake that checks everything; the floor of each is the agent that never received anything."""
    broker = EmbeddedBroker(folder / "checked-broker")
    with running_database(folder / "checked-postgres") as (dsn, _):
        centre = Centre(folder / "checked-centre", dsn, broker.url)
        checked = Agent(folder / "checked", broker_url=broker.url, centre_url=centre.service.url)
        fetch_s, fetching_mb = await _fetch(checked, centre, broker, dsn)
    plain = Agent(folder / "plain", broker_url=broker.url)
    await plain.service.start()
    await plain.receive_stock()
    await checked.service.start()
    tills = Tills()
    try:
        full = [(_full(tills, checked, "checked"), _full(tills, plain, "plain")) for _ in range(rounds)]
        paced = [(_paced(tills, checked), _paced(tills, plain)) for _ in range(rounds)]
        held, light = memory(checked.pid), memory(plain.pid)
        for agent in (checked, plain):
            assert (await agent.service.terminate()) == 0
    finally:
        tills.close()
        checked.service.child.stop()
        plain.service.child.stop()
    say(f"  memory: checked {held.peak_rss_mb:.1f} MB at most, plain {light.peak_rss_mb:.1f}")
    late, soon = ([ms for each in paced for ms in each[way]] for way in (0, 1))
    return [
        Row("checked_orders_per_s_64", median(a.per_s for a, _ in full), "1/s", median(b.per_s for _, b in full)),
        Row("checked_order_us", median(a.order_us for a, _ in full), "us", median(b.order_us for _, b in full)),
        Row("checked_p99_ms_1", percentile(late, 99), "ms", percentile(soon, 99)),
        Row("reference_fetch_s", fetch_s, "s"),
        Row("agent_rss_mb_checked", max(held.peak_rss_mb, fetching_mb), "MB", light.peak_rss_mb),
    ]


async def _fetch(agent: Agent, centre: Centre, broker: EmbeddedBroker, dsn: str) -> tuple[float, float]:
    """Have an agent fetch every dataset: how long the last of them took from its publication, and its peak memory."""
    broker.start()
    try:
        await centre.service.start()
        await agent.service.start()
        await agent.receive_stock()
        began = time.monotonic()
        rows = await publish_assortment(dsn)
        say(f"  {sum(rows.values()):,} rows published in {time.monotonic() - began:.0f} s")
        began = time.monotonic()
        await _received(agent, rows)
        took_s, held = time.monotonic() - began, memory(agent.pid)
        assert (await agent.service.terminate()) == 0
    finally:
        agent.service.child.stop()
        centre.service.child.stop()
        broker.stop()
    say(f"  fetched in {took_s:.0f} s more, {held.peak_rss_mb:.1f} MB at most")
    return took_s, held.peak_rss_mb


class _Dataset(Struct):
    dataset: str
    rows: int


class _Reference(Struct):
    datasets: list[_Dataset]


class _Status(Struct):
    reference: _Reference


async def _received(agent: Agent, rows: Mapping[str, int]) -> None:
    client, question = Client(agent.port), get("/v1/status", agent.token)
    async with asyncio.timeout(_FETCH_S_MAX):
        while True:
            answer = await client.request(question)
            status = msgspec.json.decode(answer.body, type=_Status)
            if {each.dataset: each.rows for each in status.reference.datasets if each.rows} == rows:
                client.close()
                return
            await asyncio.sleep(_STATUS_INTERVAL_S)


def _full(tills: Tills, agent: Agent, name: str) -> _Round:
    used_s = cpu_s(agent.pid)
    result = _taken(tills.run(Job(agent.port, agent.token, _TILLS, _ROUND_S, warm_s=0, has_customers=True)))
    order_us = (cpu_s(agent.pid) - used_s) / (result.per_s * _ROUND_S) * 1e6
    say(f"  64 tills, {name}: {result.per_s:,.0f}/s, {order_us:.0f} us of a core an order, p99 {result.p99_ms:.1f} ms")
    return _Round(result.per_s, order_us)


def _paced(tills: Tills, agent: Agent) -> list[float]:
    job = Job(agent.port, agent.token, 1, _PACED_S, rate_per_s=_PACE_PER_S, has_customers=True)
    return _taken(tills.run(job)).latencies_ms


def _taken(result: Result) -> Result:
    """A figure counts only where every order was taken."""
    assert set(result.statuses) == {"201"}, result.statuses
    return result
