"""Orders that are judged by reference data, through a store's file: what earlier orders there are counts."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from msgspec.structs import replace

from edge_agent.moving import Moving, Outcome
from edge_agent.refolding import Refolding
from edge_agent.store.connection import Connection, fetch
from edge_agent.submission import Answer, Ask, Cancel, submission
from edge_core import ids
from edge_core.orders.commands import Role
from edge_core.orders.document import Address, Adjustment, Confirmations, FulfillmentRequest, Payment, TillOrder
from edge_core.orders.requests import (
    ApproveRequest,
    CancelRequest,
    HoldRequest,
    OrderRequest,
    PayRequest,
    RedirectRequest,
    RefuseRequest,
)
from edge_core.reference.documents import Account, Offer, Promotion, VolumeTier
from edge_core.reference.lookup import NOTHING, Needs, Reference
from tests.rigs.desk import Desk, opened_desk
from tests.rigs.judged import SKU, STRICT, basket, book, discounted, on_account, reference, sent
from tests.rigs.orders import next_placed_at

TOTAL = basket().totals.grand_total_minor
LENIENT = replace(STRICT, duplicate_window_ms=0)
MANAGER = ApproveRequest(operator_id="manager-1")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened_desk(tmp_path / "store.db") as desk:
        await desk.receive(100_000)
        yield desk


def judge_by(desk: Desk, found: Reference) -> list[Needs]:
    """From now on the desk's orders are judged by this. Returns what is looked up."""
    asked: list[Needs] = []

    async def lookup(_: Connection, needs: Callable[[], Needs]) -> Reference:
        asked.append(needs())
        return found

    desk.intake.lookup = lookup
    return asked


async def post(desk: Desk, order: TillOrder, key: str | None = None) -> Answer:
    return await desk.intake.submit(order, key or str(uuid4()), None)


async def ask(desk: Desk, order_id: UUID, name: str, request: OrderRequest, role: Role = "store") -> Answer:
    return await desk.intake.submit(Ask(order_id, name, request, role), str(uuid4()), None)


def body(answer: Answer) -> Any:
    return msgspec.json.decode(answer.body)


def slug(answer: Answer) -> str:
    return str(body(answer)["type"]).removeprefix("urn:holdfast:problem:") if answer.is_problem else ""


async def count(desk: Desk) -> int:
    return int((await fetch(desk.file.reader, "SELECT count(*) FROM entry"))[0][0])


async def test_a_straight_order_stays_one_entry_and_its_needs_are_looked_up_once(desk: Desk) -> None:
    asked = judge_by(desk, reference())
    before = await count(desk)
    answer = await post(desk, basket(of="c1"))
    assert (answer.status, body(answer)["status"]) == (201, "completed")
    assert "holds" not in body(answer)
    assert await count(desk) == before + 1
    assert asked == [Needs(frozenset({SKU}), frozenset({"c1"}))]


async def test_a_store_without_reference_data_asks_back_what_was_sent_twice(desk: Desk) -> None:
    for lookup in (None, NOTHING):
        if lookup is not None:
            judge_by(desk, lookup)
        order = basket(placed_at=next_placed_at())
        assert "holds" not in body(await post(desk, order))
        assert slug(await post(desk, order)) == "duplicate-suspected"
        meant = replace(order, confirmations=Confirmations(duplicate=True))
        assert (await post(desk, meant)).status == 201


async def test_baskets_are_forgotten_after_the_next_minute(desk: Desk) -> None:
    judge_by(desk, reference())
    assert (await post(desk, basket())).status == 201
    (minute,) = (await fetch(desk.file.reader, "SELECT minute FROM basket_seen"))[0]

    async def age(connection: Connection) -> None:
        await connection.execute("UPDATE basket_seen SET minute = ?", (minute - 2,))

    await desk.intake.write(age)
    assert (await post(desk, basket())).status == 201
    assert len(await fetch(desk.file.reader, "SELECT 1 FROM basket_seen")) == 1


