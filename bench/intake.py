"""How fast orders are taken, durably: 64 tills at once beside the bare parts, and one till at a quiet pace."""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final, TypeVar

from msgspec import Struct

from bench.backlog import sample
from bench.floors import CommitFloor, Syncs
from bench.house import Agent, Tills, cpu_s, script
from bench.load import Job, Result
from bench.orders import orders_without_end
from bench.results import Row, percentile, say
from bench.wire import Client, get, post, post_head
from central_sync.embedded.broker import free_port
from central_sync.embedded.child import Child

T = TypeVar("T")

TILLS: Final = 64
PACE_PER_S: Final = 50
_PACED_S: Final = 4.0
_ROUND_S: Final = 3.0


class _Round(Struct, frozen=True):
    """What one round gave, in orders (or requests) per second."""

    http: float
    agent: float
    commit: float


class _Paced(Struct):
    """Latencies in ms at a quiet pace, of every round together."""

    agent: list[float]
    http: list[float]


async def measure_intake(folder: Path, *, rounds: int) -> list[Row]:
    """Rows for the intake and for its floors. Floor and figure alternate; a round on a bad disk is repeated."""
    agent = Agent(folder / "intake")
    tills = Tills()
    await agent.service.start()
    await agent.receive_stock()
    bare, bare_port = await _start_bare(folder, agent)
    floor, syncs = CommitFloor(folder, await sample(20_000)), Syncs(folder)
    try:
        full = _repeat(syncs, rounds, lambda: _full_round(agent, tills, bare, bare_port, floor))
        paced = _Paced([], [])
        for agent_ms, http_ms in _repeat(syncs, rounds, lambda: _paced_round(agent, tills, bare_port)):
            paced.agent += agent_ms
            paced.http += http_ms
        assert (await agent.service.terminate()) == 0
    finally:
        tills.close()
        bare.stop()
        agent.service.child.stop()
    say(f"  {syncs.discarded} rounds discarded for a disk that paused")
    return _rows(full, paced, syncs)


def _repeat(syncs: Syncs, rounds: int, measure: Callable[[], T]) -> list[T]:
    kept: list[T] = []
    while len(kept) < rounds:
        before = syncs.sample()
        found = measure()
        if syncs.is_kept(before + syncs.sample()):
            kept.append(found)
    return kept


def _rows(full: list[_Round], paced: _Paced, syncs: Syncs) -> list[Row]:
    http, commit = median(r.http for r in full), median(r.commit for r in full)
    sync_p50, sync_p99 = percentile(syncs.samples_ms, 50), percentile(syncs.samples_ms, 99)
    return [
        Row("fdatasync_p50_ms", sync_p50, "ms"),
        Row("fdatasync_p99_ms", sync_p99, "ms"),
        Row("http_floor_per_s", http, "1/s"),
        Row("commit_floor_per_s", commit, "1/s"),
        Row("intake_orders_per_s_64", median(r.agent for r in full), "1/s", min(http, commit)),
        Row("intake_p50_ms_1", percentile(paced.agent, 50), "ms", percentile(paced.http, 50) + sync_p50),
        Row("intake_p99_ms_1", percentile(paced.agent, 99), "ms", percentile(paced.http, 99) + sync_p99),
    ]


def _full_round(agent: Agent, tills: Tills, bare: Child, bare_port: int, floor: CommitFloor) -> _Round:
    http, http_share = _loaded(tills, bare.pid, Job(bare_port, agent.token, TILLS, _ROUND_S))
    taken, agent_share = _loaded(tills, agent.pid, Job(agent.port, agent.token, TILLS, _ROUND_S))
    found = _Round(http.per_s, taken.per_s, floor.measure())
    cpu_us, http_us = agent_share / taken.per_s * 1e6, http_share / http.per_s * 1e6
    say(
        f"  64 tills: agent {found.agent:,.0f}/s (p50 {taken.p50_ms:.1f}, p99 {taken.p99_ms:.1f} ms; of a core the "
        f"agent used {agent_share:.0%}, {cpu_us:.0f} us an order, {cpu_us / http_us:.1f} times a bare request; the "
        f"tills {taken.cpu_share:.0%}); bare HTTP {found.http:,.0f}/s (server {http_share:.0%}, {http_us:.0f} us, "
        f"tills {http.cpu_share:.0%}); bare commit {found.commit:,.0f}/s"
    )
    return found


def _paced_round(agent: Agent, tills: Tills, bare_port: int) -> tuple[list[float], list[float]]:
    http = tills.run(Job(bare_port, agent.token, 1, _PACED_S, rate_per_s=PACE_PER_S))
    taken = tills.run(Job(agent.port, agent.token, 1, _PACED_S, rate_per_s=PACE_PER_S))
    _check(taken)
    say(f"  1 till at {PACE_PER_S}/s: agent p50 {taken.p50_ms:.2f}, p99 {taken.p99_ms:.2f} ms")
    return taken.latencies_ms, http.latencies_ms


def _loaded(tills: Tills, server_pid: int, job: Job) -> tuple[Result, float]:
    """Run a job; also the share of a core that the server used meanwhile."""
    used_s, began = cpu_s(server_pid), time.monotonic()
    result = tills.run(job)
    _check(result)
    return result, (cpu_s(server_pid) - used_s) / (time.monotonic() - began)


def _check(result: Result) -> None:
    """A figure counts only where every order was taken."""
    assert set(result.statuses) == {"201"}, result.statuses


async def _start_bare(folder: Path, agent: Agent) -> tuple[Child, int]:
    """The bare server, answering as many bytes as the agent answers to an order."""
    client = Client(agent.port)
    request = post(post_head("/v1/orders", agent.token), os.urandom(16).hex().encode(), next(orders_without_end()))
    answer = await client.request(request)
    client.close()
    port = free_port()
    bare = script("bare.py", str(port), str(len(answer.body)), log=folder / "bare.log")
    bare.start()
    await asyncio.to_thread(bare.wait_until, lambda: _answers(port))
    return bare, port


def _answers(port: int) -> bool:
    async def ask() -> bool:
        client = Client(port)
        try:
            return (await client.request(get("/"))).status == 201
        except OSError:
            return False
        finally:
            client.close()

    return asyncio.run(ask())
