"""`central-sync rule accept`: rows that were said and shown become a draft of a policy (docs/rules-language.md).

A draft prices nothing: it is linted at once, and goes the way of every policy from there (docs/policies.md).
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import msgspec
from msgspec import structs

from central_sync.policy_desk import Linted, PolicyDesk
from central_sync.rule_language.graph import graph_of, with_rows
from central_sync.rule_language.table import Row
from central_sync.rules import SaidRow
from central_sync.store import policies
from central_sync.store.database import Connection
from edge_core.errors import UNREADABLE, Rejected
from edge_core.limits import POLICY_NOTE_CHARS_MAX
from edge_core.policy.documents import Policy
from edge_core.shapes import json_reader

_READ: Final = json_reader(Policy)


async def accept(
    connection: Connection, policy_id: str, rows: Sequence[SaidRow], *, now: Callable[[], datetime], who: str
) -> Linted | Rejected:
    """A new revision of a policy with these rows before those that it has; of a policy that there is not, its first.

    The audit keeps the first sentence. In the caller's transaction.
    """
    await policies.lock_plan(connection)
    before = await policies.page(connection, policy_id=policy_id, rows_max=1)
    policy = _drafted(policy_id, before[0].policy if before else None, rows)
    if isinstance(policy, Rejected):
        return policy
    note = rows[0].en[:POLICY_NOTE_CHARS_MAX]
    return await PolicyDesk(now).draft(connection, policy, note=note, who=who)


def _drafted(policy_id: str, before: Policy | None, rows: Sequence[SaidRow]) -> Policy | Rejected:
    said = [(Row(row.inputs, row.outputs), f"{row.en} {row.zh}") for row in rows]
    graph = graph_of(said, policy_id) if before is None else with_rows(before.graph.encode(), said)
    if isinstance(graph, Rejected):
        return graph
    written = msgspec.json.encode(graph).decode()
    policy = before or Policy(policy_id, 1, policy_id, policy_id, written)
    try:
        return _READ(msgspec.json.encode({**structs.asdict(policy), "graph": written}))
    except UNREADABLE as error:
        return Rejected("policy-invalid", f"{policy_id}: {error}")
