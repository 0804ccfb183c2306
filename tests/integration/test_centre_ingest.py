"""The centre on a real broker and a real PostgreSQL, spoken to as an edge speaks."""

import os
from uuid import UUID

import msgspec
import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from central_sync.ingest import greetings
from central_sync.ingest.leases import ShardLeases
from central_sync.telemetry import Telemetry
from edge_core import ids
from edge_core.sync.messages import Bye, FormerStream, Heartbeat, LaneLedger, Welcome, encode_message
from holdfast_runtime.mqtt import MqttLink
from tests.rigs.brokers import Broker
from tests.rigs.centre import RunningCentre, edge, eventually, greet, migrated, rows, running_centre
from tests.rigs.orders import START_MS
from tests.rigs.streams import NodeLog


async def ready(centre: RunningCentre) -> None:
    """Wait until the centre listens to its shards."""
    await eventually(lambda: centre.centre.leases.is_listening, "the centre never listened")


def heartbeat(log: NodeLog, *, confirmed: int, parked: int = 0, accepted: int | None = None) -> Heartbeat:
    """How a node is that knows of so many confirmed entries."""
    tail = log.tail_seq if accepted is None else accepted
    books = LaneLedger("orders", tail, confirmed, log.tail_seq - confirmed - parked, parked)
    return Heartbeat(log.node_id, log.incarnation, (books,), 250, 1 << 64 - 1, START_MS, "0.1.0")


async def test_a_push_is_acked_after_its_commit_and_then_seen_in_the_api(broker: Broker, centre_dsn: str) -> None:
    log = NodeLog()
    log.sell(30)
    async with running_centre(centre_dsn, broker.url) as centre, edge(broker.url, log.node_id) as node:
        await ready(centre)
        await node.say(log.hello())
        welcome = await node.hear()
        assert isinstance(welcome, Welcome)
        assert welcome.decision == "resume"
        await node.say(log.push(1, 20))
        await node.say(log.push(21, 30))
        ack = await node.hear_ack_of(30)
        assert (ack.durable_hash, ack.parked, ack.history_id) == (log.hashes[30], 0, welcome.history_id)
        page = await centre.get("/v1/orders", limit=500)
        assert len(page["orders"]) == 30


async def test_random_bytes_and_foreign_names_are_parked_and_the_process_goes_on(nats: Broker, centre_dsn: str) -> None:
    log = NodeLog()
    log.sell(1)
    liar = NodeLog("store-0666")
    liar.sell(1)
    async with running_centre(centre_dsn, nats.url) as centre, edge(nats.url, log.node_id) as node:
        await ready(centre)
        await node.say_bytes(os.urandom(2_000))
        await node.say_bytes(b"HF\x01" + b"\xdd\xff\xff\xff\xff")  # a MessagePack array of four thousand million
        await node.say_bytes(b"HF\x02")
        await node.say_bytes(encode_message(liar.hello()))
        await node.say_bytes(encode_message(msgspec.structs.replace(log.push(), tail_hash=b"\x00" * 32)))
        await node.say(log.hello())
        await node.hear()
        await node.say(log.push())
        await node.hear_ack_of(1)

        async def all_parked() -> bool:
            return len((await centre.get("/v1/parked"))["parked"]) == 5

        await eventually(all_parked, "not everything was parked")
        reasons = [row["reason"] for row in (await centre.get("/v1/parked"))["parked"]]
        assert sorted(reasons) == ["chain-broken", "undecodable", "undecodable", "unknown-version", "wrong-topic"]
        metrics = (await centre.http.get("/metrics")).text
        assert 'central_peer_faults_total{reason="wrong-topic"} 1.0' in metrics
        assert [found["node_id"] for found in (await centre.get("/v1/nodes"))["nodes"]] == ["store-0001"]


async def test_a_heartbeat_is_shown_and_books_that_do_not_add_up_are_named(nats: Broker, centre_dsn: str) -> None:
    log = NodeLog()
    log.sell(3)
    async with running_centre(centre_dsn, nats.url) as centre, edge(nats.url, log.node_id) as node:
        await ready(centre)
        await node.say(log.hello())
        await node.say(log.push())
        await node.hear_ack_of(3)

        async def shown(conserved: bool) -> bool:
            found = await centre.get("/v1/nodes/store-0001")
            return found["lanes"][0]["reported"] is not None and found["conserved"] is conserved

        await node.say(heartbeat(log, confirmed=2))
        await eventually(lambda: shown(True), "an old heartbeat is no difference")
        log.sell(2, first=4)
        await node.say(heartbeat(log, confirmed=5))  # the node counts more as done than the centre holds
        await eventually(lambda: shown(False), "the difference was not seen")
        found = await centre.get("/v1/nodes/store-0001")
        assert "the node counts 5 as done, the centre holds 3" in found["differences"][0]
        assert (found["pending"], found["state"], found["oldest_unacked_age_ms"]) == (2, "online", 250)
        await node.say(Bye(log.node_id, log.incarnation, "closing"))

        async def is_offline() -> bool:
            found = await centre.get("/v1/nodes/store-0001")
            return bool(found["state"] == "offline" and found["pending_unknown_since"] == found["last_seen"])

        await eventually(is_offline, "the bye was not taken")


