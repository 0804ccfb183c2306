"""The life of a policy as changes of a release: shadow, share of the orders, promoted, rolled back (docs/policies.md).

Pure: each change makes the next release of the one in use; whoever publishes it gives it number, time and signature.
"""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from edge_core.errors import Rejected
from edge_core.policy.bundle import Bundle
from edge_core.policy.documents import Experiment, Policy, Release

NOTHING = Bundle(Release(1, 0, ()), ())
"""What is in use before the first release."""

Drafts = Mapping[str, Policy]
"""The newest revision of each policy, by its id."""


def with_layers(used: Bundle, layers: tuple[str, ...], fallback: tuple[str, ...], drafts: Drafts) -> Bundle | Rejected:
    """Other default and fallback layers, of the newest revisions."""
    return _bundle(replace(used.release, layers=layers, fallback=fallback), used, drafts, {*layers, *fallback})


def with_experiment(used: Bundle, experiment: Experiment, drafts: Drafts) -> Bundle | Rejected:
    """An experiment begins, or goes on with another share. Policies that are in use already stay at their revision."""
    known = {policy.policy_id for policy in used.policies}
    others = tuple(each for each in used.release.experiments if each.experiment_id != experiment.experiment_id)
    made = replace(used.release, experiments=(*others, experiment))
    return _bundle(made, used, drafts, set(experiment.layers) - known)


def without_experiment(used: Bundle, experiment_id: str) -> Bundle | Rejected:
    """An experiment ends: its orders are asked of the default layers again."""
    found = experiment_in(used, experiment_id)
    if isinstance(found, Rejected):
        return found
    others = tuple(each for each in used.release.experiments if each is not found)
    return _bundle(replace(used.release, experiments=others), used, {}, set())


def promoted(used: Bundle, experiment_id: str) -> Bundle | Rejected:
    """The layers of an experiment become the default ones, and it ends."""
    found = experiment_in(used, experiment_id)
    if isinstance(found, Rejected):
        return found
    ended = without_experiment(used, experiment_id)
    if isinstance(ended, Rejected):
        return ended
    return _bundle(replace(ended.release, layers=found.layers), used, {}, set())


def experiment_in(used: Bundle, experiment_id: str) -> Experiment | Rejected:
    """An experiment of a release by its name."""
    for each in used.release.experiments:
        if each.experiment_id == experiment_id:
            return each
    names = tuple(each.experiment_id for each in used.release.experiments)
    return Rejected("policy-not-found", f"no experiment {experiment_id!r} is under way", allowed=names)


def names_of(release: Release) -> list[str]:
    """Every policy that a release names, once."""
    layers = [release.layers, release.fallback, *(each.layers for each in release.experiments)]
    return list(dict.fromkeys(policy_id for each in layers for policy_id in each))


def _bundle(release: Release, used: Bundle, drafts: Drafts, renewed: Iterable[str]) -> Bundle | Rejected:
    """The release with the policies that it names: those of `renewed` as drafted, others as they are in use."""
    known = {policy.policy_id: policy for policy in used.policies}
    known |= {policy_id: drafts[policy_id] for policy_id in renewed if policy_id in drafts}
    missing = [policy_id for policy_id in names_of(release) if policy_id not in known]
    if missing:
        return Rejected("policy-not-found", f"no policy {missing[0]!r} was drafted", allowed=tuple(sorted(drafts)))
    return Bundle(release, tuple(known[policy_id] for policy_id in sorted(names_of(release))))
