"""The prices of a recorded question, asked for again: the same policies say the same of the same facts (G12)."""

from edge_core.policy.choosing import DEFAULT, FALLBACK
from edge_core.policy.documents import Release
from edge_core.policy.faults import PolicyFault
from edge_core.policy.pricing import Policies, unpriced
from edge_core.routing.asking import BUILT_IN
from edge_core.routing.question import Question


def prices_differ(question: Question, policies: Policies | None) -> bool | None:
    """Whether the policies that a question names price it otherwise now; None where they are not at hand.

    `policies` are those in use. The built-in prices are always at hand.
    """
    arm, _, rest = question.policy.source.partition("@")
    if arm == BUILT_IN.source:
        return unpriced(question).prices != question.prices
    layers = None if policies is None else _layers(policies.release, arm, rest.partition("#")[0])
    if policies is None or layers is None:
        return None
    try:
        return policies.asked(question, arm, layers) != question
    except PolicyFault:
        return True


def _layers(release: Release, arm: str, number: str) -> tuple[str, ...] | None:
    """The layers of an arm, where it is one of this release."""
    if number != str(release.number):
        return None
    arms = {each.experiment_id: each.layers for each in release.experiments}
    return {**arms, DEFAULT: release.layers, FALLBACK: release.fallback}.get(arm)
