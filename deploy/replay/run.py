"""The replay from begin to end: survey, start the house, send everything, wait for the centre, read the books."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import httpx
from msgspec import Struct

from deploy.house.looking import agent_status, node_status
from deploy.house.services import free_port
from deploy.house.stage import Stage, Store, opened_stage
from deploy.replay.account import Account, account
from deploy.replay.books import read_books
from deploy.replay.courier import Courier, Portion
from deploy.replay.journal import Journal
from deploy.replay.mapping import Mapper, Refused, store_index
from deploy.replay.progress import Progress
from deploy.replay.source import Survey, read_invoices, survey
from edge_core.errors import TransientFault

_FIRST_PORTS: Final = (18_000, 32_000)  # below those that clients are given; two replays at once seldom meet
_PORTIONS_WAITING: Final = 2  # ready for each store while one is sent: no agent waits for the reading
_LOOK_INTERVAL_S: Final = 0.2
_NO_PROGRESS_S: Final = 60.0  # nothing more reaches the centre for so long: it is not going to
_ANSWER_TIMEOUT_S: Final = 10


class Plan(Struct, frozen=True):
    """What to replay: the file, the first `limit` invoices or all, and the folder in which the house is."""

    folder: Path
    data: Path
    limit: int | None = None


class Speed(Struct, frozen=True):
    """How fast it went. The times are from the first request on: to the last answer, and until the centre had all."""

    answered_s: float
    at_centre_s: float
    orders_per_s: float
    lines_per_s: float
    asked_again: int


class Result(Struct, frozen=True):
    """How the replay ended; `--json` prints it."""

    account: Account
    speed: Speed


async def replay(plan: Plan, progress: Progress) -> Result:
    """Do it all. Raises a `Fault`, alone or in a group, and `Unreadable` for a file that is no ledger."""
    found = await asyncio.to_thread(lambda: survey(read_invoices(plan.data, plan.limit)))
    progress.say(f"{plan.data}: {found.invoices:,} invoices, {found.lines:,} lines")
    progress.say(f"starting PostgreSQL, a broker, the centre and three stores in {plan.folder}")
    first = random.randrange(*_FIRST_PORTS, 10)
    ports = {"broker_port": first + 1, "agent_port": first + 2}
    async with opened_stage(plan.folder, free_port(first), **ports) as stage:
        journal = Journal()
        began = time.monotonic()
        await _send(plan, stage.stores, found, journal, progress)
        answered_s = time.monotonic() - began
        progress.say("every step is answered; waiting until the centre has confirmed the last entry of every store")
        await _settle(stage)
        at_centre_s = time.monotonic() - began
        progress.say("reading the logs of the stores and of the centre")
        books = await read_books(stage)
    speed = Speed(
        answered_s=round(answered_s, 1),
        at_centre_s=round(at_centre_s, 1),
        orders_per_s=round(journal.expected.orders / answered_s, 1),
        lines_per_s=round(journal.lines / answered_s, 1),
        asked_again=journal.asked_again,
    )
    return Result(account(found, journal, books), speed)


async def _send(plan: Plan, stores: Sequence[Store], found: Survey, journal: Journal, progress: Progress) -> None:
    """Map invoice after invoice, and hand full portions to the store's courier."""
    mapper = Mapper()
    portions = [Portion(store.place.node_id) for store in stores]
    with progress.counting(found.lines, lambda: journal.lines):
        async with _couriers(stores, journal) as queues:
            for invoice in read_invoices(plan.data, plan.limit):
                index = store_index(invoice, len(stores))
                for step in mapper.steps(invoice):
                    if isinstance(step, Refused):
                        journal.refuse(step.invoice, (step.line,), step.reason)
                    elif (following := portions[index].add(step)) is not None:
                        await queues[index].put(portions[index])
                        portions[index] = following
            for queue, portion in zip(queues, portions, strict=True):
                await queue.put(portion)


@asynccontextmanager
async def _couriers(stores: Sequence[Store], journal: Journal) -> AsyncIterator[list[asyncio.Queue[Portion | None]]]:
    """A queue for each store, of which portions are sent one after the other; at the end all of them are."""
    queues: list[asyncio.Queue[Portion | None]] = [asyncio.Queue(_PORTIONS_WAITING) for _ in stores]
    async with AsyncExitStack() as stack:
        couriers = [await stack.enter_async_context(Courier(store, journal)) for store in stores]
        async with asyncio.TaskGroup() as group:
            for courier, queue in zip(couriers, queues, strict=True):
                group.create_task(_carry(courier, queue))
            yield queues
            for queue in queues:
                await queue.put(None)


async def _carry(courier: Courier, queue: asyncio.Queue[Portion | None]) -> None:
    while (portion := await queue.get()) is not None:
        await courier.send(portion)


async def _settle(stage: Stage) -> None:
    """Wait until nothing is pending. Raises `TransientFault` where nothing moves any more."""
    moved, before = time.monotonic(), -1
    async with httpx.AsyncClient(timeout=_ANSWER_TIMEOUT_S, trust_env=False) as client:
        while True:
            edges = [(await agent_status(client, store)).orders for store in stage.stores]
            if all(lane.pending == 0 for lane in edges):
                break
            pending = sum(lane.pending for lane in edges)
            if pending != before:
                moved, before = time.monotonic(), pending
            elif time.monotonic() - moved > _NO_PROGRESS_S:
                raise TransientFault(f"{pending:,} entries wait in the stores' logs, and nothing moves any more")
            await asyncio.sleep(_LOOK_INTERVAL_S)
        nodes = [await node_status(client, stage, store.place.node_id) for store in stage.stores]
    for lane, node in zip(edges, nodes, strict=True):
        if (lane.parked, node.orders.parked, node.orders.durable_seq) != (0, 0, lane.accepted):
            raise TransientFault(f"{node.node_id}: accepted {lane}, but the centre holds {node.orders}")
