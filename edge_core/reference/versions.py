"""A version of a dataset is a set of rows by key, with a number and a hash (docs/reference.md). Pure.

A row's bytes are canonical (`edge_core.reference.datasets.encode_row`), so that one content has one hash wherever it is
computed: over the pairs of key and row, in the order of the keys. A delta is the difference of two versions; whoever
applies it proves by the hash that the result is the version that was published.
"""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Final

import msgspec
from msgspec import Struct

from edge_core.errors import InvariantViolated
from edge_core.sync.chain import HASH_BYTES

_ENCODER: Final = msgspec.msgpack.Encoder()


class Change(Struct, frozen=True, array_like=True, gc=False):
    """One row as it is now: its bytes, or None where it is gone."""

    key: str
    body: bytes | None


class ContentHash:
    """The hash of a version, row by row in the order of their keys (that of their UTF-8 bytes)."""

    def __init__(self) -> None:
        self._hash = blake2b(digest_size=HASH_BYTES)
        self._last: str | None = None
        self.rows = 0

    def add(self, key: str, body: bytes) -> None:
        """The next row. Another order would give the same content another hash: it is a bug."""
        if self._last is not None and key <= self._last:
            raise InvariantViolated(f"row {key!r} after {self._last!r}")
        self._last = key
        self._hash.update(_ENCODER.encode((key, body)))
        self.rows += 1

    def digest(self) -> bytes:
        """The hash of what was added, 32 bytes."""
        return self._hash.digest()


def content_hash(rows: Mapping[str, bytes]) -> bytes:
    """The hash of a whole version."""
    found = ContentHash()
    for key in sorted(rows):
        found.add(key, rows[key])
    return found.digest()


def snapshot(rows: Mapping[str, bytes]) -> tuple[Change, ...]:
    """What makes a version from nothing, in the order of the keys."""
    return tuple(Change(key, rows[key]) for key in sorted(rows))


def diff(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> tuple[Change, ...]:
    """What changes one version into another, in the order of the keys."""
    changed = (key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
    return tuple(Change(key, new.get(key)) for key in sorted(changed))


def applied(rows: Mapping[str, bytes], changes: Iterable[Change]) -> dict[str, bytes]:
    """A version after changes."""
    result = dict(rows)
    for change in changes:
        if change.body is None:
            result.pop(change.key, None)
        else:
            result[change.key] = change.body
    return result


def merged(rows: Iterable[tuple[str, bytes]], changes: Iterable[Change]) -> Iterator[tuple[str, bytes]]:
    """The same row by row, both in the order of their keys: a large version is never in memory as a whole."""
    waiting = iter(changes)
    change = next(waiting, None)
    for key, body in rows:
        while change is not None and change.key < key:
            if change.body is not None:
                yield change.key, change.body
            change = next(waiting, None)
        if change is None or change.key != key:
            yield key, body
    while change is not None:
        if change.body is not None:
            yield change.key, change.body
        change = next(waiting, None)
