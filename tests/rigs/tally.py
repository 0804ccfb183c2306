"""What a fault cost: figures of a whole house, compared between the tills' paper, the stores' files and the centre."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from tests.rigs.house import House, audit
from tests.rigs.stores import Store

PROPERTY: Final = "tally"
"""Under this name a line travels with its test's report, also from a worker of pytest-xdist."""

Line = Mapping[str, str | int | float | None]
_FIGURES: Final = ("rounds", "orders", "money", "lost", "doubled", "diverged", "seconds")


class Comparison(NamedTuple):
    """What is not the same on the tills' paper, in a store's file and at the centre."""

    lost: int
    """orders that were answered `201` and are missing at either end"""
    doubled: int
    """orders at either end that no till was answered, and answers that name the same order"""
    diverged: int
    """orders of another amount, and places of the log with another hash or at one end only"""


class Tally:
    """One line of the table: a fault, how often it struck, and what the house has sold since the tally began."""

    def __init__(self, fault: str, house: House) -> None:
        self.rounds = 0
        self._fault = fault
        self._house = house
        self._before = self._sold()
        self._since = time.monotonic()
        self._seconds: float | None = None
        self._after: tuple[int, int] | None = None
        self._compared: Comparison | None = None

    async def settle(self, timeout_s: float = 90) -> None:
        """Wait until all stores have drained, compare, and only then demand: the table shows also what is wrong."""
        for store in self._house.stores:
            await store.drained(timeout_s)
        self._seconds, self._after = time.monotonic() - self._since, self._sold()
        found = [await _compare(store, self._house) for store in self._house.stores]
        self._compared = Comparison(*map(sum, zip(*found, strict=True)))
        assert self._compared == (0, 0, 0), f"{self._fault}: {self._compared}"
        for store in self._house.stores:
            await audit(store, self._house.centre, timeout_s)

    def line(self) -> Line:
        """Its figures as plain values. What was never compared has none."""
        after = self._after or self._sold()
        orders, money = after[0] - self._before[0], after[1] - self._before[1]
        compared = dict.fromkeys(Comparison._fields) if self._compared is None else self._compared._asdict()
        seconds = self._seconds or time.monotonic() - self._since
        sold = {"rounds": self.rounds, "orders": orders, "money": money}
        return {"fault": self._fault, **sold, **compared, "seconds": round(seconds, 1)}

    def _sold(self) -> tuple[int, int]:
        """The orders on the tills' paper, and their sum in minor units."""
        amounts = [amount for store in self._house.stores for amount in store.charged.values()]
        return len(amounts), sum(amounts)


def table(lines: Sequence[Line]) -> Iterable[str]:
    """The summary: a heading, the lines, and their sums."""
    total = {name: _sum([line[name] for line in lines]) for name in _FIGURES}
    width = max(len(str(line["fault"])) for line in lines)
    yield f"{'fault':<{width}}" + "".join(f"{name:>10}" for name in _FIGURES)
    for line in [*lines, {"fault": "all", **total}]:
        cells = ("?" if line[name] is None else line[name] for name in _FIGURES)
        yield f"{line['fault']:<{width}}" + "".join(f"{cell:>10}" for cell in cells)


def _sum(figures: Sequence[str | float | None]) -> float | None:
    """Their sum; None when one is not known."""
    known = [figure for figure in figures if isinstance(figure, int | float)]
    return round(sum(known), 1) if len(known) == len(figures) else None


def demand_sound(house: House) -> None:
    """Both programs that check a whole file or database find nothing."""
    for store in house.stores:
        assert store.agent.verify()["findings"] == []
    assert house.centre.verify()["findings"] == []


async def _compare(store: Store, house: House) -> Comparison:
    paper, file, centre = store.charged, store.totals(), await house.centre.totals(store.node_id)
    mine, theirs = store.hashes(), await house.centre.hashes(store.node_id)
    everywhere = paper.keys() & file.keys() & centre.keys()
    return Comparison(
        lost=len(paper.keys() - everywhere),
        doubled=len((file.keys() | centre.keys()) - paper.keys()) + len(store.promised) - len(paper),
        diverged=sum(not paper[order] == file[order] == centre[order] for order in everywhere)
        + sum(mine.get(place) != theirs.get(place) for place in mine.keys() | theirs.keys()),
    )
