"""What a broker or a stranger may do: repeat messages, reorder them, forge them, fill the topics with rubbish."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from uuid import UUID

import msgpack
import zstandard
from msgspec.structs import replace

from edge_core.limits import BLOCK_BYTES_MAX, PARKED_ROWS_PER_NODE_MAX
from edge_core.sync import chain
from edge_core.sync.messages import (
    Ack,
    DownMessage,
    Hello,
    Push,
    UpMessage,
    Welcome,
    decode_down,
    decode_up,
    encode_message,
    pack_block,
    unpack_block,
)
from edge_core.sync.topics import topic
from holdfast_runtime.mqtt import Inbox, MqttLink
from tests.rigs.brokers import Broker
from tests.rigs.house import CentreProcess, House, opened_house
from tests.rigs.stores import Json
from tests.rigs.streams import NodeLog
from tests.rigs.waiting import eventually

STRANGER: Final = "store-0666"


async def test_replayed_and_reordered_pushes_are_acked_and_not_applied_twice(
    broker: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, broker, postgres_dsn) as house, _client(broker, house.store.node_id) as recorder:
        await house.store.sell(4)
        await house.store.drained()
        pushes = [message for message in _up(recorder) if isinstance(message, Push)]
        assert pushes
        await _send(recorder, house.store.node_id, *reversed(pushes), *pushes)
        await eventually(lambda: _metric(house.centre, 'central_pushes_total{outcome="duplicate"}', 2 * len(pushes)))
        assert (await house.store.link())["state"] == "online"
        await house.store.sell()
        await house.audit()
        assert (await house.centre.get("/v1/parked"))["parked"] == []


async def test_a_hello_of_long_ago_that_is_delivered_again_does_not_stop_a_healthy_link(
    broker: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, broker, postgres_dsn) as house, _client(broker, house.store.node_id) as recorder:
        house.store.kill()
        await house.store.start()
        await house.store.online()
        old = [message for message in _up(recorder) if isinstance(message, Hello)]
        await house.store.sell(3)
        await house.store.drained()
        await _send(recorder, house.store.node_id, *old)
        while (await _welcomed(recorder, house.store.node_id)).decision != "fence":
            pass
        assert (await _welcomed(recorder, house.store.node_id)).decision == "resume"
        await house.store.online()
        await house.store.sell()
        await house.audit()
        assert (await house.centre.node(house.store.node_id))["state"] == "online"


async def test_pushes_that_arrive_in_the_wrong_order_are_applied_once_what_was_missing_is_there(
    broker: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    log = NodeLog("store-0002")
    log.sell(6)
    first, second, third = log.pushes(2)
    centre = CentreProcess(tmp_path, broker.url, postgres_dsn)
    try:
        await centre.start()
        async with _client(broker, log.node_id) as node:
            await _send(node, log.node_id, log.hello())
            assert isinstance(await _down(node, log.node_id), Welcome)
            acked = []
            for push in (third, second, first, second, third):
                await _send(node, log.node_id, push)
                answer = await _down(node, log.node_id)
                assert isinstance(answer, Ack)
                acked.append(answer.durable_seq)
            assert acked == [0, 0, 2, 4, 6]
        assert {(place[2]): found for place, found in (await centre.hashes(log.node_id)).items()} == dict(
            enumerate(log.hashes[1:], 1)
        )
    finally:
        await centre.end()


async def test_another_history_under_a_known_seq_is_quarantined_and_the_node_goes_on_in_a_new_incarnation(
    broker: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, broker, postgres_dsn) as house, _client(broker, house.store.node_id) as recorder:
        await house.store.sell(2)
        await house.store.drained()
        genuine = next(message for message in _up(recorder) if isinstance(message, Push))
        before = await house.centre.hashes(house.store.node_id)
        await _send(recorder, house.store.node_id, _forged(genuine))
        await eventually(lambda: _parked(house.centre, "fork"))
        await eventually(lambda: _renewed(house, genuine.incarnation))
        await house.store.sell()
        await house.audit()
        assert before.items() < (await house.centre.hashes(house.store.node_id)).items()
        assert (await house.centre.node(house.store.node_id))["state"] == "online"


async def test_a_push_under_another_nodes_name_is_parked_and_counted_and_changes_nothing(
    broker: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, broker, postgres_dsn) as house, _client(broker, house.store.node_id) as recorder:
        await house.store.sell()
        await house.store.drained()
        push = next(message for message in _up(recorder) if isinstance(message, Push))
        await _send(recorder, STRANGER, _forged(push))
        await eventually(lambda: _metric(house.centre, 'central_peer_faults_total{reason="wrong-topic"}', 1))
        await eventually(lambda: _parked(house.centre, "wrong-topic"))
        assert (await house.store.link())["state"] == "online"
        await house.audit()


async def test_rubbish_on_a_nodes_topic_is_counted_parked_within_bounds_and_stops_nobody(
    broker: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, broker, postgres_dsn) as house, _client(broker, STRANGER) as stranger:
        several = [*_bombs(), *_random_bytes(PARKED_ROWS_PER_NODE_MAX)]
        for payload in several:
            await _publish(stranger, topic(STRANGER, "up"), payload)
        await eventually(lambda: _faults(house.centre, len(several)), 60)
        await house.store.sell()
        await house.audit()
        found = await eventually(lambda: _all_parked(house.centre), 60)  # counted when read, kept a batch later
        assert {row["topic"] for row in found} == {topic(STRANGER, "up")}


async def _all_parked(centre: CentreProcess) -> list[Json]:
    found = await centre.pages("/v1/parked", "parked", node=STRANGER)
    assert len(found) == PARKED_ROWS_PER_NODE_MAX
    return found


async def test_rubbish_on_the_way_down_is_counted_and_the_link_goes_on(
    broker: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_house(tmp_path, broker, postgres_dsn) as house, _client(broker, STRANGER) as stranger:
        several = [*_bombs(), *_random_bytes(20)]
        for payload in several:
            await _publish(stranger, topic(house.store.node_id, "down"), payload)
        counted = f"holdfast_link_peer_faults_total {len(several)}.0"
        await eventually(lambda: _shown(house, counted))
        await house.store.sell()
        await house.audit()


# --- what is sent ----------------------------------------------------------------------------------------------------


def _forged(push: Push) -> Push:
    """The same place in the same stream with other bytes, and a chain that is right in itself."""
    bodies = unpack_block(push.codec, push.block)
    bodies[-1] += b"\x00"
    codec, block = pack_block(bodies)
    return replace(push, codec=codec, block=block, tail_hash=chain.hashes(push.previous_hash, bodies)[-1])


def _bombs() -> list[bytes]:
    """MessagePack that announces or nests more than anyone has memory for, and blocks that unpack to far too much."""
    log = NodeLog(STRANGER)
    log.sell(1)
    flood = zstandard.ZstdCompressor(level=3).compress(bytes(8 * BLOCK_BYTES_MAX))
    array = b"HF\x01" + b"\xdd\xff\xff\xff\xff"
    return [
        b"",
        b"HF",
        array,
        b"HF\x01" + b"\x91" * 100_000,
        b"HF\x01" + b"\xc6\xff\xff\xff\xff",
        b"HF\x02" + encode_message(log.hello())[3:],
        b"HF\x01" + msgpack.packb(["hello", *[None] * 9]),
        encode_message(replace(log.push(), block=flood)),
        encode_message(replace(log.push(), block=flood[:-9])),
    ]


def _random_bytes(count: int) -> list[bytes]:
    source = random.Random(20261121)
    return [b"HF\x01" * source.randint(0, 1) + source.randbytes(source.randint(1, 200)) for _ in range(count)]


# --- the client that listens in --------------------------------------------------------------------------------------


@asynccontextmanager
async def _client(broker: Broker, node_id: str) -> AsyncIterator[MqttLink]:
    """A stranger on the broker who hears both topics of a node and may write to any."""
    link = MqttLink(broker.url, f"listener-{node_id}", subscriptions=[topic(node_id, "up"), topic(node_id, "down")])
    await link.connect()
    try:
        yield link
    finally:
        await link.close()


async def _publish(link: MqttLink, name: str, payload: bytes) -> None:
    while not link.publish(name, payload):
        assert link.connected, link.reason
        await link.room()


async def _send(link: MqttLink, node_id: str, *messages: UpMessage) -> None:
    for message in messages:
        await _publish(link, topic(node_id, "up"), encode_message(message))


def _up(link: MqttLink) -> list[UpMessage]:
    """What the node has sent so far."""
    found: list[UpMessage] = []
    while not link.inbox.empty():
        name, payload = link.inbox.get_nowait()
        if name.endswith("/up"):
            found.append(decode_up(payload))
    return found


async def _down(link: MqttLink, node_id: str) -> DownMessage:
    """The next word of the centre."""
    while True:
        name, payload = await _next(link.inbox)
        if name == topic(node_id, "down"):
            return decode_down(payload)


async def _welcomed(link: MqttLink, node_id: str) -> Welcome:
    """The next welcome of the centre."""
    while True:
        answer = await _down(link, node_id)
        if isinstance(answer, Welcome):
            return answer


async def _next(inbox: Inbox) -> tuple[str, bytes]:
    found: list[tuple[str, bytes]] = []

    async def look() -> bool:
        if not inbox.empty():
            found.append(inbox.get_nowait())
        return bool(found)

    await eventually(look)
    return found[0]


# --- what is looked for ----------------------------------------------------------------------------------------------


async def _metric(centre: CentreProcess, name: str, at_least: float) -> bool:
    samples = dict(
        line.rsplit(" ", 1) for line in (await centre.http.get("/metrics")).text.splitlines() if line[0] != "#"
    )
    found = float(samples.get(name, 0))
    assert found >= at_least, f"{name} is {found:g}"
    return True


async def _faults(centre: CentreProcess, count: int) -> bool:
    text = (await centre.http.get("/metrics")).text
    found = sum(
        float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith("central_peer_faults_total")
    )
    assert found == count, f"{found:g} of {count} are counted"
    return True


async def _parked(centre: CentreProcess, reason: str) -> bool:
    reasons = [row["reason"] for row in (await centre.get("/v1/parked"))["parked"]]
    assert reasons == [reason], reasons
    return True


async def _renewed(house: House, incarnation: UUID) -> bool:
    status = await house.store.get("/v1/status")
    assert (status["incarnation"] != str(incarnation), status["link"]["state"]) == (True, "online"), status
    return True


async def _shown(house: House, sample: str) -> bool:
    text = (await house.store.till.get("/metrics")).text
    assert sample in text.splitlines(), [line for line in text.splitlines() if "peer_faults" in line]
    return True
