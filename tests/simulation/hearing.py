"""When the centre heard its nodes last, behind the functions of `central_sync.store.nodes` that write it down."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from central_sync.store import nodes
from central_sync.store.nodes import Greeting, Report
from tests.simulation.tables import Tables


async def _greet(connection: Tables, greetings: Sequence[Greeting]) -> None:
    for greeting in greetings:
        connection.incarnations[greeting.node_id] = greeting.incarnation
        connection.heard_s[greeting.node_id] = asyncio.get_running_loop().time()


async def _report(connection: Tables, reports: Sequence[Report]) -> None:
    """When a node was heard counts; how it says it is decides nothing."""
    for report in reports:
        if connection.incarnations.get(report.node_id) == report.incarnation:
            connection.heard_s[report.node_id] = asyncio.get_running_loop().time()


async def _silent(connection: Tables, node_ids: Sequence[str], silent_ms: int) -> dict[str, UUID]:
    before_s = asyncio.get_running_loop().time() - silent_ms / 1000
    heard_s, present = connection.heard_s, connection.incarnations
    return {node_id: present[node_id] for node_id in node_ids if heard_s.get(node_id, before_s) < before_s}


IN_PLACE_OF: tuple[tuple[Any, str, Any], ...] = (
    (nodes, "greet", _greet),
    (nodes, "report", _report),
    (nodes, "silent", _silent),
)
