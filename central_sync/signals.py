"""What somebody outside has seen, told to every store: rows of the dataset `signals` (docs/policies.md, "Signals").

A signal ends by itself, by the clock of whoever decides. Each change publishes the signals that are not over.
"""

from collections.abc import Mapping
from datetime import datetime

from central_sync.reference import publish_in
from central_sync.store import reference
from central_sync.store.database import Connection
from central_sync.store.reference import ALL
from edge_core.errors import InvariantViolated, Rejected
from edge_core.limits import POLICY_SIGNALS_MAX, SIGNAL_MS_MAX
from edge_core.policy.documents import Signal
from edge_core.reference.datasets import decode_row, encode_row
from edge_core.reference.files import read_file
from edge_core.reference.versions import applied

DATASET = "signals"


async def current(connection: Connection, now: datetime) -> dict[str, Signal]:
    """The signals that are not over, by their ids, as they are published for all."""
    kept = [row for row in await reference.kept(connection, DATASET) if row.scope == ALL]
    if not kept:
        return {}
    _, changes = read_file(await reference.whole(connection, DATASET, kept[0].version))
    signals = [_signal(body) for body in applied({}, changes).values()]
    return {each.signal_id: each for each in signals if each.until_ms > _ms(now)}


async def tell(connection: Connection, signal: Signal, *, who: str, now: datetime) -> Rejected | None:
    """Publish a signal beside the others; one with its id is replaced."""
    if not _ms(now) < signal.until_ms <= _ms(now) + SIGNAL_MS_MAX:
        return Rejected("signal-invalid", f"it has to end within {SIGNAL_MS_MAX // 86_400_000} days from now", "/until")
    await reference.lock(connection, DATASET)
    signals = {**await current(connection, now), signal.signal_id: signal}
    if len(signals) > POLICY_SIGNALS_MAX:
        return Rejected("signal-invalid", f"{POLICY_SIGNALS_MAX} signals are active already; end some")
    return await _publish(connection, signals, who=who, now=now)


async def end(connection: Connection, signal_id: str, *, who: str, now: datetime) -> Rejected | None:
    """End a signal before its time."""
    await reference.lock(connection, DATASET)
    signals = await current(connection, now)
    if signals.pop(signal_id, None) is None:
        return Rejected("signal-not-found", f"there is no signal {signal_id[:64]!r}, or it is over")
    return await _publish(connection, signals, who=who, now=now)


async def _publish(
    connection: Connection, signals: Mapping[str, Signal], *, who: str, now: datetime
) -> Rejected | None:
    rows = {signal_id: encode_row(signal) for signal_id, signal in sorted(signals.items())}
    made = await publish_in(connection, DATASET, rows, who=who, now=now)
    return made if isinstance(made, Rejected) else None


def _signal(body: bytes) -> Signal:
    row = decode_row(DATASET, body)
    if not isinstance(row, Signal):
        raise InvariantViolated(f"a row of {DATASET} is read as a {type(row).__name__}")
    return row


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
