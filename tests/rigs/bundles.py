"""Releases of policies as a centre signs them, and as nobody should: for the sandbox and for stores."""

from typing import Any, Final

from edge_core.policy.bundle import Bundle, encode_bundle
from edge_core.policy.documents import Policy, Release
from edge_core.policy.keys import key_id
from edge_core.policy.outcome import Trial
from edge_core.policy.signing import public_key, signed
from tests.rigs.policies import ELSE, graph, of_graph, policy, release, table

SEED: Final = bytes(range(32))
KEY: Final = public_key(SEED)
KEYS: Final = {key_id(KEY): KEY}

GOOD: Final = policy("good", table([{"if tier": "'gold'", "hour_minor": "30"}, ELSE]))


def bundle(*policies: Policy, number: int = 1, seed: bytes = SEED, **facts: Any) -> Bundle:
    """A signed release of all these policies as its layers."""
    made: Release = release(*(each.policy_id for each in policies), number=number, **facts)
    return Bundle(signed(made, policies, seed), policies)


def trial(given: Bundle, *, newest: int = 0) -> Trial:
    """What the sandbox gets where the release of that number is in use."""
    return Trial(encode_bundle(given), KEYS, release(number=newest).made_at_ms if newest else 0)


def function_node() -> Policy:
    """A policy that runs a program, which never ends."""
    node = {"id": "f", "type": "functionNode", "name": "clever", "content": {"source": "for(;;){}"}}
    return of_graph("hostile", graph(node))


HOSTILE: Final[dict[str, Bundle]] = {
    "a function node": bundle(function_node(), number=9),
    "a huge range": bundle(policy("hostile", table([{"if hour": "in [1..900000000]", **ELSE}, ELSE])), number=9),
    "an expression without an end": bundle(
        policy("hostile", table([{"if hour": "map([1..9000000], map([1..9000000], #)) == 1", **ELSE}, ELSE])), number=9
    ),
    "a cell of a hundred thousand brackets": bundle(
        policy("hostile", table([{"if hour": "(" * 40_000 + "1" + ")" * 40_000, **ELSE}, ELSE])), number=9
    ),
    "another key": bundle(GOOD, number=9, seed=bytes(32)),
    "an older release": bundle(policy("good", table([{"hour_minor": "1"}])), number=1),
}
"""What a store is to refuse, where release 2 is in use."""
