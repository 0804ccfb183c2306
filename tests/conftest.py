"""Fixtures that every tier shares: real brokers and a real PostgreSQL.

`HOLDFAST_REQUIRE_BROKERS=1` turns a broker that is missing from a skip into a failure (CI).
"""

import gc
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from edge_core.limits import GC_ALLOCATIONS
from tests.rigs.brokers import Broker, Mosquitto, Nats
from tests.rigs.postgres import Postgres

BROKERS: Final = ("nats", "mosquitto")


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[Broker]:
    """A running nats-server of this test's own, which it may stop, kill and pause."""
    yield from _running(Nats(tmp_path / "nats"))


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Broker]:
    """A running Mosquitto of this test's own."""
    if Mosquitto.program() is None:
        if os.environ.get("HOLDFAST_REQUIRE_BROKERS") == "1":
            pytest.fail("Mosquitto is not installed, and HOLDFAST_REQUIRE_BROKERS=1 demands it")
        pytest.skip("Mosquitto is not installed (Debian: apt-get install mosquitto)")
    yield from _running(Mosquitto(tmp_path / "mosquitto"))


def pytest_collection_finish() -> None:
    """What was imported and collected is never garbage: the collector looks at what tests make, as in the product."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_ALLOCATIONS, *gc.get_threshold()[1:])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What is true of the product must be true on both brokers.

    `HOLDFAST_BROKERS=both` runs each test on each, as `make integration` and `make faults` do. Otherwise half of the
    tests run on one and half on the other, by their names, but for those marked `each_broker`.
    """
    if "broker" not in metafunc.fixturenames:
        return
    is_each = os.environ.get("HOLDFAST_BROKERS") == "both" or metafunc.definition.get_closest_marker("each_broker")
    one = BROKERS[zlib.crc32(metafunc.definition.name.encode()) % len(BROKERS)]
    metafunc.parametrize("broker", BROKERS if is_each else [one], indirect=True)


@pytest.fixture
def broker(request: pytest.FixtureRequest) -> Broker:
    """A broker of the kind that the test is run on."""
    found: Broker = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The session's PostgreSQL. Tests that kill it start a `Postgres` of their own."""
    server = Postgres()
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def postgres_template() -> str:
    """The database that each test's own is a copy of; a tier overrides it with one that is migrated already."""
    return "template1"


@pytest.fixture
def postgres_dsn(postgres: Postgres, postgres_template: str) -> Iterator[str]:
    """A database that nobody else uses."""
    dsn = postgres.create_database(postgres_template)
    yield dsn
    postgres.drop_database(dsn)


def _running(broker: Broker) -> Iterator[Broker]:
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()