async def test_a_node_that_is_told_of_a_backup_hears_nothing_of_a_hold(nats: Broker, centre_dsn: str) -> None:
    log = NodeLog()
    log.sell(2)
    async with running_centre(centre_dsn, nats.url) as centre, edge(nats.url, log.node_id) as node:
        await ready(centre)
        await node.say(log.hello())
        await node.say(log.push())
        assert (await node.hear_ack_of(2)).held == "", "a push was offered, and is taken"
        async with centre.centre.database.transaction() as connection:
            await connection.execute("UPDATE stream_cursor SET backed_up_seq = durable_seq")
        await node.say(heartbeat(log, confirmed=2))
        told = await node.hear_ack_of(2)
        assert (told.backed_up_seq, told.held) == (2, None)


async def test_shards_are_listened_to_from_the_grant_of_their_subscription_on(nats: Broker, centre_dsn: str) -> None:
    heard: list[int] = []
    link = MqttLink(nats.url, "listener")
    async with migrated(centre_dsn) as database:
        leases = ShardLeases(UUID(int=7), database, link, Telemetry(CollectorRegistry()))
        leases.on_subscribed = lambda shards: heard.append(len(shards))
        await leases.renew()
        assert (len(leases.held), heard) == (64, []), "there is no broker yet"
        await link.connect()
        await leases.subscribe()
        assert heard == [64]
        await link.close()


async def test_the_centre_goes_on_when_its_broker_comes_back(broker: Broker, centre_dsn: str) -> None:
    log = NodeLog()
    log.sell(2)
    async with running_centre(centre_dsn, broker.url) as centre:
        async with edge(broker.url, log.node_id) as node:
            await ready(centre)
            await node.say(log.hello())
            await node.say(log.push(1, 1))
            await node.hear_ack_of(1)
        broker.kill()
        await eventually(lambda: not centre.centre.link.connected, "the loss was not noticed")
        answer = await centre.http.get("/readyz")
        assert (answer.status_code, "broker" in answer.json()["waiting_for"]) == (503, True)
        broker.start()
        await ready(centre)
        async with edge(broker.url, log.node_id) as node:
            await node.say(log.push(2, 2))
            await node.hear_ack_of(2)


async def test_a_newer_incarnation_takes_a_node_over_and_the_older_one_is_told(nats: Broker, centre_dsn: str) -> None:
    old, new = NodeLog(), NodeLog(incarnation=ids.uuid7(START_MS, 2))
    old.sell(2)
    async with running_centre(centre_dsn, nats.url) as centre, edge(nats.url, old.node_id) as node:
        await ready(centre)
        await node.say(old.hello())
        assert (await node.hear()).decision == "resume"
        await node.say(new.hello())
        asked = await node.hear()
        assert (asked.decision, asked.incarnation, asked.current) == ("confirm", new.incarnation, old.incarnation)
        await node.say(replace(new.hello(), succeeds=old.incarnation))
        assert (await node.hear()).decision == "resume"
        await node.say(old.hello())
        told = await node.hear()
        assert (told.decision, told.incarnation, told.lanes[0].durable_seq) == ("refuse", old.incarnation, 0)
        assert str(new.incarnation) in told.detail
        await node.say(old.push())
        await node.hear_ack_of(2)
        assert (await centre.get("/v1/nodes/store-0001"))["incarnation"] == str(new.incarnation)


async def test_a_machine_that_has_gone_on_closes_what_it_left_behind_and_hears_how_far_that_came(
    nats: Broker, centre_dsn: str
) -> None:
    old, new = NodeLog(), NodeLog(incarnation=ids.uuid7(START_MS, 2))
    old.sell(2)
    async with running_centre(centre_dsn, nats.url) as centre, edge(nats.url, old.node_id) as node:
        await ready(centre)
        await node.say(old.hello())
        await node.hear()
        await node.say(old.push(1, 1))
        await node.hear_ack_of(1)
        await node.say(replace(new.hello(), former=(old.incarnation,), succeeds=old.incarnation))
        welcome = await node.hear()
        assert welcome.former == (FormerStream(old.incarnation, "orders", 1, old.hashes[1]),)
        await node.say(old.push(2, 2))
        fenced = await node.hear()
        assert (fenced.decision, str(new.incarnation) in fenced.detail) == ("fence", True)


