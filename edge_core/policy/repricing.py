"""The prices of a recorded question, asked for again: the same policies say the same of the same facts (G12)."""

from typing import Final, get_args

from msgspec.structs import replace

from edge_core.orders.document import Preference
from edge_core.policy.choosing import DEFAULT, FALLBACK
from edge_core.policy.documents import Release
from edge_core.policy.faults import PolicyFault
from edge_core.policy.pricing import BUILT_IN, Policies
from edge_core.routing import asking
from edge_core.routing.question import Question

_PREFERENCES: Final[dict[str, Preference]] = {name: name for name in get_args(Preference)}
_BUILT_IN: Final = frozenset({BUILT_IN, asking.BUILT_IN.source})


def prices_differ(question: Question, policies: Policies | None) -> bool | None:
    """Whether the policies that a question names price it otherwise now; None where they are not at hand.

    `policies` are those in use. The built-in prices are always at hand.
    """
    preference = _PREFERENCES.get(question.facts.preference)
    plain = replace(question, prices=asking.default_prices(preference, question.currency))
    if question.policy.source in _BUILT_IN:
        return plain.prices != question.prices
    arm, _, rest = question.policy.source.partition("@")
    layers = None if policies is None else _layers(policies.release, arm, rest.partition("#")[0])
    if policies is None or layers is None:
        return None
    try:
        return policies.asked(plain, arm, layers) != question
    except PolicyFault:
        return True


def _layers(release: Release, arm: str, number: str) -> tuple[str, ...] | None:
    """The layers of an arm, where it is one of this release."""
    if number != str(release.number):
        return None
    arms = {each.experiment_id: each.layers for each in release.experiments}
    return {**arms, DEFAULT: release.layers, FALLBACK: release.fallback}.get(arm)
