"""Everything that a bundle has to pass before it is used: whose it is, how new it is, the linter, and sample orders.

Meant for a process that may be killed (`edge_agent.policy_sandbox`): the bytes are anybody's.
"""

from edge_core.errors import UNREADABLE
from edge_core.limits import POLICY_FINDINGS_TOLD_MAX
from edge_core.policy.bundle import Bundle, decode_bundle
from edge_core.policy.faults import PolicyFault
from edge_core.policy.lint import lint_bundle, look_at
from edge_core.policy.outcome import Outcome, Trial
from edge_core.policy.pricing import Policies
from edge_core.policy.samples import samples
from edge_core.policy.schema import named
from edge_core.policy.signing import check_signature
from edge_core.policy.verdict import merged
from edge_core.routing.facts import Facts
from edge_core.routing.question import Prices


def hold(trial: Trial) -> Outcome:
    """Try a bundle."""
    try:
        bundle = decode_bundle(trial.bundle)
    except UNREADABLE as error:
        return Outcome(0, (f"no bundle: {error}",))
    number = bundle.release.number
    try:
        check_signature(bundle, trial.keys)
    except PolicyFault as fault:
        return Outcome(number, (str(fault),))
    if bundle.release.made_at_ms <= trial.newest_ms:
        return Outcome(number, (f"release: {number} was made no later than the one in use",))
    found = lint_bundle(bundle.release, bundle.policies)
    if not found.is_clean:
        told = tuple(str(each) for each in found.errors[:POLICY_FINDINGS_TOLD_MAX])
        return Outcome(number, told, len(found.warnings))
    try:
        evaluations = _evaluate(bundle)
    except PolicyFault as fault:
        return Outcome(number, (str(fault),), len(found.warnings))
    return Outcome(number, (), len(found.warnings), evaluations)


def _evaluate(bundle: Bundle) -> int:
    """Ask every policy of its samples, and the layers of every arm together. Raises `PolicyFault`."""
    policies = Policies(bundle.release, bundle.policies)
    evaluations = 0
    for policy in bundle.policies:
        for sample in samples(look_at(policy)[1]):
            policies.verdict(policy.policy_id, sample)
            evaluations += 1
    plain = named(Facts())
    arms = [bundle.release.layers, bundle.release.fallback, *(each.layers for each in bundle.release.experiments)]
    for layers in arms:
        merged(Prices(), (policies.verdict(policy_id, plain) for policy_id in layers))
    return evaluations
