"""Fixtures that every tier shares: real brokers and a real PostgreSQL.

`HOLDFAST_REQUIRE_BROKERS=1` turns a broker that is missing from a skip into a failure (CI).
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rigs.brokers import Broker, Mosquitto, Nats
from tests.rigs.postgres import Postgres


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


@pytest.fixture(params=["nats", "mosquitto"])
def broker(request: pytest.FixtureRequest) -> Broker:
    """Each broker in turn: what is true of the product must be true on both."""
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
