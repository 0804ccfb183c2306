"""The network between store, broker and centre fails in every way there is: tills do not notice, nothing is lost.

The broker lives in a network namespace with a road to each of them (tests/rigs/roads.py). `make faults` breaks either
road in each way, with each broker; `make test` takes two ways for each road.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.faults.conftest import MakeTally
from tests.faults.matrix import LONG
from tests.rigs.far_brokers import FarBroker
from tests.rigs.house import House, started
from tests.rigs.roads import Road, Side
from tests.rigs.stores import Tills
from tests.rigs.tally import demand_sound

SALES: Final = 60
HELD_S: Final = 6 if LONG else 3  # past the first resend, and the second


class Fault(NamedTuple):
    """A way in which a road fails. One that is `shut` carries nothing that could be answered."""

    name: str
    begin: Callable[[Road], None]
    shut: bool


LOST_UP: Final = Fault("nothing gets to the broker", Road.drop_towards_broker, shut=True)
LOST_DOWN: Final = Fault("nothing comes from the broker", Road.drop_from_broker, shut=True)
RESET: Final = Fault("every segment is reset", Road.reset, shut=True)
LOSSY: Final = Fault("30% of the packets are lost", Road.lose, shut=False)
SLOW: Final = Fault("64 kbit/s", Road.slow_down, shut=False)
CUT: Final = Fault("connections are cut", Road.cut_connections, shut=False)

Case = tuple[str, Side, tuple[Fault, ...]]
_SHORT: Final[tuple[Case, ...]] = (("nats", "store", (LOSSY, LOST_DOWN)), ("mosquitto", "centre", (CUT, LOST_UP)))
_ALL: Final = (LOST_UP, LOST_DOWN, RESET, LOSSY, SLOW, CUT)
_LONG: Final[tuple[Case, ...]] = (
    ("nats", "store", _ALL),
    ("nats", "centre", _ALL),
    ("mosquitto", "store", _ALL),
    ("mosquitto", "centre", _ALL),
)

pytestmark = [pytest.mark.slow, pytest.mark.root]


@pytest.mark.parametrize(("far_broker", "side", "faults"), _LONG if LONG else _SHORT, indirect=["far_broker"])
async def test_a_road_that_fails_under_load_delays_and_neither_loses_nor_doubles(
    far_broker: FarBroker, postgres_dsn: str, tmp_path: Path, tally: MakeTally, side: Side, faults: tuple[Fault, ...]
) -> None:
    road = far_broker.roads.of(side)
    async with started(House.of(tmp_path, far_broker, postgres_dsn, centre_url=far_broker.centre_url)) as house:
        for fault in faults:
            cost = tally(f"{side}'s road: {fault.name} ({far_broker.name})", house)
            async with Tills(house.store).selling() as tills:
                await tills.sold(5)
                fault.begin(road)
                await tills.sold(SALES, 20)  # a till does not wait for a road
                if fault.shut:
                    await house.store.waiting_for(HELD_S)
                road.mend()
                await house.store.confirmed((await house.store.lane())["accepted"])  # while the tills sell on
                cost.rounds += 1
            await cost.settle()
        demand_sound(house)


@pytest.mark.parametrize("far_broker", ["nats", "mosquitto"] if LONG else ["nats"], indirect=True)
def test_a_road_that_is_shut_carries_nothing_and_one_that_is_mended_carries_all(far_broker: FarBroker) -> None:
    for road in (far_broker.roads.store, far_broker.roads.centre):
        for fault in (LOST_UP, LOST_DOWN, RESET):
            fault.begin(road)
            assert far_broker.accepts(road) is False, fault.name
            road.mend()
            assert far_broker.accepts(road) is True, fault.name
