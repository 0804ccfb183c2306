"""Notices that this database was put back to an earlier time, and makes it another history, once."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from msgspec import Struct

from central_sync.ingest.admission import standing
from central_sync.store import histories, nodes, streams
from central_sync.store.database import Connection
from central_sync.store.streams import CursorRow, StreamKey
from edge_core.sync import handshake
from edge_core.sync.admission import Admit
from edge_core.sync.chain import genesis
from edge_core.sync.entry import LANES
from edge_core.sync.handshake import CentreView
from edge_core.sync.messages import Hello


class Noticed(Struct, frozen=True):
    """A restore that nobody had told us of: which node's hello showed it, and how."""

    node_id: str
    detail: str
    old: UUID
    new: UUID


async def present_history(
    connection: Connection, hellos: Sequence[Hello], admit: Admit = "any"
) -> tuple[UUID, Noticed | None]:
    """The history that these hellos are answered from, which may begin here.

    After it has begun, the other nodes' acks are those of the history before, and show nothing new. Only a hello that
    is admitted is a witness: one that is told to enrol, or to confirm that it is there, could say anything.
    """
    present = await nodes.history_id(connection)
    suspects = [hello for hello in hellos if hello.history_id == present and any(a.durable_seq for a in hello.acked)]
    if not suspects:
        return present, None
    rows = await streams.of_incarnations(connection, [(hello.node_id, hello.incarnation) for hello in suspects])
    for hello in await _admitted(connection, suspects, rows, admit):
        views = {}
        for lane in LANES:
            key = StreamKey(hello.node_id, hello.incarnation, lane)
            row = rows.get(key)
            views[lane] = CentreView(row.durable_seq, row.durable_hash) if row else _nothing(key)
        detail = handshake.restored(hello, present, views)
        if detail is not None:
            detail = f"{hello.node_id}: {detail}"
            new = await histories.change(connection, present, "noticed", detail)
            if new is None:  # another ingester has noticed it too, and was first
                return await nodes.history_id(connection), None
            return new, Noticed(hello.node_id, detail, present, new)
    return present, None


async def _admitted(
    connection: Connection, hellos: Sequence[Hello], rows: Mapping[StreamKey, CursorRow], admit: Admit
) -> list[Hello]:
    strangers = (await standing(connection, hellos, admit)).strangers
    current = await nodes.incarnations(connection, sorted({hello.node_id for hello in hellos}))
    return [
        hello
        for hello in hellos
        if hello.node_id not in strangers
        and (
            StreamKey(hello.node_id, hello.incarnation, LANES[0]) in rows
            or handshake.may_succeed(hello, current.get(hello.node_id))
        )
    ]


def _nothing(key: StreamKey) -> CentreView:
    return CentreView(0, genesis(*key))
