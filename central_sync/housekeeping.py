"""What is done beside the work, again and again: old feed and answers are pruned, and open breakers are counted."""

import asyncio

import structlog

from central_sync import times
from central_sync.store import breakers, decided_keys, doubts, feed, outcomes
from central_sync.store.database import Database
from central_sync.telemetry import Telemetry
from edge_core.errors import TransientFault
from edge_core.limits import (
    FEED_PRUNE_INTERVAL_MS,
    FEED_PRUNE_ROWS_MAX,
    FEED_RETENTION_MS,
    IDEMPOTENCY_DAYS_MAX,
    POLICY_OUTCOME_DAYS,
)

_log = structlog.get_logger("centre")


class Housekeeper:
    """Each process of the centre has one; two that prune at once do half the work each."""

    def __init__(self, database: Database, telemetry: Telemetry, retention_ms: int = FEED_RETENTION_MS) -> None:
        self._database = database
        self._telemetry = telemetry
        self._retention_ms = retention_ms

    async def run(self) -> None:
        """Do it for ever. While the database is away it is left for later."""
        while True:
            try:
                await self.tidy()
            except TransientFault as fault:
                _log.warning("centre.housekeeping_failed", error=str(fault))
            await asyncio.sleep(FEED_PRUNE_INTERVAL_MS / 1000)

    async def tidy(self) -> None:
        """Do it once, in short transactions. Raises `TransientFault`."""
        pruned = FEED_PRUNE_ROWS_MAX
        while pruned == FEED_PRUNE_ROWS_MAX:
            async with self._database.transaction() as connection:
                pruned = await feed.prune(connection, self._retention_ms, FEED_PRUNE_ROWS_MAX)
            self._telemetry.feed_pruned.inc(pruned)
        async with self._database.transaction() as connection:
            await decided_keys.forget(connection, IDEMPOTENCY_DAYS_MAX)
            await outcomes.forget(connection, POLICY_OUTCOME_DAYS)
            await doubts.forget(connection, times.now_ms())
        async with self._database.reading() as connection:
            self._telemetry.breakers_open.set(await breakers.count_open(connection))
