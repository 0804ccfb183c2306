"""Bytes that were once written stay readable, and are written the same: each version of the log, and of the wire.

A failure here means that stores in the field could not read their own files, or the centre their messages. The remedy
is a new version beside the old one, never another golden file.
"""

import json
from pathlib import Path
from typing import Any, get_args
from uuid import UUID

import msgspec
import pytest

from edge_core import ids
from edge_core.orders.events import LIFECYCLE_NAMES, Event, LifecycleEvent, StockMoved
from edge_core.routing.deciding import route
from edge_core.routing.record import Record, decision_in, question_in
from edge_core.stock.requests import HearRights
from edge_core.sync import chain
from edge_core.sync.entry import ENTRY_VERSION, LANES, decode_entry, encode_entry
from edge_core.sync.instruction import AssignTask, decode_instruction, encode_instruction
from edge_core.sync.messages import (
    PROTOCOL_VERSION,
    DownMessage,
    UpMessage,
    decode_down,
    decode_up,
    encode_message,
)
from edge_core.sync.topics import shard_of, topic
from tests.rigs import golden

FILES = Path(__file__).parent / "golden"
OF_VERSION: dict[int, dict[str, Any]] = {
    version: json.loads((FILES / f"entry_v{version}.json").read_text()) for version in range(1, ENTRY_VERSION + 1)
}
ENTRIES = {name: (version, written) for version, file in OF_VERSION.items() for name, written in file.items()}
EARLIER_ENTRIES: dict[str, str] = json.loads((FILES / "entry_v1_earlier.json").read_text())
EARLIER: dict[str, str] = json.loads((FILES / "messages_v1_earlier.json").read_text())
INSTRUCTIONS: dict[str, str] = json.loads((FILES / "instruction_v1.json").read_text())
EARLIER_INSTRUCTIONS: dict[str, str] = json.loads((FILES / "instruction_v1_earlier.json").read_text())
ROUTED: dict[str, Any] = json.loads((FILES / "routing_v1.json").read_text())
MESSAGES: dict[str, str] = json.loads((FILES / "messages_v1.json").read_text())


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_of_any_version_is_read_as_what_it_was(name: str) -> None:
    version, written = ENTRIES[name]
    entry = decode_entry(bytes.fromhex(written["hex"]))
    assert entry == golden.ENTRIES[name]
    assert entry.version == version
    assert golden.shown(entry) == written["json"]


@pytest.mark.parametrize("name", golden.ENTRIES)
def test_an_entry_is_written_in_the_bytes_of_its_version(name: str) -> None:
    version, written = ENTRIES[name]
    assert golden.ENTRIES[name].version == version
    assert encode_entry(golden.ENTRIES[name]).hex() == written["hex"]


@pytest.mark.parametrize("name", EARLIER_ENTRIES)
def test_an_event_without_the_fields_that_came_later_is_read_with_their_defaults(name: str) -> None:
    body = bytes.fromhex(EARLIER_ENTRIES[name])
    (read,), (now,) = decode_entry(body).events, golden.ENTRIES[name].events
    (raw,) = msgspec.msgpack.decode(body)[5]
    assert read != now
    assert read == _as_earlier(now, raw[1:])


@pytest.mark.parametrize("name", golden.INSTRUCTIONS)
def test_an_instruction_is_written_and_read_in_the_bytes_of_version_1(name: str) -> None:
    body = bytes.fromhex(INSTRUCTIONS[name])
    assert encode_instruction(golden.INSTRUCTIONS[name]) == body
    assert decode_instruction(body) == golden.INSTRUCTIONS[name]


@pytest.mark.parametrize("name", EARLIER_INSTRUCTIONS)
def test_an_instruction_without_the_fields_that_came_later_is_read_with_their_defaults(name: str) -> None:
    read = decode_instruction(bytes.fromhex(EARLIER_INSTRUCTIONS[name])).task
    if isinstance(read, AssignTask):
        assert (read.spent == (), read.part_of) == (name == "order.assign", None)
    else:
        assert isinstance(read, HearRights)
        assert (read.book.backing[0].by, read.book.told) == (None, ())


@pytest.mark.parametrize("message", golden.MESSAGES, ids=lambda message: message.__struct_config__.tag)
def test_a_message_is_written_and_read_in_the_bytes_of_protocol_1(message: UpMessage | DownMessage) -> None:
    payload = bytes.fromhex(MESSAGES[str(message.__struct_config__.tag)])
    assert encode_message(message) == payload
    assert (decode_up if isinstance(message, UpMessage) else decode_down)(payload) == message


