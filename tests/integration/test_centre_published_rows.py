"""What the centre looks up in what it published: all places and carriers, and the rows of an order's goods."""

import argparse
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest

from central_sync import times
from central_sync.network_commands import add_parser, run_network
from central_sync.reference import PublishedVersion, publish
from central_sync.store import reference
from central_sync.store.published_rows import PublishedRows
from edge_core.errors import Rejected
from edge_core.limits import NETWORK_ROWS_MAX
from edge_core.reference.datasets import Row, encode_row, key_of
from edge_core.reference.documents import Account, Compliance, Item, Rules
from edge_core.reference.files import read_file
from edge_core.reference.lookup import Needs, Reference
from edge_core.reference.network_documents import CarbonFactor, Tariff
from edge_core.routing.asking import ask
from edge_core.routing.deciding import route
from edge_core.routing.network import NO_NETWORK
from holdfast_runtime.zones import zone_named
from tests.rigs.brokers import Broker
from tests.rigs.centre import RunningCentre, running_centre
from tests.rigs.network import BANDS, BERLIN, COURIER, LOCATIONS, NOW_MS, PARCEL, TARIFFS, location, site, wish


@pytest.fixture
async def centre(nats: Broker, centre_dsn: str) -> AsyncIterator[RunningCentre]:
    async with running_centre(centre_dsn, nats.url) as running:
        yield running


async def publish_rows(centre: RunningCentre, dataset: str, rows: Iterable[Row], scope: str = "all") -> None:
    coded = {key_of(dataset, row): encode_row(row) for row in rows}
    await publish(centre.centre.database, dataset, coded, who="test", now=times.now(), scope=scope)


async def look_up(centre: RunningCentre, known: PublishedRows, *skus: str) -> Reference:
    async with centre.centre.database.reading() as connection:
        return await known.read(connection, Needs(frozenset(skus), frozenset({"c1"})))


async def test_an_order_is_routed_at_the_centre_by_what_it_published(centre: RunningCentre) -> None:
    known = PublishedRows()
    assert (await look_up(centre, known)).network is NO_NETWORK
    await publish_rows(centre, "locations", [location(each.location_id) for each in LOCATIONS])
    await publish_rows(centre, "services", [PARCEL, COURIER])
    assert (await look_up(centre, known)).network is NO_NETWORK, "nobody knows what the carriers take"
    await publish_rows(centre, "tariffs", TARIFFS)
    found = await look_up(centre, known)
    assert [stamp.source for stamp in found.network.sources] == ["locations@1", "services@1", "tariffs@1"]
    sites = [site(each.location_id) for each in LOCATIONS]
    question = ask(wish(), sites, found, here="centre", zone=BERLIN, zones=zone_named, now_ms=NOW_MS)
    assert [each.location_id for each in route(question).allocations] == ["berlin"]


async def test_rows_of_large_datasets_are_found_in_their_blocks(centre: RunningCentre) -> None:
    goods = [Item(f"s{number:05}", "", "H87", weight_grams=number + 1) for number in range(3_000)]
    await publish_rows(centre, "catalogue", goods)
    await publish_rows(centre, "compliance", [Compliance("s00007", 18)])
    await publish_rows(centre, "customers", [Account("c1", "gold"), Account("c2")])
    await publish_rows(centre, "rules", [Rules("strict")])
    found = await look_up(centre, PublishedRows(), "s00000", "s00007", "s02999", "a", "s00007x", "z")
    assert {sku: item.weight_grams for sku, item in found.items.items()} == {"s00000": 1, "s00007": 8, "s02999": 3_000}
    assert found.compliances.keys() == {"s00007"}
    assert (set(found.accounts), found.rules.rules_id) == ({"c1"}, "strict")
    assert found.editions["catalogue"].version == 1


async def test_the_newest_version_for_all_is_used_and_what_was_withdrawn_is_not(centre: RunningCentre) -> None:
    known = PublishedRows()
    await publish_rows(centre, "catalogue", [Item("a", "old", "H87")])
    await publish_rows(centre, "locations", [location("berlin")])
    await publish_rows(centre, "services", [PARCEL])
    await publish_rows(centre, "tariffs", TARIFFS)
    before = await look_up(centre, known, "a")
    assert (before.items["a"].description, set(before.network.locations)) == ("old", {"berlin"})
    await publish_rows(centre, "catalogue", [Item("a", "new", "H87")])
    await publish_rows(centre, "catalogue", [Item("a", "north", "H87")], "region/north")
    await publish_rows(centre, "locations", [])
    found = await look_up(centre, known, "a")
    assert (found.items["a"].description, found.network) == ("new", NO_NETWORK)


