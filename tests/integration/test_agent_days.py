"""Business days over HTTP: the X report while a day is open, the Z report when it is closed, and what comes late."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.rigs.agents import Agent, key, running, sale, slug

pytestmark = pytest.mark.slow

TODAY = datetime.now(UTC).date()
YESTERDAY = str(TODAY - timedelta(days=1))


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    with running(Agent(tmp_path)) as agent:
        yield agent


@pytest.fixture
def till(agent: Agent) -> Iterator[httpx.Client]:
    with agent.client() as client:
        yield client


def sell(till: httpx.Client, business_date: str) -> str:
    answer = till.post("/v1/orders", json=sale(business_date=business_date), headers=key())
    assert answer.status_code == 201, answer.text
    return str(answer.json()["order_id"])


def day(till: httpx.Client, business_date: str) -> dict[str, Any]:
    answer = till.get(f"/v1/days/{business_date}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def close(till: httpx.Client, business_date: str, name: str | None = None) -> httpx.Response:
    return till.post(f"/v1/days/{business_date}/close", json={"operator_id": "op-1"}, headers=key(name))


def test_a_day_is_added_up_while_it_is_open_and_what_is_given_back_counts_on_its_own_day(till: httpx.Client) -> None:
    order = sell(till, YESTERDAY)
    sell(till, YESTERDAY)
    body = {"lines": [{"line_id": "1", "quantity_milli": 500}], "reason": "too-small"}
    assert till.post(f"/v1/orders/{order}/return", json=body, headers=key()).status_code == 200
    before = day(till, YESTERDAY)
    (sums,) = before["currencies"]
    assert (before["state"], before["is_whole"], sums["orders"], sums["returns"]) == ("open", True, 2, 0)
    assert sums["tenders"] == [{"tender": "cash", "captured_minor": 200, "refunded_minor": 0, "voided_minor": 0}]
    (today,) = day(till, str(TODAY))["currencies"]
    assert (today["orders"], today["returns"], today["tenders"][0]["refunded_minor"]) == (0, 1, 50)


def test_a_closed_day_keeps_its_z_report_and_shows_what_came_late(agent: Agent, till: httpx.Client) -> None:
    sell(till, YESTERDAY)
    first = close(till, YESTERDAY, "the-close")
    assert (first.status_code, first.json()["z_number"]) == (201, 1)
    late = sell(till, YESTERDAY)
    again = close(till, YESTERDAY, "the-close")
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert slug(close(till, YESTERDAY)) == "day-closed"
    assert close(till, str(TODAY)).json()["z_number"] == 2
    agent.restart()
    found = day(till, YESTERDAY)
    assert found["z_code"] == first.json()["z_code"] == again.json()["z_code"]
    assert found["z_code"].startswith("1-")
    assert (found["state"], found["z_number"], found["operator_id"]) == ("closed", 1, "op-1")
    assert found["currencies"] == first.json()["currencies"]
    assert [(sums["orders"], sums["grand_total_minor"]) for sums in found["late"]] == [(1, 100)]
    assert till.get(f"/v1/orders/{late}").json()["business_date"] == YESTERDAY
    assert agent.verify()["findings"] == []


def test_of_many_who_close_a_day_at_once_one_does(till: httpx.Client) -> None:
    with ThreadPoolExecutor(8) as people:
        answers = list(people.map(lambda _: close(till, YESTERDAY), range(8)))
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 7]
    assert {slug(answer) for answer in answers if answer.status_code == 409} == {"day-closed"}
    assert close(till, str(TODAY)).json()["z_number"] == 2


def test_only_a_day_of_the_calendar_that_has_begun_can_be_closed(till: httpx.Client) -> None:
    assert slug(till.get("/v1/days/2026-02-30")) == "invalid-parameter"
    assert slug(close(till, "20261121")) == "invalid-parameter"
    assert slug(close(till, str(TODAY + timedelta(days=2)))) == "invalid-time"


def test_a_day_of_which_orders_were_let_go_of_is_not_closed(agent: Agent, till: httpx.Client) -> None:
    sell(till, YESTERDAY)
    agent.stop()
    with closing(sqlite3.connect(agent.store)) as connection, connection:
        gone = "INSERT INTO pruned_day (business_date, currency, orders, total_minor) VALUES (?, 'CNY', 1, 100)"
        connection.execute(gone, (YESTERDAY,))
    agent.start()
    assert day(till, YESTERDAY)["is_whole"] is False
    assert slug(close(till, YESTERDAY)) == "day-incomplete"
