"""The tills: a process of its own that posts orders, `python -m bench.load`, driven line by line over stdin and stdout.

A closed loop keeps N connections busy, each sending its next order when the last is answered; a paced one sends on one
connection at a fixed rate and counts the wait of an order that was due while its forerunner was still unanswered.
Every request has a new random idempotency key, as tills' libraries make them.
"""

import asyncio
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator

import msgspec
import uvloop
from msgspec import Struct

from bench.orders import orders_without_end
from bench.results import percentile
from bench.wire import Answer, Client, Connection, post, post_head

_PATH = "/v1/orders"


class Job(Struct, frozen=True):
    """What to do. A `rate_per_s` of 0 is a closed loop; `warm_s` at its begin is not counted."""

    port: int
    token: str
    connections: int
    seconds: float
    warm_s: float = 0.5
    rate_per_s: float = 0
    has_customers: bool = False


class Result(Struct, frozen=True):
    """What came of it. `cpu_share` is the generator's own use of a core; statuses count every answer."""

    per_s: float
    p50_ms: float
    p99_ms: float
    cpu_share: float
    statuses: dict[str, int]
    latencies_ms: list[float]


class Requests:
    """Orders without end."""

    def __init__(self, token: str, orders: Iterator[bytes]) -> None:
        self._head = post_head(_PATH, token)
        self._orders = orders

    def next(self) -> bytes:
        """One order under a key of its own."""
        return post(self._head, os.urandom(16).hex().encode(), next(self._orders))


class ClosedLoop:
    """N connections, each as fast as it is answered."""

    def __init__(self, job: Job, requests: Requests) -> None:
        self._job = job
        self._requests = requests
        self._open = job.connections
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._begin_ns = 0
        self._end_ns = 0
        self.latencies_ms: list[float] = []
        self.statuses: Counter[str] = Counter()

    async def run(self) -> None:
        """Run for the job's time, and until everything is answered."""
        connections = [
            await Connection.open(self._job.port, self._answered, self._lost) for _ in range(self._job.connections)
        ]
        now_ns = time.monotonic_ns()
        self._begin_ns = now_ns + int(self._job.warm_s * 1e9)
        self._end_ns = self._begin_ns + int(self._job.seconds * 1e9)
        for connection in connections:
            connection.send(self._requests.next())
        await self._done
        for connection in connections:
            connection.close()

    def _answered(self, connection: Connection, answer: Answer) -> None:
        self.statuses[str(answer.status)] += 1
        if self._begin_ns <= answer.answered_ns < self._end_ns and answer.status == 201:
            self.latencies_ms.append((answer.answered_ns - answer.sent_ns) / 1e6)
        if answer.answered_ns < self._end_ns:
            connection.send(self._requests.next())
        else:
            self._finish_one()

    def _lost(self, _: str) -> None:
        if not self._done.done():
            self.statuses["lost"] += 1
            self._finish_one()

    def _finish_one(self) -> None:
        self._open -= 1
        if self._open == 0:
            self._done.set_result(None)


async def paced(job: Job, requests: Requests) -> tuple[list[float], Counter[str]]:
    """One order after the other at a fixed rate; latencies in ms, without those of the warm-up."""
    client = Client(job.port)
    latencies_ms: list[float] = []
    statuses: Counter[str] = Counter()
    interval_ns = int(1e9 / job.rate_per_s)
    due_ns = time.monotonic_ns()
    begin_ns = due_ns + int(job.warm_s * 1e9)
    end_ns = begin_ns + int(job.seconds * 1e9)
    while due_ns < end_ns:
        wait_ns = due_ns - time.monotonic_ns()
        if wait_ns > 0:
            await asyncio.sleep(wait_ns / 1e9)
        answer = await client.request(requests.next())
        statuses[str(answer.status)] += 1
        if due_ns >= begin_ns:
            # The clock of a loop wakes late by itself; only waiting for the forerunner counts.
            started_ns = due_ns if wait_ns < 0 else answer.sent_ns
            latencies_ms.append((answer.answered_ns - started_ns) / 1e6)
        due_ns += interval_ns
    client.close()
    return latencies_ms, statuses


async def run_job(job: Job, orders: Iterator[bytes]) -> Result:
    """Do one job."""
    requests = Requests(job.token, orders)
    cpu_s, wall_s = time.process_time(), time.monotonic()
    if job.rate_per_s:
        latencies_ms, statuses = await paced(job, requests)
    else:
        loop = ClosedLoop(job, requests)
        await loop.run()
        latencies_ms, statuses = loop.latencies_ms, loop.statuses
    cpu_share = (time.process_time() - cpu_s) / (time.monotonic() - wall_s)
    return Result(
        per_s=len(latencies_ms) / job.seconds,
        p50_ms=percentile(latencies_ms, 50) if latencies_ms else 0.0,
        p99_ms=percentile(latencies_ms, 99) if latencies_ms else 0.0,
        cpu_share=cpu_share,
        statuses=dict(statuses),
        latencies_ms=latencies_ms if job.rate_per_s else [],
    )


def main() -> None:
    """Read jobs from stdin, write results to stdout, until stdin ends."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    orders = {has_customers: orders_without_end(has_customers=has_customers) for has_customers in (False, True)}
    for line in sys.stdin:
        job = msgspec.json.decode(line, type=Job)
        result = uvloop.run(run_job(job, orders[job.has_customers]))
        sys.stdout.write(msgspec.json.encode(result).decode() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
