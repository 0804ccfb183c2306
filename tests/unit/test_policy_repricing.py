"""The policies that priced a recorded question price it the same again, or somebody hears that they do not."""

from uuid import UUID

import pytest
from msgspec.structs import replace

from edge_core.policy.documents import Experiment, Signal
from edge_core.policy.pricing import Policies
from edge_core.policy.repricing import prices_differ
from edge_core.routing.question import Prices, Question
from tests.rigs.network import NOW_MS, asked, wish
from tests.rigs.policies import policy, release, table

BASE = policy("base", table([{"if preference": "'fastest'", "parcel_minor": "150"}, {"parcel_minor": "90"}]))
GREEN = policy("green", table([{"carbon_kg_minor": "500"}]))
STORM = policy("storm", table([{"bars": "'*:air'"}]))
RELEASE = release(
    "base",
    number=7,
    experiments=(Experiment("greener", ("base", "green"), "share", 50),),
    fallback=("storm",),
)
POLICIES = Policies(RELEASE, (BASE, GREEN, STORM))
ORDERS = [str(UUID(int=number)) for number in range(20)]


def plain() -> Question:
    return asked(wish(preference="fastest"))


@pytest.mark.parametrize("order_id", ORDERS)
def test_each_arm_prices_its_orders_the_same_again(order_id: str) -> None:
    priced = POLICIES.priced(plain(), order_id, NOW_MS)
    assert prices_differ(priced, POLICIES) is False


def test_the_fallback_prices_the_same_again_once_its_signal_has_ended() -> None:
    signal = Signal("s-1", "weather", "all", NOW_MS + 1)
    priced = POLICIES.priced(plain(), ORDERS[0], NOW_MS, (signal,))
    assert priced.policy.source.startswith("fallback@7#")
    assert prices_differ(priced, POLICIES) is False


def test_the_built_in_prices_need_no_policies_at_hand() -> None:
    assert prices_differ(plain(), None) is False
    assert prices_differ(replace(plain(), prices=Prices(parcel_milli=1)), None) is True


def test_prices_that_the_policies_never_gave_are_found() -> None:
    priced = POLICIES.priced(plain(), ORDERS[0], NOW_MS)
    assert prices_differ(replace(priced, prices=replace(priced.prices, parcel_milli=1)), POLICIES) is True


def test_a_policy_that_was_changed_under_the_same_release_is_found() -> None:
    changed = policy("base", table([{"parcel_minor": "151"}]))
    priced = POLICIES.priced(plain(), ORDERS[0], NOW_MS)
    assert prices_differ(priced, Policies(RELEASE, (changed, GREEN, STORM))) is True


def test_policies_of_another_release_are_not_those_that_priced_it() -> None:
    priced = POLICIES.priced(plain(), ORDERS[0], NOW_MS)
    later = Policies(replace(RELEASE, number=8), (BASE, GREEN, STORM))
    assert prices_differ(priced, None) is None
    assert prices_differ(priced, later) is None
