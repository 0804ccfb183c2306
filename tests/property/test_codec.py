"""What is written is read again, the same; what is foreign is refused with one kind of fault and little memory."""

import tracemalloc
from contextlib import suppress

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from edge_core.errors import PeerFault
from edge_core.limits import BLOCK_BYTES_MAX, MESSAGE_BYTES_MAX, PUSH_ENTRIES_MAX
from edge_core.orders.commands import StockMovement
from edge_core.orders.document import Order, TillOrder
from edge_core.orders.events import Event
from edge_core.orders.requests import CancelRequest
from edge_core.shapes import json_object, json_reader, object_shape
from edge_core.sync.entry import ENTRY_VERSION, Entry, decode_entry, encode_entry
from edge_core.sync.messages import (
    DownMessage,
    UpMessage,
    decode_down,
    decode_up,
    encode_message,
    pack_block,
    unpack_block,
)
from tests.rigs import golden
from tests.rigs.orders import fixture_order
from tests.rigs.strategies import structs

ENTRIES = structs(Entry).map(lambda entry: replace(entry, version=ENTRY_VERSION))
UP, DOWN = structs(UpMessage), structs(DownMessage)

# --- the log ---------------------------------------------------------------------------------------------------------


@given(ENTRIES)
def test_an_entry_is_read_as_it_was_written_and_has_one_encoding(entry: Entry) -> None:
    body = encode_entry(entry)
    assert decode_entry(body) == entry
    assert encode_entry(decode_entry(body)) == body


@given(ENTRIES, st.data())
def test_an_entry_with_any_bytes_changed_is_read_or_refused(entry: Entry, data: st.DataObject) -> None:
    reads_or_refuses(decode_entry, mutated(data, encode_entry(entry)))


@given(st.binary(max_size=200))
def test_random_bytes_are_no_entry(body: bytes) -> None:
    reads_or_refuses(decode_entry, body)


# --- JSON ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [TillOrder, CancelRequest, StockMovement], ids=lambda cls: cls.__name__)
@given(data=st.data())
def test_what_a_till_writes_is_read_and_shown_again_the_same(cls: type[msgspec.Struct], data: st.DataObject) -> None:
    posted = data.draw(structs(cls))
    body = msgspec.json.encode(json_object(posted))
    assert json_reader(cls)(body) == posted
    assert msgspec.json.encode(json_object(json_reader(cls)(body))) == body


@given(structs(Event))
def test_every_event_is_an_object_that_begins_with_its_name(event: msgspec.Struct) -> None:
    shown = msgspec.json.encode(json_object(event))
    assert msgspec.json.decode(shown)["type"] == event.__struct_config__.tag
    assert msgspec.json.decode(shown, type=object_shape(type(event), is_written=False)) == json_object(event)


def test_what_the_log_holds_is_shown_even_where_nobody_could_have_written_it() -> None:
    odd = replace(fixture_order("order-ship"), channel="\x01", placed_at="some time ago", attribution={" ": "x"})
    shown = msgspec.json.decode(msgspec.json.encode(json_object(odd)))
    assert (shown["channel"], shown["placed_at"], shown["attribution"]) == ("\x01", "some time ago", {" ": "x"})


@given(structs(Order))
def test_the_kept_document_survives_both_shapes(order: Order) -> None:
    body = msgspec.msgpack.encode(order)
    assert msgspec.msgpack.decode(body, type=Order) == order
    assert msgspec.convert(json_object(order), Order, from_attributes=True) == order


READ_ORDER = json_reader(TillOrder)


@given(structs(TillOrder), st.data())
def test_a_body_with_any_bytes_changed_is_read_or_refused(posted: TillOrder, data: st.DataObject) -> None:
    with suppress(msgspec.DecodeError):
        READ_ORDER(mutated(data, msgspec.json.encode(json_object(posted))))


