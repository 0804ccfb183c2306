"""The life of a policy: what may follow what, and what stores are told at each point of it (docs/policies.md).

A revision of a policy never changes once it was tried; whoever wants another one drafts it. Stores know a revision by
a name of its own (`cheapest-r3`), so that two revisions can be compared at the same time. Pure: the centre keeps the
plan and publishes the release that follows from it.
"""

from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from edge_core.errors import Rejected
from edge_core.limits import POLICY_BUCKETS, POLICY_EXPERIMENTS_MAX, POLICY_LAYERS_MAX
from edge_core.orders.machines import load
from edge_core.policy.documents import Experiment, Release
from edge_core.policy.figures import Guard

POLICY_PROCESS: Final = """
{"process": "policy", "version": 1, "initial": "draft", "finals": ["rolled_back", "discarded"],
 "transitions": [
  {"from": ["draft"], "on": "linted", "to": "linted"},
  {"from": ["linted", "tried"], "on": "tried", "to": "tried"},
  {"from": ["tried", "shadow"], "on": "shadowed", "to": "shadow"},
  {"from": ["tried", "shadow", "shared"], "on": "shared", "to": "shared"},
  {"from": ["shadow", "shared"], "on": "stopped", "to": "tried"},
  {"from": ["shared"], "on": "promoted", "to": "promoted"},
  {"from": ["linted", "tried"], "on": "promoted:first", "to": "promoted"},
  {"from": ["promoted"], "on": "replaced", "to": "retired"},
  {"from": ["retired"], "on": "restored", "to": "promoted"},
  {"from": ["shadow", "shared", "promoted"], "on": "rolled_back", "to": "rolled_back"},
  {"from": ["draft", "linted", "tried"], "on": "discarded", "to": "discarded"}
 ]}
"""
"""`promoted:first` is for policies that nothing can be compared with: no order is asked of them but during a signal."""

LIFE: Final = load(POLICY_PROCESS)

Mode = Literal["shadow", "share"]


class Revision(Struct, frozen=True, array_like=True):
    """One revision of a policy, by the policy's own id."""

    policy_id: str
    number: int

    @property
    def name(self) -> str:
        """What stores know it by."""
        return f"{self.policy_id}-r{self.number}"


class Running(Struct, frozen=True, array_like=True):
    """A revision that is compared with what is in use, and what takes it back by itself.

    Its orders are asked of the layers in use with this revision in the place of the policy's other one, or on top of
    them; or of `layers`, where people named them.
    """

    revision: Revision
    mode: Mode
    percent: int
    regions: tuple[str, ...] = ()
    stores: tuple[str, ...] = ()
    guards: tuple[Guard, ...] = ()
    layers: tuple[Revision, ...] = ()
    since_ms: int = 0
    since_release: int = 0
    """The release that stores were told of it with: who has none or an older one decides for neither side."""


class Plan(Struct, frozen=True, array_like=True):
    """What is in use: the layers of every order, those for the time of a signal, and what is compared with them.

    `number` and `made_at_ms` are of the release that it led to; stores use none that was made before theirs.
    """

    number: int = 0
    layers: tuple[Revision, ...] = ()
    fallback: tuple[Revision, ...] = ()
    running: tuple[Running, ...] = ()
    made_at_ms: int = 0
    """When its release was made: stores take none that was made before the one that they use."""

    def running_of(self, revision: Revision) -> Running | None:
        """The comparison that a revision is in."""
        return next((each for each in self.running if each.revision == revision), None)

    def used(self, policy_id: str) -> Revision | None:
        """The revision of a policy that every order is asked of."""
        return _of(self.layers, policy_id)

    def kept_ready(self, policy_id: str) -> Revision | None:
        """The revision of a policy that orders are asked of during a signal, and no others."""
        return None if self.used(policy_id) else _of(self.fallback, policy_id)

    @property
    def named(self) -> tuple[Revision, ...]:
        """Every revision that a store needs, each once."""
        of_running = [each for running in self.running for each in self.layers_of(running)]
        return tuple(dict.fromkeys([*self.layers, *self.fallback, *of_running]))

    def layers_of(self, running: Running) -> tuple[Revision, ...]:
        """What orders in a comparison are asked of."""
        return running.layers or _with(self.layers, running.revision)


