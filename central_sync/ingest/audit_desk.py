"""Digests and books of days, as they come in: settled one by one, told in the log, answered after the COMMIT."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog
from tenacity import AsyncRetrying

from central_sync.ingest import auditing
from central_sync.ingest.backlog import Work
from central_sync.store.database import Database
from central_sync.store.parked import shown
from central_sync.telemetry import Telemetry
from edge_core.errors import PermanentFault
from edge_core.sync.audit_messages import AuditCall, DayTotals, Digest
from edge_core.sync.messages import DownMessage, Heartbeat

_log: Final = structlog.get_logger("ingest")


class AuditDesk:
    """Part of an ingester. `retrying` tries again while the database is away, `send` publishes to a node."""

    def __init__(
        self,
        database: Database,
        telemetry: Telemetry,
        retrying: Callable[[], AsyncRetrying],
        send: Callable[[str, DownMessage], Awaitable[None]],
    ) -> None:
        self._database = database
        self._telemetry = telemetry
        self._retrying = retrying
        self._send = send

    async def settle(self, batch: Sequence[Work]) -> None:
        """Settle what a batch has of the audit. What the database refuses for good is dropped: it is only compared."""
        for work in batch:
            if isinstance(work, Digest | DayTotals):
                try:
                    await (self._answer(work) if isinstance(work, Digest) else self._compare_days(work))
                except PermanentFault as fault:
                    self._telemetry.audits_refused.inc()
                    _log.error("audit.message_refused", node_id=work.node_id, error=shown(str(fault)))

    async def call(self, beats: Sequence[Heartbeat]) -> None:
        """Have the nodes of these heartbeats begin a round."""
        for beat in beats:
            await self._send(beat.node_id, AuditCall(beat.incarnation))

    async def _answer(self, digest: Digest) -> None:
        async for attempt in self._retrying():
            with attempt:
                async with self._database.transaction() as connection:
                    answered = await auditing.answer(connection, digest)
        where = {"node_id": digest.node_id, "lane": digest.lane}
        for run in answered.reply.damaged:
            _log.error("audit.entries_damaged", **where, from_seq=run.from_seq, to_seq=run.to_seq)
        supplied_from = digest.supply.from_seq if digest.supply is not None else 0
        if answered.mended:
            self._telemetry.mended.inc(answered.mended)
            _log.warning("audit.entries_mended", **where, from_seq=supplied_from, entries=answered.mended)
        if answered.refused is not None:
            _log.error("audit.supply_refused", **where, from_seq=supplied_from, error=shown(answered.refused))
        await self._send(digest.node_id, answered.reply)

    async def _compare_days(self, told: DayTotals) -> None:
        async for attempt in self._retrying():
            with attempt:
                async with self._database.transaction() as connection:
                    news = await auditing.compare_days(connection, told)
        if news is not None:
            self._telemetry.day_differences.inc()
            _log.error("audit.days_differ", node_id=told.node_id, differences=list(news))
