"""The wall clock of a running agent jumps by years, there and back: it sells on, in order, and remembers its keys."""

from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.rigs.agents import Agent, key, receipt, running, sale
from tests.rigs.brokers import Broker
from tests.rigs.clocks import JumpingClock
from tests.rigs.house import arrived, opened_house
from tests.rigs.waiting import eventually

pytestmark = pytest.mark.slow

_JUMPS: Final = ("+10y", "-20y", "+3y", "+0")


async def shows(till: httpx.Client, offset: str) -> None:
    """Wait until the agent sees the jump."""
    years = int(offset.rstrip("y"))
    now = datetime.now().astimezone().year

    async def look() -> bool:
        shown = datetime.fromisoformat(till.get("/v1/status").json()["now"]).year
        assert abs(shown - now - years) <= 1, shown
        return True

    await eventually(look)


async def test_an_agent_whose_clock_jumps_by_years_sells_on_and_gives_old_answers_to_old_keys(tmp_path: Path) -> None:
    clock, agent = JumpingClock(tmp_path), Agent(tmp_path)
    with clock.entered(), running(agent), agent.client() as till:
        assert till.post("/v1/stock/movements", headers=key(), json=receipt("kept", 100_000)).is_success
        answers = {"now": till.post("/v1/orders", headers=key("now"), json=sale("kept"))}
        for offset in _JUMPS:
            clock.jump(offset)
            await shows(till, offset)
            answers[offset] = till.post("/v1/orders", headers=key(offset), json=sale("kept"))
            for name, first in answers.items():
                again = till.post("/v1/orders", headers=key(name), json=sale("kept"))
                assert (again.status_code, again.content) == (201, first.content), (offset, name)
        assert till.get("/v1/status").json()["accepting"] is True
        assert till.get("/v1/stock/kept").json()["on_hand_milli"] == 95_000
    entries = agent.export()
    assert len(entries) == 2 + len(_JUMPS)
    assert all(before["hlc"] < after["hlc"] for before, after in pairwise(entries)), "the hybrid clock never goes back"
    assert agent.verify()["findings"] == []


async def test_a_store_whose_clock_jumps_by_years_stays_greeted_and_both_ends_stay_equal(
    nats: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    clock = JumpingClock(tmp_path)
    async with opened_house(tmp_path / "house", nats, postgres_dsn) as house:
        assert await house.store.agent.service.terminate() == 0
        with clock.entered():
            await house.store.start()
        await house.store.online()
        for offset in _JUMPS:
            clock.jump(offset)
            with house.store.agent.client() as till:
                await shows(till, offset)
            for order_id in await house.store.sell(5):
                await arrived(house.centre, order_id)
            assert (await house.store.link())["state"] == "online"
        assert house.store.agent.service.log_text().count('"event":"link.connected"') == 1, "no jump cost a connection"
        await house.audit()
    assert house.store.agent.verify()["findings"] == []
