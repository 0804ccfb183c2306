"""A fleet's centre comes back from an older backup, and nobody runs a command: how long until all of it is there.

Fifty stores in one process, each with the agent's real parts on a file of its own, over the embedded broker, and the
centre's own process on the embedded PostgreSQL. The database is put back by pg_restore; then the centre is started,
and the clock with it: its start, its noticing, every store's greeting and every entry that the backup lacked count.
"""

import asyncio
from pathlib import Path
from typing import Final

import asyncpg

from bench.house import running_database
from bench.results import Row, say
from central_sync.embedded import EmbeddedBroker
from central_sync.embedded.broker import free_port
from holdfast_runtime import log
from tests.rigs.fleet import opened_fleet, restore_an_older_centre
from tests.rigs.house import CentreProcess

NODES: Final = 50


async def measure_restore(folder: Path, *, orders: int) -> list[Row]:
    """So many orders of each store before the backup, and as many after it."""
    log.configure("error")
    broker = EmbeddedBroker(folder / "broker", free_port())
    url = await asyncio.to_thread(broker.start)
    try:
        with running_database(folder / "postgres") as (dsn, _):
            names = iter(("before", "after"))

            async def new_database() -> str:
                name = next(names)
                connection = await asyncpg.connect(dsn)
                try:
                    await connection.execute(f"CREATE DATABASE {name}")
                finally:
                    await connection.close()
                return dsn.replace("/postgres?", f"/{name}?")

            centre = CentreProcess(folder, url, await new_database())
            empty = await new_database()
            try:
                async with opened_fleet(folder / "stores", url, NODES) as fleet:
                    back = await restore_an_older_centre(fleet, centre, folder, lambda: empty, orders=orders)
            finally:
                await centre.end()
    finally:
        await asyncio.to_thread(broker.stop)
    say(f"  {back.nodes} stores, {back.in_backup} entries in the backup, {back.lost} since: all there, {back.reason}")
    return [Row("restore_seconds_50_nodes", back.seconds, "s")]
