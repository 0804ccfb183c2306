"""What goes up when the state machine asks for it: the entries of a push, or a copy of the newest orders.

Each is read from the log, handed to the broker's connection, and answered with what became of it.
"""

from collections.abc import Callable

from edge_agent.link.books import Books
from edge_agent.link.outgoing import Outgoing
from edge_core.errors import RecordDamaged
from edge_core.sync.link_types import EarlySent, PushFailed, PushSent, SendEarly, SendPush
from edge_core.sync.messages import UpMessage
from edge_core.sync.send_stream import InFlight
from holdfast_runtime.log import bounded


class Uploads:
    """Loads and sends. `send` says whether there was room."""

    def __init__(self, outgoing: Outgoing, books: Books, send: Callable[[UpMessage], bool]) -> None:
        self._outgoing = outgoing
        self._books = books
        self._send = send

    async def answer(self, asked: SendPush | SendEarly) -> PushSent | PushFailed | EarlySent | None:
        """Send what is asked for; None for a copy that did not leave, which harms nothing. Raises `StorageFault`."""
        return await (self._push(asked) if isinstance(asked, SendPush) else self._early(asked))

    async def _early(self, asked: SendEarly) -> EarlySent | None:
        try:
            copy = await self._outgoing.early(asked.from_seq)
        except RecordDamaged:  # it is told when its turn comes
            return None
        return EarlySent(copy.to_seq, len(copy.block)) if copy is not None and self._send(copy) else None

    async def _push(self, asked: SendPush) -> PushSent | PushFailed:
        try:
            push = await self._outgoing.push(asked.lane, asked.from_seq, asked.entries_max, asked.bytes_max)
        except RecordDamaged as fault:
            self._books.last_error = bounded(fault)
            return PushFailed(asked.lane, asked.from_seq)
        if push is None:
            self._books.last_error = f"{asked.lane}: the log has no entry {asked.from_seq}"
        if push is None or not self._send(push):
            return PushFailed(asked.lane)
        self._books.pushed(push.to_seq - push.from_seq + 1, len(push.block))
        return PushSent(asked.lane, asked.from_seq, InFlight(push.to_seq, push.tail_hash), len(push.block))
