"""Orders that wait for people at the centre: the list, the command line and the page."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from central_sync.cli import _parser
from central_sync.commands import COMMANDS
from central_sync.config import CentreConfig, DatabaseConfig
from edge_core.orders.events import OrderApproved, OrderHeld
from edge_core.orders.judgment import Finding, Proposal, Rung
from tests.rigs.brokers import Broker
from tests.rigs.centre import RunningCentre, greet, push, running_centre
from tests.rigs.orders import order_id, placed, till_order
from tests.rigs.streams import NodeLog

DUE_AT_MS = 1_795_003_600_000
HOLD = OrderHeld(
    "h1",
    ("day-amount",),
    "back_office",
    DUE_AT_MS,
    ladder=(Rung("centre", 1),),
    findings=(Finding("day-amount", "4,100 today <b>", "customers", 7, 60_000),),
    proposal=Proposal("refuse", "ask the customer"),
)


@pytest.fixture
async def centre(nats: Broker, centre_dsn: str) -> AsyncIterator[RunningCentre]:
    async with running_centre(centre_dsn, nats.url) as running:
        yield running


async def three_orders(centre: RunningCentre) -> None:
    """One that goes on, one that is held, and one that was held and approved."""
    node = NodeLog()
    await greet(centre.centre.database, node)
    for number in (1, 2, 3):
        node.record(placed(number, till_order(method="ship")), order_id(number))
    node.record((HOLD,), order_id(2))
    node.record((HOLD,), order_id(3))
    node.record((OrderApproved("h1", "ann", "centre", followed=False),), order_id(3))
    for _ in range(2):
        await push(centre.centre.database, node.push())


async def command(dsn: str, *words: str) -> int:
    arguments = _parser().parse_args(["holds", *words])
    return await COMMANDS["holds"](CentreConfig(database=DatabaseConfig(dsn=dsn)), arguments)


async def test_the_list_names_what_is_held_for_whom_until_when_and_what_is_proposed(centre: RunningCentre) -> None:
    assert await centre.get("/v1/holds") == {"held": [], "next_cursor": None}
    await three_orders(centre)
    page = await centre.get("/v1/holds")
    (item,) = page["held"]
    assert (item["order_id"], item["node_id"], item["operator_id"]) == (str(order_id(2)), "store-0001", "op-17")
    (hold,) = item["holds"]
    assert (hold["hold_id"], hold["owner"], hold["due_at"]) == ("h1", "back_office", "2026-11-18T12:06:40.000Z")
    assert hold["proposal"] == {"answer": "refuse", "because": "ask the customer"}
    assert (hold["findings"][0]["version"], hold["findings"][0]["age_ms"]) == (7, 60_000)
    assert (await centre.get("/v1/holds", node="elsewhere"))["held"] == []
    first = await centre.get("/v1/holds", limit=1)
    assert (await centre.get("/v1/holds", cursor=first["next_cursor"]))["held"] == []


async def test_the_command_lists_shows_and_answers(
    centre: RunningCentre, centre_dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await three_orders(centre)
    held, other = str(order_id(2)), str(order_id(1))
    assert await command(centre_dsn, "list") == 0
    printed = capsys.readouterr().out
    assert held in printed
    assert other not in printed
    assert await command(centre_dsn, "show", held) == 0
    assert msgspec.json.decode(capsys.readouterr().out)["holds"][0]["reasons"] == ["day-amount"]
    assert await command(centre_dsn, "show", other) == 1
    assert await command(centre_dsn, "refuse", held, "--reason", "fraud", "--who", "ann", "--key", "k1") == 0
    assert await command(centre_dsn, "refuse", held, "--reason", "fraud", "--who", "ann", "--key", "k1") == 0
    assert await command(centre_dsn, "refuse", held, "--reason", "other", "--who", "ann", "--key", "k1") == 1
    assert await command(centre_dsn, "approve", held, "--hold", "h1", "--who", "ann") == 0
    asked = (await centre.get("/v1/instructions"))["instructions"]
    assert [(a["kind"], a["task"]["operator_id"]) for a in asked] == [("order.approve", "ann"), ("order.refuse", "ann")]


async def test_wrong_usage_of_the_command_is_told(centre_dsn: str) -> None:
    for words in (("show",), ("approve",), ("approve", "no-id"), ("refuse", str(order_id(2)))):
        assert await command(centre_dsn, *words) == 2
    assert await command(centre_dsn, "refuse", str(order_id(2)), "--reason", "x" * 65) == 2


async def test_the_page_has_a_table_for_each_queue_and_asks_for_it(centre: RunningCentre) -> None:
    page, script = (await centre.http.get("/")).text, (await centre.http.get("/console.js")).text
    for table, path in (("holds", "/v1/holds"), ("exceptions", "/v1/assignments?status=exception")):
        assert f'<table id="{table}"' in page
        assert f'refreshTable("{table}", "{path}"' in script
        assert (await centre.http.get(path)).status_code == 200
