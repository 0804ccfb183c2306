"""An order that is sent is routed in its decision, by what the file holds, and can be explained and had again."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import msgspec
import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from edge_agent.explaining import explained, order_named, replayed
from edge_agent.instructions import Instructions
from edge_agent.store import orders
from edge_agent.store.policies import BundleRow, put_bundle
from edge_agent.store.verify import verify_file
from edge_agent.submission import Ask, Request
from edge_core.errors import PermanentFault
from edge_core.orders.commands import MovementLine, StockMovement
from edge_core.orders.document import Address, Customer, FulfillmentRequest, Method, TillOrder
from edge_core.orders.requests import RedirectRequest, RejectRequest, StepRequest
from edge_core.policy.bundle import Bundle, encode_bundle
from edge_core.policy.pricing import Policies
from edge_core.reference.datasets import Row, encode_row, key_of
from edge_core.reference.documents import Item
from edge_core.reference.network_documents import CarbonFactor, Zone
from edge_core.routing.wording import as_text
from edge_core.sync.chain import genesis, link
from edge_core.sync.instruction import INSTRUCTION_VERSION, AssignTask, Instruction, encode_instruction
from edge_core.sync.messages import DOWN, Deliver, pack_block
from holdfast_runtime.policies import bundled_policies, bundled_release
from tests.rigs.bundles import GOOD, bundle
from tests.rigs.network import COURIER, HOME, PARCEL, TARIFFS, location
from tests.rigs.orders import of_next_customer, till_order
from tests.rigs.policies import policy, table
from tests.rigs.shelf import HERE as HERE_AND_NOW
from tests.rigs.shelf import Parts, opened_parts

NODE: Final = "node-1"
UTC: Final = ZoneInfo("UTC")
HERE: Final = replace(location(), location_id=NODE, hours=(), day_milli_max=100_000)
ROWS: Final[dict[str, list[Row]]] = {
    "catalogue": [Item(line.sku, "Water", "H87", weight_grams=600) for line in till_order().lines],
    "locations": [HERE],
    "services": [PARCEL, COURIER],
    "tariffs": list(TARIFFS),
    "carbon": [CarbonFactor("road", "road", 120_000, "made up", "1")],
}


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    async with opened_parts(tmp_path) as found:
        found.intake.lookup = found.keeper.look_up
        await publish(found, 1, **ROWS)
        await answer(found, StockMovement("receipt", tuple(MovementLine(s, 50_000, "H87") for s in SKUS)))
        yield found


SKUS: Final = [line.sku for line in till_order().lines]


async def publish(parts: Parts, version: int, **datasets: list[Row]) -> None:
    for dataset, rows in datasets.items():
        coded = {key_of(dataset, row): encode_row(row) for row in rows}
        await parts.fetch(parts.shelf.publish(dataset, version, coded))
    await parts.keeper.load()


def order(method: Method = "ship", ship_to: Address | None = HOME) -> TillOrder:
    posted = of_next_customer(till_order(store_id=NODE, method=method))
    return replace(posted, currency="EUR", fulfillment=FulfillmentRequest(method, ship_to=ship_to))


async def answer(parts: Parts, request: Request) -> Any:
    found = await parts.intake.submit(request, str(uuid4()), None)
    assert found.status < 300, found.body
    return msgspec.json.decode(found.body)


async def ship(parts: Parts) -> UUID:
    return UUID((await answer(parts, order()))["order_id"])


async def test_an_order_that_is_sent_is_answered_with_its_service_and_its_arrival(parts: Parts) -> None:
    with capture_logs() as logged:
        placed = await answer(parts, order())
    (group,) = placed["groups"]
    assert group["service_id"] == "parcel"
    assert group["arrives_at"] > placed["recorded_at"]
    (line,) = [each for each in logged if each["event"] == "routing.decided"]
    assert (line["services"], line["hash"], line["order_id"]) == (["parcel"], group["decision_id"], placed["order_id"])
    assert line["elapsed_ms"] > 0
    assert sum(parts.intake.routing.times.counts) == 1
    assert parts.intake.routing.times.buckets()[-1] == ("+Inf", 1.0)


async def test_who_repeats_an_order_gets_its_answer_and_the_file_stays_sound(parts: Parts) -> None:
    posted, key = order(), str(uuid4())
    first = await parts.intake.submit(posted, key, None)
    again = await parts.intake.submit(posted, key, None)
    assert (again.body, again.is_replay) == (first.body, True)
    assert (await verify_file(parts.file.path)).is_sound


async def test_an_order_that_the_centre_assigned_asks_for_its_carrier_here(parts: Parts) -> None:
    assigned, downlink = uuid4(), uuid4()
    task = AssignTask(order(), uuid4(), "W-1", "shop:1", bytes(32), 1, 1_795_000_000_000)
    body = encode_instruction(Instruction(INSTRUCTION_VERSION, uuid4(), 1, assigned, task))
    before = genesis(NODE, downlink, DOWN)
    deliver = Deliver(downlink, DOWN, 1, 1, before, link(before, body), *pack_block([body]))
    await Instructions(parts.file, parts.intake, HERE_AND_NOW).take(deliver)
    (decision,) = (await explained(parts.file.path, assigned, lang="en", zone=UTC)).decisions
    assert (decision.groups[0].service_id, decision.question.places[0].location_id) == ("parcel", NODE)


async def test_a_sale_over_the_counter_asks_nothing(parts: Parts) -> None:
    sold = await answer(parts, order("carry_out", None))
    assert "service_id" not in sold["groups"][0]
    assert sum(parts.intake.routing.times.counts) == 0
    assert not (await explained(parts.file.path, UUID(sold["order_id"]), lang="en", zone=UTC)).decisions


async def test_what_is_still_to_be_picked_is_known_without_looking_at_orders(parts: Parts) -> None:
    placed = await ship(parts)
    assert await orders.read_to_pick_milli(parts.file.reader) == 4_000
    (decision,) = (await explained(parts.file.path, placed, lang="en", zone=UTC)).decisions
    assert decision.question.places[0].units_left_milli == 100_000
    second = await ship(parts)
    (decision,) = (await explained(parts.file.path, second, lang="en", zone=UTC)).decisions
    assert decision.question.places[0].units_left_milli == 96_000
    await answer(parts, Ask(placed, "pick", StepRequest()))
    assert await orders.read_to_pick_milli(parts.file.reader) == 4_000


async def test_orders_of_one_commit_know_of_each_other_what_they_add_to_be_picked(parts: Parts) -> None:
    placed = await asyncio.gather(*(answer(parts, order()) for _ in range(5)))
    left = set()
    for each in placed:
        (decision,) = (await explained(parts.file.path, UUID(each["order_id"]), lang="en", zone=UTC)).decisions
        left.add(decision.question.places[0].units_left_milli)
    assert left == {100_000 - 4_000 * before for before in range(5)}
    near = replace(HOME, name="Their neighbour")
    redirected = UUID(placed[0]["order_id"])
    await answer(parts, Ask(redirected, "redirect", RedirectRequest("ship", near)))
    (_, again) = (await explained(parts.file.path, redirected, lang="en", zone=UTC)).decisions
    assert again.question.places[0].units_left_milli == 100_000 - 4 * 4_000, "its own goods are not in its own way"


async def test_a_service_that_did_not_come_is_replaced_by_another_one(parts: Parts) -> None:
    placed = await ship(parts)
    await answer(parts, Ask(placed, "reject", RejectRequest("no_carrier")))
    routed = await answer(parts, Ask(placed, "route", StepRequest()))
    assert [group["service_id"] for group in routed["groups"]] == ["courier"]


async def test_what_is_to_be_installed_goes_by_who_installs_and_again_after_a_change_of_address(parts: Parts) -> None:
    posted = order()
    posted = replace(posted, fulfillment=replace(posted.fulfillment, services=("install",)))
    placed = await answer(parts, posted)
    assert placed["groups"][0]["service_id"] == "courier"
    near = replace(HOME, name="Their neighbour")
    routed = await answer(parts, Ask(UUID(placed["order_id"]), "redirect", RedirectRequest("ship", near)))
    assert (routed["status"], routed["groups"][0]["service_id"]) == ("in_fulfillment", "courier")


async def test_goods_that_are_sent_elsewhere_go_by_what_goes_there(parts: Parts) -> None:
    placed = await ship(parts)
    abroad = Address("A. Receiver", "FR")
    routed = await answer(parts, Ask(placed, "redirect", RedirectRequest("ship", abroad)))
    (first, second) = (await explained(parts.file.path, placed, lang="en", zone=UTC)).decisions
    assert (first.question.region, second.question.region) == ("DE-BE", "FR")
    assert routed["groups"][0]["decision_id"] == second.hash


async def test_two_changes_of_address_in_one_commit_are_each_routed_by_what_goes_there(parts: Parts) -> None:
    placed = await ship(parts)
    redirects = [RedirectRequest("ship", Address("A. Receiver", country)) for country in ("FR", "DE")]
    await asyncio.gather(*(answer(parts, Ask(placed, "redirect", each)) for each in redirects))
    decisions = (await explained(parts.file.path, placed, lang="en", zone=UTC)).decisions
    assert [each.question.region for each in decisions] == ["DE-BE", "FR", "DE"]
    assert [each.groups[0].service_id for each in decisions] == ["parcel"] * 3


async def test_where_no_carrier_goes_the_order_is_held_for_people(parts: Parts) -> None:
    held = await answer(parts, order(ship_to=Address("A. Receiver", "BR")))
    assert (held["status"], held["groups"][0]["status"]) == ("held", "reserved")
    assert held["holds"][0]["reasons"] == ["routing"]


async def test_a_decision_is_explained_from_the_file_while_the_agent_runs(parts: Parts) -> None:
    placed = await ship(parts)
    for lang, word in (("en", "The store sends it itself."), ("zh", "门店")):
        (decision,) = (await explained(parts.file.path, placed, lang=lang, zone=UTC)).decisions  # type: ignore[arg-type]
        assert word in as_text(decision.words)
    assert [source.fact for source in decision.sources[:2]] == [f"stock of {NODE}", f"capacity of {NODE}"]
    assert {"tariffs@1", "carbon@1"} <= {source.source for source in decision.sources}


async def test_an_order_is_found_by_the_number_on_its_receipt(parts: Parts) -> None:
    placed = await answer(parts, order())
    for name in (placed["order_id"], placed["display_number"]):
        assert str(await order_named(parts.file.path, name)) == placed["order_id"]
    with pytest.raises(PermanentFault, match="no order 'node-1-till-9'"):
        await order_named(parts.file.path, "node-1-till-9")


async def test_every_decision_comes_out_the_same_again(parts: Parts) -> None:
    placed = [await ship(parts) for _ in range(3)]
    heard: list[int] = []
    found = await replayed(parts.file.path, None, heard.append)
    assert (found.decisions, found.identical, found.repriced, found.findings) == (3, 3, 3, ())
    assert heard == [1, 2, 3]
    assert (await replayed(parts.file.path, placed[0], heard.append)).decisions == 1
    assert (await replayed(parts.file.path, uuid4(), heard.append)).decisions == 0


async def use(parts: Parts, given: Bundle) -> None:
    """Put a bundle into use, as the store does once it has passed its trial."""
    row = BundleRow(given.release.number, given.release.key_id, encode_bundle(given), 1)
    await parts.intake.write(partial(put_bundle, row=row))
    policies = Policies(given.release, given.policies)
    parts.intake.routing.pricing = lambda known: (
        lambda question, order_id: policies.priced(question, str(order_id), question.asked_at_ms, known.signals)
    )


async def test_orders_are_priced_by_the_policies_in_use_and_a_replay_asks_them_again(parts: Parts) -> None:
    await use(parts, bundle(GOOD, number=3))
    placed = await ship(parts)
    (decision,) = (await explained(parts.file.path, placed, lang="en", zone=UTC)).decisions
    assert decision.policy.startswith("default@3#")
    found = await replayed(parts.file.path, None, lambda _: None)
    assert (found.decisions, found.repriced, found.findings) == (1, 1, ())


async def test_liquids_to_the_island_go_by_the_cold_carrier_and_are_picked_first_for_top_tiers(parts: Parts) -> None:
    everywhere = (Zone("home", 48 * 3_600_000),)
    plain = replace(PARCEL, zones=everywhere)
    await publish(parts, 2, services=[plain, replace(plain, service_id="cold", carries=("cold",))])
    await publish(parts, 2, locations=[replace(HERE, services=("parcel", "cold"))])
    release = bundled_release(number=3, made_at_ms=1)
    await use(parts, Bundle(release, bundled_policies()))
    haikou = Address("A. Receiver", "CN", region="CN-HI")
    liquids = replace(order(ship_to=haikou), customer=Customer("c-1", "black"))
    (group,) = (await answer(parts, liquids))["groups"]
    assert (group["service_id"], group["sorts_first"]) == ("cold", True)
    (other,) = (await answer(parts, order()))["groups"]
    assert (other["service_id"], other.get("sorts_first", False)) == ("parcel", False)
    assert (await replayed(parts.file.path, None, lambda _: None)).repriced == 2


async def test_policies_that_say_something_else_under_the_same_number_are_found(parts: Parts) -> None:
    await use(parts, bundle(GOOD, number=3))
    await ship(parts)
    changed = bundle(policy("good", table([{"parcel_minor": "7"}])), number=3)
    with closing(sqlite3.connect(parts.file.path)) as database:
        database.execute("UPDATE policy_bundle SET body = ?", (encode_bundle(changed),))
        database.commit()
    (finding,) = (await replayed(parts.file.path, None, lambda _: None)).findings
    assert (finding.outcome, finding.what.split("#")[0]) == ("different", "priced otherwise by default@3")


async def test_a_decision_of_a_release_before_is_decided_again_and_not_priced_again(parts: Parts) -> None:
    await use(parts, bundle(GOOD, number=3))
    await ship(parts)
    await use(parts, bundle(GOOD, number=4))
    found = await replayed(parts.file.path, None, lambda _: None)
    assert (found.identical, found.repriced, found.findings) == (1, 0, ())


@pytest.mark.parametrize(
    ("was", "planted", "outcome"),
    [
        (b"DE-BE", b"DE-HH", "unreadable"),  # in the question: its hash is another
        (b"fulfil_here", b"other_store", "different"),  # in the decision
    ],
)
async def test_a_decision_that_was_tampered_with_is_found(
    parts: Parts, was: bytes, planted: bytes, outcome: str
) -> None:
    await ship(parts)
    path = parts.file.path
    with closing(sqlite3.connect(path)) as database:
        ((entry_id, body),) = database.execute(
            "SELECT entry_id, body FROM entry WHERE instr(body, ?)", (b"routing.decided",)
        ).fetchall()
        at = body.rindex(was)
        changed = body[:at] + planted + body[at + len(was) :]
        database.execute("UPDATE entry SET body = ? WHERE entry_id = ?", (changed, entry_id))
        database.commit()
    found = await replayed(path, None, lambda _: None)
    assert [each.outcome for each in found.findings] == [outcome]
    assert not found.is_sound
