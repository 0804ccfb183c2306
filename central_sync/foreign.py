"""What foreign bytes say, as far as they say anything: for people who look at what was parked.

Nothing is done with it. The bytes are untyped and untrusted, so the reader is bounded in every dimension.
"""

from typing import Final

import msgpack

from edge_core.limits import PARKED_PAYLOAD_BYTES_MAX, TEXT_CHARS_MAX

_PREFIX: Final = b"HF"
_HEADER_BYTES: Final = 3  # the mark and the protocol version
_ITEMS_MAX: Final = 64


def outline(payload: bytes) -> str:
    """One line that names the values of a MessagePack message, cut; a sentence where it is none."""
    body = payload[_HEADER_BYTES:] if payload.startswith(_PREFIX) else payload
    try:
        value = msgpack.unpackb(
            body[:PARKED_PAYLOAD_BYTES_MAX], strict_map_key=False, max_array_len=_ITEMS_MAX, max_map_len=_ITEMS_MAX
        )
    except (ValueError, RecursionError, msgpack.exceptions.UnpackException) as error:
        return f"not MessagePack: {error or type(error).__name__}"
    text = repr(_cut(value))
    return text if len(text) <= TEXT_CHARS_MAX * 2 else f"{text[: TEXT_CHARS_MAX * 2]}..."


def _cut(value: object) -> object:
    """The value with long byte strings named by their length."""
    if isinstance(value, list):
        return [_cut(each) for each in value]
    if isinstance(value, bytes) and len(value) > _ITEMS_MAX:
        return f"<{len(value)} bytes>"
    return value
