"""Bugs, planted one at a time: a simulator that does not find them would not find real ones.

Each replaces a function of the product for one run. `seed` is one that finds it, so that the test is quick; where the
chaos has changed since, the test looks for another. A bug that another part heals before the reckoning is not among
them: a hello of the past that takes a node over is undone by `may_return`; `tests/unit/test_core_claims.py` has it.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from central_sync import instructions as rules
from central_sync import parking
from central_sync.ingest import apply as applying
from central_sync.ingest import greetings, projection, worker
from central_sync.store import downlinks, streams
from central_sync.store import instructions as store_instructions
from edge_agent import instructions, intake, rebalance, recovery
from edge_agent.backfill import Backfill
from edge_agent.history import History
from edge_agent.intake import Intake
from edge_agent.link.session import Session
from edge_agent.refolding import Refolding
from edge_agent.store import idempotency, log, retention
from edge_agent.store.file import StoreFile
from edge_core import clock, ids
from edge_core.orders import merge
from edge_core.orders.events import deltas_of
from edge_core.stock.ledger import StockDelta
from edge_core.sync import handshake, send_stream
from edge_core.sync.link_types import HashChecked
from edge_core.sync.messages import DownPosition
from edge_core.sync.receive_stream import Applied, Batch, Cursor, Duplicate, Gap, receive
from edge_core.sync.send_stream import SendStream

_put_before = Backfill.put_before
_rewind, _advance_durable = send_stream.rewind, log.advance_durable
_life_code, _difference, _load = ids.life_code, rebalance.difference, StoreFile.load


class Mutation(Struct, frozen=True):
    """A planted bug: a sentence, where it is, what stands there instead, and a seed that finds it."""

    name: str
    patches: tuple[tuple[Any, str, Any], ...]
    seed: int

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """The world with this bug in it."""
        with contextlib.ExitStack() as stack:
            for target, attribute, bug in self.patches:
                stack.enter_context(patch.object(target, attribute, bug))
            yield


# --- the centre ------------------------------------------------------------------------------------------------------


async def _ack_before_commit(self: Any, pushes: Any) -> Any:
    async with self._database.transaction() as connection:
        outcome = await applying.apply(connection, pushes)
        await self._answer(outcome)
    return outcome


def _receive_by_seq_alone(cursor: Cursor, batch: Batch) -> object:
    found = receive(replace(cursor, durable_hash=_hash_at(cursor, batch)), batch)
    return Duplicate(cursor.durable_seq, cursor.durable_hash) if isinstance(found, Duplicate) else found


def _hash_at(cursor: Cursor, batch: Batch) -> bytes:
    skip = cursor.durable_seq + 1 - batch.from_seq
    return batch.hashes[skip - 1] if 0 < skip <= len(batch.hashes) else batch.previous_hash


def _receive_over_gaps(cursor: Cursor, batch: Batch) -> object:
    found = receive(cursor, batch)
    return Applied(Cursor(batch.to_seq, batch.hashes[-1]), 0) if isinstance(found, Gap) else found


async def _do_nothing(*_: object, **__: object) -> None:
    """The bug is that nothing is done."""


async def _no_rows(*_: object) -> dict[str, Any]:
    return {}


async def _nothing_is_repeated(*_: object) -> set[Any]:
    return set()


async def _leave_parked_uncounted(_connection: object, plan_parked: Any, _outcome: object) -> None:
    """Entries are parked, and the books do not say so."""
    _ = plan_parked


async def _write_views_twice(connection: Any, projection: Any, *, careful: bool) -> None:
    await _write_views(connection, projection, careful=careful)
    await _write_views(connection, projection, careful=careful)


_write_views = applying.write_views


# --- the edge's link -------------------------------------------------------------------------------------------------


def _rewind_too_little(stream: SendStream, durable_seq: int) -> SendStream:
    rewound = _rewind(stream, durable_seq)
    return replace(rewound, sent_seq=min(durable_seq + 1, stream.tail_seq))


def _never_rewind_when_stalled(stream: SendStream, now_ms: int) -> SendStream:
    waited = stream.in_flight and now_ms - stream.progress_ms >= stream.resend_after_ms
    return replace(stream, in_flight=(), progress_ms=now_ms) if waited else stream


async def _record_too_much(
    connection: Any, stream_no: int, *, durable_seq: int, backed_up_seq: int, parked: int
) -> None:
    await _advance_durable(
        connection, stream_no, durable_seq=durable_seq + 1, backed_up_seq=backed_up_seq, parked=parked
    )


async def _believe_every_hash(_self: object, asked: Any) -> HashChecked:
    return HashChecked(asked, True)


async def _keep_the_name(self: Any, _reason: str) -> UUID:
    present: UUID = self._file.streams["orders"].incarnation
    return present


# --- the edge's file -------------------------------------------------------------------------------------------------


async def _answer_before_commit(self: Any, submissions: Any, writes: Any) -> Any:
    async with self._file.transaction() as connection:
        for write in writes:
            await write.change(connection)
        batch = await self._prefetch(connection, submissions)
        answers = [batch.decide(submission) for submission in submissions]
        await self._append(connection, batch)
        intake._settle(submissions, answers)
    if batch.rows:
        self._file.tails["orders"] = batch.tail
        self.on_commit("orders", batch.tail.seq)
    return answers


async def _append_and_move_tail(self: Any, connection: Any, batch: Any) -> None:
    await _append(self, connection, batch)
    self._file.tails["orders"] = batch.tail


_append = Intake._append


async def _load_but_keep_tails(self: Any) -> None:
    before = dict(self.tails)
    await _load(self)
    for lane, tail in before.items():
        if tail.seq > self.tails[lane].seq:
            self.tails[lane] = tail


def _difference_twice(before: Any, after: Any, moves: Any) -> Any:
    return {
        place: replace(d, on_hand_milli=2 * d.on_hand_milli, reserved_milli=2 * d.reserved_milli)
        for place, d in _difference(before, after, moves).items()
    }


async def _every_movement_is_new(_self: object, new: Any) -> Any:
    return [delta for entry in new if entry.order_id is None for event in entry.events for delta in deltas_of(event)]


async def _count_history_again(self: Any, stream: Any, part: Any) -> Any:
    had = await retention.read_sums(self._connection)
    settled = await _put_before(self, stream, part)
    has = await retention.read_sums(self._connection)
    made = {
        (sku, lot or None): StockDelta(sku, lot or None, "H87", on_hand - has[sku, lot][0], reserved - has[sku, lot][1])
        for (sku, lot), (on_hand, reserved) in had.items()
        if (sku, lot) in has
    }
    await self._refold.write_stock(made)
    return settled


async def _nothing_is_own(_self: object, _seq: int) -> dict[tuple[str, str], tuple[int, int]]:
    return {}


async def _nothing_is_done(_self: object, _wanted: object) -> set[UUID]:
    return set()


async def _begin_anew_with_nothing(_connection: object, _node_id: str) -> list[Any]:
    return []


async def _believe_every_position(connection: Any, row: downlinks.DownlinkRow, held: DownPosition | None) -> bool:
    same = held is not None and held.incarnation == row.incarnation and held.seq <= row.tail_seq
    found = await downlinks.hash_at(connection, row, held.seq if same and held else 0)
    await downlinks.move(connection, row.node_id, held.seq if same and held else row.tail_seq, found or b"")
    return True


def _plant(name: str, target: Any, attribute: str, bug: Callable[..., Any], seed: int) -> Mutation:
    return Mutation(name, ((target, attribute, bug),), seed)


MUTATIONS = (
    _plant("the centre acks before COMMIT", worker.Ingester, "_transact", _ack_before_commit, 1),
    _plant("a seq that is known is a duplicate, whatever its hash", applying, "receive", _receive_by_seq_alone, 166),
    _plant("the centre takes entries after a gap", applying, "receive", _receive_over_gaps, 2),
    _plant("an incarnation that was left behind is not closed", streams, "close", _do_nothing, 1),
    _plant("a machine that was replaced is not told", streams, "supersede", _do_nothing, 1),
    _plant("the list of earlier incarnations is empty", streams, "former", _no_rows, 2),
    _plant("an order takes a decision again", projection, "is_used", lambda _order, _entry: False, 25),
    _plant("a movement of stock counts under each name", applying, "repeated_movements", _nothing_is_repeated, 25),
    _plant("parked entries are not counted", applying, "_count_parked", _leave_parked_uncounted, 4),
    _plant("a replay counts its goods twice", parking, "write_views", _write_views_twice, 22),
    _plant("what was replayed stays on the list", streams, "unpark", _do_nothing, 22),
    _plant("what was settled is not counted", streams, "settle", _do_nothing, 9),
    _plant(
        "an idle node is not told of a replay",
        greetings,
        "_is_news",
        lambda row, books: row.durable_seq != books.confirmed + books.parked,
        40,
    ),
    _plant("a rewind goes back one entry too little", send_stream, "rewind", _rewind_too_little, 1),
    _plant(
        "a stalled stream goes on from what was sent", send_stream, "resend_if_stalled", _never_rewind_when_stalled, 2
    ),
    _plant("more is written down as durable than was acked", log, "advance_durable", _record_too_much, 1),
    _plant("a replaced life never begins anew", handshake, "may_return", lambda _life, _silent: False, 602),
    Mutation(
        "nobody compares hashes",
        ((Session, "_check", _believe_every_hash), (applying, "receive", _receive_by_seq_alone)),
        1,
    ),
    _plant("a new incarnation keeps the old name", recovery.Recovery, "begin_incarnation", _keep_the_name, 1),
    _plant("a machine that was replaced sells on", Intake, "fence", lambda _self, _reason: None, 1),
    _plant("201 before COMMIT", Intake, "_commit", _answer_before_commit, 1),
    Mutation(
        "the tail moves although the commit failed",
        ((Intake, "_append", _append_and_move_tail), (StoreFile, "load", _load_but_keep_tails)),
        1,
    ),
    _plant("a commit of unknown outcome is forgotten", Intake, "_tell_tails", lambda _self: None, 1),
    _plant("keys are not stored", idempotency, "put_answered", _do_nothing, 1),
    _plant("keys of restored orders are not known", Refolding, "remember_keys", _do_nothing, 66),
    _plant("answers of moved entries are made anew", idempotency, "keep_answers", _do_nothing, 17),
    _plant("keys do not follow entries that move", idempotency, "shift_entries", _do_nothing, 1),
    _plant("what is appended again stays where it was", log, "forget_range", _do_nothing, 1),
    _plant(
        "what follows a mark is taken for what only the file has",
        recovery,
        "agreed_seq",
        lambda batch, _held: batch.from_seq - 1,
        8,
    ),
    _plant("restored stock is added twice", recovery, "difference", _difference_twice, 1),
    _plant(
        "a movement that is appended again counts again",
        Refolding,
        "new_movements",
        _every_movement_is_new,
        25,
    ),
    _plant("the history counts again beside the picture", Backfill, "put_before", _count_history_again, 12),
    _plant("a newcomer's own sales count again with the picture", History, "_own_until", _nothing_is_own, 94),
    _plant("a new incarnation's clock begins anew", log, "raise_clock", _do_nothing, 59),
    _plant(
        "the clock of the log follows the wall", clock, "tick", lambda _last, now_ms: now_ms << clock.COUNTER_BITS, 5
    ),
    _plant("an instruction that was heard again is decided again", instructions._Work, "_done", _nothing_is_done, 258),
    _plant("a new downlink forgets what has no answer", store_instructions, "unanswered", _begin_anew_with_nothing, 7),
    _plant("nobody asks how far a node has taken its downlink", rules, "_resume", _believe_every_position, 55),
    _plant("entries are folded as they arrive", merge, "in_order", list, 6),
    _plant(
        "display numbers forget the start of the process",
        ids,
        "life_code",
        lambda incarnation, _life: _life_code(incarnation, b""),
        1,
    ),
)
