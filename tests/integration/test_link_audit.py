"""Rows damaged behind the back of either end are found, named, and mended from the copy that the chain proves."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from tests.rigs.brokers import Broker
from tests.rigs.house import CentreProcess, House, opened_house
from tests.rigs.processes import run
from tests.rigs.stores import Json, Store
from tests.rigs.waiting import eventually

pytestmark = pytest.mark.slow

_SEQ = "entry_id & ((1 << 40) - 1)"
EDGE_DAMAGE = {
    "a body": f"UPDATE entry SET body = CAST(x'c1' || substr(body, 2) AS BLOB) WHERE {_SEQ} IN (7, 9)",
    "a hash": f"UPDATE entry SET hash = zeroblob(32) WHERE {_SEQ} = 7",
    "a lost row": f"DELETE FROM entry WHERE {_SEQ} BETWEEN 5 AND 8",
    "the first row": f"DELETE FROM entry WHERE {_SEQ} = 1",
    "the last row": f"UPDATE entry SET body = CAST(x'c1' || substr(body, 2) AS BLOB) WHERE {_SEQ} = 21",
}
CENTRE_DAMAGE = {
    "a body": "UPDATE entry SET body = '\\xc1'::bytea || substr(body, 2) WHERE seq IN (7, 9)",
    "a hash": "UPDATE entry SET hash = decode(repeat('00', 32), 'hex') WHERE seq = 7",
    "a lost row": "DELETE FROM entry WHERE seq BETWEEN 5 AND 8",
    "the last row": "DELETE FROM entry WHERE seq = 21",
    "a body that still reads": "UPDATE entry SET body = set_byte(body, 40, get_byte(body, 40) # 1) WHERE seq = 7",
}


def damage_edge(store: Store, statement: str) -> None:
    with closing(sqlite3.connect(store.agent.store, timeout=10)) as connection, connection:
        assert connection.execute(statement).rowcount > 0, "the damage missed"


async def damage_centre(centre: CentreProcess, statement: str) -> None:
    connection = await asyncpg.connect(centre.dsn)
    try:
        assert not (await connection.execute(statement)).endswith(" 0"), "the damage missed"
    finally:
        await connection.close()


async def audited(house: House) -> Json:
    """The scrub's status after a round that the centre asked for."""
    before = (await house.store.get("/v1/status"))["scrub"]["last_ended_at"]
    config = house.centre.service.config
    asked = await asyncio.to_thread(run, "central-sync", "audit", house.store.node_id, "--config", config)
    assert asked.returncode == 0, asked.stderr

    async def look() -> Json | None:
        scrub: Json = (await house.store.get("/v1/status"))["scrub"]
        return scrub if scrub["last_ended_at"] != before and not scrub["running"] else None

    return await eventually(look, 20)


async def sold(house: House) -> list[UUID]:
    """Twenty sales after a delivery, all at the centre."""
    orders = await house.store.sell(20)
    await house.audit()
    return orders


def counted(who: str, total: int) -> str:
    """How a difference words one end's book of a day."""
    return f"{who} 20 orders (0 open, {total} CNY)"


@pytest.mark.parametrize("what", EDGE_DAMAGE)
async def test_entries_damaged_at_the_store_are_mended_from_the_centre(
    nats: Broker, postgres_dsn: str, tmp_path: Path, what: str
) -> None:
    async with opened_house(tmp_path, nats, postgres_dsn) as house:
        await sold(house)
        damage_edge(house.store, EDGE_DAMAGE[what])
        scrub = await audited(house)
        assert (scrub["damaged"], scrub["pages"]) == (0, "")
        assert scrub["mended"] > 0
        assert house.store.agent.verify()["findings"] == []
        await house.audit()


@pytest.mark.parametrize("what", CENTRE_DAMAGE)
async def test_entries_damaged_at_the_centre_are_mended_from_the_store(
    nats: Broker, postgres_dsn: str, tmp_path: Path, what: str
) -> None:
    async with opened_house(tmp_path, nats, postgres_dsn) as house:
        await sold(house)
        await damage_centre(house.centre, CENTRE_DAMAGE[what])
        scrub = await audited(house)
        assert (scrub["damaged"], scrub["mended"]) == (0, 0)
        verified = await asyncio.to_thread(run, "central-sync", "verify", "--config", house.centre.service.config)
        assert verified.returncode == 0, verified.stdout
        assert "audit.entries_mended" in house.centre.service.log_text()
        await house.audit()


async def test_damage_in_different_places_of_both_copies_is_mended_at_both(
    broker: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, broker, postgres_dsn) as house:
        await sold(house)
        damage_edge(house.store, EDGE_DAMAGE["a lost row"])
        await damage_centre(house.centre, "DELETE FROM entry WHERE seq BETWEEN 12 AND 14")
        scrub = await audited(house)
        assert scrub["damaged"] == 0
        assert house.store.agent.verify()["findings"] == []
        await house.audit()


async def test_what_is_damaged_in_both_copies_is_told_and_changes_nothing(
    nats: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, nats, postgres_dsn) as house:
        orders = await sold(house)
        damage_edge(house.store, EDGE_DAMAGE["a body"])
        await damage_centre(house.centre, CENTRE_DAMAGE["a body"])
        before = await house.centre.query("SELECT seq, body FROM entry ORDER BY seq")
        scrub = await audited(house)
        assert [(each["lane"], each["seq"]) for each in scrub["records"]] == [("orders", 7), ("orders", 9)]
        assert [UUID(each["order_id"]) for each in scrub["records"]] == [orders[5], orders[7]]
        assert "scrub.unmendable" in house.store.agent.service.log_text()
        assert await house.centre.query("SELECT seq, body FROM entry ORDER BY seq") == before

        async def shown() -> bool:
            return bool((await house.centre.node())["damaged_entries"] == 2)

        await eventually(shown)


async def test_an_order_whose_view_differs_shows_in_the_books_of_its_day(
    nats: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, nats, postgres_dsn) as house:
        await sold(house)
        await damage_centre(
            house.centre, "UPDATE order_view SET grand_total_minor = grand_total_minor + 1 WHERE first_seq = 7"
        )
        await audited(house)

        total = sum(house.store.totals().values())

        async def told() -> bool:
            node = await house.centre.node()
            assert node["differences"] == [
                f"2026-11-21: {counted('the node counts', total)}, {counted('the centre', total + 1)}"
            ]
            return True

        await eventually(told)
        assert "audit.days_differ" in house.centre.service.log_text()
        await damage_centre(
            house.centre, "UPDATE order_view SET grand_total_minor = grand_total_minor - 1 WHERE first_seq = 7"
        )
        await audited(house)

        async def gone() -> bool:
            return bool((await house.centre.node())["differences"] == [])

        await eventually(gone)
