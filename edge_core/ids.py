"""Identifiers made from values that the caller brings: time and randomness stay outside the core."""

import base64
from functools import lru_cache
from hashlib import blake2b
from typing import Final
from uuid import UUID

_VERSION_7: Final = 0x7 << 76
_VERSION_8: Final = 0x8 << 76
_VARIANT_RFC9562: Final = 0b10 << 62
_MS_MASK: Final = (1 << 48) - 1
_RAND_A_MASK: Final = (1 << 12) - 1
_RAND_B_MASK: Final = (1 << 62) - 1
_NAMED_MASK: Final = (1 << 128) - 1 ^ (0xF << 76) ^ (0b11 << 62)
_MARK_BYTES: Final = 3


def uuid7(unix_ms: int, random_bits: int) -> UUID:
    """A UUIDv7 (RFC 9562 section 5.7) of a time in Unix milliseconds and 74 random bits."""
    rand_a = (random_bits >> 62) & _RAND_A_MASK
    return UUID(
        int=(unix_ms & _MS_MASK) << 80 | _VERSION_7 | rand_a << 64 | _VARIANT_RFC9562 | random_bits & _RAND_B_MASK
    )


def uuid8(digest: bytes) -> UUID:
    """A UUIDv8 (RFC 9562 section 5.8) that stands for whatever these 16 bytes were made of."""
    return UUID(int=int.from_bytes(digest, "big") & _NAMED_MASK | _VERSION_8 | _VARIANT_RFC9562)


def named(namespace: bytes, text: str) -> UUID:
    """A UUIDv8 that stands for a text in a namespace: the same for ever, also elsewhere."""
    return uuid8(blake2b(namespace + text.encode(), digest_size=16).digest())


def incarnation(unix_ms: int, random_bits: int, machine: bytes) -> UUID:
    """The name of a new life of a node: a UUIDv7 whose last 24 bits stand for the machine, where its mark is known.

    Fifty random bits are left, and a node has a few dozen lives.
    """
    made = uuid7(unix_ms, random_bits)
    return UUID(bytes=made.bytes[:-_MARK_BYTES] + machine) if len(machine) == _MARK_BYTES else made


def machine_mark(machine_id: str) -> bytes:
    """What stands for a machine in the names of its lives; empty where the machine has no id."""
    return blake2b(machine_id.encode(), digest_size=_MARK_BYTES).digest() if machine_id else b""


def is_same_machine(one: UUID, other: UUID) -> bool:
    """Whether two incarnations bear one machine's mark; chance makes it so once in sixteen million."""
    return one.bytes[-_MARK_BYTES:] == other.bytes[-_MARK_BYTES:]


@lru_cache(maxsize=16)  # every order of one start of one life asks for the same
def life_code(incarnation: UUID, life: bytes) -> str:
    """Eight characters (40 bits) that stand for an incarnation and one start of the process in display numbers.

    A file that was put back from a copy gives out its seqs again before it hears of that; `life` is random at each
    start, so that the numbers on the receipts differ all the same.
    """
    return base64.b32encode(blake2b(incarnation.bytes + life, digest_size=5).digest()).decode().lower()


def display_number(store_id: str, terminal_id: str, code: str, seq: int) -> str:
    """`store-terminal-incarnation-seq`: never used twice, since seq is gapless in a stream of one incarnation."""
    return f"{store_id}-{terminal_id}-{code}-{seq}"


def close_code(z_number: int, close_id: UUID) -> str:
    """What people call a Z report: its number, and eight characters (40 bits) that stand for this very close.

    A store that lost its disk, or whose file was put back, counts the same numbers again until it hears what was closed
    before. On paper the reports differ all the same.
    """
    return f"{z_number}-{base64.b32encode(blake2b(close_id.bytes, digest_size=5).digest()).decode().lower()}"


def central_order_id(key: str) -> UUID:
    """The id of the order that was posted to the centre under an `Idempotency-Key`."""
    return named(b"holdfast/order\x00", key)


def central_display_number(order_id: UUID) -> str:
    """What the customer and the store call an order of the centre: `W-` and ten characters (50 bits) of its id."""
    digest = blake2b(order_id.bytes, digest_size=7).digest()
    return f"W-{base64.b32encode(digest).decode()[:10]}"


def digest16(text: str) -> bytes:
    """16 bytes that stand for a string of a client's in an index (BLAKE2b-128)."""
    return blake2b(text.encode(), digest_size=16).digest()


def pickup_code(random_bits: int) -> str:
    """Eight characters (40 bits) that a customer shows to fetch goods; no 0, 1, 8 or 9 to be misread (RFC 4648)."""
    return base64.b32encode((random_bits & (1 << 40) - 1).to_bytes(5, "big")).decode()


def pickup_code_hash(order_id: UUID, group_id: str, code: str) -> bytes:
    """16 bytes by which a pickup code is known; capitals and blanks around it are free."""
    return blake2b(
        order_id.bytes + group_id.encode() + b"\x00" + code.strip().upper().encode(), digest_size=16
    ).digest()
