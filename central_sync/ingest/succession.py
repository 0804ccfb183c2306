"""Who is the node: one comparison of a newcomer with the present one (docs/protocol.md, "Who is the node").

The larger enrolment is; of equals (all are, where nobody has to enrol) the later one is, unless its machine was
replaced. A machine that was replaced is the node again only where it may return: `returning`.
"""

from collections.abc import Callable, Mapping, Sequence, Set
from uuid import UUID

from central_sync.ingest.admission import Standing, numbers_of
from central_sync.store import nodes, replaced, streams
from central_sync.store.database import Connection
from central_sync.store.streams import CursorRow, StreamKey
from edge_core.limits import REPLACED_SILENT_MS
from edge_core.sync import handshake
from edge_core.sync.admission import is_node
from edge_core.sync.entry import LANES
from edge_core.sync.messages import Hello

Life = tuple[str, UUID]
"""A node id and an incarnation of it."""
HearsSilence = Callable[[str], bool]
"""Whether this process has listened to a node for long enough to know that it is silent (`REPLACED_SILENT_MS`)."""


def hears_nobody(_node_id: str) -> bool:
    """The word of a process that has only just begun to listen."""
    return False


async def outranked(
    connection: Connection,
    newcomers: Sequence[Hello],
    current: Mapping[str, UUID],
    ranks: Standing,
    hears_silence_of: HearsSilence,
) -> list[Hello]:
    """Those newcomers that do not become their node: they are admitted as replaced by it, and may only drain."""
    claims = [hello for hello in newcomers if hello.node_id in current]
    lives = [(hello.node_id, life) for hello in claims for life in hello.former]
    rows = await streams.of_incarnations(connection, lives) if lives else {}
    origins = {hello.node_id: origin for hello in claims if (origin := _origin(hello, rows)) is not None}
    left = {key: rows[key] for key in origins.values()}
    returns = await returning(connection, left, hears_silence_of, is_ranked=ranks.is_ranked)
    found = []
    for hello in claims:
        origin = origins.get(hello.node_id)
        was_replaced = origin is not None and rows[origin].superseded_by is not None and origin[:2] not in returns
        present = ranks.number(hello.node_id, current[hello.node_id])
        if not is_node(ranks.number_of(hello), present, was_replaced=was_replaced):
            found.append(hello)
    heirs = [(h.node_id, h.incarnation, origins[h.node_id].incarnation) for h in found if h.node_id in origins]
    if heirs:
        await replaced.follow(connection, heirs)
    return found


async def returning(
    connection: Connection, rows: Mapping[StreamKey, CursorRow], hears_silence_of: HearsSilence, *, is_ranked: bool
) -> Set[Life]:
    """The replaced lives among those that speak now which may begin anew: their machine is the node, and is alone.

    Writes down that they were heard. Where machines are enrolled (`is_ranked`), none returns from behind a later one.
    """
    speaking = sorted({key[:2] for key, row in rows.items() if row.superseded_by is not None})
    if not speaking:
        return set()
    beside = await replaced.hear(connection, speaking, REPLACED_SILENT_MS)
    listened = sorted({node_id for node_id, _ in speaking if hears_silence_of(node_id)})
    silent = await nodes.silent(connection, listened, REPLACED_SILENT_MS) if listened else {}
    ranks = Standing(await numbers_of(connection, sorted(silent))) if silent and is_ranked else Standing()
    return {
        (node_id, life)
        for node_id, life in speaking
        if handshake.may_return(life, silent.get(node_id))
        and (node_id, life) not in beside
        and ranks.number(node_id, silent[node_id]) <= ranks.number(node_id, life)
    }


def _origin(hello: Hello, rows: Mapping[StreamKey, CursorRow]) -> StreamKey | None:
    """The life from which a newcomer's machine goes on: the newest of its file that the centre knows."""
    keys = (StreamKey(hello.node_id, life, LANES[0]) for life in reversed(hello.former))
    return next((key for key in keys if key in rows), None)
