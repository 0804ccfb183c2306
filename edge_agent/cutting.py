"""Lets go of one stream's oldest entries, step by step, past what is damaged.

Each step is planned on a connection that only reads and done in one short transaction between the tills' orders.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from msgspec import Struct
from msgspec.structs import replace

from edge_agent.intake import Intake
from edge_agent.store import log, retention
from edge_agent.store.connection import Connection
from edge_agent.store.file import StoreFile
from edge_agent.store.log import Stream
from edge_agent.store.retention import Plan
from edge_agent.store.sound_cut import GivenUp, SoundCut
from edge_core.errors import RecordDamaged
from edge_core.limits import AUDIT_SEGMENT_ENTRIES, RETENTION_STEP_ENTRIES, RETENTION_STEP_PAUSE_MS
from holdfast_runtime.log import bounded

_LOG: Final = structlog.get_logger()

_Act = Callable[[Connection, Plan, int], Awaitable[int | None]]


class Gone(Struct):
    """What the steps over one stream came to: where it is cut now, entries that went, orders and records left below.

    `is_waiting` where a damaged record stands in the way that may still be mended.
    """

    seq: int
    entries: int = 0
    left: int = 0
    damaged: tuple[int, ...] = ()
    is_waiting: bool = False


class Cutter:
    """Moves the cuts of one file. `is_allowed` says whether nothing that is going on needs the old entries."""

    def __init__(self, file: StoreFile, intake: Intake, is_allowed: Callable[[], bool]) -> None:
        self._file = file
        self._intake = intake
        self._is_allowed = is_allowed
        self.is_given_up: GivenUp = lambda _stream_no, _seq: False

    async def let_go(self, stream: Stream, wanted_seq: int, now_ms: int) -> Gone:
        """Move a stream's cut as far as `wanted_seq`, for as long as that is allowed. Raises `StorageFault`.

        Where no sound place to cut is found within a segment, it is not moved, and nothing goes.
        """
        gone = Gone(stream.pruned_seq)
        to_seq = stream.pruned_seq
        while to_seq < wanted_seq and self._is_allowed() and to_seq - gone.seq < AUDIT_SEGMENT_ENTRIES:
            to_seq = min(to_seq + RETENTION_STEP_ENTRIES, wanted_seq)
            cut = await self._step(stream.stream_no, to_seq, now_ms, gone)
            gone.is_waiting = cut.is_waiting
            if cut.is_waiting:
                break
            await asyncio.sleep(RETENTION_STEP_PAUSE_MS / 1000)
        return gone

    async def _step(self, stream_no: int, to_seq: int, now_ms: int, gone: Gone) -> SoundCut:
        """One transaction; where a page refuses to let go of what is on it, the cut goes past it all the same."""
        reader = self._file.reader
        (stream,) = [s for s in await log.read_streams(reader) if s.stream_no == stream_no]
        plan = await retention.plan(reader, stream, to_seq, self.is_given_up)
        if plan.cut.seq == stream.pruned_seq:
            return plan.cut
        try:
            await self._carry_out(plan, now_ms, gone)
        except RecordDamaged as fault:
            _LOG.warning("retention.page_damaged", error=bounded(fault))
            await self._carry_out(replace(plan, whole=plan.whole.only(())), now_ms, gone)
            await self._let_go_one_by_one(plan, now_ms, gone)
        return plan.cut

    async def _let_go_one_by_one(self, plan: Plan, now_ms: int, gone: Gone) -> None:
        """Rows beside a damaged page cannot be deleted where that would move others onto it; all others can."""
        for subject in plan.whole.subjects:
            try:
                alone = replace(plan, whole=plan.whole.only({subject}))
                gone.entries += await self._do(retention.let_go, alone, now_ms) or 0
            except RecordDamaged:
                gone.left += 1

    async def _carry_out(self, plan: Plan, now_ms: int, gone: Gone) -> None:
        entries = await self._do(retention.carry_out, plan, now_ms)
        if entries is not None:
            gone.seq = plan.cut.seq
            gone.entries += entries
            gone.left += plan.left
            gone.damaged += plan.cut.damaged

    async def _do(self, act: _Act, plan: Plan, now_ms: int) -> int | None:
        """One transaction. What it said counts once it is committed."""
        entries: int | None = None

        async def change(connection: Connection) -> None:
            nonlocal entries
            entries = await act(connection, plan, now_ms)

        await self._intake.change_log(change)
        return entries