async def test_a_held_sale_says_why_who_and_what_to_do_and_is_handed_over_on_approval(desk: Desk) -> None:
    judge_by(desk, reference(prices=[book(SKU, Offer("CNY", 999))]))
    answer = await post(desk, basket())
    told = body(answer)
    assert (answer.status, told["status"]) == (201, "held")
    (hold,) = told["holds"]
    assert (hold["hold_id"], hold["owner"], hold["reasons"]) == ("h1", "store", ["price"])
    assert hold["proposal"]["answer"] == "refuse"
    assert hold["findings"][0]["version"] == 4
    order_id = UUID(told["order_id"])
    assert slug(await ask(desk, order_id, "approve", ApproveRequest())) == "approval-needed"
    approved = await ask(desk, order_id, "approve", MANAGER)
    assert (approved.status, body(approved)["status"]) == (200, "completed")


async def test_a_refusal_is_answered_once_and_leaves_nothing_promised(desk: Desk) -> None:
    judge_by(desk, reference(prices=[book(SKU, Offer("CNY", 999))]))
    order_id = UUID(body(await post(desk, basket()))["order_id"])
    refused = await ask(desk, order_id, "refuse", RefuseRequest("no", operator_id="manager-1"))
    assert body(refused)["status"] == "cancelled"
    assert (await fetch(desk.file.reader, "SELECT sum(reserved_milli) FROM stock"))[0][0] == 0
    assert slug(await ask(desk, order_id, "approve", MANAGER)) == "command-not-allowed"
    other = UUID(body(await post(desk, basket()))["order_id"])
    await ask(desk, other, "approve", MANAGER)
    holds = desk.intake.holds
    assert (holds.held, holds.answered, holds.followed) == (2, 2, 1)


async def test_the_same_basket_under_another_key_is_asked_back_and_not_doubled(desk: Desk) -> None:
    judge_by(desk, reference())
    order, before = basket(), await count(desk)
    first = await post(desk, order, "key-1")
    assert (await post(desk, order, "key-1")).is_replay
    second = await post(desk, order, "key-2")
    assert (second.status, slug(second)) == (409, "duplicate-suspected")
    assert body(first)["order_id"] in body(second)["detail"]
    assert (await post(desk, order, "key-2")).body == second.body
    assert await count(desk) == before + 1
    meant = replace(order, confirmations=Confirmations(duplicate=True))
    assert (await post(desk, meant, "key-3")).status == 201


async def test_of_equal_baskets_in_one_batch_one_is_taken(desk: Desk) -> None:
    judge_by(desk, reference())
    answers = await asyncio.gather(*(post(desk, basket()) for _ in range(8)))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 7


async def test_a_cancelled_basket_may_be_sent_again(desk: Desk) -> None:
    judge_by(desk, reference(prices=[book(SKU, Offer("CNY", 999))]))
    order_id = UUID(body(await post(desk, basket()))["order_id"])
    assert slug(await post(desk, basket())) == "duplicate-suspected"
    await desk.intake.submit(Cancel(order_id, CancelRequest("mistake")), str(uuid4()), None)
    assert (await post(desk, basket())).status == 201


async def test_orders_on_account_that_come_at_once_never_exceed_the_limit(desk: Desk) -> None:
    judge_by(desk, reference(accounts=[Account("c1", credit_limit_minor=3 * TOTAL + 1)], rules=_no_velocity()))
    answers = await asyncio.gather(*(post(desk, on_account(basket(of="c1"))) for _ in range(8)))
    assert sorted(answer.status for answer in answers) == [201] * 3 + [409] * 5
    assert {slug(answer) for answer in answers} == {"", "credit-exceeded"}
    assert slug(await post(desk, on_account(basket(of="c1")))) == "credit-exceeded"
    owed = await fetch(desk.file.reader, "SELECT sum(credit_minor) FROM order_head WHERE customer_ref = 'c1'")
    assert owed == [(3 * TOTAL,)]


async def test_what_is_called_off_is_owed_no_more(desk: Desk) -> None:
    limited = [Account("c1", credit_limit_minor=TOTAL)]
    wrong = [book(SKU, Offer("CNY", 999))]  # so that the sale is held, and can be called off
    judge_by(desk, reference(accounts=limited, prices=wrong, rules=_no_velocity()))
    order_id = UUID(body(await post(desk, on_account(basket(of="c1"))))["order_id"])
    assert slug(await post(desk, on_account(basket(of="c1")))) == "credit-exceeded"
    await ask(desk, order_id, "refuse", RefuseRequest("no", operator_id="manager-1"))
    assert (await post(desk, on_account(basket(of="c1")))).status == 201


