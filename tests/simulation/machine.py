"""One machine of a store: a disk that survives, and the real agent on it, put together as `edge_agent.app` does.

A machine dies at any await and comes back by itself. Its disk can be lost, put back from a copy, copied to another
machine, or fail; its wall clock can jump by years.
"""

import asyncio
import random
import shutil
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

from msgspec import Struct

from edge_agent.days import DayBooks
from edge_agent.instructions import Instructions
from edge_agent.intake import Intake
from edge_agent.link.books import Books
from edge_agent.link.outgoing import Introduction
from edge_agent.link.session import Session
from edge_agent.overdue import Overdue
from edge_agent.recovery import Recovery
from edge_agent.retention import Retention
from edge_agent.scrub import Scrub
from edge_agent.store import idempotency
from edge_agent.store.connection import Connection
from edge_agent.store.file import StoreFile
from edge_agent.submission import Answer, Request
from edge_agent.surroundings import Surroundings
from edge_core import ids
from edge_core.errors import StorageFault
from edge_core.orders.requests import CloseRequest
from edge_core.sync.entry import ENTRY_VERSION
from edge_core.sync.retention import Window
from holdfast_runtime.mqtt import MqttLink
from tests.simulation.carriers import lookup_of
from tests.simulation.loop import VirtualLoop
from tests.simulation.network import Broker, Line
from tests.simulation.sqlite import OWNER, Process, observer
from tests.simulation.story import Story

START_MS = 1_795_000_000_000  # 2026-11-18
ZONE = ZoneInfo("Asia/Shanghai")
_PATIENCE_S = 2.0  # of a till
_RESTART_S = (0.2, 3.0)
# A month is a few seconds here, and what no backup covers goes in the course of a day.
_WINDOW = Window(keep_ms=4_000, keep_ms_max=14_000, bytes_max=0, mark_ms=500, remember_ms=600_000)
_LOOK_MS = 2_000
_OVERDUE_LOOK_S = 3.0


class Agent(Struct, frozen=True):
    """The parts of a running agent."""

    file: StoreFile
    intake: Intake
    session: Session
    scrub: Scrub
    retention: Retention
    overdue: Overdue
    days: DayBooks


class Heard(Struct, frozen=True):
    """What a till was answered to one request, last."""

    request: Request
    answer: Answer


class Copy(Struct, frozen=True):
    """A disk as it was: its files, and which answers it could give again."""

    folder: Path
    heard: dict[str, Heard]


