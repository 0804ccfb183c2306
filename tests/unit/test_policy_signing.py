"""A release is signed together with its policies: whatever is changed on the way is noticed."""

import pytest
from msgspec.structs import fields, replace

from edge_core.errors import PermanentFault
from edge_core.limits import POLICY_KEYS_MAX
from edge_core.policy.bundle import Bundle, hash_of
from edge_core.policy.documents import Experiment, Release
from edge_core.policy.faults import PolicyFault
from edge_core.policy.keys import key_id, read_keys
from edge_core.policy.signing import check_signature, public_key, signed
from edge_core.reference.datasets import encode_row
from edge_core.reference.versions import content_hash
from tests.rigs.policies import ELSE, policy, release, table

SEED, OTHER = bytes(range(32)), bytes(32)
POLICIES = (policy("p", table([ELSE])), policy("q", table([{"hour_minor": "3"}])))
KEYS = {key_id(public_key(SEED)): public_key(SEED)}
SIGNED = signed(release("p", fallback=("q",)), POLICIES, SEED)


def test_what_the_centre_signed_is_trusted_in_whatever_order_the_policies_come() -> None:
    check_signature(Bundle(SIGNED, POLICIES), KEYS)
    check_signature(Bundle(SIGNED, POLICIES[::-1]), KEYS)


CHANGES = {
    "number": 2,
    "made_at_ms": 5,
    "layers": ("q",),
    "experiments": (Experiment("x", ("q",), "share", 100),),
    "fallback": (),
    "signature": "ab" * 64,
}


def test_every_field_of_a_release_is_signed() -> None:
    assert set(CHANGES) | {"policies_hash", "key_id"} == {field.name for field in fields(Release)}


@pytest.mark.parametrize("name", CHANGES)
def test_a_release_that_was_changed_is_not_trusted(name: str) -> None:
    changed = replace(SIGNED, **{name: CHANGES[name]})
    assert changed != SIGNED
    with pytest.raises(PolicyFault, match="its signature does not match"):
        check_signature(Bundle(changed, POLICIES), KEYS)


def test_other_policies_under_a_signed_release_are_not_trusted() -> None:
    for others in (POLICIES[:1], (POLICIES[0], replace(POLICIES[1], revision=2))):
        with pytest.raises(PolicyFault, match="made for other policies"):
            check_signature(Bundle(SIGNED, others), KEYS)
    swapped = replace(SIGNED, policies_hash=hash_of(POLICIES[:1]))
    with pytest.raises(PolicyFault, match="its signature does not match"):
        check_signature(Bundle(swapped, POLICIES[:1]), KEYS)


def test_a_key_that_is_not_trusted_signs_nothing_and_no_key_trusts_nothing() -> None:
    foreign = signed(release("p"), POLICIES, OTHER)
    with pytest.raises(PolicyFault, match="which is not trusted here"):
        check_signature(Bundle(foreign, POLICIES), KEYS)
    with pytest.raises(PolicyFault, match="its signature does not match"):
        check_signature(Bundle(replace(foreign, key_id=SIGNED.key_id), POLICIES), KEYS)
    with pytest.raises(PolicyFault, match="which is not trusted here: none"):
        check_signature(Bundle(SIGNED, POLICIES), {})


def test_a_signature_of_another_length_is_a_wrong_one() -> None:
    with pytest.raises(PolicyFault, match="does not match"):
        check_signature(Bundle(replace(SIGNED, signature="ab"), POLICIES), KEYS)


def test_the_policies_are_named_by_the_hash_of_their_version_of_the_dataset() -> None:
    assert hash_of(POLICIES) == content_hash({each.policy_id: encode_row(each) for each in POLICIES}).hex()


def test_keys_are_read_from_hex_and_what_is_none_is_refused() -> None:
    assert read_keys([public_key(SEED).hex()]) == KEYS
    for text in ("", "xy", "ab"):
        with pytest.raises(PermanentFault, match="no Ed25519 key"):
            read_keys([text])
    many = [public_key(bytes([n]) * 32).hex() for n in range(POLICY_KEYS_MAX + 1)]
    with pytest.raises(PermanentFault, match="the limit is"):
        read_keys(many)
