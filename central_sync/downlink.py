"""Sends each node what is asked of it: the core's `SendStream`, one for each node that is heard and has not taken all.

What is to be sent and what was taken stands in the database, so whoever leases a node's shard goes on where another
left off, and a process keeps in memory only what is on its way. It looks when an instruction is announced, when a node
has said something, and every `DOWNLINK_POLL_INTERVAL_MS` all the same.
"""

import asyncio
from collections.abc import Sequence
from itertools import accumulate
from typing import Final
from uuid import UUID

import structlog
from msgspec import Struct

from central_sync.ingest.leases import ShardLeases
from central_sync.store import downlinks
from central_sync.store.database import Database
from central_sync.store.downlinks import DownlinkRow
from central_sync.telemetry import Telemetry
from edge_core.errors import TransientFault
from edge_core.limits import (
    DATABASE_RETRY_DELAY_MS_MAX,
    DOWNLINK_ENTRIES_MAX,
    DOWNLINK_NODES_MAX,
    DOWNLINK_POLL_INTERVAL_MS,
    DOWNLINK_WINDOW_MAX,
    PUSH_BYTES_MAX,
)
from edge_core.sync import send_stream
from edge_core.sync.messages import DOWN, Deliver, encode_message, pack_block
from edge_core.sync.send_stream import InFlight, SendStream
from edge_core.sync.topics import topic
from holdfast_runtime.mqtt import MqttLink
from holdfast_runtime.waiting import wait_for_word

_log: Final = structlog.get_logger("downlink")


class _Sending(Struct):
    """What is on its way to one node, and of which of its downlinks."""

    incarnation: UUID
    stream: SendStream


class Downlink:
    """The sending end of the downlinks of the leased shards' nodes."""

    def __init__(self, *, link: MqttLink, database: Database, leases: ShardLeases, telemetry: Telemetry) -> None:
        self._link = link
        self._database = database
        self._leases = leases
        self._telemetry = telemetry
        self._wake = asyncio.Event()
        self._sending: dict[str, _Sending] = {}

    def wake(self) -> None:
        """Look soon: something was asked, or a node has said how far it is."""
        self._wake.set()

    async def run(self) -> None:
        """Send until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(), name="announcements")
            tasks.create_task(self._serve(), name="deliveries")

    async def _listen(self) -> None:
        """Hear what other processes announce; while that is not possible, the interval has to do."""
        while True:
            lost = asyncio.Event()
            try:
                async with self._database.listening(downlinks.CHANNEL, self.wake, lost.set):
                    self.wake()
                    await lost.wait()
            except TransientFault as fault:
                _log.warning("downlink.listening_interrupted", error=str(fault))
            await asyncio.sleep(DATABASE_RETRY_DELAY_MS_MAX / 1000)

    async def _serve(self) -> None:
        while True:
            await wait_for_word(self._wake, DOWNLINK_POLL_INTERVAL_MS / 1000)
            try:
                await self._turn()
            except TransientFault as fault:
                _log.warning("downlink.database_unreachable", error=str(fault))

    async def _turn(self) -> None:
        """Look at what waits, and send as much of it as there is room for."""
        if not self._link.connected:
            self._sending.clear()
            return
        async with self._database.reading() as connection:
            waiting = await downlinks.waiting(connection, self._leases.held, DOWNLINK_NODES_MAX)
        self._follow(waiting)
        for row in waiting:
            await self._send(row.node_id)

    def _follow(self, waiting: Sequence[DownlinkRow]) -> None:
        now_ms = int(asyncio.get_running_loop().time() * 1000)
        following: dict[str, _Sending] = {}
        for row in waiting:
            before = self._sending.get(row.node_id)
            if before is None or before.incarnation != row.incarnation:
                stream = SendStream(DOWN, row.tail_seq, row.durable_seq, row.durable_seq)
            else:
                stream = _follow(before.stream, row, now_ms)
            following[row.node_id] = _Sending(row.incarnation, stream)
        self._sending = following
        self._telemetry.downlink_nodes.set(len(following))

    async def _send(self, node_id: str) -> None:
        sending = self._sending[node_id]
        while (from_seq := send_stream.wants(sending.stream, DOWNLINK_WINDOW_MAX)) is not None:
            deliver = await self._load(node_id, sending.incarnation, from_seq)
            if deliver is None or not self._link.publish(topic(node_id, "down"), encode_message(deliver)):
                sending.stream = send_stream.not_pushed(sending.stream)
                return
            now_ms = int(asyncio.get_running_loop().time() * 1000)
            sent = InFlight(deliver.to_seq, deliver.tail_hash)
            sending.stream = send_stream.pushed(sending.stream, from_seq, sent, now_ms)
            self._telemetry.instructions_sent.inc(deliver.to_seq - from_seq + 1)

    async def _load(self, node_id: str, incarnation: UUID, from_seq: int) -> Deliver | None:
        """The delivery that begins at a seq; None where the downlink was begun anew meanwhile."""
        async with self._database.reading() as connection:
            row = (await downlinks.read(connection, [node_id])).get(node_id)
            if row is None or row.incarnation != incarnation:
                return None
            previous = await downlinks.hash_at(connection, row, from_seq - 1)
            rows = await downlinks.after(connection, node_id, incarnation, from_seq - 1, DOWNLINK_ENTRIES_MAX)
        if previous is None or not rows:
            return None
        rows = rows[: _fitting([len(body) for _, body in rows])]
        codec, block = pack_block([body for _, body in rows])
        to_seq = from_seq + len(rows) - 1
        return Deliver(incarnation, DOWN, from_seq, to_seq, previous, rows[-1][0], codec, block)


def _fitting(sizes: Sequence[int]) -> int:
    """How many of the first instructions go into one delivery: one at least, and no more bytes than a push has."""
    sums = accumulate(sizes)
    return max(1, sum(total <= PUSH_BYTES_MAX for total in sums))


def _follow(stream: SendStream, row: DownlinkRow, now_ms: int) -> SendStream:
    """The stream as the database has it now: grown, acked, or taken back by a node that lost what it had."""
    stream = send_stream.unblocked(send_stream.grow(stream, row.tail_seq))
    if row.durable_seq < stream.durable_seq:
        return send_stream.rewind(stream, row.durable_seq)
    return send_stream.resend_if_stalled(send_stream.acked(stream, row.durable_seq, now_ms), now_ms)
