"""What stores are told at each point of a policy's life, and what is not possible."""

from msgspec.structs import replace

from edge_core.errors import Rejected
from edge_core.limits import POLICY_EXPERIMENTS_MAX, POLICY_LAYERS_MAX
from edge_core.policy.documents import Experiment
from edge_core.policy.figures import Guard
from edge_core.policy.life import (
    LIFE,
    Plan,
    Revision,
    Running,
    arranged,
    promoted,
    release_of,
    started,
    stopped,
    taken_back,
)

BASE, OLD, NEW = Revision("base", 1), Revision("cheap", 1), Revision("cheap", 2)
IN_USE = Plan(3, (BASE, OLD), (BASE,))
SHARE = Running(NEW, "share", 10, regions=("CN-HI",))


def done(plan: Plan | Rejected) -> Plan:
    assert isinstance(plan, Plan), plan
    return plan


def test_a_share_asks_the_new_revision_in_the_place_of_the_old_one_and_leaves_all_else() -> None:
    release = release_of(done(started(IN_USE, SHARE)), number=4, made_at_ms=7)
    assert (release.number, release.made_at_ms) == (4, 7)
    assert (release.layers, release.fallback) == (("base-r1", "cheap-r1"), ("base-r1",))
    assert release.experiments == (Experiment("cheap-r2", ("base-r1", "cheap-r2"), "share", 10, ("CN-HI",)),)


def test_a_policy_of_which_nothing_is_in_use_comes_on_top() -> None:
    plan = done(started(IN_USE, Running(Revision("green", 1), "shadow", 100)))
    assert release_of(plan, number=1, made_at_ms=0).experiments[0].layers == ("base-r1", "cheap-r1", "green-r1")


def test_a_comparison_follows_what_is_promoted_meanwhile() -> None:
    plan = done(promoted(done(started(IN_USE, SHARE)), Revision("base", 2)))
    assert plan.layers_of(SHARE) == (Revision("base", 2), NEW)


def test_the_same_revision_compared_otherwise_is_one_comparison() -> None:
    plan = done(started(done(started(IN_USE, SHARE)), Running(NEW, "share", 50)))
    assert [each.percent for each in plan.running] == [50]
    assert stopped(plan, NEW) == IN_USE


def test_a_promoted_revision_replaces_the_one_before_in_its_place() -> None:
    plan = done(promoted(done(started(IN_USE, SHARE)), NEW))
    assert (plan.layers, plan.running) == ((BASE, NEW), ())
    assert set(plan.named) == {BASE, NEW}


def test_a_promoted_revision_replaces_the_one_before_during_signals_too() -> None:
    base, ready = Revision("base", 2), Revision("near", 1)
    plan = done(promoted(IN_USE, base))
    assert (plan.layers, plan.fallback) == ((base, OLD), (base,))
    assert taken_back(plan, base, BASE) == IN_USE
    plan = done(arranged(IN_USE, (BASE,), (BASE, ready)))
    plan = done(promoted(plan, Revision("near", 2)))
    assert (plan.layers, plan.fallback) == ((BASE,), (BASE, Revision("near", 2))), "no order before asked it of all"


def test_what_is_taken_back_gives_its_place_to_the_one_before_or_to_nobody() -> None:
    plan = done(promoted(IN_USE, NEW))
    assert taken_back(plan, NEW, OLD).layers == (BASE, OLD)
    assert taken_back(plan, NEW, None).layers == (BASE,)
    assert taken_back(done(started(IN_USE, SHARE)), NEW, None) == IN_USE


def test_what_is_taken_back_is_taken_from_the_layers_of_every_comparison() -> None:
    beside = Running(Revision("green", 1), "share", 10, layers=(BASE, NEW, Revision("green", 1)))
    plan = done(started(done(promoted(IN_USE, NEW)), beside))
    assert NEW not in taken_back(plan, NEW, OLD).named
    assert taken_back(plan, NEW, OLD).running[0].layers == (BASE, OLD, Revision("green", 1))


def test_a_guard_is_refused_where_no_orders_are_left_to_compare_with() -> None:
    guarded = replace(SHARE, guards=(Guard("late", 20),), percent=100)
    assert isinstance(started(IN_USE, guarded), Rejected)
    assert done(started(IN_USE, replace(guarded, percent=99))).running
    assert done(started(IN_USE, replace(guarded, mode="shadow"))).running
    assert done(started(IN_USE, replace(guarded, guards=()))).running


def test_stores_get_every_policy_that_anything_names_once() -> None:
    beside = Running(NEW, "shadow", 100, layers=(Revision("other", 4), NEW))
    assert done(started(IN_USE, beside)).named == (BASE, OLD, Revision("other", 4), NEW)


def test_two_revisions_of_one_policy_are_not_asked_at_once() -> None:
    refused = arranged(IN_USE, (OLD, NEW), ())
    assert isinstance(refused, Rejected)
    assert "two revisions" in refused.detail


def test_layers_and_comparisons_have_their_bounds() -> None:
    many = tuple(Revision(f"p{number}", 1) for number in range(POLICY_LAYERS_MAX))
    full = done(arranged(IN_USE, many, ()))
    assert isinstance(promoted(full, NEW), Rejected)
    plan = IN_USE
    for number in range(POLICY_EXPERIMENTS_MAX):
        plan = done(started(plan, Running(Revision(f"e{number}", 1), "shadow", 1)))
    assert isinstance(started(plan, SHARE), Rejected)
    assert done(started(plan, Running(Revision("e0", 1), "share", 5))).running[-1].percent == 5


def test_a_revision_is_not_promoted_before_it_was_shared_unless_it_is_the_first() -> None:
    assert not LIFE.is_legal("tried", "promoted")
    assert not LIFE.is_legal("shadow", "promoted")
    assert LIFE.is_legal("shared", "promoted")
    assert LIFE.is_legal("tried", "promoted:first")
    assert not LIFE.is_legal("draft", "tried")
    assert LIFE.allowed("rolled_back") == ()
