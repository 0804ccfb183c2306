"""Evaluates policies with zen-engine: loaded once, asked for each order, some 20 us each (docs/policies.md).

The library is imported with the first engine: a store without policies does not hold it in memory.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from edge_core.errors import UNREADABLE
from edge_core.policy.documents import Policy
from edge_core.policy.faults import Cell, PolicyFault
from edge_core.policy.schema import Value
from edge_core.policy.verdict import Verdict, read_verdict

_SAID_CHARS: Final = 200
"""Of what the engine says of a fault: its first line; what follows is a stack without names."""


class Engine:
    """Some policies, by their id. Raises `PolicyFault` for a graph that is no JDM at all."""

    def __init__(self, policies: Iterable[Policy]) -> None:
        import zen  # noqa: PLC0415 - 4 MB that a store without policies does not need

        self._policies = {policy.policy_id: policy for policy in policies}
        content: dict[str, Any] = {}
        for policy in self._policies.values():
            content[policy.policy_id] = read_graph(policy)
        try:
            self._engine = zen.ZenEngine({"loader": {"type": "static", "content": content}})
        except Exception as error:
            raise PolicyFault(Cell("*"), f"the engine cannot load it: {said(error)}") from error

    def __contains__(self, policy_id: str) -> bool:
        return policy_id in self._policies

    def policy(self, policy_id: str) -> Policy:
        """One of them. Raises `PolicyFault` for another."""
        try:
            return self._policies[policy_id]
        except KeyError:
            raise PolicyFault(Cell(policy_id), "there is no such policy in the bundle", tuple(self._policies)) from None

    def verdict(self, policy_id: str, facts: dict[str, Value]) -> Verdict:
        """What a policy says of an order. Raises `PolicyFault` where it says nothing that can be used."""
        policy = self.policy(policy_id)
        try:
            answer = self._engine.evaluate(policy_id, facts)
        except Exception as error:
            raise PolicyFault(Cell(policy_id), f"it cannot be evaluated: {said(error)}") from error
        return read_verdict(policy, answer["result"])


def read_graph(policy: Policy) -> dict[str, Any]:
    """The graph of a policy as the engine takes it. Raises `PolicyFault` for what is no JSON object."""
    try:
        return msgspec.json.decode(policy.graph, type=dict[str, Any])
    except UNREADABLE as error:
        raise PolicyFault(Cell(policy.policy_id), f"its graph is no JSON object: {error}") from error


def said(error: Exception) -> str:
    """What the library said, in one line."""
    return str(error).partition("\n")[0][:_SAID_CHARS]
