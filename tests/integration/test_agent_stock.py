"""The stock of a store over HTTP: counts, lots with a date, goods by weight, and the file that holds it afterwards."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.rigs.agents import Agent, key, receipt, running, sale, slug

pytestmark = pytest.mark.slow

Json = dict[str, Any]


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    with running(Agent(tmp_path_factory.mktemp("agent"))) as agent:
        yield agent


@pytest.fixture
def till(agent: Agent) -> Iterator[httpx.Client]:
    with agent.client() as client:
        yield client


def stock(till: httpx.Client, sku: str, quantity_milli: int, **changes: object) -> None:
    body = receipt(sku, quantity_milli, **changes)
    assert till.post("/v1/stock/movements", headers=key(), json=body).status_code == 201


def count(till: httpx.Client, sku: str, counted_milli: int, **changes: object) -> httpx.Response:
    line = {"sku": sku, "counted_milli": counted_milli, "unit": changes.pop("unit", "H87")}
    body = {"operator_id": "op-1", "lines": [line], **changes}
    return till.post("/v1/stock/counts", headers=key(), json=body)


def on_hand(till: httpx.Client, sku: str) -> int:
    found: int = till.get(f"/v1/stock/{sku}").json()["on_hand_milli"]
    return found


def test_a_count_brings_the_book_to_what_was_found_and_tells_both_afterwards(till: httpx.Client) -> None:
    stock(till, "counted", 100_000)
    answer = count(till, "counted", 97_000, reference="week-47", cause="theft")
    assert answer.status_code == 201, answer.text
    (line,) = answer.json()["lines"]
    assert (line["book_milli"], line["difference_milli"], answer.json()["shortages"]) == (100_000, -3_000, [])
    assert on_hand(till, "counted") == 97_000


def test_a_count_that_differs_much_changes_nothing_until_another_person_accepts_it(till: httpx.Client) -> None:
    stock(till, "doubted", 10_000)
    assert slug(count(till, "doubted", 4_000)) == "recount-needed"
    assert slug(count(till, "doubted", 4_000, approved_by="op-1")) == "approval-needed"
    assert on_hand(till, "doubted") == 10_000
    assert count(till, "doubted", 4_000, approved_by="boss").status_code == 201
    assert on_hand(till, "doubted") == 4_000


def test_a_count_that_is_repeated_with_its_key_is_posted_once_and_none_is_below_zero(till: httpx.Client) -> None:
    stock(till, "repeated", 100_000)
    body = {"operator_id": "op-1", "lines": [{"sku": "repeated", "counted_milli": 99_000, "unit": "H87"}]}
    first, again = (till.post("/v1/stock/counts", headers=key("count-1"), json=body) for _ in range(2))
    assert (first.json(), again.headers["idempotency-replayed"]) == (again.json(), "true")
    assert on_hand(till, "repeated") == 99_000
    assert slug(count(till, "repeated", -1)) == "invalid-document"


def test_goods_that_are_promised_stay_promised_and_are_told_as_short(till: httpx.Client) -> None:
    stock(till, "promised", 5_000)
    order = sale("promised", 4_000, order_type="pickup", fulfillment={"method": "pickup"})
    assert till.post("/v1/orders", headers=key(), json=order).status_code == 201
    answer = count(till, "promised", 1_000, approved_by="boss").json()
    assert [short["quantity_milli"] for short in answer["shortages"]] == [3_000]
    view = till.get("/v1/stock/promised").json()
    assert (view["on_hand_milli"], view["reserved_milli"], view["free_milli"]) == (4_000, 4_000, 0)


def test_goods_by_weight_are_sold_to_the_gram_until_the_last_one_is_gone(till: httpx.Client) -> None:
    stock(till, "apples", 1_234, unit="KGM")
    for grams, amount in ((567, 113), (667, 133)):  # 1.99 a kilogram: 112.833 and 132.733 are rounded half up
        answer = till.post("/v1/orders", headers=key(), json=_weighed("apples", grams, amount))
        assert answer.status_code == 201, answer.text
    assert on_hand(till, "apples") == 0
    assert slug(till.post("/v1/orders", headers=key(), json=_weighed("apples", 1, 0))) == "out-of-stock"
    assert slug(till.post("/v1/orders", headers=key(), json=_weighed("apples", 567, 112))) == "totals-mismatch"


def test_lots_past_their_date_are_not_sold_and_the_answer_says_that_it_is_the_date(till: httpx.Client) -> None:
    stock(till, "milk", 1_000, lot="old", expires_on="2026-11-20")
    stock(till, "milk", 1_000, lot="new", expires_on="2026-12-20")
    assert till.post("/v1/orders", headers=key(), json=sale("milk")).status_code == 201
    refused = till.post("/v1/orders", headers=key(), json=sale("milk"))
    assert (slug(refused), refused.json()["pointer"]) == ("lot-expired", "/lines/0")
    assert slug(till.post("/v1/orders", headers=key(), json=sale("milk", 2_000))) == "out-of-stock"
    lots = {lot["lot"]: lot["on_hand_milli"] for lot in till.get("/v1/stock/milk").json()["lots"]}
    assert lots == {"old": 1_000, "new": 0}


def test_goods_are_kept_for_a_basket_and_become_its_order(till: httpx.Client) -> None:
    stock(till, "kept", 1_000)
    body = {"lines": [{"line_id": "1", "sku": "kept", "quantity_milli": 1_000, "unit": "H87"}], "ttl_ms": 60_000}
    hold = till.post("/v1/stock/reservations", headers=key(), json=body)
    assert (hold.status_code, hold.json()["status"]) == (201, "soft"), hold.text
    address = f"/v1/stock/reservations/{hold.json()['reservation_id']}"
    assert till.get(address).json()["expires_at"] == hold.json()["expires_at"]
    assert slug(till.post("/v1/orders", headers=key(), json=sale("kept"))) == "out-of-stock"
    longer = till.post(f"{address}/extend", headers=key(), json={"ttl_ms": 120_000}).json()
    assert longer["expires_at"] > hold.json()["expires_at"]
    order, again = (till.post(f"{address}/order", headers=key("basket-1"), json=sale("kept")) for _ in range(2))
    assert (order.status_code, order.json()["status"]) == (201, "completed")
    assert (again.json(), again.headers["location"]) == (order.json(), order.headers["location"])
    assert on_hand(till, "kept") == 0
    for name in ("extend", "release"):
        assert slug(till.post(f"{address}/{name}", headers=key(), json={})) == "reservation-not-found"
    assert slug(till.get(address)) == "reservation-not-found"


def test_a_plan_parts_the_stock_and_the_web_cannot_have_what_the_shop_keeps(till: httpx.Client) -> None:
    stock(till, "parted", 4_000)
    plan = [{"channel": "walk_in", "weight": 3, "draws_on": ["online"]}, {"channel": "online", "weight": 1}]
    made = till.post("/v1/stock/quotas", headers=key(), json={"sku": "parted", "plan": plan})
    assert made.status_code == 201, made.text
    web = sale("parted", order_type="pickup", fulfillment={"method": "pickup"}, channel="online")
    assert till.post("/v1/orders", headers=key(), json=web).status_code == 201
    refused = till.post("/v1/orders", headers=key(), json=web)
    assert (slug(refused), refused.json()["pointer"]) == ("quota-exhausted", "/lines/0")
    assert till.post("/v1/orders", headers=key(), json=sale("parted", 2_000)).status_code == 201
    view = till.get("/v1/stock/quotas/parted").json()
    assert [(c["channel"], c["budget_milli"]) for c in view["channels"]] == [("walk_in", 1_000), ("online", 0)]
    assert slug(till.get("/v1/stock/quotas/counted")) == "sku-not-found"


def test_the_file_is_sound_after_all_that_and_after_a_restart(agent: Agent) -> None:
    assert agent.verify()["findings"] == []
    agent.restart()
    assert agent.verify()["findings"] == []


def _weighed(sku: str, grams: int, amount_minor: int) -> Json:
    order = sale(sku)
    amounts = {"gross_minor": amount_minor, "net_minor": amount_minor}
    order["lines"][0] |= {"quantity_milli": grams, "unit": "KGM", "unit_price_minor": 199, **amounts}
    order["totals"] |= {**amounts, "grand_total_minor": amount_minor}
    order["payments"][0]["amount_minor"] = amount_minor
    return order