def started(plan: Plan, running: Running) -> Plan | Rejected:
    """With a comparison begun, or going on in another way."""
    if running.mode == "share" and running.guards and running.percent == POLICY_BUCKETS:
        return Rejected("policy-not-possible", "a guard needs orders of what is in use: share less than all")
    others = tuple(each for each in plan.running if each.revision != running.revision)
    if len(others) >= POLICY_EXPERIMENTS_MAX:
        return Rejected("policy-not-possible", f"{POLICY_EXPERIMENTS_MAX} policies are being compared already")
    return _checked(replace(plan, running=(*others, running)))


def stopped(plan: Plan, revision: Revision) -> Plan:
    """Without the comparison of a revision."""
    return replace(plan, running=tuple(each for each in plan.running if each.revision != revision))


def promoted(plan: Plan, revision: Revision) -> Plan | Rejected:
    """With a revision in use wherever the policy's other one is, else for every order as the last layer."""
    after, policy_id = stopped(plan, revision), revision.policy_id
    layers = plan.layers if plan.kept_ready(policy_id) else _with(plan.layers, revision)
    fallback = _with(plan.fallback, revision) if _of(plan.fallback, policy_id) else plan.fallback
    return _checked(replace(after, layers=layers, fallback=fallback))


def taken_back(plan: Plan, revision: Revision, before: Revision | None) -> Plan:
    """Without a revision anywhere; where it was in use, `before` is again."""
    after = stopped(plan, revision)
    return replace(
        after,
        layers=_without(plan.layers, revision, before),
        fallback=_without(plan.fallback, revision, before),
        running=tuple(replace(each, layers=_without(each.layers, revision, before)) for each in after.running),
    )


def arranged(plan: Plan, layers: tuple[Revision, ...], fallback: tuple[Revision, ...]) -> Plan | Rejected:
    """With other layers in use, and others for the time of a signal: of revisions that were promoted."""
    return _checked(replace(plan, layers=layers, fallback=fallback))


def release_of(plan: Plan, *, number: int, made_at_ms: int) -> Release:
    """What stores are told: not signed yet, and without the hash of the policies that go with it."""
    experiments = tuple(
        Experiment(
            each.revision.name,
            tuple(one.name for one in plan.layers_of(each)),
            each.mode,
            each.percent,
            each.regions,
            each.stores,
        )
        for each in plan.running
    )
    layers, fallback = (tuple(each.name for each in some) for some in (plan.layers, plan.fallback))
    return Release(number, made_at_ms, layers, experiments, fallback)


def _checked(plan: Plan) -> Plan | Rejected:
    for some in (plan.layers, plan.fallback, *(plan.layers_of(each) for each in plan.running)):
        if len(some) > POLICY_LAYERS_MAX:
            return Rejected("policy-not-possible", f"an order is asked of {POLICY_LAYERS_MAX} policies at most")
        if len({each.policy_id for each in some}) < len(some):
            return Rejected("policy-not-possible", "two revisions of one policy cannot be asked at once")
    return plan


def _of(layers: tuple[Revision, ...], policy_id: str) -> Revision | None:
    return next((each for each in layers if each.policy_id == policy_id), None)


def _with(layers: tuple[Revision, ...], revision: Revision) -> tuple[Revision, ...]:
    if all(each.policy_id != revision.policy_id for each in layers):
        return (*layers, revision)
    return tuple(revision if each.policy_id == revision.policy_id else each for each in layers)


def _without(layers: tuple[Revision, ...], revision: Revision, before: Revision | None) -> tuple[Revision, ...]:
    instead = () if before is None else (before,)
    return tuple(one for each in layers for one in (instead if each == revision else (each,)))