@pytest.mark.parametrize("name", EARLIER)
def test_a_message_without_the_fields_that_came_later_is_read_with_their_defaults(name: str) -> None:
    payload = bytes.fromhex(EARLIER[name])
    (message,) = (each for each in golden.MESSAGES if each.__struct_config__.tag == name.split(",", maxsplit=1)[0])
    read = decode_up(payload) if isinstance(message, UpMessage) else decode_down(payload)
    assert read != message
    assert read == _as_earlier(message, msgspec.msgpack.decode(payload[3:]), 1)


def test_a_decision_of_routing_is_recorded_in_the_bytes_of_its_version_and_read_from_them() -> None:
    assert golden.routing(golden.ROUTED) == ROUTED
    record = Record(ROUTED["version"], *(bytes.fromhex(ROUTED[name]) for name in ("hash", "question", "decision")))
    assert route(question_in(record)) == decision_in(record)


def test_every_event_and_every_message_has_its_golden_bytes() -> None:
    assert {str(kind.__struct_config__.tag) for kind in get_args(Event)} <= set(ENTRIES)
    kinds = get_args(UpMessage) + get_args(DownMessage)
    assert {str(kind.__struct_config__.tag) for kind in kinds} == set(MESSAGES)
    assert (ENTRY_VERSION, PROTOCOL_VERSION, LANES) == (2, 1, ("orders", "bulk"))


def test_the_seventeen_names_are_frozen() -> None:
    frozen = """
        order.placed order.validated order.held order.approved payment.authorized payment.captured
        fulfillment.routed stock.reserved fulfillment.accepted fulfillment.rejected fulfillment.picked
        fulfillment.packed fulfillment.ready_for_pickup fulfillment.shipped fulfillment.delivered
        order.cancelled order.returned
    """
    assert tuple(frozen.split()) == LIFECYCLE_NAMES
    assert tuple(str(kind.__struct_config__.tag) for kind in get_args(LifecycleEvent)) == LIFECYCLE_NAMES
    assert StockMoved.__struct_config__.tag == "stock.moved"


def test_a_stream_begins_with_the_hash_that_it_always_began_with() -> None:
    start = chain.genesis("store-0001", golden.INCARNATION, "orders")
    assert start.hex() == "d77991439221f68a68be84d5b9e89e8c0187bf98982c0fd89ca6608bbf248f52"
    assert chain.link(start, b"body").hex() == "9570e80149eeb666f7648e4a7f0a5accdd34da4f49431b2aea8b87a52d8ae2d3"
    bulk = chain.genesis("store-0001", golden.INCARNATION, "bulk")
    assert bulk.hex() == "58dcbf04c42278a3711a4c5e9041a72d3b7bd2b8d8c2722001d3061eca3eaa10"


@pytest.mark.parametrize(
    ("node_id", "shard"), [("store-0001", 2), ("store-0002", 49), ("store-0100", 25), ("warehouse-a", 31), ("a", 30)]
)
def test_a_node_stays_in_its_shard(node_id: str, shard: int) -> None:
    assert shard_of(node_id) == shard
    assert topic(node_id, "up") == f"edge/v1/{shard:02x}/{node_id}/up"
    assert topic(node_id, "down") == f"edge/v1/{shard:02x}/{node_id}/down"


def test_display_codes_and_key_digests_stay_what_they_are() -> None:
    assert ids.life_code(UUID("01939f3e-5c00-7000-8000-0000000000a1"), b"") == "4324gatt"
    assert ids.digest16("key").hex() == "82af27c64245bfd15a520134b44e6bb1"


def _as_earlier(value: Any, raw: Any, tags: int = 0) -> Any:
    """A value as bytes say it that lack what was added to it, or to a part of it, later."""
    if isinstance(value, tuple):
        return tuple(_as_earlier(part, raw_part) for part, raw_part in zip(value, raw, strict=True))
    if not isinstance(value, msgspec.Struct):
        return value
    parts = dict(zip(value.__struct_fields__, raw[tags:], strict=False))
    return msgspec.structs.replace(
        value,
        **{
            field.name: _as_earlier(getattr(value, field.name), parts[field.name])
            if field.name in parts
            else field.default
            for field in msgspec.structs.fields(type(value))
        },
    )
