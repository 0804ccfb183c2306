"""Reference data in the store's file: what decisions find, what a version replaces, and what is never used."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from edge_agent.reference_download import Downloads
from edge_agent.store import reference
from edge_agent.store.verify import verify_file
from edge_core import ids
from edge_core.errors import PeerFault, TransientFault
from edge_core.limits import REFERENCE_FREE_BYTES_MIN
from edge_core.reference.datasets import encode_row
from edge_core.reference.documents import Item, Promotion, Rules, VolumeTier
from edge_core.reference.files import Header, encode_file
from edge_core.reference.lookup import Needs
from edge_core.reference.versions import snapshot
from edge_core.sync.reference_messages import Published, Version
from tests.rigs.shelf import HERE, MADE_AT_MS, Parts, Rows, opened_parts


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    async with opened_parts(tmp_path) as found:
        yield found


def goods(count: int, **changes: object) -> dict[str, bytes]:
    return {f"s{n:05}": encode_row(Item(f"s{n:05}", f"Item {n}", "H87", **changes)) for n in range(count)}  # type: ignore[arg-type]


def promotion(name: str, off_ppm: int = 100_000) -> bytes:
    return encode_row(Promotion(name, (VolumeTier(0, off_ppm),)))


async def test_decisions_find_the_rows_that_they_need_and_how_old_they_are(parts: Parts) -> None:
    await parts.fetch(parts.shelf.publish("catalogue", 3, goods(500)))
    await parts.fetch(parts.shelf.publish("rules", 1, {"rules": encode_row(Rules("strict"))}))
    found = await parts.keeper.look_up(
        parts.file.reader, lambda: Needs(frozenset({"s00007", "nowhere"}), frozenset({"c"}))
    )
    assert found is not None
    assert list(found.items) == ["s00007"]
    assert (found.rules.rules_id, found.has("prices"), found.account("c")) == ("strict", False, None)
    assert found.editions["catalogue"].version == 3
    assert found.age_ms("catalogue", MADE_AT_MS + 5) == 5


async def test_a_dataset_that_was_withdrawn_is_as_if_it_had_never_been_received(parts: Parts) -> None:
    await parts.fetch(parts.shelf.publish("catalogue", 1, goods(3)))
    await parts.fetch(parts.shelf.publish("promotions", 1, {"p": promotion("p")}))
    for dataset in ("catalogue", "promotions"):
        await parts.fetch(parts.shelf.publish(dataset, 2, {}))
    await parts.fetch(parts.shelf.publish("rules", 1, {"rules": encode_row(Rules("strict"))}))
    found = await parts.keeper.look_up(parts.file.reader, lambda: Needs(frozenset({"s00001"})))
    assert found is not None
    assert (set(found.editions), found.promotions) == ({"rules"}, ())


async def test_a_store_that_never_received_anything_is_asked_nothing(parts: Parts) -> None:
    assert await parts.keeper.look_up(parts.file.reader, lambda: Needs(frozenset({"s"}))) is None


async def test_promotions_are_those_of_the_version_that_is_used(parts: Parts) -> None:
    old = {"p1": promotion("p1"), "p2": promotion("p2")}
    await parts.fetch(parts.shelf.publish("promotions", 1, old))
    first = await parts.keeper.look_up(parts.file.reader, Needs)
    await parts.fetch(parts.shelf.publish("promotions", 2, {"p2": promotion("p2", 1)}, old=(1, old)))
    second = await parts.keeper.look_up(parts.file.reader, Needs)
    assert first is not None
    assert second is not None
    assert [each.promotion_id for each in first.promotions] == ["p1", "p2"]
    assert [(each.promotion_id, each.tiers[0].off_ppm) for each in second.promotions] == [("p2", 1)]


async def test_a_delta_changes_adds_and_removes_and_leaves_the_rest(parts: Parts) -> None:
    old = goods(300)
    new = {**goods(301), "s00007": goods(8, is_listed=False)["s00007"]}
    del new["s00100"]
    await parts.fetch(parts.shelf.publish("catalogue", 1, old))
    row = await parts.fetch(parts.shelf.publish("catalogue", 2, new, old=(1, old)))
    assert await parts.rows("catalogue") == new
    assert (row.version, row.rows, row.set_no) == (2, 300, 1)
    assert parts.shelf.asked[-1] == ("/v1/reference/catalogue/2?from=1", 0)


async def test_where_there_is_no_delta_the_snapshot_is_fetched(parts: Parts) -> None:
    await parts.fetch(parts.shelf.publish("catalogue", 1, goods(3)))
    await parts.fetch(parts.shelf.publish("catalogue", 9, goods(4)))
    assert [path for path, _ in parts.shelf.asked][1:] == [
        "/v1/reference/catalogue/9?from=1",
        "/v1/reference/catalogue/9",
    ]
    assert await parts.rows("catalogue") == goods(4)


async def test_a_delta_on_damaged_rows_is_found_out_and_a_snapshot_mends_them(parts: Parts, tmp_path: Path) -> None:
    old, new = goods(20), goods(21)
    await parts.fetch(parts.shelf.publish("catalogue", 1, old))
    with closing(sqlite3.connect(tmp_path / "store.db")) as hand, hand:
        hand.execute("UPDATE reference_row SET body = x'90' WHERE key = 's00003'")
    version = parts.shelf.publish("catalogue", 2, new, old=(1, old))
    with pytest.raises(PeerFault, match="has not the hash"):
        await parts.fetch(version)
    await parts.fetch(version)
    assert parts.shelf.asked[-1] == ("/v1/reference/catalogue/2", 0)
    assert await parts.rows("catalogue") == new


async def test_every_cut_goes_on_where_it_was_and_nothing_is_used_before_the_end(parts: Parts) -> None:
    await parts.fetch(parts.shelf.publish("catalogue", 1, goods(5)))
    version = parts.shelf.publish("catalogue", 2, goods(4_000))
    size = len(parts.shelf.files["/v1/reference/catalogue/2"])
    parts.shelf.cut_after = size // 5
    cuts = 0
    while True:
        try:
            await parts.fetch(version)
        except TransientFault:
            cuts += 1
            assert await parts.rows("catalogue") == goods(5)
            parts.downloads = Downloads(parts.file, parts.intake, HERE)  # a restart: only the file remembers
            assert await parts.downloads.load() == [version]
        else:
            break
    assert cuts >= 4
    starts = [start for path, start in parts.shelf.asked if path.endswith("/2")]
    assert starts == sorted(set(starts)), "nothing is fetched twice"
    assert await parts.rows("catalogue") == goods(4_000)


async def test_a_file_that_changed_during_a_cut_is_fetched_from_its_beginning(parts: Parts) -> None:
    version = parts.shelf.publish("catalogue", 1, goods(4_000))
    path = "/v1/reference/catalogue/1"
    parts.shelf.cut_after = len(parts.shelf.files[path]) // 2
    with pytest.raises(TransientFault, match="was cut"):
        await parts.fetch(version)
    header = Header("snapshot", "catalogue", 1, version.hash, 4_000, 4_000, MADE_AT_MS + 1)
    parts.shelf.files[path] = encode_file(header, snapshot(goods(4_000)))
    parts.shelf.cut_after = 1 << 40
    row = await parts.fetch(version)
    assert (row.made_at_ms, await parts.rows("catalogue")) == (MADE_AT_MS + 1, goods(4_000))


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ({"s1": b"\x93\x01\x02\x03"}, "not a row of catalogue"),
        ({"s2": goods(1)["s00000"]}, "key of another row"),
    ],
)
async def test_rows_that_this_software_cannot_use_refuse_the_version(parts: Parts, rows: Rows, what: str) -> None:
    await parts.fetch(parts.shelf.publish("catalogue", 1, goods(3)))
    with pytest.raises(PeerFault, match=what):
        await parts.fetch(parts.shelf.publish("catalogue", 2, rows))
    assert await parts.rows("catalogue") == goods(3)


async def test_a_version_that_is_not_the_one_that_was_named_is_refused(parts: Parts) -> None:
    version = parts.shelf.publish("catalogue", 1, goods(3))
    with pytest.raises(PeerFault, match="another version"):
        await parts.fetch(Version("catalogue", 1, bytes(32)))
    await parts.fetch(version)


async def test_a_number_that_the_centre_gave_twice_is_asked_about_and_not_waited_for(parts: Parts) -> None:
    """A centre that came back from a backup published another version under the number that is being fetched."""
    parts.shelf.publish("catalogue", 1, goods(3))
    parts.keeper.heard(Published(ids.uuid7(1, 1), (Version("catalogue", 1, bytes(32)),), 0))
    keeping = asyncio.create_task(parts.keeper.run())
    async with asyncio.timeout(10):
        while not parts.keeper.failures:
            await asyncio.sleep(0)
    assert parts.keeper.fetching("catalogue") == 0, "the centre names only what is not being fetched"
    keeping.cancel()


async def test_a_download_stops_where_the_disk_has_no_room_left_for_it_and_goes_on_there(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = parts.shelf.publish("catalogue", 1, goods(4_000))
    free = iter([REFERENCE_FREE_BYTES_MIN] * 3)
    real = shutil.disk_usage(parts.file.path.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: real._replace(free=next(free, 0)))
    with pytest.raises(TransientFault, match="too few for reference data"):
        await parts.fetch(version)
    assert parts.downloads.blocks == 2
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: real)
    assert (await parts.fetch(version)).rows == 4_000
    assert [start > 0 for _, start in parts.shelf.asked] == [False, True]


async def test_a_dataset_that_cannot_be_read_is_left_out_and_fetched_anew(parts: Parts, tmp_path: Path) -> None:
    await parts.fetch(parts.shelf.publish("catalogue", 1, goods(3)))
    await parts.fetch(parts.shelf.publish("promotions", 1, {"p": promotion("p")}))
    with closing(sqlite3.connect(tmp_path / "store.db")) as hand, hand:
        hand.execute("UPDATE reference_row SET body = x'c1' WHERE key = 's00001'")
    keeping = asyncio.create_task(parts.keeper.run())
    found = await parts.keeper.look_up(parts.file.reader, lambda: Needs(frozenset({"s00001"})))
    assert found is not None
    assert (found.has("catalogue"), len(found.promotions)) == (False, 1)
    async with asyncio.timeout(10):
        while "catalogue" in parts.keeper.used:
            await asyncio.sleep(0)
    held = {each.dataset: each.version for each in parts.keeper.held()}
    assert (held["catalogue"], held["promotions"]) == (0, 1)
    keeping.cancel()


async def test_verify_finds_rows_that_are_not_those_of_the_version(parts: Parts, tmp_path: Path) -> None:
    await parts.fetch(parts.shelf.publish("catalogue", 1, goods(3)))
    assert (await verify_file(tmp_path / "store.db")).is_sound
    with closing(sqlite3.connect(tmp_path / "store.db")) as hand, hand:
        hand.execute("DELETE FROM reference_row WHERE key = 's00001'")
    verdict = await verify_file(tmp_path / "store.db")
    assert [finding.where for finding in verdict.findings] == ["reference catalogue"]


async def test_rows_of_former_versions_are_swept_in_steps(parts: Parts) -> None:
    await parts.fetch(parts.shelf.publish("catalogue", 1, goods(600)))
    await parts.fetch(parts.shelf.publish("catalogue", 2, goods(601)))
    steps = 0
    while await reference.has_unused(parts.file.reader):
        await parts.intake.write(reference.sweep)
        steps += 1
    assert steps >= 3
    assert await parts.rows("catalogue") == goods(601)
