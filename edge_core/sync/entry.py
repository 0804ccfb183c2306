"""The entry: all events of one decision, encoded once, atomic, the unit of the log and of the link.

A stream is `(node_id, incarnation, lane)`; `seq` in it is gapless from 1. The body is a MessagePack array in declared
field order, its first element the schema version, so that a reader knows what it holds before it looks at the rest.
Two encoders that follow the declaration give the same bytes; a golden file for each version proves it
(tests/contract/golden).
"""

from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from edge_core.errors import UNREADABLE, PeerFault, PermanentFault
from edge_core.limits import ENTRY_BYTES_MAX, ENTRY_VERSION_MAX
from edge_core.orders.events import Event
from edge_core.sync.versions import lowest_version

ENTRY_VERSION: Final = 2
"""The newest version: the one after those that are frozen (edge_core/sync/versions.py). All of them are read."""
LANES: Final = ("orders", "bulk")


class Entry(Struct, frozen=True, array_like=True, gc=False):
    """One decision: when (hybrid clock and wall clock), about which order, and what happened.

    `recorded_at_ms` is the recording node's wall clock in Unix milliseconds. `traceparent` is the W3C Trace Context
    of the request that led to it.
    """

    version: int
    seq: int
    hlc: int
    recorded_at_ms: int
    order_id: UUID | None
    events: tuple[Event, ...]
    traceparent: str | None = None


class _Versioned(Struct, array_like=True):
    """The first element of an entry of any version."""

    version: int


_VERSIONED: Final = msgspec.msgpack.Decoder(_Versioned)
_ENCODER: Final = msgspec.msgpack.Encoder(uuid_format="bytes")
_DECODER: Final = msgspec.msgpack.Decoder(Entry)


def new_entry(
    *,
    seq: int,
    hlc: int,
    recorded_at_ms: int,
    order_id: UUID | None,
    events: tuple[Event, ...],
    traceparent: str | None = None,
) -> Entry:
    """A decision to be recorded, in the lowest version that can say it: nothing else makes an entry."""
    return Entry(lowest_version(events), seq, hlc, recorded_at_ms, order_id, events, traceparent)


def encode_entry(entry: Entry) -> bytes:
    """The canonical bytes of an entry, at most `ENTRY_BYTES_MAX`; a larger one raises `PermanentFault`."""
    body = _ENCODER.encode(entry)
    if len(body) > ENTRY_BYTES_MAX:
        raise PermanentFault(f"an entry of {len(body)} bytes is over the limit of {ENTRY_BYTES_MAX}")
    return body


def decode_entry(body: bytes) -> Entry:
    """Read an entry of any version that this software knows.

    Raises `PeerFault`: `unknown-version` for one of a later version, however else it looks, `undecodable` for rubbish.
    """
    try:
        entry = _DECODER.decode(body)
    except UNREADABLE as error:
        raise _unreadable(body, f"not an entry: {error}") from error
    if not 1 <= entry.version <= ENTRY_VERSION:
        raise _unreadable(body, f"{entry.version} is no version of an entry")
    return entry


def is_same_decision(entry: Entry, other: Entry) -> bool:
    """Whether two entries are one decision, recorded twice: equal in all but their places.

    A decision that moves to another stream keeps its times and its content; two lives that come from one disk may both
    append again what it held. Whoever uses entries uses the first of them and passes over the others.
    """
    return entry.hlc == other.hlc and replace(entry, seq=other.seq) == other


def _unreadable(body: bytes, why: str) -> PeerFault:
    """Looked at only once an entry is not what this software reads: looking first costs every other entry a tenth."""
    version = newer_version(body)
    if version is not None:
        return PeerFault("unknown-version", f"entry version {version}, this software knows those up to {ENTRY_VERSION}")
    return PeerFault("undecodable", why)


def newer_version(body: bytes) -> int | None:
    """The version of an entry that later software has written; None for what this one knows, and for rubbish."""
    try:
        version = _VERSIONED.decode(body).version
    except UNREADABLE:
        return None
    return version if ENTRY_VERSION < version <= ENTRY_VERSION_MAX else None
