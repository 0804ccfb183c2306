"""What a fault cost: figures of a whole house, compared between the tills' paper, the stores' files and the centre."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from tests.rigs.house import House, audit
from tests.rigs.stores import Store

PROPERTY: Final = "tally"
"""Under this name a tally travels with its test's report, also from a worker of pytest-xdist."""

_COLUMNS: Final = ("fault", "rounds", "orders", "money", "lost", "doubled", "diverged", "seconds")


@dataclass
class Tally:
    """One line of the table. Money is in minor units; what is not 0 in the last three counts is a broken promise."""

    fault: str
    rounds: int = 0
    orders: int = 0
    money: int = 0
    lost: int = 0
    doubled: int = 0
    diverged: int = 0
    seconds: float = 0
    _since: float = field(default_factory=time.monotonic, repr=False)

    async def settle(self, house: House, timeout_s: float = 90) -> None:
        """Wait until all stores have drained, count, and only then demand: the table shows also what is wrong."""
        for store in house.stores:
            await store.drained(timeout_s)
            await self._count(store, house)
        self.stop()
        assert (self.lost, self.doubled, self.diverged) == (0, 0, 0), self
        for store in house.stores:
            await audit(store, house.centre, timeout_s)
            assert store.agent.verify()["findings"] == []
        assert house.centre.verify()["findings"] == []

    def stop(self) -> None:
        """The clock stops here."""
        self.seconds = time.monotonic() - self._since

    def add(self, charged: int, lost: int = 0, doubled: int = 0, diverged: int = 0, money: int = 0) -> None:
        """Count what one store's comparison found."""
        self.orders += charged
        self.money += money
        self.lost += lost
        self.doubled += doubled
        self.diverged += diverged

    def as_property(self) -> tuple[str, dict[str, Any]]:
        """As plain values, for the report."""
        return PROPERTY, {name: value for name, value in asdict(self).items() if name in _COLUMNS}

    async def _count(self, store: Store, house: House) -> None:
        paper, file, centre = store.charged, store.totals(), await house.centre.totals(store.node_id)
        everywhere = paper.keys() & file.keys() & centre.keys()
        mine, theirs = store.hashes(), await house.centre.hashes(store.node_id)
        differing = sum(mine[place] != theirs[place] for place in mine.keys() & theirs.keys())
        self.add(
            len(paper),
            lost=len(paper.keys() - everywhere),
            doubled=len((file.keys() | centre.keys()) - paper.keys()) + len(store.promised) - len(paper),
            diverged=len(mine.keys() ^ theirs.keys())
            + differing
            + sum(len({paper[order], file[order], centre[order]}) > 1 for order in everywhere),
            money=sum(centre[order] for order in everywhere),
        )


def table(rows: Sequence[dict[str, Any]]) -> Iterable[str]:
    """The summary's lines: a heading, one for each tally, and their sums."""
    if not rows:
        return
    total = {name: sum(row[name] for row in rows) for name in _COLUMNS[1:]}
    width = max(len(row["fault"]) for row in rows)
    yield f"{'fault':<{width}}" + "".join(f"{name:>10}" for name in _COLUMNS[1:])
    for row in [*rows, {"fault": "all", **total}]:
        cells = (f"{row[name]:>10.1f}" if name == "seconds" else f"{row[name]:>10}" for name in _COLUMNS[1:])
        yield f"{row['fault']:<{width}}" + "".join(cells)
