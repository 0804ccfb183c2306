"""Foreign bytes are shown to people without being trusted."""

from uuid import UUID

import msgpack

from central_sync.foreign import outline
from edge_core.sync.messages import Bye, encode_message


def test_a_message_of_the_protocol_is_named_by_its_values() -> None:
    shown = outline(encode_message(Bye("node-7", UUID(int=7), "gone")))
    assert "'bye'" in shown
    assert "'node-7'" in shown


def test_bytes_that_are_nothing_are_called_that() -> None:
    assert outline(b"\xc1 nonsense").startswith("not MessagePack")
    assert outline(b"").startswith("not MessagePack")


def test_a_bomb_of_nesting_or_length_is_not_unpacked() -> None:
    assert outline(b"\x91" * 50_000).startswith("not MessagePack")
    assert outline(b"\xdd\xff\xff\xff\xff").startswith("not MessagePack")


def test_long_values_are_cut() -> None:
    assert "<5000 bytes>" in outline(msgpack.packb([b"x" * 5000]))
