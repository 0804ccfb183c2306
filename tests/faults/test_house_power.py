"""The power of a disk is cut while tills sell: what was answered, and what was acked, is on it afterwards.

`make faults CUTS=100` cuts the store's disk so often, and the centre's a tenth as often; `make test` does a few.
"""

import os
import random
from pathlib import Path
from typing import Final

import pytest

from tests.faults.conftest import MakeTally
from tests.faults.matrix import CUTS
from tests.rigs.brokers import Broker
from tests.rigs.disks import LoopDisk
from tests.rigs.house import CentreProcess, House, started
from tests.rigs.postgres import Postgres
from tests.rigs.stores import Store, Tills
from tests.rigs.tally import demand_sound

CENTRE_CUTS: Final = max(1, CUTS // 10)
SALES_MAX: Final = 30  # between two cuts; at which step of a commit the cut comes is left to chance

pytestmark = [pytest.mark.slow, pytest.mark.root]


async def test_the_disk_of_this_rig_forgets_what_was_not_synced_and_keeps_what_was(disk: LoopDisk) -> None:
    for name, is_synced in (("synced", True), ("hoped", False)):
        with (disk.path / name).open("wb") as file:
            file.write(b"an order")
            file.flush()
            if is_synced:
                os.fsync(file.fileno())
    disk.cut()
    with pytest.raises(OSError, match="Input/output error"):
        (disk.path / "after").write_bytes(b"too late")
    await disk.power_on()
    assert (disk.path / "synced").read_bytes() == b"an order"
    assert not (disk.path / "hoped").exists() or (disk.path / "hoped").read_bytes() == b""


async def test_a_store_whose_power_is_cut_under_load_has_every_201_and_so_has_the_centre(
    nats: Broker, postgres_dsn: str, disk: LoopDisk, tmp_path: Path, tally: MakeTally
) -> None:
    source = random.Random(CUTS)
    store = Store(tmp_path, nats.url, file=disk.path / "store.db")
    async with started(House(nats, CentreProcess(tmp_path, nats.url, postgres_dsn), [store])) as house:
        cost = tally("power cut of a store's disk (nats)", house)
        async with Tills(store, 4).selling() as tills:
            for _ in range(CUTS):
                await tills.sold(source.randint(1, SALES_MAX))
                await _cut(store, disk)
                cost.rounds += 1
        await cost.settle()
        demand_sound(house)


async def _cut(store: Store, disk: LoopDisk) -> None:
    """Cut, and look at the file before anyone repeats anything: every answer that a till has read is in it."""
    store.agent.service.pause()
    disk.cut()
    store.kill()
    await disk.power_on()
    answered, found = store.charged, store.totals()
    assert {order_id: found.get(order_id) for order_id in answered} == answered
    await store.start()


async def test_a_centre_whose_database_lost_power_has_every_entry_that_it_acked_and_is_sent_the_rest(
    nats: Broker, large_disk: LoopDisk, tmp_path: Path, tally: MakeTally
) -> None:
    postgres = Postgres(large_disk.path)
    dsn = postgres.start() and postgres.create_database()
    try:
        async with started(House.of(tmp_path, nats, dsn)) as house:
            cost = tally("power cut of the centre's disk (nats)", house)
            async with Tills(house.store).selling() as tills:
                for number in range(CENTRE_CUTS):
                    await tills.sold(20 + number)
                    postgres.pause()
                    large_disk.cut()
                    postgres.lose_power()
                    await tills.sold(10)
                    confirmed = (await house.store.lane())["confirmed"]
                    await large_disk.power_on()
                    postgres.start()
                    assert await _entries(house) >= confirmed
                    await house.store.confirmed(confirmed + 1)
                    cost.rounds += 1
            await cost.settle()
            demand_sound(house)
    finally:
        postgres.stop()


async def _entries(house: House) -> int:
    rows = await house.centre.query("SELECT count(*) FROM entry WHERE node_id = $1", house.store.node_id)
    return int(rows[0][0])
