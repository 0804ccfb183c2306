"""Bring a file to the schema of this software: numbered migrations, forward only, each in one transaction."""

import re
from functools import cache
from importlib.resources import files
from typing import Final

import aiosqlite
from msgspec import Struct

from edge_agent.store.connection import fetch, translated
from edge_core.errors import PermanentFault

_NAME: Final = re.compile(r"^(\d{4})_[a-z_]+\.sql$")


class Migration(Struct, frozen=True):
    """One step of the schema."""

    number: int
    name: str
    sql: str


@cache
def migrations() -> tuple[Migration, ...]:
    """The steps that this software knows, in order."""
    found = []
    for resource in files("edge_agent.store.migrations").iterdir():
        match = _NAME.match(resource.name)
        if match is not None:
            found.append(Migration(int(match[1]), resource.name, resource.read_text()))
    return tuple(sorted(found, key=lambda step: step.number))


async def migrate(connection: aiosqlite.Connection) -> list[str]:
    """Apply what is missing and name it. Raises `PermanentFault` for a file of newer software."""
    known = migrations()
    rows = await fetch(connection, "PRAGMA user_version")
    version = int(rows[0][0])
    if version > known[-1].number:
        raise PermanentFault(f"the file has schema {version}, this software knows {known[-1].number}: upgrade it")
    applied = []
    for step in (each for each in known if each.number > version):
        with translated():
            # One script, so that a crash leaves either all of the step or none of it.
            await connection.executescript(
                f"BEGIN IMMEDIATE;\n{step.sql}\nPRAGMA user_version = {step.number};\nCOMMIT;"
            )
        applied.append(step.name)
    return applied
