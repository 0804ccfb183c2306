"""What new entries say of proposals: whether people did what was proposed beside a hold (docs/checks.md). Pure."""

from collections.abc import Iterable, Set

from central_sync.ingest.effects import check_text
from central_sync.ingest.reading import Reading
from central_sync.store.proposals import HoldAnswer
from central_sync.store.streams import StreamKey
from edge_core.errors import PeerFault
from edge_core.orders.events import OrderApproved, OrderCancelled

REFUSED = "refused"


def hold_answers_in(
    new: Iterable[tuple[StreamKey, Reading]], parked: Set[tuple[StreamKey, int]] = frozenset()
) -> list[HoldAnswer]:
    """The answers to holds with a proposal, one for each hold. An entry that is parked answers nothing here."""
    found: dict[tuple[str, int, str], HoldAnswer] = {}
    for key, reading in new:
        if reading.entry is None or reading.order_id is None or (key, reading.seq) in parked:
            continue
        for event in reading.entry.events:
            if not isinstance(event, OrderApproved | OrderCancelled) or event.followed is None:
                continue
            answer = event.hold_id if isinstance(event, OrderApproved) else REFUSED
            if _fits(answer):
                row = HoldAnswer(key.node_id, reading.order_id, answer, event.followed)
                found.setdefault((row.node_id, row.order_id.int, answer), row)
    return list(found.values())


def _fits(answer: str) -> bool:
    try:
        check_text(answer)
    except PeerFault:
        return False
    return True
