"""The centre's API of reference data: publishing all or nothing, files in ranges, deltas, what is kept, who may."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from central_sync import times
from central_sync.ingest.announcing import announcements
from central_sync.reference import PublishedVersion, publish
from central_sync.store import reference
from central_sync.store.reference import ALL
from edge_agent.reference_source import Source
from edge_core.errors import Rejected, TransientFault
from edge_core.limits import (
    REFERENCE_DELTA_CHANGES_MAX,
    REFERENCE_SCOPES_MAX,
    REFERENCE_SPREAD_MS,
    REFERENCE_VERSIONS_MAX,
)
from edge_core.reference.files import read_file
from edge_core.reference.publication import read_publication
from edge_core.reference.versions import applied, content_hash
from edge_core.sync.messages import Heartbeat
from edge_core.sync.reference_messages import Held
from holdfast_runtime.tokens import TokenFile
from tests.rigs.agents import slug
from tests.rigs.brokers import Broker
from tests.rigs.centre import RunningCentre, greet, running_centre
from tests.rigs.reference import items
from tests.rigs.streams import NodeLog

CATALOGUE = "/v1/reference/catalogue"


@pytest.fixture
async def centre(nats: Broker, centre_dsn: str) -> AsyncIterator[RunningCentre]:
    async with running_centre(centre_dsn, nats.url) as running:
        yield running


async def put(centre: RunningCentre, rows: list[dict[str, Any]]) -> Any:
    answer = await centre.http.put(CATALOGUE, json=rows)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_published_version_can_be_fetched_and_is_what_was_published(centre: RunningCentre) -> None:
    made = await put(centre, items(50))
    answer = await centre.http.get(f"{CATALOGUE}/1")
    header, changes = read_file(answer.content)
    assert (made["version"], made["rows"], made["hash"]) == (1, 50, header.hash.hex())
    assert content_hash(applied({}, changes)) == header.hash
    assert [row["version"] for row in (await centre.get("/v1/reference"))["versions"]] == [1]


async def test_csv_is_taken_too_and_a_wrong_row_refuses_all_of_them_by_line(centre: RunningCentre) -> None:
    headers = {"content-type": "text/csv"}
    body = b"sku,unit,description\na,H87,Apples\n"
    assert (await centre.http.put(CATALOGUE, content=body, headers=headers)).status_code == 201
    refused = await centre.http.put(CATALOGUE, content=body + b"b,H87,\n", headers=headers)
    assert slug(refused) == "reference-invalid"
    assert "line 3:" in refused.json()["detail"]
    assert len((await centre.get("/v1/reference"))["versions"]) == 1


async def test_the_parts_of_a_file_put_together_are_the_file(centre: RunningCentre) -> None:
    await put(centre, items(400))
    whole = await centre.http.get(f"{CATALOGUE}/1")
    etag, size = whole.headers["etag"], len(whole.content)
    parts = b""
    while len(parts) < size:
        headers = {"range": f"bytes={len(parts)}-{len(parts) + 9_999}", "if-range": etag}
        part = await centre.http.get(f"{CATALOGUE}/1", headers=headers)
        assert part.status_code == 206
        assert part.headers["content-range"].startswith(f"bytes {len(parts)}-")
        parts += part.content
    assert parts == whole.content


async def test_conditions_of_http_are_kept(centre: RunningCentre) -> None:
    await put(centre, items(3))
    whole = await centre.http.get(f"{CATALOGUE}/1")
    etag, size = whole.headers["etag"], len(whole.content)

    async def get(**headers: str) -> httpx.Response:
        return await centre.http.get(f"{CATALOGUE}/1", headers={k.replace("_", "-"): v for k, v in headers.items()})

    assert (await get(if_none_match=etag)).status_code == 304
    assert (await get(range="bytes=5-", if_range=etag)).content == whole.content[5:]
    assert (await get(range="bytes=5-", if_range='"another"')).content == whole.content
    assert (await get(range="bytes=9-5")).content == whole.content
    assert (await get(range="lines=1-2")).content == whole.content
    beyond = await get(range=f"bytes={size}-")
    assert (slug(beyond), beyond.headers["content-range"]) == ("range-not-satisfiable", f"bytes */{size}")


async def test_a_delta_leads_from_each_kept_version_unless_too_much_changed(centre: RunningCentre) -> None:
    await put(centre, items(10))
    await put(centre, items(11))
    made = await put(centre, items(12))
    assert made["deltas_from"] == [2, 1]
    old = read_file((await centre.http.get(f"{CATALOGUE}/1")).content)[1]
    header, changes = read_file((await centre.http.get(f"{CATALOGUE}/3", params={"from": 1})).content)
    assert (header.from_version, len(changes)) == (1, 2)
    assert content_hash(applied(applied({}, old), changes)) == header.hash
    assert (await put(centre, items(12 + REFERENCE_DELTA_CHANGES_MAX + 1)))["deltas_from"] == []
    for path, named in (("/4?from=3", "delta-not-available"), ("/9", "reference-not-found")):
        assert slug(await centre.http.get(CATALOGUE + path)) == named
    assert slug(await centre.http.get("/v1/reference/weather/1")) == "reference-not-found"
    assert slug(await centre.http.get(f"{CATALOGUE}/0")) == "invalid-parameter"


async def test_the_same_content_again_is_a_version_with_an_empty_delta(centre: RunningCentre) -> None:
    first, second = await put(centre, items(5)), await put(centre, items(5))
    assert (first["hash"], first["version"] + 1) == (second["hash"], second["version"])
    header, changes = read_file((await centre.http.get(f"{CATALOGUE}/2?from=1")).content)
    assert (changes, header.hash.hex()) == ((), second["hash"])


async def test_no_more_versions_are_kept_than_agreed(centre: RunningCentre) -> None:
    for count in range(1, REFERENCE_VERSIONS_MAX + 3):
        await put(centre, items(count))
    kept = [row["version"] for row in (await centre.get("/v1/reference"))["versions"]]
    assert kept == list(range(REFERENCE_VERSIONS_MAX + 2, 2, -1))
    assert slug(await centre.http.get(f"{CATALOGUE}/2")) == "reference-not-found"
    assert slug(await centre.http.get(f"{CATALOGUE}/{kept[0]}?from=2")) == "delta-not-available"


async def test_a_node_is_told_what_it_neither_has_nor_fetches_of_what_it_takes(centre: RunningCentre) -> None:
    database = centre.centre.database
    made = await publish(database, "catalogue", _rows(), who="test", now=times.now())
    assert isinstance(made, PublishedVersion)
    await publish(database, "prices", {}, who="test", now=times.now())
    row = made.row

    async def told(*held: Held) -> list[str]:
        log = NodeLog()
        beat = Heartbeat(log.node_id, log.incarnation, (), 0, 0, 0, "1", reference=held)
        async with database.reading() as connection:
            found = await announcements(connection, [beat], 7)
        assert all(each.within_ms == 7 * REFERENCE_SPREAD_MS for each in found.values())
        return [version.dataset for each in found.values() for version in each.versions]

    nothing = bytes(32)
    assert await told(Held("catalogue", 0, nothing), Held("prices", 0, nothing)) == ["catalogue", "prices"]
    assert await told(Held("catalogue", 0, nothing)) == ["catalogue"]
    assert await told(Held("catalogue", 0, nothing, row.version)) == []
    assert await told(Held("catalogue", row.version, row.hash)) == []
    assert await told(Held("catalogue", row.version, nothing)) == ["catalogue"], "a number that was given a second time"
    assert await told() == [], "an agent of before, or one that cannot fetch"


async def test_publications_of_one_dataset_at_once_get_numbers_of_their_own(centre: RunningCentre) -> None:
    made = await asyncio.gather(*(put(centre, items(count)) for count in range(1, 5)))
    assert sorted(each["version"] for each in made) == [1, 2, 3, 4]
    async with centre.centre.database.reading() as connection:
        newest = await reference.newest(connection, ["store-1"])
    assert [(v.dataset, v.version) for v in newest["store-1"]] == [("catalogue", 4)]


async def test_a_node_takes_what_is_for_its_group_before_its_region_before_all(centre: RunningCentre) -> None:
    database = centre.centre.database
    logs = [NodeLog(f"store-{number}") for number in (1, 2, 3)]
    await greet(database, *logs)
    async with database.transaction() as connection:
        await connection.execute("UPDATE node SET region = 'north' WHERE node_id <> 'store-3'")
    await put(centre, items(1))
    for scope, count in (("region/north", 2), ("group/outlets", 3)):
        made = await centre.http.put(CATALOGUE, json=items(count), params={"for": scope})
        assert (made.status_code, made.json()["scope"]) == (201, scope)
    answer = await centre.http.put("/v1/reference/groups/outlets", json={"nodes": ["store-2", "never-seen"]})
    assert answer.json() == {"group": "outlets", "nodes": ["never-seen", "store-2"]}

    async def newest() -> dict[str, int]:
        async with database.reading() as connection:
            found = await reference.newest(connection, ["store-1", "store-2", "store-3", "never-seen"])
        return {node: version.version for node, (version,) in found.items()}

    assert await newest() == {"store-1": 2, "store-2": 3, "store-3": 1, "never-seen": 3}
    assert made.json()["deltas_from"] == [1], "from what its nodes had before"
    withdrawn = await centre.http.delete(CATALOGUE, params={"for": "group/outlets"})
    assert (withdrawn.status_code, withdrawn.json()["rows"]) == (201, 0)
    assert await newest() == {"store-1": 2, "store-2": 2, "store-3": 1, "never-seen": 1}
    await centre.http.put("/v1/reference/groups/others", json={"nodes": ["store-2"]})
    assert (await centre.get("/v1/reference/groups"))["groups"] == [
        {"group": "others", "nodes": ["store-2"]},
        {"group": "outlets", "nodes": ["never-seen"]},
    ]


async def test_each_scope_keeps_versions_of_its_own(centre: RunningCentre) -> None:
    await put(centre, items(1))
    for count in range(2, REFERENCE_VERSIONS_MAX + 4):
        assert (await centre.http.put(CATALOGUE, json=items(count), params={"for": "group/a"})).status_code == 201
    kept = [row["version"] for row in (await centre.get("/v1/reference"))["versions"] if row["scope"] == "all"]
    assert kept == [1]
    assert len((await centre.get("/v1/reference"))["versions"]) == REFERENCE_VERSIONS_MAX + 1


async def test_what_is_withdrawn_from_a_group_makes_room_for_others_and_its_number_is_not_given_again(
    centre: RunningCentre,
) -> None:
    database, rows = centre.centre.database, _rows()

    async def make(scope: str, rows: dict[str, bytes]) -> int:
        made = await publish(database, "catalogue", rows, who="test", now=times.now(), scope=scope)
        return 0 if isinstance(made, Rejected) else made.row.version

    assert await make(ALL, rows) == 1
    for number in range(2, REFERENCE_SCOPES_MAX + 1):
        assert await make(f"group/{number}", rows) == number
    assert await make("group/another", rows) == 0
    assert await make("group/2", {}) == REFERENCE_SCOPES_MAX + 1
    assert await make("group/another", rows) == REFERENCE_SCOPES_MAX + 2
    kept = {(row["scope"], row["version"]) for row in (await centre.get("/v1/reference"))["versions"]}
    assert "group/2" not in {scope for scope, _ in kept}
    assert {("group/3", 3), ("group/another", REFERENCE_SCOPES_MAX + 2)} <= kept
    assert await make("group/2", rows) == 0, "there is no room left"


@pytest.mark.parametrize("end", ["withdrawn", "left"])
async def test_a_node_for_which_nothing_is_left_is_told_that(centre: RunningCentre, end: str) -> None:
    group = "/v1/reference/groups/outlets"
    await centre.http.put(group, json={"nodes": ["store-1"]})
    made = await centre.http.put(CATALOGUE, json=items(2), params={"for": "group/outlets"})

    async def newest() -> list[tuple[int, int]]:
        async with centre.centre.database.reading() as connection:
            found = (await reference.newest(connection, ["store-1"]))["store-1"]
            rows = {row.version: row.row_count for row in await reference.kept(connection)}
        return [(version.version, rows[version.version]) for version in found]

    assert await newest() == [(made.json()["version"], 2)]
    if end == "withdrawn":
        await centre.http.delete(CATALOGUE, params={"for": "group/outlets"})
    else:
        await centre.http.put(group, json={"nodes": []})
    assert [rows for _, rows in await newest()] == [0]


@pytest.mark.parametrize("scope", ["group/", "store/a", "group", "group/a\x00", "group/" + "a" * 65, "Group/a"])
async def test_a_scope_that_is_none_is_refused(centre: RunningCentre, scope: str) -> None:
    assert slug(await centre.http.put(CATALOGUE, json=items(1), params={"for": scope})) == "invalid-parameter"
    assert (await centre.get("/v1/reference"))["versions"] == []


async def test_publishing_takes_the_scope_operate_and_fetching_takes_read(
    nats: Broker, centre_dsn: str, tmp_path: Path
) -> None:
    tokens = TokenFile(tmp_path / "tokens.json")
    read, operate = tokens.add("store", ["read"]), tokens.add("office", ["operate"])
    async with running_centre(centre_dsn, nats.url, tokens_file=tmp_path / "tokens.json") as running:

        def bearer(token: str) -> dict[str, str]:
            return {"authorization": f"Bearer {token}"}

        assert slug(await running.http.put(CATALOGUE, json=items(1), headers=bearer(read))) == "scope-missing"
        assert (await running.http.put(CATALOGUE, json=items(1), headers=bearer(operate))).status_code == 201
        assert slug(await running.http.get(f"{CATALOGUE}/1")) == "token-missing"
        assert (await running.http.get(f"{CATALOGUE}/1", headers=bearer(read))).status_code == 200
        (tmp_path / "token").write_text(f"{read}\n")
        source = Source(running.url, token_file=tmp_path / "token")
        async with source.opened(f"{CATALOGUE}/1", start=4, etag="?") as incoming:
            assert (incoming.start, len([piece async for piece in incoming.pieces]) > 0) == (0, True)
        for bad in (Source(running.url), Source(running.url, token_file=tmp_path / "none"), Source("http://a b")):
            with pytest.raises(TransientFault):
                async with bad.opened(f"{CATALOGUE}/1"):
                    pytest.fail("it was let in")
        refused = await running.http.put(CATALOGUE, content=b"x", headers={**bearer(operate), "content-type": "a/b"})
        assert slug(refused) == "unsupported-media-type"


def _rows() -> dict[str, bytes]:
    return read_publication("catalogue", b'[{"sku":"a","description":"x","unit":"H87"}]', "json").rows
