"""Takes early copies for the ingester, after its pushes. A hint is not tried again: what fails is only counted."""

import asyncio
from collections.abc import Sequence

import structlog

from central_sync.ingest import early
from central_sync.ingest.early import ReadEarly
from central_sync.ingest.reading import read_push
from central_sync.store.database import Database
from central_sync.store.early import Reached
from central_sync.store.parked import shown
from central_sync.telemetry import Telemetry
from edge_core.errors import PermanentFault, TransientFault
from edge_core.limits import EARLY_IDLE_INTERVAL_MS, EARLY_INBOX_MAX, EARLY_SETTLE_INTERVAL_MS
from edge_core.sync.messages import Early

_log = structlog.get_logger("ingest")


class Copies:
    """Keeps what is new, and now and then drops what the streams have reached, comparing it with the truth."""

    def __init__(self, database: Database, telemetry: Telemetry) -> None:
        self._database = database
        self._telemetry = telemetry
        self._look_s = 0.0

    def read(self, message: Early, *, waiting: int) -> ReadEarly | None:
        """A copy is worth reading while there is room for the truth. Raises `PeerFault`."""
        if waiting > EARLY_INBOX_MAX:
            self._telemetry.early.labels("dropped").inc(message.to_seq - message.from_seq + 1)
            return None
        return ReadEarly(read_push(message, b""))

    async def take(self, messages: Sequence[ReadEarly]) -> None:
        """Keep what came, and look after what is there."""
        try:
            if messages:
                await self._keep(messages)
            await self._settle()
        except (TransientFault, PermanentFault) as fault:
            self._telemetry.early.labels("dropped").inc(sum(len(message.push.readings) for message in messages))
            _log.warning("ingest.early_dropped", error=shown(str(fault)))

    async def _keep(self, messages: Sequence[ReadEarly]) -> None:
        async with self._database.transaction() as connection:
            kept = await early.keep(connection, messages)
        self._telemetry.early.labels("kept").inc(kept)
        self._look_s = min(self._look_s, _now_s() + EARLY_SETTLE_INTERVAL_MS / 1000)

    async def _settle(self) -> None:
        if _now_s() < self._look_s:
            return
        self._look_s = _now_s() + EARLY_IDLE_INTERVAL_MS / 1000
        async with self._database.transaction() as connection:
            reached, are_left = await early.settle(connection)
        if are_left:
            self._look_s = _now_s() + EARLY_SETTLE_INTERVAL_MS / 1000
        for copy in reached:
            self._compare(copy)

    def _compare(self, copy: Reached) -> None:
        outcome = "orphaned" if copy.is_same is None else "confirmed" if copy.is_same else "differed"
        self._telemetry.early.labels(outcome).inc()
        if outcome == "differed":
            key, order_id = copy.key, str(copy.order_id)
            _log.error("ingest.early_differed", node_id=key.node_id, lane=key.lane, seq=copy.seq, order_id=order_id)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
