"""What can go wrong. A seed turns some kinds on (swarm testing: Groce et al. 2012) and strikes at seeded times."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tests.simulation import demands
from tests.simulation.machine import Copy, Machine
from tests.simulation.network import CENTRE, Weather
from tests.simulation.promises import Decision, decision_of, on_disk
from tests.simulation.tables import Tables

if TYPE_CHECKING:
    from tests.simulation.house import House

_YEAR_MS = 365 * 86_400_000
_COPIES_MAX = 4


class Chaos:
    """Strikes a house until it is told to stop; whatever it broke for a while, it mends."""

    def __init__(self, house: "House", seed: str) -> None:
        self._house = house
        self._chance = random.Random(f"{seed}/chaos")
        self._disks: list[tuple[Machine, Copy]] = []
        self._tables: list[Tables] = []
        self._spells: set[asyncio.Task[None]] = set()
        names = sorted(_KINDS)
        self.kinds = self._chance.sample(names, self._chance.randint(0, 7))
        self.strikes = self._chance.randint(1, 9)

    async def run(self, duration_s: float) -> None:
        """Strike at seeded times; take copies between, for whoever is put back later."""
        self._paint()
        if self._house.lets_go:
            self._for_a_while(self._let_days_pass(duration_s))
        times = sorted(self._chance.uniform(2, duration_s) for _ in range(self.strikes))
        copies = sorted(self._chance.uniform(0.5, duration_s) for _ in range(5))
        begun = self._house.loop.time()
        plan = sorted([(at, "strike") for at in times] + [(at, "copy") for at in copies])
        for at, what in plan:
            await asyncio.sleep(max(0.0, begun + at - self._house.loop.time()))
            if what == "copy" or not self.kinds:
                self._copy()
            else:
                kind = self._chance.choice(self.kinds)
                self._house.story.tell("chaos", kind)
                _KINDS[kind](self)
        await asyncio.sleep(max(0.0, begun + duration_s - self._house.loop.time()))

    async def heal(self) -> None:
        """Everything works again, from now on."""
        for spell in list(self._spells):
            spell.cancel()
        await asyncio.gather(*self._spells, return_exceptions=True)
        house = self._house
        house.broker.weather = Weather()
        house.broker.is_up = True
        house.broker.cut_off.clear()
        house.centre.is_slow = False
        for machine in house.machines:
            machine.disk_fault = None
            if machine.process is not None:
                machine.process.dies_in = machine.process.dies_at_commit = None
        if house.centre.process is not None:
            house.centre.process.dies_in = house.centre.process.dies_at_commit = None

    # --- how the lines are -------------------------------------------------------------------------------------------

    def _paint(self) -> None:
        chance = self._chance
        weather = Weather()
        if chance.random() < 0.4:
            weather = replace(weather, loss=chance.choice((0.02, 0.1, 0.3)))
        if chance.random() < 0.3:
            weather = replace(weather, twice=0.2)
        if chance.random() < 0.4:
            weather = replace(weather, late=chance.choice((0.05, 0.3)), late_ms=chance.choice((200, 3_000, 9_000)))
        self._house.broker.weather = weather

    def _partition(self) -> None:
        where = self._chance.choice([CENTRE, *(machine.name for machine in self._house.machines)])
        self._for_a_while(self._cut_off(where, self._chance.uniform(1, 15)))

    async def _cut_off(self, where: str, seconds: float) -> None:
        broker = self._house.broker
        broker.cut_off.add(where)
        noticed_s = self._chance.uniform(0, 1.5 * seconds)
        await asyncio.sleep(min(noticed_s, seconds))
        if noticed_s < seconds:
            broker.cut(where, "the broker is silent")
            await asyncio.sleep(seconds - noticed_s)
        broker.cut_off.discard(where)

    def _wipe_broker(self) -> None:
        async def spell() -> None:
            self._house.broker.is_up = False
            self._house.broker.wipe("the broker was wiped")
            await asyncio.sleep(self._chance.uniform(0, 5))
            self._house.broker.is_up = True

        self._for_a_while(spell())

    def _cut_line(self) -> None:
        self._house.broker.cut(self._machine().name, "connection reset")

    # --- machines ----------------------------------------------------------------------------------------------------

    def _crash(self) -> None:
        machine = self._machine()
        process = machine.process
        if process is None or not process.is_alive:
            return
        how = self._chance.choice(("now", "await", "before", "after", "after"))
        if how == "now":
            machine.kill()
        elif how == "await":
            process.dies_in = self._chance.randint(1, 60)
        else:
            process.dies_at_commit = how

    def _roll_back(self) -> None:
        if not self._disks:
            return
        machine, copy = self._chance.choice(self._disks)
        self._lose(machine, lambda: machine.put_back(copy))
        if self._chance.random() < 0.5:  # it sells before it hears of it
            self._for_a_while(self._cut_off(machine.name, self._chance.uniform(2, 12)))

    def _lose_disk(self) -> None:
        machine = self._machine()
        self._lose(machine, machine.lose_disk)
        self._disks = [(of, copy) for of, copy in self._disks if of is not machine]

    def _clone(self) -> None:
        machine = self._machine()
        twins = [each for each in self._house.machines if each.node_id == machine.node_id]
        if len(twins) > 1 or not machine.path.exists():
            return
        self._house.disks_are_whole = False
        self._house.disk_faults[machine.node_id] += 2
        twin = self._house.add_machine(f"{machine.name}-twin", machine.node_id)
        twin.put_back(machine.copy_disk())
        self._house.open_shop(twin)
        if self._chance.random() < 0.5:
            self._for_a_while(self._cut_off(twin.name, self._chance.uniform(2, 12)))

    def _lose(self, machine: Machine, fault: Callable[[], None]) -> None:
        """What only this disk held is lost, and forgiven."""
        house = self._house
        house.disks_are_whole = False
        house.disk_faults[machine.node_id] += 1
        before = {d.content: d for d in (decision_of(body) for *_, body in on_disk(machine))}
        for decision in before.values():
            house.promises.owe(machine.node_id, decision)
        let_go = demands.let_go_in_vain(house, machine)
        fault()
        house.story.tell(machine.name, "has another disk", held_before=len(before))
        house.promises.forgive(before, house.machines, house.centre.tables)
        house.promises.forgive_let_go(machine.node_id, let_go, house.machines, house.centre.tables)

    def _break_disk(self) -> None:
        machine = self._machine()
        fault = self._chance.choice(("full", "broken", "unknown"))

        async def spell() -> None:
            machine.disk_fault = fault
            await asyncio.sleep(self._chance.uniform(0.2, 6))
            machine.disk_fault = None

        self._for_a_while(spell())

    def _jump_clock(self) -> None:
        """By years, in either direction; in half of the cases somebody puts it right again."""
        machine = self._machine()
        before_ms = machine.clock_offset_ms
        machine.clock_offset_ms = self._chance.choice((-20, -1, 1, 5)) * _YEAR_MS if before_ms == 0 else 0

        async def spell() -> None:
            await asyncio.sleep(self._chance.uniform(2, 15))
            machine.clock_offset_ms = before_ms

        if self._chance.random() < 0.5:
            self._for_a_while(spell())

    def _go_back_from_the_future(self) -> None:
        """A clock runs years ahead, is put right, and then the disk is put back, with orders of a time to come."""
        machine = self._machine()

        async def spell() -> None:
            machine.clock_offset_ms = 5 * _YEAR_MS
            await asyncio.sleep(self._chance.uniform(2, 6))
            copy = machine.copy_disk()
            machine.clock_offset_ms = 0
            await asyncio.sleep(self._chance.uniform(1, 4))
            self._lose(machine, lambda: machine.put_back(copy))

        self._for_a_while(spell())

    async def _let_days_pass(self, duration_s: float) -> None:
        """Keys are forgotten now and then, so that machines may let go of what was answered with them."""
        chance = random.Random(f"{self._house.seed}/days")
        for _ in range(chance.randint(1, 4)):
            await asyncio.sleep(chance.uniform(1, duration_s / 4))
            machine = chance.choice(self._house.machines)
            await machine.forget_keys()
            self._house.promises.forget_keys(machine.node_id)

    # --- the centre --------------------------------------------------------------------------------------------------

    def _crash_centre(self) -> None:
        process = self._house.centre.process
        if process is None or not process.is_alive:
            return
        how = self._chance.choice(("now", "before", "after"))
        if how == "now":
            self._house.centre.kill()
        else:
            process.dies_at_commit = how

    def _slow_centre(self) -> None:
        async def spell() -> None:
            self._house.centre.is_slow = True
            await asyncio.sleep(self._chance.uniform(2, 15))
            self._house.centre.is_slow = False

        self._for_a_while(spell())

    def _restore_centre(self) -> None:
        if not self._tables:
            return
        house = self._house
        older = self._chance.choice(self._tables)
        self._tables = self._tables[: self._tables.index(older) + 1]
        before: dict[bytes, Decision] = {}
        for key, entries in house.centre.tables.entries.items():
            for entry in entries:
                decision = decision_of(entry.body)
                before[decision.content] = decision
                house.promises.owe(key.node_id, decision)
        house.centre_was_restored = True
        house.centre.restore(older, is_marked=self._chance.random() < 0.5)
        house.office.forget(house.centre.tables)
        house.promises.forgive(before, house.machines, house.centre.tables)

    def _restore_both(self) -> None:
        self._restore_centre()
        self._roll_back()

    # --- common ------------------------------------------------------------------------------------------------------

    def _machine(self) -> Machine:
        return self._chance.choice(self._house.machines)

    def _copy(self) -> None:
        machine = self._machine()
        if self._chance.random() < 0.5:
            self._tables = [*self._tables, self._house.centre.back_up()]
        elif machine.path.exists() and len(self._disks) < _COPIES_MAX:
            self._disks.append((machine, machine.copy_disk()))

    def _for_a_while(self, spell: Coroutine[None, None, None]) -> None:
        task = self._house.loop.create_task(spell)
        self._spells.add(task)
        task.add_done_callback(self._spells.discard)


_KINDS: dict[str, Callable[[Chaos], None]] = {
    "partition": Chaos._partition,
    "the broker is wiped": Chaos._wipe_broker,
    "a line is cut": Chaos._cut_line,
    "a machine crashes": Chaos._crash,
    "a disk is put back": Chaos._roll_back,
    "a disk is lost": Chaos._lose_disk,
    "a machine is cloned": Chaos._clone,
    "a disk fails": Chaos._break_disk,
    "a clock jumps": Chaos._jump_clock,
    "a clock and a disk are put back": Chaos._go_back_from_the_future,
    "the centre crashes": Chaos._crash_centre,
    "the centre is slow": Chaos._slow_centre,
    "the centre is restored": Chaos._restore_centre,
    "both are restored": Chaos._restore_both,
}
