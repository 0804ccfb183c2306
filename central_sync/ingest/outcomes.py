"""What routing made of the orders in new entries: rows for the figures of policies (docs/policies.md). Pure."""

from collections.abc import Sequence, Set
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from central_sync.ingest.effects import check_text
from central_sync.ingest.reading import Reading
from central_sync.store.outcomes import OutcomeRow
from central_sync.store.streams import StreamKey
from edge_core.errors import PeerFault, PermanentFault
from edge_core.orders.routing_events import RoutingDecided
from edge_core.policy.figures import Outcome, outcome_of
from edge_core.routing.record import Record, decision_in, question_in

_BIGINT_MAX: Final = (1 << 63) - 1
_INTEGER_MAX: Final = (1 << 31) - 1
_LAST_MS: Final = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z


def outcomes_in(new: Sequence[tuple[StreamKey, Reading]], parked: Set[tuple[StreamKey, int]]) -> list[OutcomeRow]:
    """The outcomes in entries that are used, of the records that this software can read and the columns can hold."""
    found = []
    for key, reading in new:
        if reading.routed and reading.order_id is not None and (key, reading.seq) not in parked:
            rows = (_row(key, reading.seq, reading.order_id, event) for event in reading.routed)
            found += [row for row in rows if row is not None]
    return found


def _row(key: StreamKey, seq: int, order_id: UUID, event: RoutingDecided) -> OutcomeRow | None:
    record = Record(event.version, event.hash, event.question, event.decision)
    try:
        question, decision = question_in(record), decision_in(record)
        for text in (event.policy, question.here, question.region):
            check_text(text)
    except (PermanentFault, PeerFault):
        return None  # the order is as good as any: it has no figures
    outcome = outcome_of(question, decision)
    decided_at = datetime.fromtimestamp(min(question.asked_at_ms, _LAST_MS) / 1000, UTC)
    fits = _fits(outcome) and len(event.hash) == len(decision.question_hash)
    at = question.here, question.region
    return OutcomeRow(order_id, event.hash, decided_at, event.policy, *at, outcome, key, seq) if fits else None


def _fits(outcome: Outcome) -> bool:
    sums = abs(outcome.cost_milli) <= _BIGINT_MAX and abs(outcome.carbon_g) <= _BIGINT_MAX
    return sums and outcome.parcels <= _INTEGER_MAX
