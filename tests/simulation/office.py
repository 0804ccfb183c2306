"""The head office: it calls orders off at the centre, of whatever it sees there, and repeats with the same key.

What it was told is asked for is owed an answer; a centre that is put back to before it heard of it owes it no longer.
"""

import asyncio
import random
from collections import defaultdict
from typing import TYPE_CHECKING
from uuid import UUID

from edge_core.orders.events import InstructionAnswered, OrderCancelled
from edge_core.orders.merge import Merged
from tests.simulation.errands import FEWER
from tests.simulation.promises import Broken, decision_of
from tests.simulation.sqlite import OWNER
from tests.simulation.tables import Tables

if TYPE_CHECKING:
    from tests.simulation.house import House

_FINAL = {"applied", "refused"}
_PAUSES_S = (1.5, 4, 12)


class Office:
    """Somebody at the centre who cancels orders."""

    def __init__(self, house: "House", seed: str) -> None:
        self._house = house
        self._chance = random.Random(f"{seed}/office")
        self._count = 0
        self._asked_before: list[tuple[str, UUID, str]] = []
        self.owed: set[UUID] = set()
        self.is_open = True

    async def run(self) -> None:
        """Ask until the office closes."""
        pause_s = self._chance.choice(_PAUSES_S)
        while self.is_open:
            await asyncio.sleep(self._chance.expovariate(1 / pause_s))
            if self.is_open:
                self._ask()

    def forget(self, tables: Tables) -> None:
        """The centre is what it was: what it has not heard of yet was never asked."""
        self.owed.intersection_update(tables.instructions)

    def _ask(self) -> None:
        centre, process = self._house.centre, self._house.centre.process
        if process is None or not process.is_alive:
            return
        if self._asked_before and self._chance.random() < 0.2:
            asked = self._chance.choice(self._asked_before)
        else:
            orders = [row for row in centre.tables.orders.values() if row.status != "completed"]
            orders = orders or list(centre.tables.orders.values())
            if not orders:
                return
            self._count += 1
            row = self._chance.choice(orders)
            asked = (row.node_id, row.order_id, f"office-{self._count}")
        self._asked_before = [*self._asked_before[-20:], asked]
        token = OWNER.set(process)
        self._house.loop.create_task(centre.cancel(*asked))
        OWNER.reset(token)


def unanswered(tables: Tables) -> str:
    """What is not answered yet, in words; empty when all is."""
    waiting = [row for row in tables.instructions.values() if row.outcome not in _FINAL]
    if waiting:
        return f"{len(waiting)} instructions have no answer, the first for {waiting[0].node_id}"
    return next((f"{r.node_id} has not acked its downlink" for r in tables.downlinks.values() if _waits(r)), "")


def _is_overruled(merged: Merged | None) -> bool:
    """Whether another copy of the disk had taken the order further before, so that its cancel could not follow."""
    refused = merged.refused if merged is not None else ()
    return any(isinstance(event, OrderCancelled) for recorded in refused for event in recorded.entry.events)


def _demand_one_answer(house: "House", node_id: str, *, has_let_go: bool) -> None:
    """Where no disk was lost, put back or copied, nothing is decided twice, however often it was heard.

    A decision that was appended again under another name is the same one; so is an answer that was let go of, and is
    given again as it was.
    """
    if not house.disks_are_whole:
        return
    entries = [e for key, held in house.centre.tables.entries.items() if key.node_id == node_id for e in held]
    said: defaultdict[UUID, set[object]] = defaultdict(set)
    for decision in (decision_of(entry.body) for entry in entries):
        for event in decision.entry.events:
            if isinstance(event, InstructionAnswered) and event.outcome in _FINAL:
                said[event.instruction_id].add(event if has_let_go else decision.content)
    twice = [asked for asked, answers in said.items() if len(answers) > 1]
    if twice:
        raise Broken("G1", f"{node_id} has decided {twice[0]} {len(said[twice[0]])} times")


def _waits(row: object) -> bool:
    return row.durable_seq != row.tail_seq  # type: ignore[attr-defined, no-any-return]


def demand_instructions(
    house: "House", node_id: str, orders: dict[UUID, Merged], *, is_whole: bool, has_let_go: bool
) -> None:
    """Everything that was asked is done or refused once, and the centre knows which (G1, G6).

    Where entries are known to be lost, what was done may be among them.
    """
    tables = house.centre.tables
    lost = house.office.owed - tables.instructions.keys()
    if lost:
        raise Broken("G1", f"the centre has lost {len(lost)} instructions")
    _demand_one_answer(house, node_id, has_let_go=has_let_go)
    for row in tables.instructions.values():
        if row.node_id != node_id or row.outcome not in _FINAL or row.subject is None:
            continue
        merged = orders.get(row.subject)
        cancels = [
            event
            for recorded in (merged.accepted if merged is not None else ())
            for event in recorded.entry.events
            if isinstance(event, OrderCancelled) and event.reason != FEWER
        ]
        if len(cancels) > 1:
            raise Broken("G1", f"order {row.subject} is cancelled {len(cancels)} times in effect")
        if row.outcome == "applied" and not cancels and is_whole and not _is_overruled(merged):
            raise Broken("G1", f"{row.instruction_id} is said to be applied, order {row.subject} is not cancelled")
