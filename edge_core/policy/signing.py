"""A release is signed by the centre together with its policies, and by nobody on the way (Ed25519, RFC 8032).

The signature is over the release and the hash of the policies that it was made for: neither can be changed, nor one be
put beside another. That a release is no older than the one in use is for whoever takes it to see.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from msgspec.structs import replace
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from edge_core.policy.bundle import Bundle, hash_of
from edge_core.policy.documents import Policy, Release
from edge_core.policy.faults import Cell, PolicyFault
from edge_core.policy.keys import key_id

_DOMAIN: Final = b"holdfast policy release 1\n"
"""So that nothing else that the key signs can be taken for a release."""
SEED_BYTES: Final = 32
"""Of what signs (RFC 8032)."""
_RELEASE: Final = Cell("release")


def public_key(seed: bytes) -> bytes:
    """The key that others check by, 32 bytes, of the seed that signs."""
    return bytes(SigningKey(seed).verify_key)


def signed(release: Release, policies: Iterable[Policy], seed: bytes) -> Release:
    """The release as a centre publishes it: for these policies, with its signature. `seed` has 32 bytes."""
    key = SigningKey(seed)
    made = replace(release, policies_hash=hash_of(policies), key_id=key_id(bytes(key.verify_key)), signature="")
    return replace(made, signature=key.sign(_signed_bytes(made)).signature.hex())


def check_signature(bundle: Bundle, keys: Mapping[str, bytes]) -> None:
    """Raise `PolicyFault` where a bundle is not signed with one of the trusted keys, by their id, or was changed."""
    release = bundle.release
    key = keys.get(release.key_id)
    if key is None:
        known = ", ".join(sorted(keys)) or "none"
        raise PolicyFault(_RELEASE, f"it is signed with the key {release.key_id!r}, which is not trusted here: {known}")
    if hash_of(bundle.policies) != release.policies_hash:
        raise PolicyFault(_RELEASE, "it was made for other policies than these")
    try:
        VerifyKey(key).verify(_signed_bytes(release), bytes.fromhex(release.signature))
    except (BadSignatureError, ValueError) as error:  # ValueError: of another length
        raise PolicyFault(_RELEASE, "its signature does not match") from error


def _signed_bytes(release: Release) -> bytes:
    return _DOMAIN + msgspec.msgpack.encode(replace(release, signature=""))
