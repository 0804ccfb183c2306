"""The public keys that sign releases, as text and by a short name. Nothing is calculated with them here."""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

from edge_core.errors import PermanentFault
from edge_core.limits import POLICY_KEYS_MAX

KEY_BYTES: Final = 32
"""Of an Ed25519 public key (RFC 8032)."""

_KEY_ID_BYTES: Final = 8


def key_id(public_key: bytes) -> str:
    """The short name of a key."""
    return blake2b(public_key, digest_size=_KEY_ID_BYTES).hexdigest()


def read_keys(texts: Iterable[str]) -> dict[str, bytes]:
    """Trusted keys from their hex, by their id. Raises `PermanentFault` for what is none."""
    keys: dict[str, bytes] = {}
    for text in texts:
        try:
            key = bytes.fromhex(text)
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            raise PermanentFault(f"no Ed25519 key of {2 * KEY_BYTES} hexadecimal digits: {text[:80]!r}")
        keys[key_id(key)] = key
    if len(keys) > POLICY_KEYS_MAX:
        raise PermanentFault(f"{len(keys)} keys, the limit is {POLICY_KEYS_MAX}")
    return keys