@pytest.mark.parametrize("body", [b'{"channel":"\xff"}', b'{"\xff":1}', b'{"channel":"\\ud800"}', b"\xff", b""])
def test_a_body_that_is_not_json_text_is_refused(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        READ_ORDER(body)


def test_a_key_is_held_to_its_pattern_like_any_other_text() -> None:
    body = msgspec.json.encode(json_object(replace(fixture_order("order-ship"), attribution={"a\x01b": "x"})))
    with pytest.raises(msgspec.ValidationError, match="attribution"):
        READ_ORDER(body)


# --- the wire --------------------------------------------------------------------------------------------------------


@given(UP)
def test_a_message_up_is_read_as_it_was_written(message: UpMessage) -> None:
    assert decode_up(encode_message(message)) == message


@given(DOWN)
def test_a_message_down_is_read_as_it_was_written(message: DownMessage) -> None:
    assert decode_down(encode_message(message)) == message


@given(UP, DOWN)
def test_a_message_is_not_read_at_the_wrong_end(up: UpMessage, down: DownMessage) -> None:
    refuses(decode_down, encode_message(up))
    refuses(decode_up, encode_message(down))


@given(st.one_of(UP, DOWN), st.data())
def test_a_message_with_any_bytes_changed_is_read_or_refused(message: UpMessage, data: st.DataObject) -> None:
    payload = mutated(data, encode_message(message))
    reads_or_refuses(decode_up, payload)
    reads_or_refuses(decode_down, payload)


@given(st.binary(max_size=300))
def test_random_bytes_are_no_message(payload: bytes) -> None:
    for start in (b"", b"HF", b"HF\x01"):
        reads_or_refuses(decode_up, start + payload)
        reads_or_refuses(decode_down, start + payload)


def with_a_deep_field(array: bytes) -> bytes:
    """The same MessagePack array (of at most 14 elements) with one more that is nested without end."""
    assert array[0] & 0xF0 == 0x90
    return bytes([array[0] + 1]) + array[1:] + b"\x91" * 500_000 + b"\xc0"


@pytest.mark.parametrize("message", golden.MESSAGES, ids=lambda message: message.__struct_config__.tag)
def test_a_message_nested_without_end_is_refused(message: UpMessage | DownMessage) -> None:
    deep = b"HF\x01" + with_a_deep_field(encode_message(message)[3:])
    assert refuses(decode_up if isinstance(message, UpMessage) else decode_down, deep) == "undecodable"


def test_an_entry_nested_without_end_is_refused() -> None:
    body = encode_entry(golden.ENTRIES["stock.moved"])
    assert refuses(decode_entry, with_a_deep_field(body)) == "undecodable"


def test_texts_that_are_not_utf_8_are_refused() -> None:
    payload = b"HF\x01" + msgspec.msgpack.encode(["bye", "node", bytes(16)])[:1].replace(b"\x93", b"\x94")
    payload += msgspec.msgpack.encode("bye") + msgspec.msgpack.encode("node") + msgspec.msgpack.encode(bytes(16))
    refuses(decode_up, payload + b"\xa2\xff\xfe")


def test_a_message_over_the_limit_is_refused_before_it_is_read() -> None:
    assert refuses(decode_up, b"HF\x01" + bytes(MESSAGE_BYTES_MAX)) == "too-large"


@pytest.mark.parametrize(
    ("payload", "reason"), [(b"", "undecodable"), (b"HF\x02\x90", "unknown-version"), (b"HF", "unknown-version")]
)
def test_other_protocols_and_other_versions_are_told_apart(payload: bytes, reason: str) -> None:
    assert refuses(decode_up, payload) == reason


# --- blocks ----------------------------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_a_block_is_unpacked_as_it_was_packed(bodies: list[bytes]) -> None:
    assert unpack_block(*pack_block(bodies)) == bodies
    assert unpack_block("raw", msgspec.msgpack.encode(bodies)) == bodies


@given(st.lists(st.binary(max_size=50), max_size=5), st.sampled_from(["zstd", "raw"]), st.data())
def test_a_block_with_any_bytes_changed_is_unpacked_or_refused(
    bodies: list[bytes], codec: str, data: st.DataObject
) -> None:
    block = pack_block(bodies)[1] if codec == "zstd" else msgspec.msgpack.encode(bodies)
    reads_or_refuses(lambda changed: unpack_block(codec, changed), mutated(data, block))  # type: ignore[arg-type]


def compressed(raw: bytes, *, says_its_size: bool = True) -> bytes:
    parameters = zstandard.ZstdCompressionParameters.from_level(1, write_content_size=says_its_size)
    return zstandard.ZstdCompressor(compression_params=parameters).compress(raw)


BOMBS = {
    "a gigabyte of zeros": lambda: declared(compressed(bytes(4096)), 1 << 30),
    "just over the limit": lambda: compressed(bytes(BLOCK_BYTES_MAX + 1)),
    "a size that is not said": lambda: compressed(bytes(BLOCK_BYTES_MAX * 8), says_its_size=False),
    "a size that is a lie": lambda: declared(compressed(b"\x91\xc4\x01a"), 1 << 20),
    "nested without end": lambda: compressed(b"\x91" * (BLOCK_BYTES_MAX - 1)),
    "a list of more than can be": lambda: compressed(b"\xdd\xff\xff\xff\xff"),
    "more entries than a push has": lambda: compressed(msgspec.msgpack.encode([b""] * (PUSH_ENTRIES_MAX + 1))),
    "an entry longer than there is": lambda: compressed(b"\x91\xc6\xff\xff\xff\xff"),
    "nothing": lambda: b"",
    "cut short": lambda: pack_block([b"body" * 1000])[1][:-5],
}


def declared(frame: bytes, size: int) -> bytes:
    """A zstd frame (RFC 8878 section 3.1.1) with its content size written as eight bytes that say something else."""
    parameters = zstandard.get_frame_parameters(frame)
    header = 4 + 1 + {True: 1, False: 2}[parameters.content_size < 256]
    return frame[:4] + b"\xe0" + size.to_bytes(8, "little") + frame[header:]


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_within_bounded_memory(bomb: object) -> None:
    assert callable(bomb)
    block = bomb()
    tracemalloc.start()
    try:
        refuses(lambda foreign: unpack_block("zstd", foreign), block)
        assert tracemalloc.get_traced_memory()[1] < 4 * BLOCK_BYTES_MAX
    finally:
        tracemalloc.stop()


# --- means -----------------------------------------------------------------------------------------------------------


def reads_or_refuses(read: object, payload: bytes) -> None:
    """Anything but a `PeerFault` is a failure of the test."""
    assert callable(read)
    try:
        read(payload)
    except PeerFault as fault:
        assert fault.reason  # noqa: PT017 - either outcome is right


def refuses(read: object, payload: bytes) -> str:
    assert callable(read)
    with pytest.raises(PeerFault) as caught:
        read(payload)
    return caught.value.reason


def mutated(data: st.DataObject, payload: bytes) -> bytes:
    """Some bytes replaced, cut out or put in."""
    changed = bytearray(payload)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(0, len(changed) - 1)))
        until = at + data.draw(st.integers(0, 3))
        changed[at:until] = data.draw(st.binary(max_size=3))
    return bytes(changed)
