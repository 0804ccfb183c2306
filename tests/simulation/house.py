"""One run: a house of stores and a centre, its day, its night, and the reckoning. `run(seed)` is the whole of it."""

import asyncio
import contextlib
import gc
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextvars import Context
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import aiosqlite
import structlog
from msgspec import Struct

from edge_agent.link import books
from tests.simulation import damage, demands, sqlite
from tests.simulation.centre import Centre
from tests.simulation.chaos import Chaos
from tests.simulation.loop import Stuck, VirtualLoop
from tests.simulation.loop import run as run_loop
from tests.simulation.machine import Machine
from tests.simulation.network import CENTRE, Broker
from tests.simulation.office import Office
from tests.simulation.people import People
from tests.simulation.promises import Broken, Promises
from tests.simulation.sqlite import OWNER
from tests.simulation.stand_ins import IN_PLACE_OF
from tests.simulation.story import Story
from tests.simulation.tills import Till

World = Callable[[], contextlib.AbstractContextManager[object]]

_DAY_S = 30.0
_CLOSING_S = 40.0  # for what tills had begun
_QUIET_S = 240.0  # more than the longest pause between two connections and a few timeouts
_FILES = Path("/dev/shm") if Path("/dev/shm").is_dir() else None


class Outcome(Struct, frozen=True):
    """How a seed ended: `broken` says which promise was, and how, or is None."""

    seed: int
    digest: str
    steps: int
    virtual_s: float
    answers: int
    owed: int
    lost: int
    kinds: tuple[str, ...]
    broken: str | None
    lines: tuple[str, ...] = ()


class House:
    """Everything in one simulation."""

    def __init__(self, seed: str, folder: Path, loop: VirtualLoop, story: Story) -> None:
        self.seed = seed
        self.loop = loop
        self.story = story
        self._folder = folder
        self._chance = random.Random(f"{seed}/house")
        self.promises = Promises()
        self.broker = Broker(loop, random.Random(f"{seed}/network"))
        self.centre = Centre(loop, self.broker, random.Random(f"{seed}/centre"), story)
        self.centre.on_failure = self._fail
        self.office = Office(self, seed)
        self.people = People(self, seed)
        self.disks_are_whole = True  # none was lost, put back or copied
        self.disk_faults: Counter[str] = Counter()  # how often a node's was; a copy that runs beside it counts twice
        self.centre_was_restored = False
        self.centre.on_asked = self.office.owed.add
        self.machines: list[Machine] = []
        self.lets_go = random.Random(f"{seed}/retention").random() < 0.5
        self.tills: list[Till] = []
        self._shops: list[asyncio.Task[None]] = []
        self._looking: asyncio.Task[None] | None = None
        self.failure: asyncio.Future[None] = loop.create_future()

    def add_machine(self, name: str, node_id: str) -> Machine:
        """Another machine, which is off."""
        machine = Machine(
            name,
            node_id,
            self._folder / name,
            loop=self.loop,
            broker=self.broker,
            seed=self.seed,
            story=self.story,
        )
        machine.on_failure = self._fail
        machine.lets_go = self.lets_go
        self.machines.append(machine)
        return machine

    def open_shop(self, machine: Machine) -> None:
        """Turn a machine on and let a till sell on it."""
        machine.start()
        till = Till(
            f"{machine.name}-till",
            machine,
            seed=self.seed,
            promises=self.promises,
            story=self.story,
            pause_s=self._chance.choice((0.5, 1, 2)),
        )
        self.tills.append(till)
        self._shops.append(self.loop.create_task(till.run()))

    def begin(self) -> None:
        """One to three stores and a centre, in any order."""
        if self._chance.random() < 0.8:
            self.centre.start()
        for number in range(1, self._chance.choice((1, 1, 2, 3)) + 1):
            self.open_shop(self.add_machine(f"store-{number}", f"store-{number}"))
        if self.centre.process is None:
            self.loop.call_later(self._chance.uniform(1, 10), self.centre.start)
        self._shops.append(self.loop.create_task(self._keep_centre()))
        self._shops.append(self.loop.create_task(self.office.run()))
        self._looking = self.loop.create_task(self.people.run())
        self._shops.append(self._looking)

    async def _keep_centre(self) -> None:
        """What systemd does for the centre."""
        while True:
            await asyncio.sleep(self._chance.uniform(0.5, 3))
            if self.centre.process is not None and not self.centre.process.is_alive:
                self.centre.start()

    async def close_shops(self) -> None:
        """The tills finish what they had begun, as far as there is an answer to be had."""
        self.office.is_open = False
        if self._looking is not None:
            self._looking.cancel()
        begun = self.loop.time()
        while any(till.is_busy for till in self.tills) and self.loop.time() - begun < _CLOSING_S:
            for till in self.tills:
                till.is_open = till.is_busy and not demands.is_superseded(till.machine)
            await asyncio.sleep(0.5)
        for till in self.tills:
            till.is_open = False

    def end(self) -> None:
        """Let go of everything."""
        for shop in self._shops:
            shop.cancel()
        for machine in self.machines:
            machine.stays_down = True
            machine.kill()
        self.centre.kill()

    def _fail(self, who: str, error: BaseException) -> None:
        if not self.failure.done():
            self.story.tell(who, "fails", error=repr(error)[:300])
            self.failure.set_exception(error)


