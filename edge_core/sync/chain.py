"""The hash chain of a stream: `hash_n = BLAKE2b-256(hash_{n-1} || body_n)` (RFC 7693).

The genesis hash names the stream, so that a body cannot be moved to another node, incarnation or lane.
"""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Final
from uuid import UUID

HASH_BYTES: Final = 32


def genesis(node_id: str, incarnation: UUID, lane: str) -> bytes:
    """The hash before the first entry of a stream: 32 bytes."""
    name = b"\x00".join((b"holdfast/1", node_id.encode(), incarnation.bytes, lane.encode()))
    return blake2b(name, digest_size=HASH_BYTES).digest()


def link(previous: bytes, body: bytes) -> bytes:
    """The hash after one more entry."""
    return blake2b(previous + body, digest_size=HASH_BYTES).digest()


def hashes(previous: bytes, bodies: Iterable[bytes]) -> list[bytes]:
    """The hash after each of several entries."""
    chain: list[bytes] = []
    for body in bodies:
        previous = blake2b(previous + body, digest_size=HASH_BYTES).digest()
        chain.append(previous)
    return chain
