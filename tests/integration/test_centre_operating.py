"""What operators do at the centre: settle what is parked over HTTP and on the command line, sign in, and what ages."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import msgspec
import pytest

from central_sync.cli import _parser
from central_sync.commands import COMMANDS
from central_sync.config import CentreConfig, DatabaseConfig
from central_sync.housekeeping import Housekeeper
from central_sync.ingest.progress import Progress
from central_sync.service import _beat
from central_sync.store import breakers, feed, histories, nodes
from central_sync.store.database import Database
from central_sync.store.feed import FeedPosition
from edge_core.limits import INGEST_STALL_MS_MAX
from edge_core.sync.entry import ENTRY_VERSION
from holdfast_runtime.tokens import TokenFile
from tests.integration.test_centre_api import watching
from tests.integration.test_centre_parking import older_software, parked_by_older_software, three_orders
from tests.rigs.brokers import Broker
from tests.rigs.centre import PATIENCE_S, RunningCentre, eventually, greet, migrated, push, rows, running_centre
from tests.rigs.streams import NodeLog


@pytest.fixture
async def database(centre_dsn: str) -> AsyncIterator[Database]:
    async with migrated(centre_dsn) as opened:
        yield opened


@pytest.fixture
async def centre(nats: Broker, centre_dsn: str) -> AsyncIterator[RunningCentre]:
    async with running_centre(centre_dsn, nats.url) as running:
        yield running


async def greeted(database: Database) -> NodeLog:
    log = NodeLog(version=ENTRY_VERSION)
    await greet(database, log)
    return log


# --- over HTTP -------------------------------------------------------------------------------------------------------


async def test_a_parked_entry_is_shown_replayed_and_gone(centre: RunningCentre) -> None:
    database = centre.centre.database
    log = await greeted(database)
    three_orders(log)
    first, *_ = await parked_by_older_software(database, log)
    shown = await centre.get(f"/v1/parked/{first}")
    assert (shown["item"]["seq"], shown["payload_hex"]) == (1, log.bodies[0].hex())
    trial = await centre.http.post(f"/v1/parked/{first}/replay", json={"dry_run": True})
    done = await centre.http.post(f"/v1/parked/{first}/replay", json={"why": "upgraded"})
    assert trial.json() == done.json()
    assert [(v["seq"], v["outcome"]) for v in done.json()["verdicts"]] == [(1, "replayed"), (3, "replayed")]
    assert await rows(database, "SELECT DISTINCT who, why FROM settlement") == [("local", "upgraded")]
    gone = await centre.http.post(f"/v1/parked/{first}/replay", json={})
    assert (gone.status_code, gone.json()["type"]) == (404, "urn:holdfast:problem:parked-not-found")


async def test_a_discard_needs_a_reason_and_a_body_that_no_foreign_form_can_send(centre: RunningCentre) -> None:
    database = centre.centre.database
    log = await greeted(database)
    log.append(b"\xc1 rubbish")
    await push(database, log.push())
    ((parked_id,),) = await rows(database, "SELECT id FROM parked")
    path = f"/v1/parked/{parked_id}/discard"
    assert (await centre.http.post(path, json={})).status_code == 422
    form = await centre.http.post(path, content=b'{"why":"x"}', headers={"content-type": "text/plain"})
    assert form.status_code == 415
    assert (await centre.http.post(path, json={"why": "a test till"})).is_success
    (lane,) = [lane for lane in (await centre.get("/v1/nodes/store-0001"))["lanes"] if lane["lane"] == "orders"]
    assert (lane["durable_seq"], lane["parked"], lane["discarded"]) == (1, 0, 1)


async def test_settling_needs_a_token_that_may_operate_and_a_session_may_only_read(
    nats: Broker, centre_dsn: str, tmp_path: Path
) -> None:
    tokens = TokenFile(tmp_path / "tokens.json")
    reader, operator = tokens.add("page", ["read"]), tokens.add("ann", ["read", "operate"])
    async with running_centre(centre_dsn, nats.url, tokens_file=tmp_path / "tokens.json") as centre:
        http, path = centre.http, "/v1/parked/1/replay"
        assert (await http.get("/v1/nodes")).status_code == 401
        assert (await http.post("/v1/session")).status_code == 401
        assert (await http.post(path, json={}, headers=bearer(reader))).status_code == 403
        assert (await http.post(path, json={}, headers=bearer(operator))).status_code == 404
        begun = await http.post("/v1/session", headers=bearer(operator))
        cookie = begun.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert operator not in cookie
        assert (await http.get("/v1/nodes")).is_success, "the cookie opens the lists"
        async with watching(centre):
            pass  # and the live feed, which takes no header
        assert (await http.post(path, json={})).status_code == 401, "and nothing that changes something"
        tokens.remove("ann")

        async def is_out() -> bool:
            return (await http.get("/v1/nodes")).status_code == 401

        await eventually(is_out, "the session outlived its token")


async def test_a_session_that_was_ended_opens_nothing(nats: Broker, centre_dsn: str, tmp_path: Path) -> None:
    reader = TokenFile(tmp_path / "tokens.json").add("page", ["read"])
    async with running_centre(centre_dsn, nats.url, tokens_file=tmp_path / "tokens.json") as centre:
        name = (await centre.http.post("/v1/session", headers=bearer(reader))).cookies["holdfast_session"]
        assert (await centre.http.delete("/v1/session")).is_success
        again = {"cookie": f"holdfast_session={name}"}
        assert (await centre.http.get("/v1/nodes", headers=again)).status_code == 401


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


# --- on the command line ---------------------------------------------------------------------------------------------


async def test_the_command_tries_replays_and_says_by_its_exit_code_what_is_left(
    database: Database, centre_dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    log = await greeted(database)
    three_orders(log)
    log.append(b"\xc1 rubbish")
    await parked_by_older_software(database, log)
    assert await parked(centre_dsn, "replay", "--all", "--dry-run", "--reason", "unknown-version") == 0
    assert "would be replayed" in capsys.readouterr().out
    assert await rows(database, "SELECT count(*) FROM parked") == [(5,)]
    assert await parked(centre_dsn, "replay", "--all", "--json", "--who", "ann") == 1
    found = msgspec.json.decode(capsys.readouterr().out)
    assert sorted(v["outcome"] for v in found["verdicts"]) == ["parked", *["replayed"] * 4]
    assert await parked(centre_dsn, "discard", "--all", "--why", "a broken till", "--who", "ann") == 0
    assert await parked(centre_dsn, "list") == 0
    assert await rows(database, "SELECT action, who, count(*) FROM settlement GROUP BY 1, 2 ORDER BY 1") == [
        ("discarded", "ann", 1),
        ("replayed", "ann", 4),
    ]


async def test_wrong_usage_is_told_before_anything_is_touched(centre_dsn: str) -> None:
    assert await parked(centre_dsn, "replay") == 2
    assert await parked(centre_dsn, "discard", "7") == 2
    assert await parked(centre_dsn, "show") == 2
    assert await parked(centre_dsn, "replay", "7", "--all") == 2
    assert await parked(centre_dsn, "replay", "7") == 1


async def test_a_breaker_is_listed_and_closed_by_hand(
    database: Database, centre_dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    log = await greeted(database)
    log.sell(1)
    with older_software():
        await push(database, log.push())
    version = str(ENTRY_VERSION)
    assert await breaker(centre_dsn, "list") == 0
    assert "store-0001" in capsys.readouterr().out
    assert await breaker(centre_dsn, "close", "store-0001", version) == 2
    assert await breaker(centre_dsn, "close", "store-0001", version, "--why", "now") == 0
    assert await breaker(centre_dsn, "close", "store-0001", version, "--why", "now") == 1
    with older_software():
        outcome = await push(database, log.push())
    assert (outcome.entries, len(outcome.parked)) == (1, 1)


async def parked(dsn: str, *words: str) -> int:
    arguments = _parser().parse_args(["parked", *words])
    return await COMMANDS["parked"](CentreConfig(database=DatabaseConfig(dsn=dsn)), arguments)


async def breaker(dsn: str, *words: str) -> int:
    arguments = _parser().parse_args(["breaker", *words])
    return await COMMANDS["breaker"](CentreConfig(database=DatabaseConfig(dsn=dsn)), arguments)


# --- what ages and what stalls ---------------------------------------------------------------------------------------


async def test_a_centre_that_starts_with_software_that_knows_the_version_closes_the_breaker(
    nats: Broker, centre_dsn: str
) -> None:
    async with migrated(centre_dsn) as database:
        log = await greeted(database)
        log.sell(1)
        with older_software():
            await push(database, log.push())
    async with running_centre(centre_dsn, nats.url) as centre:
        assert (await centre.get("/v1/nodes/store-0001"))["held"] == []
        async with centre.centre.database.reading() as connection:
            assert [b.state for b in await breakers.page(connection, with_closed=True)] == ["closed"]


async def test_a_held_stream_is_seen_in_the_fleet_view(centre: RunningCentre) -> None:
    log = await greeted(centre.centre.database)
    log.sell(1)
    with older_software():
        await push(centre.centre.database, log.push())
    assert (await centre.get("/v1/nodes/store-0001"))["held"] == ["orders at 1: entry version 2 is not known here"]


async def test_the_feed_is_pruned_and_a_viewer_from_before_is_told_that_it_missed_something(
    centre: RunningCentre,
) -> None:
    database = centre.centre.database
    log = await greeted(database)
    for number in (1, 2, 3):
        log.sell(1, first=number)
        await push(database, log.push(number, number))
    ((xact, batch),) = await rows(database, "SELECT xact::text, batch FROM feed ORDER BY xact LIMIT 1")
    await centre.centre.housekeeper.tidy()
    assert await rows(database, "SELECT count(*) FROM feed") == [(3,)], "nothing is old yet"
    async with database.transaction() as connection:
        await connection.execute("UPDATE feed SET applied_at = now() - interval '30 days' WHERE batch < $1", batch + 2)
    await Housekeeper(database, centre.centre.housekeeper._telemetry).tidy()
    assert await rows(database, "SELECT batch FROM feed") == [(batch + 2,)]
    async with database.reading() as connection:
        extent = await feed.extent(connection)
        assert extent.pruned.batch == batch + 1
        assert await feed.end(connection) > FeedPosition(int(xact), batch, 0)
    async with watching(centre, f"{extent.history_id.hex}-{xact}-{batch}-1-0") as stream:
        first = await stream.next()
        assert (first["event"], "id" in first) == ("feed.truncated", False)
        assert (await stream.next())["data"]["sequence"] == "3"


async def test_a_viewer_from_before_a_restore_is_told_so_and_sees_what_happens_from_now_on(
    centre: RunningCentre,
) -> None:
    database = centre.centre.database
    log = await greeted(database)
    log.sell(1)
    await push(database, log.push())
    async with database.reading() as connection:
        extent, end = await feed.extent(connection), await feed.end(connection)
    another_history = f"{UUID(int=1).hex}-{end.xact}-{end.batch}-{end.seq}-0"
    another_server = f"{extent.history_id.hex}-{extent.next_xact + 1_000}-{end.batch}-{end.seq}-0"
    for number, seen in enumerate((another_history, another_server), 2):
        async with watching(centre, seen) as stream:
            log.sell(1, first=number)
            await push(database, log.push(number))
            assert (await stream.next())["event"] == "feed.truncated"
            assert (await stream.next())["data"]["sequence"] == str(number)


async def test_viewers_who_watch_while_the_centre_is_restored_are_cut_off_to_come_again(
    centre: RunningCentre,
) -> None:
    database = centre.centre.database
    log = await greeted(database)
    async with watching(centre) as stream:
        log.sell(1)
        await push(database, log.push())
        placed = await stream.next()
        async with database.transaction() as connection:
            assert await histories.change(connection, await nodes.history_id(connection), "restored", "") is not None
        await rows(
            database,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname ="
            " current_database()",
        )
        async with asyncio.timeout(PATIENCE_S):
            await stream.end()
    async with watching(centre, placed["id"]) as stream:
        log.sell(1, first=2)
        await push(database, log.push(2))
        assert (await stream.next())["event"] == "feed.truncated"
        assert (await stream.next())["data"]["sequence"] == "2"


def test_progress_stalls_only_within_a_batch() -> None:
    now = [0.0]
    progress = Progress(lambda: now[0])
    now[0] = 1_000
    assert progress.stalled_ms() == 0
    progress.touch()
    now[0] += INGEST_STALL_MS_MAX / 1000 + 1
    assert progress.stalled_ms() > INGEST_STALL_MS_MAX
    progress.touch()
    assert progress.stalled_ms() == 0
    now[0] += 500
    progress.rest()
    assert progress.stalled_ms() == 0


async def test_the_watchdog_is_not_fed_while_a_batch_does_not_get_on(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "30000")
    fed, stalled_ms = asyncio.Event(), [INGEST_STALL_MS_MAX + 1]
    told: list[str] = []
    notifier = SimpleNamespace(status=told.append, watchdog=fed.set)
    progress = SimpleNamespace(stalled_ms=lambda: stalled_ms[0])
    parts = SimpleNamespace(database=database, ingester=SimpleNamespace(progress=progress))
    beating = asyncio.create_task(_beat(parts, notifier))  # type: ignore[arg-type]
    await eventually(lambda: len(told) >= 3, "the watchdog's task does not turn")
    assert not fed.is_set()
    stalled_ms[0] = 0
    await eventually(fed.is_set, "the watchdog was not fed again")
    beating.cancel()
