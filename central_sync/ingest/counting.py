"""What a batch led to, as metrics and log events (docs/operations.md)."""

from collections.abc import Sequence

import structlog

from central_sync.ingest.apply import Outcome
from central_sync.ingest.reading import ReadPush
from central_sync.store.parked import shown
from central_sync.telemetry import Telemetry

_log = structlog.get_logger("ingest")


def count(telemetry: Telemetry, pushes: Sequence[ReadPush], outcome: Outcome) -> None:
    """Count what became of a batch, and log what people should see of it."""
    telemetry.pushes.labels("applied").inc(outcome.applied)
    telemetry.pushes.labels("duplicate").inc(outcome.duplicates)
    telemetry.pushes.labels("gap").inc(outcome.gaps)
    telemetry.pushes.labels("fenced").inc(_fenced(pushes, outcome))
    telemetry.pushes.labels("held").inc(outcome.holds)
    telemetry.entries.inc(outcome.entries)
    if outcome.passed_over:
        telemetry.passed_over.inc(len(outcome.passed_over))
        nodes = sorted({key.node_id for key, _ in outcome.passed_over})
        _log.info("ingest.entries_passed_over", entries=len(outcome.passed_over), nodes=nodes)
    for key, seq, fault in outcome.parked:
        telemetry.parked.labels(fault.reason).inc()
        _log.warning(
            "ingest.entry_parked",
            node_id=key.node_id,
            lane=key.lane,
            seq=seq,
            reason=fault.reason,
            error=shown(fault.detail),
        )
    for breaker in outcome.opened:
        telemetry.breakers_open.inc()
        _log.error(
            "ingest.breaker_opened",
            node_id=breaker.node_id,
            lane=breaker.lane,
            seq=breaker.seq,
            version=breaker.version,
        )
    for key in outcome.forks:
        telemetry.forks.inc()
        _log.error("ingest.stream_forked", node_id=key.node_id, lane=key.lane, detail=outcome.fences[key])
    for answer in outcome.answers:
        telemetry.instructions_answered.labels(answer.outcome).inc()
        _log.info("downlink.answered", node_id=answer.node_id, outcome=answer.outcome, code=answer.code)
    for held in outcome.hold_answers:
        telemetry.hold_answers.labels("yes" if held.is_followed else "no").inc()
    _log.debug("ingest.batch_applied", pushes=len(pushes), entries=outcome.entries)


def _fenced(pushes: Sequence[ReadPush], outcome: Outcome) -> int:
    return len(pushes) - outcome.applied - outcome.duplicates - outcome.gaps - outcome.holds