class Machine:
    """`node_id` is the store's, `name` this machine's own."""

    def __init__(
        self, name: str, node_id: str, folder: Path, *, loop: VirtualLoop, broker: Broker, seed: str, story: Story
    ) -> None:
        self.name = name
        self.node_id = node_id
        self._folder = folder
        self.path = folder / "store.db"
        self._loop = loop
        self._broker = broker
        self._chance = random.Random(f"{seed}/{name}")
        self._story = story
        self._copies = 0
        self.disk_fault: str | None = None
        self.clock_offset_ms = 0
        self.heard: dict[str, Heard] = {}
        self.process: Process | None = None
        self.agent: Agent | None = None
        self.on_failure: Callable[[str, BaseException], None] = lambda _who, _error: None
        self.stays_down = False
        self.lets_go = False
        self._letting_go: asyncio.Task[Any] | None = None
        folder.mkdir(parents=True)

    def now_ms(self) -> int:
        """This machine's wall clock."""
        return START_MS + self._loop.now_ms + self.clock_offset_ms

    # --- life and death ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the agent on whatever the disk holds."""
        if self.stays_down or (self.process is not None and self.process.is_alive):
            return
        self._story.tell(self.name, "starts")
        process = self.process = Process(self._chance, self._loop)
        process.is_writable = lambda: self.disk_fault
        line = Line(self._broker, self.node_id, self.name)
        file = StoreFile(self.path, self.node_id)
        process.on_death = lambda: self._died(line, file)
        self._spawn(process, self._boot(process, file, line))

    def kill(self) -> None:
        """The end of the process, without a word. It comes back by itself."""
        if self.process is not None:
            self.process.kill()

    def _died(self, line: Line, file: StoreFile) -> None:
        self._story.tell(self.name, "dies")
        self.agent = None
        line.die()
        file._stack.close()  # the lock of a dead process is gone
        self._loop.call_later(self._chance.uniform(*_RESTART_S), self.start)

    async def _boot(self, process: Process, file: StoreFile, line: Line) -> None:
        here = Surroundings(
            now_ms=self.now_ms,
            monotonic_ms=lambda: self._loop.now_ms + 1_000,
            random_bits=lambda: self._chance.getrandbits(74),
            jitter=self._chance.random,
            zone=ZONE,
            life=self._chance.randbytes(8),
            stopwatch_ns=lambda: 0,
            machine=ids.machine_mark(self.node_id),  # a copied machine has the id of its original, as clones do
        )
        try:
            name = ids.incarnation(here.now_ms(), here.random_bits(), here.machine)
            await file.open(incarnation=name, now_ms=here.now_ms())
        except StorageFault as fault:
            self._story.tell(
                self.name,
                "cannot open its file",
                slug=fault.slug,
                error=str(fault).replace(str(self._folder.parent), "~"),
            )
            process.kill()
            return
        self.agent = agent = self._assembled(file, here, line)
        self._spawn(process, agent.intake.run())
        self._spawn(process, agent.session.run())
        self._spawn(process, agent.scrub.run())
        self._spawn(process, self._look_for_overdue(agent))
        if self.lets_go:
            self._letting_go = self._spawn(process, agent.retention.run())

    def _assembled(self, file: StoreFile, here: Surroundings, line: Line) -> Agent:
        intake = Intake(file, here, is_offline=lambda: not session.is_online)
        intake.lookup = lookup_of(self.node_id)
        books = Books(file, here.now_ms, "0.1.0")
        session = Session(
            file=file,
            intake=intake,
            books=books,
            introduction=Introduction(self.node_id, self.node_id, "", "0.1.0", ENTRY_VERSION),
            mqtt=cast("MqttLink", line),
            recovery=Recovery(file, intake, here),
            instructions=Instructions(file, intake, here),
            surroundings=here,
        )
        intake.on_commit = session.wake
        scrub = Scrub(file, intake, here, session)
        session.asides.on_audit = scrub.heard
        retention = Retention(
            file=file, intake=intake, books=books, session=session, window=_WINDOW, interval_ms=_LOOK_MS
        )
        retention.on_damage, retention.cutter.is_given_up = scrub.suspect, scrub.is_given_up
        return Agent(file, intake, session, scrub, retention, Overdue(file, intake, here), DayBooks(file, here))

    async def _look_for_overdue(self, agent: Agent) -> None:
        """A clock that jumps by years makes goods overdue which nobody had the time to fetch."""
        while True:
            await asyncio.sleep(_OVERDUE_LOOK_S)
            with suppress(StorageFault):
                await agent.overdue.look()

    def _spawn(self, process: Process, work: Any) -> asyncio.Task[Any]:
        token = OWNER.set(process)
        task = self._loop.create_task(work)
        OWNER.reset(token)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        """What ends an agent is a defect: nothing that a simulation does may stop one."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self.on_failure(self.name, error)
            self.kill()

    # --- a till's view -----------------------------------------------------------------------------------------------

    async def ask(self, request: Request, key: str, hear: Callable[[Answer], None]) -> Answer | None:
        """Put a request to the agent; None where no answer came in time. `hear` sees one at the moment it is given."""
        agent, process = self.agent, self.process
        if agent is None or process is None or not process.is_alive:
            return None
        listening = True

        async def serve() -> Answer:
            answer = await agent.intake.submit(request, key, None)
            if listening:
                hear(answer)
            return answer

        task = self._spawn(process, serve())
        done, _ = await asyncio.wait({task}, timeout=_PATIENCE_S)
        listening = False
        return task.result() if done and not task.cancelled() and task.exception() is None else None

    async def wish_to_close(self, business_date: str) -> Request | None:
        """What the agent's API makes of a wish to close a day; None where it would refuse, or has no answer in time."""
        agent, process = self.agent, self.process
        if agent is None or process is None or not process.is_alive:
            return None

        async def add_up() -> Request | None:
            with suppress(StorageFault):
                if await agent.days.is_whole(business_date):
                    return await agent.days.close(business_date, CloseRequest("op-1"))
            return None

        task = self._spawn(process, add_up())
        done, _ = await asyncio.wait({task}, timeout=_PATIENCE_S)
        return task.result() if done and not task.cancelled() and task.exception() is None else None

    def today(self) -> str:
        """The store's date by its own clock."""
        return datetime.fromtimestamp(self.now_ms() / 1000, UTC).astimezone(ZONE).date().isoformat()

    def keep_log(self) -> None:
        """Let go of nothing more."""
        self.lets_go = False
        if self._letting_go is not None:
            self._letting_go.cancel()

    async def forget_keys(self) -> None:
        """The days on which clients' keys are remembered pass at once: no answer is owed for them any more."""
        agent, process = self.agent, self.process
        if agent is None or process is None or not process.is_alive:
            return

        async def change() -> None:
            try:
                with suppress(StorageFault):
                    await agent.intake.write(_forget_all_days)
            finally:
                self.heard = {}  # whatever became of the COMMIT: where that is not known, it may have been done

        await asyncio.wait({self._spawn(process, change())}, timeout=_PATIENCE_S)

    def look(self, sql: str, *parameters: object) -> list[Any]:
        """What another process reads in the file at this moment. Raises `sqlite3.OperationalError` where it cannot."""
        if self.process is not None and self.process.is_alive:
            return self.process.observe(self.path).execute(sql, parameters).fetchall()
        with closing(observer(self.path)) as connection:
            return connection.execute(sql, parameters).fetchall()

    # --- the disk ----------------------------------------------------------------------------------------------------

    def copy_disk(self) -> Copy:
        """The disk as it is at this moment, as a snapshot of a virtual machine would have it."""
        self._copies += 1
        folder = self._folder.with_name(f"{self._folder.name}.copy{self._copies}")
        _copy_files(self._folder, folder)
        return Copy(folder, dict(self.heard))

    def put_back(self, copy: Copy) -> None:
        """The disk becomes what it was; whoever runs on it dies."""
        self.kill()
        shutil.rmtree(self._folder)
        _copy_files(copy.folder, self._folder)
        self.heard = dict(copy.heard)

    def lose_disk(self) -> None:
        """Nothing is left; the machine begins with an empty disk."""
        self.kill()
        shutil.rmtree(self._folder)
        self._folder.mkdir()
        self.heard = {}


async def _forget_all_days(connection: Connection) -> None:
    await idempotency.forget_old_days(connection, 0)


def _copy_files(source: Path, target: Path) -> None:
    target.mkdir(exist_ok=True)
    for name in ("store.db", "store.db-wal"):
        if (source / name).exists():
            shutil.copyfile(source / name, target / name)
