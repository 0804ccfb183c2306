"""What the tests of faults share: disks and roads of their own, and a table of what each fault cost."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.rigs.brokers import Mosquitto
from tests.rigs.disks import LoopDisk
from tests.rigs.far_brokers import FarBroker, FarMosquitto, FarNats
from tests.rigs.house import House
from tests.rigs.needs import lacking, need
from tests.rigs.postgres import Postgres
from tests.rigs.roads import Roads
from tests.rigs.tally import PROPERTY, Tally, table

MakeTally = Callable[[str, House], Tally]


@pytest.fixture
def tally(record_property: Callable[[str, object], None]) -> Iterator[MakeTally]:
    """Makes lines of the table that is printed at the end."""
    made: list[Tally] = []

    def make(fault: str, house: House) -> Tally:
        made.append(Tally(fault, house))
        return made[-1]

    yield make
    for one in made:
        record_property(PROPERTY, one.line())


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A PostgreSQL of this test's own, which it may kill."""
    server = Postgres()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def disk() -> Iterator[LoopDisk]:
    """An ext4 file system of 64 MB whose power can be cut."""
    yield from _disk(64)


@pytest.fixture
def large_disk() -> Iterator[LoopDisk]:
    """The same with room for a PostgreSQL."""
    yield from _disk(512)


@pytest.fixture
def roads(tmp_path: Path) -> Iterator[Roads]:
    """Two roads to a network namespace."""
    need("ip", "nft", "ss", "tc", "nsenter", "unshare")
    made = Roads(tmp_path / "roads")
    try:
        yield made
    finally:
        made.remove()


@pytest.fixture
def far_broker(request: pytest.FixtureRequest, roads: Roads, tmp_path: Path) -> Iterator[FarBroker]:
    """The broker that the test's parameter names, at the other end of the roads."""
    if request.param == "mosquitto" and Mosquitto.program() is None:
        lacking("Mosquitto is not installed (Debian: apt-get install mosquitto)")
    make = FarMosquitto if request.param == "mosquitto" else FarNats
    broker: FarBroker = make(tmp_path / "far", roads)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what each fault cost."""
    reports = [report for several in terminalreporter.stats.values() for report in several]
    ended = [report for report in reports if getattr(report, "when", None) == "teardown"]
    lines = [value for report in ended for name, value in report.user_properties if name == PROPERTY]
    if lines:
        terminalreporter.section("what the faults cost")
        for line in table(lines):
            terminalreporter.write_line(line)


def _disk(megabytes: int) -> Iterator[LoopDisk]:
    need("xfs_io", "mkfs.ext4", "mount", "umount")
    made = LoopDisk(megabytes)
    try:
        yield made
    finally:
        made.remove()
