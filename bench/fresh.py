"""A store that sells and pages that look on, in a process of its own: what a fresh order feels while others storm.

`python -m bench.fresh` reads a `Job` from stdin, places an order whenever one is due, and follows each until both the
centre's stream and its API have it. When stdin ends it waits for what is still unseen and writes its samples to stdout.
An order is late from the moment at which it was due, so a till that has to wait does not hide what it waited.
"""

import asyncio
import subprocess
import sys
import time
from typing import Final

import msgspec
import uvloop
from msgspec import Struct

from bench.house import ROOT, Agent, Centre
from bench.visible import LivePage, Placed, Pollers, Till

_OPENING_NS: Final = 1_000_000_000  # the page has joined the stream by then


class Job(Struct, frozen=True):
    """Where to sell and to look, and how many orders are due in a second."""

    till_port: int
    till_token: str
    centre_port: int
    rate_per_s: float


class Sample(Struct, frozen=True, array_like=True):
    """One order: when it was due, when it got its 201 and when it was seen, in monotonic nanoseconds."""

    due_ns: int
    answered_ns: int
    seen_ns: int

    @property
    def answered_ms(self) -> float:
        """From due to the 201."""
        return (self.answered_ns - self.due_ns) / 1e6

    @property
    def visible_ms(self) -> float:
        """From due to visible at the centre."""
        return (self.seen_ns - self.due_ns) / 1e6


class FreshOrders:
    """The process, from outside. It sells from `start` to `stop`."""

    def __init__(self, store: Agent, centre: Centre, rate_per_s: float) -> None:
        self._job = Job(store.port, store.token, centre.port, rate_per_s)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin to sell."""
        # Not a `Child`, which keeps stdin closed; this one ends with our end of its stdin.
        command = [sys.executable, "-m", "bench.fresh"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(self._job) + b"\n")
        self._process.stdin.flush()

    async def stop(self) -> list[Sample]:
        """No more orders; every sample once all of them are seen."""
        assert self._process is not None
        output, _ = await asyncio.to_thread(self._process.communicate)
        return msgspec.json.decode(output, type=list[Sample])


async def sell(job: Job) -> list[Sample]:
    """Sell until stdin ends."""
    ending = asyncio.create_task(_ended_ns())
    till, pollers, page = Till(job.till_port, job.till_token), Pollers(job.centre_port), LivePage(job.centre_port)
    watching = asyncio.create_task(page.watch())
    following: list[asyncio.Task[Sample]] = []

    async def follow(due_ns: int, placed: Placed) -> Sample:
        await page.seen_ns(placed.order_id)
        return Sample(due_ns, placed.answered_ns, await pollers.seen_ns(placed.order_id))

    due_ns = time.monotonic_ns() + _OPENING_NS
    while not ending.done() or due_ns < ending.result():  # what was due is placed, however late
        await asyncio.sleep(max(0.0, (due_ns - time.monotonic_ns()) / 1e9))
        following.append(asyncio.create_task(follow(due_ns, await till.place())))
        due_ns += int(1e9 / job.rate_per_s)
    samples = await asyncio.gather(*following)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    till.close()
    pollers.close()
    return samples


async def _ended_ns() -> int:
    """When stdin ended."""
    await asyncio.to_thread(sys.stdin.read)
    return time.monotonic_ns()


def main() -> None:
    """One job, from the first line of stdin to its end."""
    job = msgspec.json.decode(sys.stdin.readline(), type=Job)
    sys.stdout.write(msgspec.json.encode(uvloop.run(sell(job))).decode() + "\n")


if __name__ == "__main__":
    main()
