"""`central-sync channels`: for people who write a mapping, without a centre that runs."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from central_sync import cli, commands
from central_sync.config import CentreConfig

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "tests/fixtures/channels"


def run(*arguments: str) -> int:
    """The command as it is parsed and run, without the log that a process sets up for itself."""
    parsed = cli._parser().parse_args(["channels", *arguments])
    return asyncio.run(commands.COMMANDS[parsed.command](CentreConfig(), parsed))


def test_the_mappings_that_ship_are_listed_and_can_be_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    names = capsys.readouterr().out.split()
    assert names == ["csv", "shopify", "woocommerce"]
    assert [run(name) for name in names] == [0, 0, 0]
    assert "it asks for: store_id" in capsys.readouterr().out


def test_an_order_of_a_channel_is_printed_as_a_till_would_post_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("shopify", "--body", str(FIXTURES / "shopify.json"), "--give", "store_id=store-0001") == 0
    trial = msgspec.json.decode(capsys.readouterr().out)
    (taken,) = trial["orders"]
    assert taken["key"] == "shopify:6200354537772"
    assert taken["order"]["totals"]["grand_total_minor"] == 8235
    assert trial["refused"] == []


def test_orders_that_would_be_refused_are_named_with_the_place_and_the_others_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    order = msgspec.json.decode((FIXTURES / "shopify.json").read_bytes())
    body = tmp_path / "orders.json"
    body.write_bytes(
        msgspec.json.encode([order, order | {"id": 2, "total_price": "1.00"}, order | {"id": 3, "currency": ""}])
    )
    assert run("shopify", "--body", str(body), "--give", "store_id=store-0001") == 1
    trial = msgspec.json.decode(capsys.readouterr().out)
    assert len(trial["orders"]) == 1
    assert [(each["key"], each["type"], each["pointer"], each["source"]) for each in trial["refused"]] == [
        ("shopify:2", "urn:holdfast:problem:totals-mismatch", "/totals/grand_total_minor", "/1/total_price"),
        ("shopify:3", "urn:holdfast:problem:channel-order-unmapped", "/currency", "/2/currency"),
    ]


def test_every_mistake_in_a_mapping_is_listed_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mapping = tmp_path / "shop.json"
    shipped = (ROOT / "edge_core/channels/documents/shopify.json").read_bytes()
    mapping.write_bytes(shipped.replace(b'"minor(price)"', b'"minor(price"').replace(b'"store_id":', b'"stroe_id":'))
    assert run(str(mapping)) == 1
    printed = capsys.readouterr().out
    assert "/order/lines/item/unit_price_minor" in printed
    assert "/order/stroe_id" in printed


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("none.json",), "No such file"),
        (("shopify", "--body", "none.json"), "No such file"),
        (("shopify", "--body", str(FIXTURES / "shopify.json")), "asks for store_id"),
    ],
)
def test_wrong_usage_is_said_and_nothing_is_printed(
    arguments: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    assert says in capsys.readouterr().err
