"""Orders of the centre that are promised from rights, on real parts: nothing is assigned beyond what was granted."""

from pathlib import Path

import httpx
import pytest

from tests.rigs.agents import key
from tests.rigs.assigned import (
    PIECE,
    assigning_house,
    at_store,
    attempt_stands,
    command,
    converged,
    post,
    stands,
    web_order,
)
from tests.rigs.brokers import Broker
from tests.rigs.house import House
from tests.rigs.sharing_house import granted, held_by_centre
from tests.rigs.stores import SKU


async def test_an_order_takes_goods_that_were_set_aside_for_the_centre_and_no_more_are_assigned_than_that(
    nats: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with assigning_house(tmp_path, nats, postgres_dsn, stores=1) as house:
        await granted(house, 3 * PIECE)
        receipt = await post(house, web_order(2 * PIECE))
        await stands(house, receipt, "accepted", node_id="store-0001")
        view = await house.store.get(f"/v1/stock/{SKU}")
        assert (view["rights_milli"], view["reserved_milli"]) == (PIECE, 2 * PIECE)
        assert await held_by_centre(house) == (PIECE, 2 * PIECE)
        waits = await post(house, web_order(2 * PIECE))
        found = await stands(house, waits, "unassigned")
        assert found["attempts"] == [], "one piece is left of the rights, though the store has many that are free"
        await granted(house, PIECE)
        await stands(house, waits, "accepted", node_id="store-0001")
        await converged(house)


@pytest.mark.parametrize("accept", ["automatic", "people"])
async def test_what_an_order_that_came_to_nothing_had_taken_may_be_promised_again(
    nats: Broker, postgres_dsn: str, tmp_path: Path, accept: str
) -> None:
    async with assigning_house(tmp_path, nats, postgres_dsn, stores=1, accept=accept) as house:
        await granted(house, 2 * PIECE)
        receipt = await post(house, web_order(2 * PIECE))
        if accept == "people":
            asked = await attempt_stands(house, receipt, 1, "offered")
            await at_store(house.store, asked["assignment_id"])
            answer = await command(house.store, asked["assignment_id"], "reject", reason="no_capacity")
            assert answer.status_code == 200, answer.text
            await attempt_stands(house, receipt, 1, "rejected")
        else:
            found = await stands(house, receipt, "accepted")
            assert (await _cancel(house, receipt["order_id"])).is_success
            await stands(house, receipt, "closed")
            assert found["owner"]["node_id"] == "store-0001"
        assert await held_by_centre(house, 2 * PIECE) == (2 * PIECE, 2 * PIECE)
        await house.store.drained()
        assert (await house.store.get(f"/v1/stock/{SKU}"))["rights_milli"] == 2 * PIECE
        await converged(house)


async def test_a_right_is_the_centres_again_where_the_store_was_never_told(
    nats: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with assigning_house(tmp_path, nats, postgres_dsn, stores=1, accept_seconds=4) as house:
        await granted(house, 2 * PIECE)
        house.store.agent.service.pause()
        receipt = await post(house, web_order(2 * PIECE))
        await attempt_stands(house, receipt, 1, "withdrawing", 60)
        assert await held_by_centre(house) == (0, 2 * PIECE), "nobody knows yet whether the store has promised them"
        house.store.agent.service.resume()
        await attempt_stands(house, receipt, 1, "withdrawn", 60)
        held, used = await held_by_centre(house, 2 * PIECE)
        assert (held, used) in {(2 * PIECE, 0), (2 * PIECE, 2 * PIECE)}
        await converged(house)


async def test_a_store_whose_goods_are_gone_refuses_and_the_right_is_not_lost_twice(
    nats: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with assigning_house(tmp_path, nats, postgres_dsn, stores=1, accept="people") as house:
        await granted(house, 2 * PIECE)
        receipt = await post(house, web_order(2 * PIECE))
        asked = await attempt_stands(house, receipt, 1, "offered")
        await at_store(house.store, asked["assignment_id"])
        answer = await command(house.store, asked["assignment_id"], "reject", reason="not_found")
        assert answer.status_code == 200, answer.text
        await attempt_stands(house, receipt, 1, "rejected")
        await house.store.drained()
        view = await house.store.get(f"/v1/stock/{SKU}")
        assert (view["on_hand_milli"], view["rights_milli"], view["reserved_milli"]) == (0, 0, 0)
        assert await held_by_centre(house) == (0, 2 * PIECE)
        await converged(house)


async def _cancel(house: House, order_id: str) -> httpx.Response:
    return await house.centre.http.post(
        f"/v1/assignments/{order_id}/cancel", json={"reason": "changed-mind"}, headers=key()
    )
