"""Pace on real parts: a capped line, a fresh order ahead of its backlog, and a backoff that outlives its process."""

from pathlib import Path

import pytest

from tests.rigs.brokers import Broker
from tests.rigs.house import House, arrived, opened_house
from tests.rigs.stores import Json
from tests.rigs.waiting import eventually

BACKLOG = 300


async def test_behind_a_capped_backlog_a_fresh_order_is_seen_first_and_then_counted_once(
    nats: Broker, postgres_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_AGENT__LINK__BANDWIDTH", "16 kB/s")
    async with opened_house(tmp_path, nats, postgres_dsn) as house:
        nats.kill()
        await house.store.sell(BACKLOG)
        nats.start()
        await house.store.online()
        (fresh,) = await house.store.sell()

        async def seen() -> Json | None:
            return await house.centre.find(f"/v1/orders/{fresh}")

        order = await eventually(seen)
        held = await house.centre.query("SELECT max(durable_seq) AS seq FROM stream_cursor WHERE lane = 'orders'")
        assert order["provisional"] is True, f"{held[0]['seq']} of {BACKLOG} entries were there already"
        assert held[0]["seq"] < BACKLOG
        await house.store.drained()
        settled = await arrived(house.centre, fresh)
        assert "provisional" not in settled
        await house.audit()


async def test_the_backoff_outlives_a_restart_and_ends_with_an_ack(
    nats: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, nats, postgres_dsn) as house:
        await house.store.sell()
        await house.store.drained()
        nats.kill()
        before = await eventually(lambda: _attempts(house, at_least=2))
        house.store.kill()
        await house.store.start()
        assert await _attempts(house, at_least=before - 1), "what was not yet written down is at most the last"
        nats.start()
        await house.store.sell()
        await house.store.drained()
        assert (await house.store.link())["attempts_since_ack"] == 0


async def _attempts(house: House, *, at_least: int) -> int | None:
    attempts: int = (await house.store.link())["attempts_since_ack"]
    return attempts if attempts >= at_least else None
