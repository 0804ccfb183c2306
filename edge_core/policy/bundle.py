"""A release with its policies, as one thing that is signed, tried and kept."""

from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from edge_core.policy.documents import Policy, Release
from edge_core.reference.datasets import encode_row
from edge_core.reference.versions import content_hash


class Bundle(Struct, frozen=True, array_like=True):
    """A release and the policies that it was made for."""

    release: Release
    policies: tuple[Policy, ...]


def hash_of(policies: Iterable[Policy]) -> str:
    """What a release names its policies by: the hash of that version of the dataset, in hex."""
    return content_hash({policy.policy_id: encode_row(policy) for policy in policies}).hex()


_ENCODER: Final = msgspec.msgpack.Encoder()
_BUNDLE: Final = msgspec.msgpack.Decoder(Bundle)


def encode_bundle(bundle: Bundle) -> bytes:
    """A bundle as bytes, its policies in the order of their ids: one bundle has one form."""
    ordered = tuple(sorted(bundle.policies, key=lambda policy: policy.policy_id))
    return _ENCODER.encode(replace(bundle, policies=ordered))


def decode_bundle(body: bytes) -> Bundle:
    """Read a bundle. Raises what `UNREADABLE` names."""
    return _BUNDLE.decode(body)
