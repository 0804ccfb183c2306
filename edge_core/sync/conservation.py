"""The books of a lane (promise G8): `accepted = confirmed + pending + parked`, exactly, at both ends."""

from edge_core.sync.messages import LaneLedger


def ledger(
    lane: str, *, tail_seq: int, durable_seq: int, parked: int, backed_up_seq: int = 0, pruned_seq: int = 0
) -> LaneLedger:
    """The edge's books: every accepted entry is parked, confirmed or pending, each of them once."""
    return LaneLedger(
        lane="bulk" if lane == "bulk" else "orders",
        accepted=tail_seq,
        confirmed=durable_seq - parked,
        pending=tail_seq - durable_seq,
        parked=parked,
        backed_up_seq=backed_up_seq,
        pruned_seq=pruned_seq,
    )


def differences(edge: LaneLedger, *, durable_seq: int, parked: int) -> tuple[str, ...]:
    """What does not add up between a node's books and what the centre holds; empty when all is well.

    The node's books may be older than the centre's cursor, so its confirmed and pending are compared as bounds.
    """
    found: list[str] = []
    if edge.accepted != edge.confirmed + edge.pending + edge.parked:
        found.append(f"{edge.lane}: {edge.accepted} accepted are not the sum of the other columns")
    if edge.confirmed + edge.parked > durable_seq:
        done = edge.confirmed + edge.parked
        found.append(f"{edge.lane}: the node counts {done} as done, the centre holds {durable_seq}")
    if edge.parked > parked:
        found.append(f"{edge.lane}: the node counts {edge.parked} parked, the centre {parked}")
    return tuple(found)
