"""What a bundle has to pass before it is used."""

import msgspec
import pytest
from msgspec.structs import replace

from edge_core.policy.bundle import Bundle, decode_bundle, encode_bundle
from edge_core.policy.lint import look_at
from edge_core.policy.outcome import Outcome, Trial
from edge_core.policy.samples import samples
from edge_core.policy.trial import hold
from holdfast_runtime.policies import bundled_policies, bundled_release
from tests.rigs.bundles import GOOD, HOSTILE, KEYS, bundle, trial
from tests.rigs.policies import ELSE, policy, table


def test_a_good_bundle_passes_and_says_how_often_it_was_asked() -> None:
    found = hold(trial(bundle(GOOD, number=3), newest=2))
    assert (found.number, found.faults) == (3, ())
    assert found.evaluations > 30


def test_the_bundle_that_comes_with_the_product_passes() -> None:
    made = bundled_release(number=1, made_at_ms=1)
    given = bundle(*bundled_policies(), fallback=made.fallback)
    assert hold(trial(given)).faults == ()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_bundle_does_not_pass(name: str) -> None:
    found = hold(trial(HOSTILE[name], newest=2))
    assert found.faults
    assert {
        "a function node": "hostile, node 'clever': a functionNode is not allowed",
        "a huge range": "hostile, node 'prices', row 1, column 'hour': '.'",
        "an expression without an end": "hostile, node 'prices', row 1, column 'hour': map() is not allowed",
        "a cell of a hundred thousand brackets": "hostile, node 'prices', row 1, column 'hour': 80001 characters",
        "another key": "release: it is signed with the key",
        "an older release": "release: 1 was made no later than the one in use",
    }[name] in found.faults[0]


def test_bytes_that_are_no_bundle_do_not_pass() -> None:
    whole = encode_bundle(bundle(GOOD))
    for body in (b"", whole[:-5], b"\x93" * 90_000):
        assert hold(Trial(body, KEYS)).faults[0].startswith("no bundle: ")


def test_a_bundle_has_one_form_whatever_the_order_of_its_policies() -> None:
    one, other = bundle(GOOD, policy("a", table([ELSE]))), bundle(policy("a", table([ELSE])), GOOD)
    assert encode_bundle(one) == encode_bundle(Bundle(one.release, other.policies))
    assert {each.policy_id for each in decode_bundle(encode_bundle(one)).policies} == {"a", "good"}


def test_samples_stand_on_both_sides_of_what_a_policy_compares_with() -> None:
    rows = [{"if units": ">= 3", "if tier": "'gold'", "if margin_ppm": "> 5", "if is_offline": "true", **ELSE}, ELSE]
    found = samples(look_at(policy("p", table(rows)))[1])
    assert {2, 3, 4} <= {sample["units"] for sample in found}
    assert {"", "gold"} <= {sample["tier"] for sample in found}
    assert None in {sample["margin_ppm"] for sample in found}
    assert {True, False} == {sample["is_offline"] for sample in found}


def test_a_policy_that_fails_on_a_sample_alone_does_not_pass() -> None:
    too_much = policy("p", table([{"if units": ">= 3", "parcels_max": "units * 4"}, {"parcels_max": "2"}]))
    found = hold(trial(bundle(too_much)))
    assert found.faults == ("p, column 'parcels_max': 12 is not within 1 and 10",)


def test_an_outcome_is_small_and_has_one_form() -> None:
    told = Outcome(7, ("a", "b"), 1, 2)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(told), type=Outcome) == told
    assert replace(told, faults=()).faults == ()
