"""Which shards this process listens to.

Leases only share the work out: two processes that listen to one shard for a while do the same work twice, and the row
locks, the chain and the sequence numbers keep the result right. So a lease that expires while a batch is under way
needs no fencing.
"""

import asyncio
from collections.abc import Callable
from uuid import UUID

import structlog

from central_sync.store import leases
from central_sync.store.database import Database
from central_sync.telemetry import Telemetry
from edge_core.errors import TransientFault
from edge_core.limits import LEASE_RENEW_INTERVAL_MS, LEASE_TTL_MS
from edge_core.sync.topics import shard_filter
from holdfast_runtime.mqtt import MqttLink

_log = structlog.get_logger("ingest")


class ShardLeases:
    """Holds a fair share of the shards and keeps the subscriptions equal to it.

    `owner` is the same after a restart, so that a process takes its own shards back at once instead of waiting for
    the leases of its former self to expire.
    """

    def __init__(self, owner: UUID, database: Database, link: MqttLink, telemetry: Telemetry) -> None:
        self._owner = owner
        self._database = database
        self._link = link
        self._telemetry = telemetry
        self._subscribed: frozenset[int] = frozenset()
        self._turn = asyncio.Lock()
        self.held: frozenset[int] = frozenset()
        self.on_subscribed: Callable[[frozenset[int]], None] = lambda _shards: None

    @property
    def is_listening(self) -> bool:
        """Whether every held shard is subscribed to, and there is at least one."""
        return bool(self.held) and self.held == self._subscribed and self._link.connected

    async def run(self) -> None:
        """Renew for ever."""
        while True:
            await self.renew()
            await asyncio.sleep(LEASE_RENEW_INTERVAL_MS / 1000)

    async def renew(self) -> None:
        """Renew once. While the database is away what is held stays held: leases need not be exclusive."""
        try:
            async with self._database.transaction() as connection:
                held = await leases.renew(connection, self._owner, LEASE_TTL_MS)
        except TransientFault as fault:
            _log.warning("ingest.lease_renewal_failed", error=str(fault))
            return
        if held != self.held:
            _log.info("ingest.leases_changed", gained=len(held - self.held), lost=len(self.held - held), held=len(held))
        self.held = held
        self._telemetry.leases.set(len(held))
        await self.subscribe()

    async def subscribe(self) -> None:
        """Make the subscriptions equal to the leases; without a connection, or when refused, the next turn does it.

        `on_subscribed` hears what is subscribed to while there is a connection.
        """
        async with self._turn:
            if not self._link.connected:
                return
            try:
                await self._change(self.held)
            except TransientFault as fault:
                _log.warning("ingest.subscription_failed", error=str(fault))
            if self._link.connected:
                self.on_subscribed(self._subscribed)

    async def _change(self, wanted: frozenset[int]) -> None:
        gained, lost = wanted - self._subscribed, self._subscribed - wanted
        if gained:
            await self._link.subscribe([shard_filter(shard) for shard in sorted(gained)])
        if lost:
            await self._link.unsubscribe([shard_filter(shard) for shard in sorted(lost)])
        self._subscribed = wanted

    async def release(self) -> None:
        """Leave the shards to the others, at the end of this process."""
        try:
            async with self._database.transaction() as connection:
                await leases.release(connection, self._owner)
        except TransientFault as fault:
            _log.warning("ingest.lease_release_failed", error=str(fault))
