"""A policy's life: from a draft through shadow and share to the default, with figures for each step."""

import math
from typing import Any

import pytest

from edge_core.errors import Rejected
from edge_core.policy.bundle import Bundle
from edge_core.policy.comparing import compare
from edge_core.policy.documents import Experiment, Policy
from edge_core.policy.figures import Measures, difference, figures, is_worse, paired
from edge_core.policy.life import NOTHING, names_of, promoted, with_experiment, with_layers, without_experiment
from edge_core.policy.pricing import Policies
from edge_core.routing.deciding import route
from edge_core.routing.facts import Facts
from holdfast_runtime.policies import bundled_policies, bundled_release
from tests.rigs.policies import ELSE, policy, release, table
from tests.rigs.routing import NOW_MS, place, question, service

A, A2, B = (policy(name, table([ELSE]), revision=revision) for name, revision in (("a", 1), ("a", 2), ("b", 1)))
TRY = Experiment("try", ("a", "b"), "share", 10)


def bundle(made: Bundle | Rejected) -> Bundle:
    assert isinstance(made, Bundle)
    return made


def drafts(*given: Policy) -> dict[str, Policy]:
    return {each.policy_id: each for each in given}


def test_a_release_holds_the_policies_that_it_names_and_no_others() -> None:
    first = bundle(with_layers(NOTHING, ("a",), ("b",), drafts(A, B, policy("c", table([ELSE])))))
    assert (first.release.layers, first.release.fallback, first.policies) == (("a",), ("b",), (A, B))
    assert names_of(first.release) == ["a", "b"]
    missing = with_layers(NOTHING, ("nowhere",), (), drafts(A))
    assert isinstance(missing, Rejected)
    assert (missing.slug, missing.allowed) == ("policy-not-found", ("a",))


def test_an_experiment_leaves_what_is_in_use_at_its_revision_and_new_layers_take_the_newest() -> None:
    used = bundle(with_layers(NOTHING, ("a",), (), drafts(A)))
    tried = bundle(with_experiment(used, TRY, drafts(A2, B)))
    assert tried.policies == (A, B), "an experiment changes nothing for the orders that it does not take"
    assert bundle(with_layers(tried, ("a",), (), drafts(A2, B))).policies == (A2, B)


def test_an_experiment_is_begun_changed_ended_and_promoted() -> None:
    used = bundle(with_layers(NOTHING, ("a",), (), drafts(A)))
    shadow = bundle(with_experiment(used, Experiment("try", ("b",)), drafts(B)))
    assert [each.mode for each in shadow.release.experiments] == ["shadow"]
    shared = bundle(with_experiment(shadow, Experiment("try", ("b",), "share", 20), drafts(B)))
    assert [(each.mode, each.percent) for each in shared.release.experiments] == [("share", 20)]
    ended = bundle(without_experiment(shared, "try"))
    assert (ended.release.experiments, ended.policies) == ((), (A,))
    raised = bundle(promoted(shared, "try"))
    assert (raised.release.layers, raised.release.experiments, raised.policies) == (("b",), (), (B,))
    for change in (without_experiment, promoted):
        lost = change(used, "try")
        assert isinstance(lost, Rejected)
        assert lost.slug == "policy-not-found"


# --- figures ---------------------------------------------------------------------------------------------------------


def of(cost: float, **facts: float) -> Measures:
    return Measures(**({"cost_minor": cost, "parcels": 1, "late": 0, "carbon_g": 0, "manual": 0} | facts))


def test_an_interval_is_the_normal_one_of_the_mean() -> None:
    found = figures([of(cost) for cost in (10, 20, 30, 40)]).cost_minor
    deviation = math.sqrt(sum((cost - 25) ** 2 for cost in (10, 20, 30, 40)) / 3)
    assert found.mean == 25
    assert found.high - found.mean == pytest.approx(1.96 * deviation / 2, rel=1e-4)
    assert found.mean - found.low == pytest.approx(found.high - found.mean)
    assert figures([]).cost_minor.mean == 0
    assert figures([of(7)]).cost_minor.low == 7


def test_the_same_orders_are_compared_pair_by_pair_and_others_by_their_means() -> None:
    pairs = [(of(cost), of(cost + 5)) for cost in range(0, 1000, 10)]
    assert paired(pairs).cost_minor.low == paired(pairs).cost_minor.high == 5, "what orders differ by plays no part"
    apart = difference(figures([b for _, b in pairs]), figures([a for a, _ in pairs]), "cost_minor")
    assert apart.mean == pytest.approx(5)
    assert apart.low < 0 < apart.high, "of different orders it could be chance"


def test_a_guard_speaks_only_of_what_is_no_chance_and_of_enough_orders() -> None:
    good = figures([of(1, late=float(n % 50 == 0)) for n in range(400)])
    bad = figures([of(1, late=float(n % 4 == 0)) for n in range(400)])
    assert is_worse(bad, good, "late", least_orders=100, by=0.05)
    assert not is_worse(bad, good, "late", least_orders=1_000, by=0.05)
    assert not is_worse(bad, good, "late", least_orders=100, by=0.3)
    assert not is_worse(good, bad, "late", least_orders=100, by=0.0)


def asked(number: int, **facts: Any) -> Any:
    """An order whose nearest place has a dear carrier."""
    near = place("s1", 2_000, services=(service("dear", tariff=1, carbon_mg_per_tkm=60_000_000),))
    far = place("s2", 50_000 + number, services=(service("cheap", carbon_mg_per_tkm=60_000_000),))
    return question(places=(near, far), **facts)


def test_recorded_orders_are_decided_again_under_other_policies_with_the_difference() -> None:
    policies = Policies(bundled_release(number=1, made_at_ms=NOW_MS), bundled_policies())
    recorded = [policies.priced(asked(number), f"o{number}", NOW_MS) for number in range(40)]
    found = compare(policies, recorded, ("ordinary", "cheapest"), ("ordinary", "nearest"))
    assert (found.changed, found.before.orders, found.faults) == (40, 40, ())
    assert found.difference.cost_minor.low > 0, "the nearest costs more here"
    assert found.difference.carbon_g.high < 0, "and emits less"
    assert found.difference.parcels.mean == 0
    same = compare(policies, recorded, ("ordinary",), ("ordinary",))
    assert (same.changed, same.difference.cost_minor.mean) == (0, 0)


def test_what_was_priced_before_plays_no_part_in_a_comparison() -> None:
    policies = Policies(bundled_release(number=1, made_at_ms=NOW_MS), bundled_policies())
    plain = asked(1)
    priced = [policies.asked(plain, "x", layers) for layers in (("cheapest",), ("greenest",))]
    again = [policies.asked(each, "x", ("vip_fastest",)) for each in priced]
    assert again[0] == again[1]
    assert route(again[0]) == route(again[1])


def test_an_order_that_cannot_be_priced_is_left_out_and_told() -> None:
    odd = policy("odd", table([{"if lines": "> 0", "parcels_max": "lines * 20"}, {"parcels_max": "1"}]))
    policies = Policies(release("a"), [A, odd])
    orders = [asked(1, facts=Facts(lines=lines)) for lines in (0, 2)]
    found = compare(policies, orders, ("a",), ("odd",))
    assert found.before.orders == 1
    assert found.faults == ("odd, column 'parcels_max': 40 is not within 1 and 10",)