def run(seed: int, *, keep_story: bool = False, mutation: World = contextlib.nullcontext) -> Outcome:
    """Run one seed to its end. A `mutation` makes the world in which a planted bug is at work."""
    folder = Path(tempfile.mkdtemp(prefix="hf-sim-", dir=_FILES))
    gc.disable()  # a run is short, and hardly anything of it is garbage before its end
    try:
        return run_loop(lambda loop: _live(seed, folder, loop, mutation, keep_story=keep_story))
    finally:
        gc.enable()
        shutil.rmtree(folder, ignore_errors=True)


async def _live(seed: int, folder: Path, loop: VirtualLoop, mutation: World, *, keep_story: bool) -> Outcome:
    story = Story(lambda: loop.now_ms, keep=keep_story)
    loop.set_task_factory(_owned)
    with in_its_world(seed, story), mutation():
        house = House(str(seed), folder, loop, story)
        story.who = lambda: _who(house)
        chaos = Chaos(house, str(seed))
        broken: str | None = None
        day = loop.create_task(_day(house, chaos))
        try:
            await asyncio.wait({day, house.failure}, return_when=asyncio.FIRST_COMPLETED)
            (house.failure if house.failure.done() else day).result()
        except Exception as error:  # noqa: BLE001 - whatever it was, it belongs to this seed
            broken = _in_words(error)
            if keep_story:
                story.lines.append(_traceback(error))
        finally:
            day.cancel()
            house.failure.cancel()
            await asyncio.gather(day, return_exceptions=True)
            house.end()
        promises = house.promises
        story.tell("end", broken or "every promise was kept")
        return Outcome(
            seed,
            story.digest(),
            story.steps,
            loop.time(),
            promises.answers,
            len(promises.owed),
            promises.lost,
            tuple(chaos.kinds),
            broken,
            tuple(story.lines),
        )


async def _day(house: House, chaos: Chaos) -> None:
    house.begin()
    await chaos.run(_DAY_S)
    house.story.tell("chaos", "is over")
    await chaos.heal()
    await house.close_shops()
    house.promises.owe_held(house.machines, house.centre.tables)
    await demands.wait_until_quiet(house, _QUIET_S)
    # Two machines of one node learn at a greeting what the other one has sent since the last.
    house.story.tell("house", "the night")
    house.broker.wipe("the broker is restarted for the night")
    await demands.wait_until_quiet(house, _QUIET_S)
    if house.people.are_there:
        await house.people.replay_all()
        await demands.wait_until_quiet(house, _QUIET_S)
    await damage.strike_and_demand_mending(house, random.Random(f"{house.seed}/damage"), _QUIET_S)
    await demands.demand_all(house)


@contextlib.contextmanager
def in_its_world(seed: int, story: Story) -> Iterator[None]:
    """Whatever the product would take from the machine comes from the simulation."""
    configured, settings = structlog.is_configured(), structlog.get_config()
    before = random.getstate()
    random.seed(seed)  # tenacity takes its jitter from here
    structlog.configure(processors=[story.hear], cache_logger_on_first_use=False)
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(patch.object(aiosqlite, "connect", sqlite.connect))
            stack.enter_context(patch.object(asyncio, "to_thread", _in_place))  # a long push is packed in a thread
            disk = SimpleNamespace(disk_usage=lambda _path: SimpleNamespace(free=10**9))
            stack.enter_context(patch.object(books, "shutil", disk))
            for module, name, stand_in in IN_PLACE_OF:
                stack.enter_context(patch.object(module, name, stand_in))
            yield
    finally:
        random.setstate(before)
        structlog.reset_defaults()
        if configured:
            structlog.configure(**settings)


async def _in_place(function: Callable[..., Any], *arguments: object) -> Any:
    return function(*arguments)


def _owned(loop: asyncio.AbstractEventLoop, coroutine: Any, context: Context | None = None) -> asyncio.Task[Any]:
    """Every task belongs to the process in which it was made, and dies with it."""
    task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=loop, context=context)
    owner = OWNER.get()
    if owner is not None:
        owner.tasks.append(task)
        if not owner.is_alive:
            task.cancel()
    return task


def _who(house: House) -> str:
    owner = OWNER.get()
    if owner is house.centre.process:
        return CENTRE
    return next((machine.name for machine in house.machines if machine.process is owner), "somebody")


def _in_words(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) if isinstance(error, Broken) else f"defect: {error!r}"


def _traceback(error: BaseException) -> str:
    import traceback  # noqa: PLC0415 - only where a story is told

    return "".join(traceback.format_exception(error))


__all__ = ["House", "Outcome", "Stuck", "run"]
