"""Fixtures of the integration tier: databases that have the centre's schema already."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from central_sync.store.database import Database
from central_sync.store.migrate import migrate
from tests.rigs.postgres import Postgres


@pytest.fixture(scope="session")
def centre_template(postgres: Postgres) -> str:
    """The name of a database with the centre's schema and nothing in it: a copy is made sooner than a migration."""
    dsn = postgres.create_database()
    with ThreadPoolExecutor(1) as thread:  # pytest-asyncio owns the event loop of this one
        thread.submit(asyncio.run, _migrate(dsn)).result()
    return urlsplit(dsn).path.removeprefix("/")


@pytest.fixture
def centre_dsn(postgres: Postgres, centre_template: str) -> Iterator[str]:
    """A migrated database that nobody else uses. Every copy has the history id of the template."""
    dsn = postgres.create_database(centre_template)
    yield dsn
    postgres.drop_database(dsn)


async def _migrate(dsn: str) -> None:
    database = await Database.open(dsn)
    try:
        await migrate(database)
    finally:
        await database.close()
