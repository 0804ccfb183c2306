"""Brings the database to this version's schema, a numbered SQL file at a time, in one process at once."""

import importlib.resources
import re
from typing import Final

from msgspec import Struct

from central_sync.store.database import Connection, Database
from edge_core.errors import InvariantViolated, PermanentFault

_NAME: Final = re.compile(r"^(?P<number>\d{4})_[a-z]+(?:_[a-z]+)+\.sql$")
_LOCK: Final = 0x686F6C64  # "hold": the advisory lock that makes other processes wait for this one
_LEDGER: Final = """
    CREATE TABLE IF NOT EXISTS migration (
        number integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())
"""


class Migration(Struct, frozen=True):
    """One file: its number, its name and its statements."""

    number: int
    name: str
    sql: str


def migrations() -> list[Migration]:
    """All migrations of this version, in order. A number may be missing: work that was begun under it came to nothing.

    Raises `InvariantViolated` for a number that is given twice, and for a name out of form.
    """
    found: list[Migration] = []
    for file in importlib.resources.files("central_sync.store").joinpath("migrations").iterdir():
        if file.name.endswith(".sql"):
            match = _NAME.match(file.name)
            if match is None:
                raise InvariantViolated(f"{file.name} is not named NNNN_verb_noun.sql")
            found.append(Migration(int(match["number"]), file.name, file.read_text(encoding="utf-8")))
    found.sort(key=lambda migration: migration.number)
    numbers = [migration.number for migration in found]
    if not found or len(set(numbers)) != len(numbers):
        raise InvariantViolated("two migrations have one number, or there is none")
    return found


async def migrate(database: Database) -> list[str]:
    """Bring the schema up to this version and return the names of what was applied, which may be nothing.

    Raises `InvariantViolated` when the schema is newer than this software.
    """
    applied: list[str] = []
    for migration in migrations():
        async with database.transaction() as connection:
            if await _is_due(connection, migration):
                await connection.execute(migration.sql)
                await connection.execute(
                    "INSERT INTO migration (number, name) VALUES ($1, $2)", migration.number, migration.name
                )
                applied.append(migration.name)
    async with database.reading() as connection:
        newest = await connection.fetchval("SELECT max(number) FROM migration")
    ours = migrations()[-1].number
    if newest > ours:
        raise InvariantViolated(f"the database is at migration {newest}, this software knows {ours}")
    return applied


async def check(database: Database) -> None:
    """Raise `PermanentFault` where the schema is not this version's: a command that looks must not change it."""
    async with database.reading() as connection:
        is_there = await connection.fetchval("SELECT to_regclass('migration') IS NOT NULL")
        newest = await connection.fetchval("SELECT max(number) FROM migration") if is_there else 0
    ours = migrations()[-1].number
    if newest != ours:
        raise PermanentFault(f"the database is at migration {newest}, this software at {ours}: `central-sync migrate`")


async def _is_due(connection: Connection, migration: Migration) -> bool:
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
    await connection.execute(_LEDGER)
    known = await connection.fetchval("SELECT name FROM migration WHERE number = $1", migration.number)
    if known not in {None, migration.name}:
        raise InvariantViolated(f"migration {migration.number} is {known} in the database and {migration.name} here")
    return known is None
