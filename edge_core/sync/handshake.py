"""What the centre answers to a hello, pure (docs/protocol.md, "Handshake").

The edge compares the hash at the centre's durable position with its own; the centre compares the hash at the edge's
tail, where it holds as much. Between them every rollback, fork and restore shows.
"""

from collections.abc import Mapping
from uuid import UUID

from msgspec import Struct

from edge_core.ids import is_same_machine
from edge_core.sync.messages import Decision, Hello


class CentreView(Struct, frozen=True):
    """What the centre holds of one lane."""

    durable_seq: int
    durable_hash: bytes


def may_succeed(hello: Hello, current: UUID | None) -> bool:
    """Whether an incarnation that the centre does not know may become the node at once.

    A hello can be delivered long after its machine was put back to a time before it. So a newcomer has to name the
    incarnation in whose place it comes, and it learns that name only by being there to be told: a compare-and-swap,
    which a hello of the past cannot win, whatever the clocks say.
    """
    return current is None or hello.succeeds == current


def may_return(incarnation: UUID, silent: UUID | None) -> bool:
    """Whether a replaced incarnation may begin anew, because the one that is the node is no more.

    A disk that is put back to a life which its own machine had replaced looks like a machine that was switched on again
    after another took its place. Two things tell them apart: the mark of the machine, and that nobody else is there.
    `silent` is the incarnation that is the node, where it has not been heard for `REPLACED_SILENT_MS`.
    """
    return silent is not None and is_same_machine(incarnation, silent)


def answer(
    hello: Hello,
    history_id: UUID,
    views: Mapping[str, CentreView],
    *,
    superseded_by: UUID | None,
    may_return: bool = False,
) -> tuple[Decision, str]:
    """The decision and a sentence for people. `superseded_by` is another machine's incarnation of this node.

    `may_return`: whether that was this very machine, whose disk has since been put back (`may_return`).
    """
    for position in hello.lanes:
        view = views[position.lane]
        if position.tail_seq < view.durable_seq:
            detail = f"{position.lane}: the node ends at {position.tail_seq}, the centre holds up to {view.durable_seq}"
            return "fence", f"{detail}: the node was rolled back"
        if position.tail_seq == view.durable_seq and position.tail_hash != view.durable_hash:
            return "fence", f"{position.lane}: another history under the same name at {position.tail_seq}"
        if position.first_seq > view.durable_seq + 1:
            return "fence", f"{lost_words(position.lane, view.durable_seq, position.first_seq)}; the log goes on anew"
    if superseded_by is not None and may_return:
        return "fence", f"incarnation {superseded_by} of this machine is silent; its disk was put back to before it"
    if superseded_by is not None:
        return "refuse", f"incarnation {superseded_by} has taken this node over"
    if hello.history_id is not None and hello.history_id != history_id:
        return "rewind", "the centre's history has changed; send again from what it holds"
    return "resume", ""


def restored(hello: Hello, history_id: UUID, views: Mapping[str, CentreView]) -> str | None:
    """How a hello shows that this centre was put back to an earlier time and nobody said so, or None.

    The centre acks after its COMMIT. What it acked under its present history and does not hold, it held once. After the
    history has changed, the same acks are those of another one and show nothing: it changes once.
    """
    if hello.history_id != history_id:
        return None
    for acked in hello.acked:
        durable_seq = views[acked.lane].durable_seq
        if acked.durable_seq > durable_seq:
            return f"{acked.lane}: the node was acked up to {acked.durable_seq}, the centre holds up to {durable_seq}"
    return None


def lost_words(lane: str, durable_seq: int, first_seq: int) -> str:
    """What lies between the centre's end of a stream and the first entry that its node still has."""
    lost = f"{durable_seq + 1} to {first_seq - 1}"
    return f"{lane}: {lost} are neither at the centre nor at the node any more"