async def test_debts_that_are_in_the_customers_data_are_not_counted_twice(desk: Desk) -> None:
    older = reference(accounts=[Account("c1", credit_limit_minor=TOTAL)], rules=_no_velocity())
    judge_by(desk, older)
    assert (await post(desk, on_account(basket(of="c1")))).status == 201
    newer = {name: replace(edition, made_at_ms=2**50) for name, edition in older.editions.items()}
    judge_by(desk, replace(older, editions=newer))
    assert (await post(desk, on_account(basket(of="c1")))).status == 201


async def test_a_store_whose_clock_is_behind_counts_what_it_took_since_it_had_the_data(desk: Desk) -> None:
    limited = reference(accounts=[Account("c1", credit_limit_minor=TOTAL)], rules=_no_velocity())
    ahead = {
        name: replace(edition, made_at_ms=2**42, used_since_ms=1_000) for name, edition in limited.editions.items()
    }
    judge_by(desk, replace(limited, editions=ahead))
    assert (await post(desk, on_account(basket(of="c1")))).status == 201
    assert slug(await post(desk, on_account(basket(of="c1")))) == "credit-exceeded"


async def test_a_coupon_for_one_use_is_taken_once_and_again_where_its_order_was_called_off(desk: Desk) -> None:
    tier = (VolumeTier(0, off_ppm=100_000),)
    promotion = Promotion("welcome", tier, coupon="HELLO", single_use=True)
    judge_by(desk, reference(promotions=[promotion], prices=[book(SKU, Offer("CNY", 999))], rules=LENIENT))
    order = discounted(50, Adjustment("a1", "coupon", -50, "HELLO", ("1",)))
    answers = await asyncio.gather(*(post(desk, order) for _ in range(3)))
    assert sorted(slug(answer) for answer in answers) == ["", "coupon-used", "coupon-used"]
    assert slug(await post(desk, order)) == "coupon-used"
    order_id = next(UUID(body(answer)["order_id"]) for answer in answers if answer.status == 201)
    await ask(desk, order_id, "refuse", RefuseRequest("no", operator_id="manager-1"))
    assert (await post(desk, order)).status == 201


async def test_a_customers_day_adds_up_over_orders_and_freezes(desk: Desk) -> None:
    usual = [Account("c1", day_amount_minor=TOTAL)]
    judge_by(desk, reference(accounts=usual, rules=replace(LENIENT, velocity_orders_max=None)))
    states = [body(await post(desk, basket(of="c1")))["status"] for _ in range(5)]
    assert states == ["completed"] * 4 + ["held"]
    assert body(await post(desk, basket(of="c1", business_date="2026-11-30")))["status"] == "completed"


async def test_velocity_counts_the_orders_of_one_customer(desk: Desk) -> None:
    judge_by(desk, reference(rules=LENIENT))
    states = [body(await post(desk, basket(of="c1")))["status"] for _ in range(4)]
    assert states == ["completed"] * 3 + ["held"]
    assert body(await post(desk, basket(of="c2")))["status"] == "completed"


async def test_payments_on_account_that_come_at_once_never_exceed_the_limit(desk: Desk) -> None:
    judge_by(desk, reference(accounts=[Account("c1", credit_limit_minor=3 * TOTAL)], rules=_no_velocity()))
    waiting = replace(basket(of="c1"), order_type="pickup", fulfillment=FulfillmentRequest("pickup"), payments=())
    placed = [UUID(body(await post(desk, waiting))["order_id"]) for _ in range(6)]
    owed = PayRequest(Payment("p1", "on_account", TOTAL, "captured", "offline"))
    answers = await asyncio.gather(*(ask(desk, order_id, "pay", owed) for order_id in placed))
    assert sorted(slug(answer) for answer in answers) == [""] * 3 + ["credit-exceeded"] * 3
    assert slug(await post(desk, on_account(basket(of="c1")))) == "credit-exceeded"


async def test_what_an_old_order_came_to_owe_lately_counts(desk: Desk) -> None:
    older = reference(accounts=[Account("c1", credit_limit_minor=TOTAL)], rules=_no_velocity())
    judge_by(desk, older)
    waiting = replace(basket(of="c1"), order_type="pickup", fulfillment=FulfillmentRequest("pickup"), payments=())
    order_id = UUID(body(await post(desk, waiting))["order_id"])

    async def age(connection: Connection) -> None:  # the order was placed before the customers' data was made
        await connection.execute("UPDATE order_head SET order_id = ?", (ids.uuid7(1_000_000, 1).bytes,))

    owed = PayRequest(Payment("p1", "on_account", TOTAL, "captured", "offline"))
    assert (await ask(desk, order_id, "pay", owed)).status == 200
    await desk.intake.write(age)
    assert slug(await post(desk, on_account(basket(of="c1")))) == "credit-exceeded"