def test_a_time_zone_that_this_machine_does_not_know_is_taken_for_utc() -> None:
    assert [str(zone_named(name)) for name in ("Europe/Berlin", "Europe/Nowhere", "Europe", "../etc")] == [
        "Europe/Berlin",
        *["UTC"] * 3,
    ]


async def test_a_carriers_table_replaces_the_tariffs_that_it_names_and_leaves_the_others(
    centre: RunningCentre, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await publish_rows(centre, "tariffs", [*TARIFFS, Tariff("van", "old", "EUR", BANDS)])
    table, layout = tmp_path / "rates.csv", tmp_path / "layout.json"
    table.write_text("to,kg,price\nnear,5,4\nfar,5,6\n")
    layout.write_text(
        '{"currency":"EUR","tariff":"van","zone_columns":["to"],"weight_column":"kg","base_column":"price"}'
    )

    async def imported(*more: str) -> int:
        arguments = parser().parse_args(["network", "import-tariffs", str(table), "--layout", str(layout), *more])
        return await run_network(centre.centre.database, arguments)

    assert await imported("--dry-run") == 0
    assert "2 zones: van/far, van/near" in capsys.readouterr().out
    kept = {"parcel/home", "parcel/abroad", "courier/near"}
    assert await tariff_keys(centre) == {*kept, "van/old"}
    assert await imported() == 0
    assert await tariff_keys(centre) == {*kept, "van/near", "van/far"}
    table.write_text("to,kg,price\nnear,5,four\n")
    assert await imported() == 1
    assert "rates.csv:2: column 'price': expected a number, found 'four'" in capsys.readouterr().err
    layout.write_text("{}")
    assert await imported() == 2
    assert await tariff_keys(centre) == {*kept, "van/near", "van/far"}


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser()
    plain = argparse.ArgumentParser(add_help=False)
    printing = argparse.ArgumentParser(add_help=False)
    printing.add_argument("--json", action="store_true")
    add_parser(found.add_subparsers(), plain, printing)
    return found


async def tariff_keys(centre: RunningCentre) -> set[str]:
    async with centre.centre.database.reading() as connection:
        newest, *_ = await reference.kept(connection, "tariffs")
        _, changes = read_file(await reference.whole(connection, "tariffs", newest.version))
    return {change.key for change in changes}


async def test_a_place_in_a_time_zone_that_nobody_knows_is_not_published(centre: RunningCentre) -> None:
    place = {"location_id": "s1", "kind": "store", "time_zone": "Europe/Berlin", "currency": "EUR"}
    wrong = [place, {**place, "location_id": "s2", "time_zone": "Europe/Nowhere"}]
    answer = await centre.http.put("/v1/reference/locations", json=wrong)
    assert (answer.status_code, "no time zone 'Europe/Nowhere'" in answer.text) == (422, True), answer.text
    assert (await centre.http.put("/v1/reference/locations", json=[place])).status_code == 201


async def test_a_table_that_makes_a_dataset_too_large_is_refused(centre: RunningCentre) -> None:
    many = {f"t{number}/z": b"" for number in range(NETWORK_ROWS_MAX)}
    assert not isinstance(await merged(centre, many), Rejected)
    refused = await merged(centre, {"another/z": b""})
    assert isinstance(refused, Rejected)
    assert refused.detail == f"tariffs would have more than {NETWORK_ROWS_MAX} rows"


async def merged(centre: RunningCentre, rows: dict[str, bytes]) -> PublishedVersion | Rejected:
    database = centre.centre.database
    return await publish(database, "tariffs", rows, who="test", now=times.now(), keeps=lambda _key: True)


async def test_the_network_that_is_published_is_checked(
    centre: RunningCentre, capsys: pytest.CaptureFixture[str]
) -> None:
    async def checked() -> tuple[int, str]:
        code = await run_network(centre.centre.database, parser().parse_args(["network", "check"]))
        return code, capsys.readouterr().out

    assert "no network is published for all stores" in (await checked())[1]
    await publish_rows(centre, "locations", [location("berlin", services=("parcel",))])
    await publish_rows(centre, "services", [PARCEL])
    await publish_rows(centre, "tariffs", TARIFFS[:1])
    code, told = await checked()
    assert (code, "service parcel: there is no tariff parcel/abroad" in told) == (1, True)
    await publish_rows(centre, "tariffs", TARIFFS[:2])
    await publish_rows(centre, "carbon", [CarbonFactor("road", "road", 1, "made up", "1")])
    code, told = await checked()
    assert (code, "nothing found" in told) == (0, True)
