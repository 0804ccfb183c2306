"""The close of a day goes to the centre like everything else, and the centre's books show what came late."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from tests.rigs.agents import key, sale
from tests.rigs.brokers import Broker
from tests.rigs.house import House, arrived, opened_house
from tests.rigs.stores import SKU, Json
from tests.rigs.waiting import eventually

YESTERDAY = str(datetime.now(UTC).date() - timedelta(days=1))


async def test_a_day_that_was_closed_offline_is_closed_at_the_centre_with_its_late_orders_beside_it(
    broker: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, broker, postgres_dsn) as house:
        await _sell(house)
        broker.kill()
        path = f"/v1/days/{YESTERDAY}/close"
        report = (await house.store.till.post(path, json={"operator_id": "op-1"}, headers=key())).json()
        late = await _sell(house)
        broker.start()
        await house.store.drained()
        await eventually(lambda: _has_closed(house))
        (day,) = (await house.centre.get("/v1/days", node=house.store.node_id))["days"]
        assert (day["business_date"], day["z_number"], day["operator_id"]) == (YESTERDAY, 1, "op-1")
        assert day["currencies"] == report["currencies"]
        assert day["late"] == [{"currency": "CNY", "orders": 1, "grand_total_minor": 100}]
        assert (await arrived(house.centre, late))["business_date"] == YESTERDAY
        assert (await house.centre.get("/v1/days", cursor=f'["{YESTERDAY}","a"]'))["days"] == []
        assert house.centre.verify()["findings"] == []


async def test_z_numbers_go_on_once_a_store_that_lost_its_disk_has_its_history_and_no_code_is_given_twice(
    broker: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    days = [str(datetime.now(UTC).date() - timedelta(days=back)) for back in (5, 4, 3, 2)]
    async with opened_house(tmp_path, broker, postgres_dsn) as house:
        reports = [await _close(house, day) for day in days[:2]]
        await house.store.drained()
        broker.kill()
        house.store.kill()
        for file in house.store.agent.folder.glob("store.db*"):
            file.unlink()
        await house.store.agent.service.start()
        reports.append(await _close(house, days[2]))  # nobody can know of the others
        broker.start()
        await eventually(lambda: _knows(house, days[0]), 60)
        assert (await house.store.get(f"/v1/days/{days[0]}"))["z_code"] == reports[0]["z_code"]
        reports.append(await _close(house, days[3]))
        assert [report["z_number"] for report in reports] == [1, 2, 1, 3]
        codes = {report["z_code"] for report in reports}
        assert len(codes) == len(reports)
        await house.store.drained()
        await eventually(lambda: _shows(house, codes), 60)


async def _close(house: House, business_date: str) -> Json:
    path = f"/v1/days/{business_date}/close"
    answer = await house.store.till.post(path, json={"operator_id": "op-1"}, headers=key())
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    return found


async def _knows(house: House, business_date: str) -> bool:
    found = await house.store.get(f"/v1/days/{business_date}")
    assert found["is_whole"], found
    assert found["state"] == "closed", found
    return True


async def _shows(house: House, codes: set[str]) -> bool:
    shown = {day["z_code"] for day in (await house.centre.get("/v1/days"))["days"]}
    assert shown == codes
    return True


async def _sell(house: House) -> UUID:
    order = sale(SKU, store_id=house.store.node_id, business_date=YESTERDAY)
    answer = await house.store.till.post("/v1/orders", json=order, headers=key())
    assert answer.status_code == 201, answer.text
    return UUID(answer.json()["order_id"])


async def _has_closed(house: House) -> bool:
    return bool((await house.centre.get("/v1/days"))["days"])