async def test_a_hello_of_the_past_takes_nobodys_place_and_writes_nothing(nats: Broker, centre_dsn: str) -> None:
    first, past, present = (NodeLog(incarnation=ids.uuid7(START_MS, number)) for number in (1, 2, 3))
    async with running_centre(centre_dsn, nats.url) as centre, edge(nats.url, first.node_id) as node:
        await ready(centre)
        for hello in (first.hello(), replace(present.hello(), succeeds=first.incarnation)):
            await node.say(hello)
            assert (await node.hear()).decision == "resume"
        for late in (past.hello(), replace(past.hello(), succeeds=first.incarnation)):
            await node.say(late)
            assert (await node.hear()).decision == "confirm"
        await node.say(present.hello())
        assert (await node.hear()).decision == "resume", "the life that goes on is the node still"
        assert (await centre.get("/v1/nodes/store-0001"))["incarnation"] == str(present.incarnation)


async def test_hellos_of_two_incarnations_in_one_batch_are_both_answered(centre_dsn: str) -> None:
    old, new = NodeLog(), NodeLog(incarnation=ids.uuid7(START_MS, 2))
    async with migrated(centre_dsn) as database:
        await greet(database, old)
        hellos = [replace(new.hello(), succeeds=old.incarnation), old.hello()]
        async with database.transaction() as connection:
            answers = await greetings.welcome(connection, hellos, history_id=UUID(int=1), now_ms=START_MS)
    assert [(said.incarnation, said.decision) for _, said in answers] == [
        (new.incarnation, "resume"),
        (old.incarnation, "refuse"),
    ]


async def test_a_heartbeat_of_a_former_incarnation_says_nothing_about_the_present_books(centre_dsn: str) -> None:
    old, new = NodeLog(), NodeLog(incarnation=ids.uuid7(START_MS, 2))
    async with migrated(centre_dsn) as database:
        await greet(database, old)
        await greet(database, new)
        wrong = replace(heartbeat(old, confirmed=0), lanes=(LaneLedger("orders", 9, 1, 1, 1),))
        async with database.transaction() as connection:
            reported = await greetings.report(connection, [heartbeat(new, confirmed=0), wrong], START_MS)
        assert reported.news == []
        assert await rows(database, "SELECT differences FROM node_status") == [([],)]


async def test_a_node_that_was_rolled_back_is_fenced_at_its_hello(nats: Broker, centre_dsn: str) -> None:
    log = NodeLog()
    log.sell(3)
    behind = NodeLog()
    behind.sell(1)
    async with running_centre(centre_dsn, nats.url) as centre, edge(nats.url, log.node_id) as node:
        await ready(centre)
        await node.say(log.hello())
        await node.say(log.push())
        await node.hear_ack_of(3)
        await node.say(behind.hello())
        welcome = await node.hear()
        assert (welcome.decision, welcome.lanes[0].durable_seq) == ("fence", 3)


async def test_two_centres_share_the_shards_and_one_takes_all_when_the_other_leaves(
    nats: Broker, centre_dsn: str
) -> None:
    async with running_centre(centre_dsn, nats.url, instance="a") as first:
        await ready(first)
        assert len(first.centre.leases.held) == 64
        async with running_centre(centre_dsn, nats.url, instance="b") as second:
            await second.centre.leases.renew()  # says that it is there
            await first.centre.leases.renew()  # gives half away
            await second.centre.leases.renew()  # takes it
            held = first.centre.leases.held, second.centre.leases.held
            assert (len(held[0]), len(held[1]), held[0] & held[1]) == (32, 32, frozenset())
        await first.centre.leases.renew()
        assert len(first.centre.leases.held) == 64


@pytest.mark.parametrize("entries", [1, 512])
async def test_nothing_is_lost_when_the_database_is_away_for_a_while(
    nats: Broker, centre_dsn: str, entries: int
) -> None:
    log = NodeLog()
    log.sell(entries)
    async with running_centre(centre_dsn, nats.url) as centre, edge(nats.url, log.node_id) as node:
        await ready(centre)
        await node.say(log.hello())
        await node.hear()
        database = centre.centre.database
        async with database.transaction() as connection:
            # The same to the ingester as a server that went away: its sessions are ended.
            victims = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'central-sync'"
            await node.say(log.push())
            await connection.execute(victims + " AND pid <> pg_backend_pid()")
        ack = await node.hear_ack_of(entries)
        assert ack.durable_hash == log.hashes[-1]
        assert len((await centre.get("/v1/orders", limit=500))["orders"]) == min(entries, 500)
