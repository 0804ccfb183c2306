"""What a till sees of a running agent: orders, cancels, stock, lists; and for one key, always one answer."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from edge_core.orders.requests import REQUESTS
from tests.rigs.agents import NODE_ID, Agent, key, line, receipt, running, sale, slug, totals

FIXTURES: Final = Path(__file__).parents[1] / "fixtures"

# The order document of schema version 1, field by field.
CORE_FIELDS: Final = frozenset(
    """
    order_id display_number idempotency_key payload_hash schema_version revision order_type
    channel store_id node_id terminal_id operator_id placed_at business_date origin offline
    customer_ref customer_tier bill_to ship_to
    currency lines adjustments tax_lines totals payments payment_terms
    fulfillment_groups promise
    risk attribution policy_versions
    """.split()
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    with running(Agent(tmp_path_factory.mktemp("agent"))) as agent:
        yield agent


@pytest.fixture
def till(agent: Agent) -> Iterator[httpx.Client]:
    with agent.client() as client:
        yield client


def fixture(name: str) -> Any:
    return json.loads((FIXTURES / name).read_bytes())


def pickup(sku: str, quantity_milli: int = 1_000, **changes: object) -> dict[str, Any]:
    amount = quantity_milli // 10
    authorized = {"payment_id": "card", "tender": "card", "amount_minor": amount // 2, "status": "authorized"}
    paid = {"payment_id": "cash", "tender": "cash", "amount_minor": amount - amount // 2, "status": "captured"}
    payments = [{**payment, "authorization": "online"} for payment in (authorized, paid)]
    order = sale(sku, quantity_milli, order_type="pickup", fulfillment={"method": "pickup"}, payments=payments)
    return {**order, **changes}


def place(till: httpx.Client, order: object, name: str | None = None) -> dict[str, Any]:
    response = till.post("/v1/orders", headers=key(name), json=order)
    assert response.status_code == 201, response.text
    placed: dict[str, Any] = response.json()
    return placed


def stock(till: httpx.Client, sku: str, quantity_milli: int, **changes: object) -> None:
    response = till.post("/v1/stock/movements", headers=key(), json=receipt(sku, quantity_milli, **changes))
    assert response.status_code == 201, response.text


# --- placing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["order-sale.json", "order-ship.json"])
def test_a_posted_order_is_answered_with_its_place_and_its_number(till: httpx.Client, name: str) -> None:
    posted = fixture(name)
    response = till.post("/v1/orders", headers=key(), json=posted)
    assert response.status_code == 201
    answer = response.json()
    assert response.headers["location"] == f"/v1/orders/{answer['order_id']}"
    assert response.headers["content-type"] == "application/json"
    assert "idempotency-replayed" not in response.headers
    number, seq = answer["display_number"].rsplit("-", 1)
    assert number.startswith(f"{posted['store_id']}-{posted['terminal_id']}-")
    assert int(seq) == answer["origin"]["seq"]
    assert till.get(response.headers["location"]).json()["order_id"] == answer["order_id"]


def test_a_carry_out_sale_is_complete_at_once_and_a_shipped_one_waits(till: httpx.Client) -> None:
    assert place(till, sale("complete"))["status"] == "completed"
    stock(till, "shipped", 1_000)
    waiting = place(till, pickup("shipped"))
    assert waiting["status"] == "in_fulfillment"
    assert waiting["groups"] == [{"group_id": "g1", "method": "pickup", "status": "reserved", "location_id": NODE_ID}]


def test_an_order_is_shown_with_every_field_of_the_standard_document(till: httpx.Client) -> None:
    posted = {**fixture("order-ship.json"), "terminal_id": "till-04"}  # the till of the tests above has just sent one
    placed = place(till, posted, "whole-document")
    shown = till.get(f"/v1/orders/{placed['order_id']}").json()
    assert set(shown) == CORE_FIELDS | {"status", "journey", "returns", "judgment"}
    assert len(CORE_FIELDS) == 32
    for name in ("channel", "store_id", "terminal_id", "operator_id", "placed_at", "currency", "attribution"):
        assert shown[name] == posted[name]
    assert shown["idempotency_key"] == "whole-document"
    assert shown["totals"] == {**posted["totals"], "prices_include_tax": posted["prices_include_tax"]}
    assert shown["ship_to"] == posted["fulfillment"]["ship_to"]
    assert shown["promise"] == posted["fulfillment"]["promise"]
    assert {**shown["lines"][0], **posted["lines"][0]} == shown["lines"][0]
    assert shown["customer_ref"] == posted["customer"]["ref"]
    assert shown["display_number"] == placed["display_number"]
    assert shown["business_date"] == posted["placed_at"][:10]
    assert shown["node_id"] == NODE_ID


def test_the_journey_names_each_event_with_its_place_and_the_state_after_it(till: httpx.Client) -> None:
    placed = place(till, sale("journey"))
    shown = till.get(f"/v1/orders/{placed['order_id']}").json()
    assert [(step["event"], step["status"]) for step in shown["journey"]] == [
        ("order.placed", "placed"),
        ("order.validated", "validated"),
        ("payment.captured", "validated"),
        ("stock.moved", "validated"),
        ("fulfillment.routed", "in_fulfillment"),
        ("stock.reserved", "in_fulfillment"),
        ("fulfillment.delivered", "completed"),
    ]
    assert shown["revision"] == len(shown["journey"])
    assert {step["seq"] for step in shown["journey"]} == {placed["origin"]["seq"]}
    assert shown["journey"][0]["at"] == placed["recorded_at"]


def test_the_business_date_is_the_stores_own(tmp_path: Path) -> None:
    with running(Agent(tmp_path, {"node": {"time_zone": "Asia/Shanghai"}})) as agent, agent.client() as till:
        late = sale(placed_at="2026-11-21T16:30:00.000Z")
        assert place(till, late)["business_date"] == "2026-11-22"
        assert place(till, sale("other", business_date="2026-11-20"))["business_date"] == "2026-11-20"


def test_an_agent_of_named_stores_refuses_the_orders_of_others(tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    agent.config.write_text(agent.config.read_text().replace("[node]", '[node]\nstores = ["store-0001"]'))
    with running(agent), agent.client() as till:
        assert till.post("/v1/orders", headers=key(), json=sale()).status_code == 201
        refused = till.post("/v1/orders", headers=key(), json=sale(store_id="store-0002"))
        assert (refused.status_code, slug(refused)) == (422, "wrong-store")


def test_goods_that_nobody_has_counted_are_sold_again_and_again_until_a_receipt_counts_them(till: httpx.Client) -> None:
    for _ in range(3):
        assert till.post("/v1/orders", headers=key(), json=sale("uncounted", 2_000)).status_code == 201
    parcel = till.post("/v1/orders", headers=key(), json=pickup("uncounted"))
    assert parcel.status_code == 201
    (group,) = till.get(parcel.headers["location"]).json()["fulfillment_groups"]
    assert group["status"] == "backordered"
    stock(till, "uncounted", 1_000)
    beyond = till.post("/v1/orders", headers=key(), json=sale("uncounted", 2_000))
    assert (beyond.status_code, slug(beyond)) == (409, "out-of-stock")


# --- idempotency -----------------------------------------------------------------------------------------------------


def test_the_same_key_and_body_get_the_same_bytes_and_a_mark_also_after_a_restart(tmp_path: Path) -> None:
    with running(Agent(tmp_path)) as agent:
        with agent.client() as till:
            first = till.post("/v1/orders", headers=key("again"), json=sale())
            entries = agent.entries()
            second = till.post("/v1/orders", headers=key("again"), json=sale())
        agent.restart()
        with agent.client() as till:
            third = till.post("/v1/orders", headers=key("again"), json=sale())
        for repeated in (second, third):
            assert (repeated.status_code, repeated.content) == (201, first.content)
            assert repeated.headers["location"] == first.headers["location"]
            assert repeated.headers["idempotency-replayed"] == "true"
        assert agent.entries() == entries


def test_a_refusal_stays_the_answer_of_its_key_also_when_stock_comes_and_after_a_restart(tmp_path: Path) -> None:
    with running(Agent(tmp_path)) as agent:
        with agent.client() as till:
            stock(till, "scarce", 1_000)
            first = till.post("/v1/orders", headers=key("refused"), json=sale("scarce", 2_000))
            assert (first.status_code, slug(first)) == (409, "out-of-stock")
            stock(till, "scarce", 5_000)
            second = till.post("/v1/orders", headers=key("refused"), json=sale("scarce", 2_000))
        agent.restart()
        with agent.client() as till:
            third = till.post("/v1/orders", headers=key("refused"), json=sale("scarce", 2_000))
            fresh = till.post("/v1/orders", headers=key("fresh"), json=sale("scarce", 2_000))
        for repeated in (second, third):
            assert (repeated.status_code, repeated.content) == (409, first.content)
            assert repeated.headers["idempotency-replayed"] == "true"
        assert fresh.status_code == 201


def test_the_answer_to_a_placing_stays_as_it_was_when_the_order_has_moved_on(till: httpx.Client) -> None:
    stock(till, "moved-on", 1_000)
    order = pickup("moved-on")
    first = till.post("/v1/orders", headers=key("placing"), json=order)
    path = f"{first.headers['location']}/cancel"
    cancelled = till.post(path, headers=key("calling-off"), json={"reason": "changed-mind"})
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert till.post("/v1/orders", headers=key("placing"), json=order).content == first.content
    again = till.post(path, headers=key("calling-off"), json={"reason": "changed-mind"})
    assert (again.status_code, again.content) == (200, cancelled.content)
    assert again.headers["idempotency-replayed"] == "true"


def test_the_same_key_with_another_body_is_refused_and_nothing_is_recorded(agent: Agent, till: httpx.Client) -> None:
    first = till.post("/v1/orders", headers=key("one-key"), json=sale("one-key"))
    entries = agent.entries()
    other = till.post("/v1/orders", headers=key("one-key"), json=sale("one-key", 2_000))
    assert (other.status_code, slug(other)) == (422, "idempotency-key-reused")
    moved = till.post("/v1/stock/movements", headers=key("one-key"), json=receipt("one-key", 1_000))
    assert slug(moved) == "idempotency-key-reused"
    called_off = till.post(f"{first.headers['location']}/cancel", headers=key("one-key"), json={"reason": "x"})
    assert slug(called_off) == "idempotency-key-reused"
    assert agent.entries() == entries
    assert till.post("/v1/orders", headers=key("one-key"), json=sale("one-key")).content == first.content


def test_a_key_serves_one_order_of_a_cancel_alone(till: httpx.Client) -> None:
    stock(till, "two-orders", 2_000)
    ours, other = place(till, pickup("two-orders")), place(till, pickup("two-orders"))
    body = {"reason": "changed-mind"}
    assert till.post(f"/v1/orders/{ours['order_id']}/cancel", headers=key("c1"), json=body).status_code == 200
    refused = till.post(f"/v1/orders/{other['order_id']}/cancel", headers=key("c1"), json=body)
    assert slug(refused) == "idempotency-key-reused"


def test_the_order_of_members_white_space_and_defaults_do_not_make_another_body(till: httpx.Client) -> None:
    order = sale("spelling")
    first = till.post("/v1/orders", headers=key("spelling"), json=order)
    turned = dict(reversed(order.items())) | {"customer": None, "adjustments": []}
    spaced = json.dumps(turned, indent=7).replace("spelling", "\\u0073pelling")
    json_type = {"content-type": "application/json; charset=utf-8"}
    second = till.post("/v1/orders", headers=key("spelling") | json_type, content=spaced)
    assert (second.status_code, second.content) == (201, first.content)


def test_a_key_in_quotes_is_the_key_itself(till: httpx.Client) -> None:
    first = till.post("/v1/orders", headers=key('"quoted"'), json=sale("quoted"))
    second = till.post("/v1/orders", headers=key("quoted"), json=sale("quoted"))
    assert second.content == first.content
    assert second.headers["idempotency-replayed"] == "true"


# --- cancelling ------------------------------------------------------------------------------------------------------


def test_a_cancel_frees_the_stock_voids_what_was_authorized_and_refunds_what_was_taken(till: httpx.Client) -> None:
    stock(till, "called-off", 3_000)
    placed = place(till, pickup("called-off", 2_000))
    held = till.get("/v1/stock/called-off").json()
    assert (held["on_hand_milli"], held["reserved_milli"], held["free_milli"]) == (3_000, 2_000, 1_000)
    path = f"/v1/orders/{placed['order_id']}"
    cancelled = till.post(f"{path}/cancel", headers=key(), json={"reason": "changed-mind", "operator_id": "op-1"})
    assert cancelled.status_code == 200
    assert cancelled.json()["status"] == "cancelled"
    free = till.get("/v1/stock/called-off").json()
    assert (free["on_hand_milli"], free["reserved_milli"], free["free_milli"]) == (3_000, 0, 3_000)
    payments = {payment["payment_id"]: payment for payment in till.get(path).json()["payments"]}
    assert payments["card"]["status"] == "voided"
    assert (payments["cash"]["status"], payments["cash"]["refunded_minor"]) == ("refunded", 100)


def test_a_completed_sale_cannot_be_cancelled_and_the_answer_says_its_state(till: httpx.Client) -> None:
    placed = place(till, sale("gone"))
    refused = till.post(f"/v1/orders/{placed['order_id']}/cancel", headers=key(), json={"reason": "changed-mind"})
    assert (refused.status_code, slug(refused)) == (409, "command-not-allowed")
    assert refused.json()["state"] == "completed"


def test_a_cancelled_order_cannot_be_cancelled_again_with_another_key(till: httpx.Client) -> None:
    stock(till, "twice", 1_000)
    path = f"/v1/orders/{place(till, pickup('twice'))['order_id']}/cancel"
    assert till.post(path, headers=key(), json={"reason": "changed-mind"}).status_code == 200
    refused = till.post(path, headers=key(), json={"reason": "changed-mind"})
    assert (slug(refused), refused.json()["state"]) == ("command-not-allowed", "cancelled")
    assert till.get("/v1/stock/twice").json()["free_milli"] == 1_000


def test_a_cancel_of_an_order_that_has_moved_on_is_stale(till: httpx.Client) -> None:
    stock(till, "stale", 1_000)
    placed = place(till, pickup("stale"))
    path = f"/v1/orders/{placed['order_id']}/cancel"
    stale = till.post(path, headers=key(), json={"reason": "x", "expected_revision": placed["revision"] - 1})
    assert (stale.status_code, slug(stale)) == (409, "revision-stale")
    current = till.post(path, headers=key(), json={"reason": "x", "expected_revision": placed["revision"]})
    assert current.status_code == 200


@pytest.mark.parametrize(
    ("order_id", "status", "problem"),
    [
        ("01920000-0000-7000-8000-000000000000", 404, "order-not-found"),
        ("not-an-id", 400, "invalid-parameter"),
        ("01920000-0000-7000-8000-00000000000", 400, "invalid-parameter"),
    ],
)
def test_a_cancel_of_what_is_not_there_says_so(till: httpx.Client, order_id: str, status: int, problem: str) -> None:
    refused = till.post(f"/v1/orders/{order_id}/cancel", headers=key(), json={"reason": "x"})
    assert (refused.status_code, slug(refused)) == (status, problem)


def test_a_command_that_orders_do_not_have_is_not_found(till: httpx.Client) -> None:
    placed = place(till, sale("no-command"))
    refused = till.post(f"/v1/orders/{placed['order_id']}/explode", headers=key(), json={})
    assert (refused.status_code, slug(refused), refused.json()["allowed"]) == (404, "not-found", sorted(REQUESTS))


# --- stock -----------------------------------------------------------------------------------------------------------


def test_a_movement_is_known_by_its_key_or_else_by_its_reference(till: httpx.Client) -> None:
    delivery = fixture("stock-receipt.json")
    first = till.post("/v1/stock/movements", json=delivery)
    assert first.status_code == 201
    assert (first.json()["reference"], first.json()["lines"]) == (delivery["reference"], len(delivery["lines"]))
    again = till.post("/v1/stock/movements", json=delivery)
    assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")
    other = till.post("/v1/stock/movements", json={**delivery, "lines": delivery["lines"][:1]})
    assert slug(other) == "idempotency-key-reused"
    keyed = till.post("/v1/stock/movements", headers=key("keyed"), json=delivery)
    assert keyed.json()["movement_id"] != first.json()["movement_id"]
    sku = delivery["lines"][0]["sku"]
    assert till.get(f"/v1/stock/{sku}").json()["on_hand_milli"] == 2 * delivery["lines"][0]["quantity_milli"]


def test_a_movement_without_key_and_reference_is_refused(till: httpx.Client) -> None:
    refused = till.post("/v1/stock/movements", json=receipt("keyless", 1_000))
    assert (refused.status_code, slug(refused)) == (400, "idempotency-key-missing")


def test_stock_is_shown_by_lot_with_its_sums_and_sold_first_expired_first(till: httpx.Client) -> None:
    stock(till, "lots", 2_000, lot="late", expires_on="2027-03-01")
    stock(till, "lots", 1_000, lot="early", expires_on="2026-12-01")
    stock(till, "lots", 4_000, lot="past", expires_on="2026-11-01")
    place(till, sale("lots", 2_000))
    shown = till.get("/v1/stock/lots").json()
    assert {lot["lot"]: lot["on_hand_milli"] for lot in shown["lots"]} == {"early": 0, "late": 1_000, "past": 4_000}
    for name in ("on_hand_milli", "reserved_milli", "free_milli"):
        assert shown[name] == sum(lot[name] for lot in shown["lots"])
    refused = till.post("/v1/orders", headers=key(), json=sale("lots", 2_000))
    assert slug(refused) == "lot-expired"


def test_stock_that_is_written_off_cannot_be_sold_and_what_is_promised_cannot_be_written_off(
    till: httpx.Client,
) -> None:
    stock(till, "broken", 3_000)
    place(till, pickup("broken", 2_000))
    loss = {**receipt("broken", 1_000), "movement": "write_off"}
    assert till.post("/v1/stock/movements", headers=key(), json=loss).status_code == 201
    refused = till.post("/v1/stock/movements", headers=key(), json=loss)
    assert (refused.status_code, slug(refused)) == (409, "out-of-stock")
    assert till.get("/v1/stock/broken").json()["on_hand_milli"] == 2_000


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"unit": "KGM"}, "unit-mismatch"),
        ({"lot": "a", "expires_on": "2027-02-02"}, "lot-mismatch"),
        ({"lot": "b", "expires_on": "2027-02-30"}, "invalid-time"),
    ],
)
def test_a_movement_that_contradicts_the_books_is_refused(
    till: httpx.Client, change: dict[str, str], problem: str
) -> None:
    stock(till, "contradicted", 1_000, lot="a", expires_on="2027-01-01")
    refused = till.post("/v1/stock/movements", headers=key(), json=receipt("contradicted", 1_000, **change))
    assert (refused.status_code, slug(refused)) == (422, problem)


@pytest.mark.parametrize("sku", ["a/b", "a b", "100%", "%2F", "a?b#c", "..", "movements", "a+b"])
def test_any_sku_can_be_asked_for_by_its_percent_encoding(till: httpx.Client, sku: str) -> None:
    stock(till, sku, 1_000)
    encoded = "".join(f"%{byte:02X}" for byte in sku.encode())
    assert till.get(f"/v1/stock/{encoded}").json()["sku"] == sku


@pytest.mark.parametrize("path", ["never-seen", "never%00seen", "%FF", "a" * 65, "%C3%A9", ""])
def test_a_sku_that_was_never_seen_is_not_found(till: httpx.Client, path: str) -> None:
    refused = till.get(f"/v1/stock/{path}")
    assert (refused.status_code, slug(refused)) == (404, "sku-not-found")


# --- lists -----------------------------------------------------------------------------------------------------------


def test_orders_are_listed_newest_first_in_pages_that_lead_to_each_other(tmp_path: Path) -> None:
    with running(Agent(tmp_path)) as agent, agent.client() as till:
        stock(till, "listed", 100_000)
        placed = [place(till, sale("listed", terminal_id=f"till-{number % 2}"))["order_id"] for number in range(7)]
        waiting = place(till, pickup("listed", terminal_id="till-9"))["order_id"]
        assert _ids(till, "/v1/orders") == [[waiting, *reversed(placed)]]
        pages = _ids(till, "/v1/orders?limit=3")
        assert [len(page) for page in pages] == [3, 3, 2]
        assert [order for page in pages for order in page] == [waiting, *reversed(placed)]
        of_till_1 = _ids(till, "/v1/orders?terminal_id=till-1&limit=2")
        assert of_till_1 == [[placed[5], placed[3]], [placed[1]]]
        assert _ids(till, "/v1/orders?status=in_fulfillment") == [[waiting]]
        assert _ids(till, "/v1/orders?status=completed&business_date=2026-11-21&terminal_id=till-9") == [[]]
        assert _ids(till, "/v1/orders?business_date=2026-11-22") == [[]]
        assert _ids(till, f"/v1/orders?before={placed[1]}") == [[placed[0]]]
        (summary,) = till.get("/v1/orders?status=in_fulfillment").json()["orders"]
        shown = till.get(f"/v1/orders/{waiting}").json()
        assert {name: shown[name] for name in summary if name in shown} == {
            name: value for name, value in summary.items() if name in shown
        }


def _ids(till: httpx.Client, path: str) -> list[list[str]]:
    pages = []
    following: str | None = path
    while following is not None:
        page = till.get(following).json()
        pages.append([order["order_id"] for order in page["orders"]])
        following = page["next"]
    return pages


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "limit=-1",
        "limit=ten",
        "limit=1.0",
        "limit=٣",
        "before=x",
        "business_date=2026-02-30",
        "business_date=20261121",
        "business_date=2026-W47-6",
        "status=",
        "status=%00",
        f"terminal_id={'x' * 65}",
        "colour=red",
    ],
)
def test_a_list_with_a_parameter_that_makes_no_sense_is_refused(till: httpx.Client, query: str) -> None:
    refused = till.get(f"/v1/orders?{query}")
    assert (refused.status_code, slug(refused)) == (400, "invalid-parameter")


def test_a_line_of_five_hundred_different_skus_is_sold_and_shown_whole(till: httpx.Client) -> None:
    lines = [line(str(number), f"wide-{number}") for number in range(500)]
    cash = {"payment_id": "p1", "tender": "cash", "amount_minor": 50_000, "status": "captured"}
    payments = [{**cash, "authorization": "offline"}]
    placed = place(till, {**sale(), "lines": lines, "totals": totals(50_000), "payments": payments})
    shown = till.get(f"/v1/orders/{placed['order_id']}").json()
    assert [shown_line["sku"] for shown_line in shown["lines"]] == [posted["sku"] for posted in lines]


def test_an_order_whose_record_would_be_too_large_is_refused_and_the_next_one_is_taken(till: httpx.Client) -> None:
    for delivery in range(7):
        lots = [f"{delivery}-{number}-".ljust(64, "x") for number in range(500)]
        lines = [{"sku": "dust", "quantity_milli": 1, "unit": "H87", "lot": lot} for lot in lots]
        moved = till.post("/v1/stock/movements", headers=key(), json={"movement": "receipt", "lines": lines})
        assert moved.status_code == 201
    everything = sale("dust", 3_500, terminal_id="till-7")
    refused = till.post("/v1/orders", headers=key("dust"), json=everything)
    assert (refused.status_code, slug(refused)) == (422, "entry-too-large")
    assert till.post("/v1/orders", headers=key("dust"), json=everything).content == refused.content
    assert till.get("/v1/stock/dust").json()["free_milli"] == 3_500
    assert place(till, sale("dust", 1_000))["status"] == "completed"


# --- the trace -------------------------------------------------------------------------------------------------------


def test_the_trace_of_a_request_is_kept_with_its_decision_and_a_bad_one_is_not(
    agent: Agent, till: httpx.Client
) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    till.post("/v1/orders", headers=key("traced") | {"traceparent": trace}, json=sale("traced"))
    till.post("/v1/orders", headers=key("untraced") | {"traceparent": f"{trace}-x"}, json=sale("untraced"))
    traces = {entry["events"][0]["order"]["idempotency_key"]: entry["traceparent"] for entry in agent.export()[-2:]}
    assert traces == {"traced": trace, "untraced": None}
