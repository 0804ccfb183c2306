"""What the ingester asks of the published reference data, on tables in memory: this centre has published none."""

from collections.abc import Sequence
from typing import Any

from central_sync.store import reference
from edge_core.sync.reference_messages import Version
from tests.simulation.tables import Tables


async def _newest(_connection: Tables, _node_ids: Sequence[str]) -> dict[str, list[Version]]:
    return {}


IN_PLACE_OF: tuple[tuple[Any, str, Any], ...] = ((reference, "newest", _newest),)
