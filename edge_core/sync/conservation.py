"""The books of a lane (promise G8): `accepted = confirmed + pending + parked`, exactly, at both ends."""

from edge_core.sync.messages import LaneLedger, lane_of


def ledger(
    lane: str,
    *,
    tail_seq: int,
    durable_seq: int,
    parked: int,
    backed_up_seq: int = 0,
    pruned_seq: int = 0,
    settled: int = 0,
) -> LaneLedger:
    """The edge's books: every accepted entry is parked, confirmed or pending, each of them once."""
    return LaneLedger(
        lane=lane_of(lane),
        accepted=tail_seq,
        confirmed=durable_seq - parked,
        pending=tail_seq - durable_seq,
        parked=parked,
        backed_up_seq=backed_up_seq,
        pruned_seq=pruned_seq,
        settled=settled,
    )


def differences(edge: LaneLedger, *, durable_seq: int, parked: int, settled: int = 0) -> tuple[str, ...]:
    """What does not add up between a node's books and what the centre holds; empty when all is well.

    The node's books may be older than the centre's cursor, so they are compared as bounds: what it counts as parked may
    have been settled since. Where its books are as new as the centre's, `parked` has to be the same exactly.
    """
    found: list[str] = []
    if edge.accepted != edge.confirmed + edge.pending + edge.parked:
        found.append(f"{edge.lane}: {edge.accepted} accepted are not the sum of the other columns")
    if edge.confirmed + edge.parked > durable_seq:
        done = edge.confirmed + edge.parked
        found.append(f"{edge.lane}: the node counts {done} as done, the centre holds {durable_seq}")
    is_as_new = edge.confirmed + edge.parked == durable_seq and edge.settled == settled
    if edge.parked > parked + settled or (is_as_new and edge.parked != parked):
        found.append(f"{edge.lane}: the node counts {edge.parked} parked, the centre {parked}")
    return tuple(found)
