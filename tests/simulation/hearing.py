"""When the centre heard its nodes last, behind the functions of `central_sync.store.nodes` that write it down."""

import asyncio
from collections.abc import Sequence, Set
from typing import Any
from uuid import UUID

from central_sync.store import nodes, replaced
from central_sync.store.nodes import Greeting, Report
from tests.simulation.tables import Tables


async def _greet(connection: Tables, greetings: Sequence[Greeting]) -> None:
    for greeting in greetings:
        connection.incarnations[greeting.node_id] = greeting.incarnation
        connection.heard_s[greeting.node_id] = asyncio.get_running_loop().time()


async def _report(connection: Tables, reports: Sequence[Report]) -> Set[tuple[str, UUID]]:
    """When a node was heard counts; how it says it is decides nothing. Nobody enrols: who is the node has greeted."""
    taken = {(r.node_id, r.incarnation) for r in reports if connection.incarnations.get(r.node_id) == r.incarnation}
    for node_id, _ in taken:
        connection.heard_s[node_id] = asyncio.get_running_loop().time()
    return taken


async def _silent(connection: Tables, node_ids: Sequence[str], silent_ms: int) -> dict[str, UUID]:
    before_s = asyncio.get_running_loop().time() - silent_ms / 1000
    heard_s, present = connection.heard_s, connection.incarnations
    return {node_id: present[node_id] for node_id in node_ids if heard_s.get(node_id, before_s) < before_s}


async def _hear(connection: Tables, lives: Sequence[tuple[str, UUID]], silent_ms: int) -> Set[tuple[str, UUID]]:
    now_s, gap_s = asyncio.get_running_loop().time(), silent_ms / 1000
    for life in lives:
        from_s, to_s, is_beside = connection.replaced.get(life, (now_s, now_s, False))
        is_one_spell = to_s >= now_s - gap_s
        is_beside = is_beside or (is_one_spell and connection.heard_s.get(life[0], 0.0) > from_s + gap_s)
        connection.replaced[life] = (from_s if is_one_spell else now_s), now_s, is_beside
    return {life for life in lives if connection.replaced[life][2]}


async def _follow(connection: Tables, lives: Sequence[tuple[str, UUID, UUID]]) -> None:
    for node_id, life, origin in lives:
        if (node_id, origin) in connection.replaced:
            connection.replaced.setdefault((node_id, life), connection.replaced[node_id, origin])


IN_PLACE_OF: tuple[tuple[Any, str, Any], ...] = (
    (nodes, "greet", _greet),
    (nodes, "report", _report),
    (nodes, "silent", _silent),
    (replaced, "hear", _hear),
    (replaced, "follow", _follow),
)
