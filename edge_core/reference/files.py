"""Snapshots and deltas as bytes: a header and blocks, each of which can be taken by itself (docs/reference.md). Pure.

    file   = block block ...
    block  = length (4 bytes, big-endian), BLAKE2b-128 of the frame, zstd frame of so many bytes
    frame  = MessagePack [header or nil, [[key, row or nil], ...]], the header in the first one alone

A download that is cut goes on after the last whole block. Nothing here trusts what it reads: a block is bounded and has
a hash of its own, so that damage costs no more than the block, and the header has the hash of the version as a whole.
"""

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Annotated, Final, Literal

import msgspec
import zstandard
from msgspec import Meta, Struct

from edge_core.errors import UNREADABLE, PeerFault
from edge_core.limits import (
    IDENTIFIER_CHARS_MAX,
    REFERENCE_BLOCK_BYTES,
    REFERENCE_BLOCK_BYTES_MAX,
    REFERENCE_ROWS_MAX,
)
from edge_core.reference.versions import Change
from edge_core.sync.fields import Hash, Millis, Seq

_LENGTH_BYTES: Final = 4
_DIGEST_BYTES: Final = 16
_PREFIX_BYTES: Final = _LENGTH_BYTES + _DIGEST_BYTES
_ZSTD_LEVEL: Final = 9  # made once, sent to every store

Count = Annotated[int, Meta(ge=0, le=2 * REFERENCE_ROWS_MAX)]


class Header(Struct, frozen=True, array_like=True):
    """What a file is. `hash` and `rows` are of the version that it leads to; `changes` counts what follows.

    A delta leads there from the version `from_version` with `from_hash`; a snapshot from nothing (0 and empty).
    """

    kind: Literal["snapshot", "delta"]
    dataset: Annotated[str, Meta(max_length=IDENTIFIER_CHARS_MAX)]
    version: Seq
    hash: Hash
    rows: Count
    changes: Count
    made_at_ms: Millis
    from_version: Seq = 0
    from_hash: bytes = b""


class Block(Struct, frozen=True):
    """One block that was read: the header where it is the first, its changes, and where the next one begins."""

    header: Header | None
    changes: tuple[Change, ...]
    end: int


class Reading:
    """A file that comes in pieces over any number of connections. `position` is where the next piece has to begin."""

    def __init__(self, start: int = 0) -> None:
        self._start = start
        self._buffer = b""

    @property
    def position(self) -> int:
        """The bytes that were fed since the beginning of the file."""
        return self._start + len(self._buffer)

    def feed(self, piece: bytes) -> Iterator[Block]:
        """The blocks that a piece completes. Raises `PeerFault` for what is none."""
        self._buffer += piece
        while (block := read_block(self._buffer, self._start)) is not None:
            self._buffer = self._buffer[block.end - self._start :]
            self._start = block.end
            yield block


_ENCODER: Final = msgspec.msgpack.Encoder()
_FRAME: Final = msgspec.msgpack.Decoder(tuple[Header | None, tuple[Change, ...]])


def encode_file(header: Header, changes: Iterable[Change]) -> bytes:
    """A whole file."""
    compressor = zstandard.ZstdCompressor(level=_ZSTD_LEVEL)
    frames = (compressor.compress(_ENCODER.encode(frame)) for frame in _frames(header, changes))
    return b"".join(len(frame).to_bytes(_LENGTH_BYTES, "big") + _digest(frame) + frame for frame in frames)


def read_block(buffer: bytes, start: int) -> Block | None:
    """The block at the head of a buffer that begins at `start` of its file; None while it is not whole.

    Raises `PeerFault` for what is no block.
    """
    if len(buffer) < _LENGTH_BYTES:
        return None
    length = int.from_bytes(buffer[:_LENGTH_BYTES], "big")
    if not 0 < length <= REFERENCE_BLOCK_BYTES_MAX:
        raise PeerFault("too-large", f"a block of {length} bytes, the limit is {REFERENCE_BLOCK_BYTES_MAX}")
    size = _PREFIX_BYTES + length
    if len(buffer) < size:
        return None
    frame = buffer[_PREFIX_BYTES:size]
    if _digest(frame) != buffer[_LENGTH_BYTES:_PREFIX_BYTES]:
        raise PeerFault("undecodable", f"the block of reference data at {start} is damaged")
    try:
        header, changes = _FRAME.decode(_unpacked(frame))
    except (zstandard.ZstdError, *UNREADABLE) as error:
        raise PeerFault("undecodable", f"not a block of reference data: {error}") from error
    if (header is None) != (start > 0):
        raise PeerFault("undecodable", f"a header is where none belongs, or missing, at {start}")
    return Block(header, changes, start + size)


def read_file(file: bytes) -> tuple[Header, tuple[Change, ...]]:
    """A whole file at once. Raises `PeerFault` for one that is damaged or ends too early."""
    header: Header | None = None
    changes: list[Change] = []
    start = 0
    while (block := read_block(file[start : start + _PREFIX_BYTES + REFERENCE_BLOCK_BYTES_MAX], start)) is not None:
        header = header or block.header
        changes += block.changes
        start = block.end
    if header is None or start != len(file) or len(changes) != header.changes:
        raise PeerFault("range-invalid", f"a file that ends after {len(changes)} changes")
    return header, tuple(changes)


def _frames(header: Header, changes: Iterable[Change]) -> Iterator[tuple[Header | None, list[Change]]]:
    head: Header | None = header
    group: list[Change] = []
    size = 0
    for change in changes:
        weight = len(change.key) + len(change.body or b"")
        if group and size + weight > REFERENCE_BLOCK_BYTES:
            yield head, group
            head, group, size = None, [], 0
        group.append(change)
        size += weight
    yield head, group


def _digest(frame: bytes) -> bytes:
    return blake2b(frame, digest_size=_DIGEST_BYTES).digest()


def _unpacked(frame: bytes) -> bytes:
    size = zstandard.get_frame_parameters(frame).content_size
    if not 0 < size <= REFERENCE_BLOCK_BYTES_MAX:
        raise PeerFault("too-large", f"a block that declares {size} bytes, the limit is {REFERENCE_BLOCK_BYTES_MAX}")
    return zstandard.ZstdDecompressor().decompress(frame, max_output_size=REFERENCE_BLOCK_BYTES_MAX)
