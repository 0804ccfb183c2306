"""What nodes ask back of their past: answered one by one, each from one snapshot of the database."""

from collections.abc import Sequence
from typing import Final

import structlog

from central_sync.ingest.backlog import Work
from central_sync.ingest.desk import Desk
from central_sync.ingest.needing import needed
from central_sync.ingest.recalling import recalled
from central_sync.store import backups
from central_sync.store.backups import LossRow
from central_sync.store.parked import shown
from edge_core.errors import PermanentFault
from edge_core.sync.messages import Recall
from edge_core.sync.need_messages import Need

_log: Final = structlog.get_logger("ingest")


class RecallDesk(Desk):
    """Answers recalls, and newcomers that ask what they need."""

    async def settle(self, batch: Sequence[Work]) -> None:
        """Answer what a batch has of recalls. What the database refuses for good, a zero in a text, is dropped."""
        for work in batch:
            if isinstance(work, Recall | Need):
                try:
                    await (self._deliver(work) if isinstance(work, Recall) else self._draw(work))
                except PermanentFault as fault:
                    _log.warning("ingest.recall_refused", node_id=work.node_id, error=shown(str(fault)))

    async def _draw(self, need: Need) -> None:
        async for attempt in self._retrying():
            with attempt:
                async with self._database.reading() as connection:
                    page = await needed(connection, need)
        await self._send(need.node_id, page)

    async def _deliver(self, recall: Recall) -> None:
        async for attempt in self._retrying():
            with attempt:
                async with self._database.reading() as connection:
                    answer = await recalled(connection, recall)
        if answer.loss is not None:
            await self.note_loss(answer.loss)
        await self._send(recall.node_id, answer.deliver)

    async def note_loss(self, loss: LossRow) -> None:
        """Write down what is nowhere any more, and tell of it once."""
        async for attempt in self._retrying():
            with attempt:
                async with self._database.transaction() as connection:
                    is_news = await backups.note_loss(connection, loss)
        if is_news:
            self._telemetry.lost.inc(loss.to_seq - loss.from_seq + 1)
            _log.error(
                "ingest.entries_lost",
                node_id=loss.node_id,
                lane=loss.lane,
                from_seq=loss.from_seq,
                to_seq=loss.to_seq,
            )
