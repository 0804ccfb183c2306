"""Nodes hear with the answer to a heartbeat that there is reference data which they do not have (docs/reference.md).

Nothing is remembered of who was told: a heartbeat says what its node has and what it is fetching, and that decides.
"""

from collections.abc import Sequence

from central_sync.store import reference
from central_sync.store.database import Connection
from edge_core.limits import REFERENCE_SPREAD_MS, REFERENCE_SPREAD_MS_MAX
from edge_core.sync.messages import Heartbeat
from edge_core.sync.reference_messages import Published, news_for


async def announcements(connection: Connection, beats: Sequence[Heartbeat], nodes_known: int) -> dict[str, Published]:
    """What each of these nodes should hear, if anything. The more nodes there are, the more their downloads spread."""
    takers = [beat for beat in beats if beat.reference]
    newest = await reference.newest(connection, [beat.node_id for beat in takers]) if takers else {}
    within_ms = min(nodes_known * REFERENCE_SPREAD_MS, REFERENCE_SPREAD_MS_MAX)
    news = ((beat, news_for(beat.reference, newest.get(beat.node_id, ()))) for beat in takers)
    return {beat.node_id: Published(beat.incarnation, versions, within_ms) for beat, versions in news if versions}