async def test_what_an_old_order_came_to_owe_lately_counts_also_where_its_file_was_lost(desk: Desk) -> None:
    waiting = replace(basket(of="c1"), order_type="pickup", fulfillment=FulfillmentRequest("pickup"), payments=())
    order_id = UUID(body(await post(desk, waiting))["order_id"])
    owed = PayRequest(Payment("p1", "on_account", TOTAL, "captured", "offline"))
    assert (await ask(desk, order_id, "pay", owed)).status == 200
    listed = await fetch(desk.file.reader, "SELECT * FROM order_head")

    async def list_again(connection: Connection) -> None:  # as a recovery does, of what came back from the centre
        await connection.execute("DELETE FROM order_head")
        refold = Refolding(connection, Moving(connection, desk.file, Outcome()), 0, lambda: 0)
        await refold.write_heads(await refold.merged([order_id]))

    await desk.intake.write(list_again)
    assert await fetch(desk.file.reader, "SELECT * FROM order_head") == listed


async def test_edits_of_addresses_are_counted_by_their_source_over_orders_and_batches(desk: Desk) -> None:
    judge_by(desk, reference(rules=LENIENT))
    parcel = sent(basket(), traits=("insured",))
    placed = [UUID(body(await post(desk, parcel))["order_id"]) for _ in range(5)]
    home = RedirectRequest("ship", Address("Somebody else", "DE"), operator_id="op-1")
    first = [await ask(desk, order_id, "redirect", home) for order_id in placed[:2]]
    at_once = await asyncio.gather(*(ask(desk, order_id, "redirect", home) for order_id in placed[2:4]))
    states = [body(answer)["status"] for answer in (*first, *at_once)]
    assert states == ["in_fulfillment"] * 3 + ["held"]
    other = await ask(desk, placed[4], "redirect", replace(home, operator_id="op-2"))
    assert body(other)["status"] == "in_fulfillment"


async def test_edits_that_were_made_under_a_clock_years_ahead_count_no_more_and_are_forgotten(desk: Desk) -> None:
    judge_by(desk, reference(rules=LENIENT))
    order_id = UUID(body(await post(desk, sent(basket(), traits=("insured",))))["order_id"])
    places = [RedirectRequest("ship", Address(str(n), "DE"), operator_id="op-1") for n in range(5)]
    for place in places[:3]:
        await ask(desk, order_id, "redirect", place)

    async def set_back(connection: Connection) -> None:  # as if the clock had been a year ahead of what it is now
        await connection.execute("UPDATE address_edit SET at_ms = at_ms + ?", (365 * 86_400_000,))

    await desk.intake.write(set_back)
    assert body(await ask(desk, order_id, "redirect", places[3]))["status"] == "in_fulfillment"
    assert len(await fetch(desk.file.reader, "SELECT 1 FROM address_edit")) == 2  # of the order, and of the operator


async def test_the_back_office_answers_what_the_tills_may_not(desk: Desk) -> None:
    judge_by(desk, reference())
    order_id = UUID(body(await post(desk, on_account(basket(of="c1"))))["order_id"])
    assert slug(await ask(desk, order_id, "approve", MANAGER)) == "role-not-allowed"
    approved = await ask(desk, order_id, "approve", MANAGER, "back_office")
    assert body(approved)["status"] == "completed"
    assert slug(await ask(desk, order_id, "hold", HoldRequest("odd"), "back_office")) == "command-not-allowed"


async def test_a_key_of_before_confirmations_and_services_still_fits_its_body() -> None:
    answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    made = submission(basket(), "key", None, answer)
    assert made.payload_hash.hex() == "4c85295dc339152cbc670e6ab5f9a65b29db541c9822d004bd67f7acb4d33eff"
    asked = replace(basket(), confirmations=Confirmations())
    assert submission(asked, "key", None, answer).payload_hash != made.payload_hash
    wanted = replace(basket(), fulfillment=replace(basket().fulfillment, services=("install",)))
    assert submission(wanted, "key", None, answer).payload_hash != made.payload_hash


def _no_velocity() -> Any:
    return replace(LENIENT, velocity_orders_max=None)
