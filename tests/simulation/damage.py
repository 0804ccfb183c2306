"""Rows that change behind everybody's back while one good copy is left: the next round finds and mends them."""

import asyncio
import random
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tests.simulation import demands
from tests.simulation.audit_tables import put
from tests.simulation.machine import Machine
from tests.simulation.promises import Broken, on_disk

if TYPE_CHECKING:
    from tests.simulation.house import House

_ROWS_MAX = 4


async def strike_and_demand_mending(house: "House", chance: random.Random, seconds: float) -> None:
    """Damage some rows, each at one end only, and demand that a round of each machine finds and mends them (G5)."""
    for machine in house.machines:
        machine.keep_log()  # what is let go of after it was damaged at the centre cannot be mended from here
    struck = sum(_strike(house, machine, chance) for machine in house.machines if not demands.is_superseded(machine))
    if not struck:
        return
    house.story.tell("damage", "silently", rows=struck)
    begun = house.loop.time()
    for machine in house.machines:
        if machine.agent is not None:
            machine.agent.scrub.begin()
    while restless := _restless(house):
        await asyncio.sleep(1)
        if house.loop.time() - begun > seconds:
            raise Broken("G5", f"not mended after {seconds:.0f} s: {restless}")
    _demand_no_difference(house)


def _strike(house: "House", machine: Machine, chance: random.Random) -> int:
    """Change one byte of the bodies of some rows that both ends have; how many."""
    places = {(e.incarnation.bytes, e.lane, e.seq): e for held in house.centre.tables.entries.values() for e in held}
    cuts = {row[:2]: row[2] for row in machine.look("SELECT incarnation, lane, pruned_seq FROM stream")}
    both = [row for row in on_disk(machine) if row[:3] in places and row[2] > cuts[row[:2]]]
    chosen = chance.sample(both, min(len(both), chance.randint(0, _ROWS_MAX)))
    for incarnation, lane, seq, body in chosen:
        at = chance.randrange(len(body))
        other = body[:at] + bytes([body[at] ^ (1 << chance.randrange(8))]) + body[at + 1 :]
        if chance.random() < 0.5:
            put(house.centre.tables, replace(places[incarnation, lane, seq], body=other))
        else:
            _change_file(machine, incarnation, lane, seq, other)
    return len(chosen)


def _change_file(machine: Machine, incarnation: bytes, lane: str, seq: int, body: bytes) -> None:
    """As a bit flips on a disk; where the agent is within a transaction, SQLite refuses, and none flips."""
    with (
        suppress(sqlite3.OperationalError),
        closing(sqlite3.connect(machine.path, timeout=0)) as connection,
        connection,
    ):
        sql = """
            UPDATE entry SET body = ?
            WHERE entry_id = (SELECT stream_no << 40 | ? FROM stream WHERE incarnation = ? AND lane = ?)
        """
        connection.execute(sql, (body, seq, incarnation, lane))


def _restless(house: "House") -> str:
    for machine in house.machines:
        scrub = machine.agent.scrub if machine.agent is not None else None
        if scrub is None or scrub.is_under_way:
            return f"{machine.name} has not come round"
        if scrub.damage:
            return f"{machine.name} lists {scrub.damage}"
    return ""


def _demand_no_difference(house: "House") -> None:
    """The books of the business days agree at both ends, as far as they were compared."""
    lossy = {loss.node_id for loss in house.centre.tables.losses}  # the centre has said what it lacks
    differences = house.centre.tables.day_differences
    found = {node_id: texts for node_id, texts in differences.items() if texts and node_id not in lossy}
    if found:
        raise Broken("G8", f"the books of the days differ: {found}")
