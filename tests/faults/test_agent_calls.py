"""One system call of the agent fails while tills sell, and it is the first, the second, the third, ... of its kind.

Whatever step of a commit, a checkpoint or a reopening it was: no false 201, nothing twice, the same process goes on.
"""

from itertools import product
from pathlib import Path
from typing import Final

import pytest

from tests.faults.conftest import MakeTally
from tests.faults.matrix import LONG
from tests.rigs.brokers import Broker
from tests.rigs.house import House, opened_house
from tests.rigs.stores import Tills
from tests.rigs.strace import Injection
from tests.rigs.tally import demand_sound
from tests.rigs.waiting import eventually

CALLS: Final = ("pwrite64", "fdatasync")
ERRORS: Final = ("EIO", "ENOSPC")
NUMBERS: Final = range(1, 9) if LONG else (1, 4)

pytestmark = [pytest.mark.slow, pytest.mark.root]


@pytest.mark.parametrize("error", ERRORS)
async def test_a_call_that_fails_at_any_step_under_load_costs_no_answer_and_no_order(
    nats: Broker, postgres_dsn: str, tmp_path: Path, tally: MakeTally, error: str
) -> None:
    async with opened_house(tmp_path, nats, postgres_dsn) as house:
        cost = tally(f"{error} at the n-th {' or '.join(CALLS)} of the agent (nats)", house)
        process_id = house.store.agent.service.child.pid
        async with Tills(house.store).selling() as tills:
            for call, number in product(CALLS, NUMBERS):
                with Injection(process_id, f"{call}:error={error}:when={number}") as injection:
                    await eventually(lambda injection=injection: _struck(injection), 30)  # type: ignore[misc]
                await tills.sold(10)
                cost.rounds += 1
        await cost.settle()
        assert _is_the_same(house, process_id)
        demand_sound(house)


async def _struck(injection: Injection) -> bool:
    return injection.struck() > 0


def _is_the_same(house: House, process_id: int) -> bool:
    child = house.store.agent.service.child
    return child.running and child.pid == process_id
