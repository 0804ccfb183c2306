"""One group commit, decided in memory: submissions in, rows and answers out, one after the other.

The batch starts from what was read in its own transaction and from nothing else: there is no cache that could disagree
with the file. Each decision sees what the ones before it in the batch have done.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import perf_counter_ns
from types import MappingProxyType
from typing import Final
from uuid import UUID

from msgspec import Struct, field

from edge_agent.commanding import Circumstances, command_of
from edge_agent.routing import Timed, timed
from edge_agent.store.address_edits import AddressEdit
from edge_agent.store.idempotency import Answered
from edge_agent.store.log import EntryRow, Tail, subject_of
from edge_agent.store.orders import OrderHead, head_of
from edge_agent.submission import (
    Answer,
    Ask,
    Submission,
    accepted_answer,
    answer_kept,
    bytes_to_keep,
    order_answer,
    pickup_answer,
    rejected_answer,
)
from edge_core import clock
from edge_core.checks.changing import is_edit, sources_in
from edge_core.checks.known import Basket
from edge_core.checks.question import Evidence
from edge_core.errors import PermanentFault, Rejected
from edge_core.orders.commands import AdvanceOrder, Command, OnHold, OnOrder, PlaceOrder, TakeAssignment
from edge_core.orders.day_events import DayClosed
from edge_core.orders.decide import decide, skus_of
from edge_core.orders.events import Event, deltas_of
from edge_core.orders.fold import OrderState, fold_all
from edge_core.orders.further_events import GroupRedirected
from edge_core.orders.merge import merge
from edge_core.orders.parts import to_pick_milli
from edge_core.orders.rendering import Origin, Recorded
from edge_core.orders.sale import handed_over, state_of
from edge_core.orders.sending import Router
from edge_core.orders.settling import owed_on_account_minor
from edge_core.orders.world import Accepted, Follow, World
from edge_core.stock.ledger import Allocation, Position, StockDelta, apply_delta, hand_over, total
from edge_core.stock.quota_book import SkuQuota
from edge_core.stock.reservations import Reservation
from edge_core.stock.rights_book import RightsBook, empty
from edge_core.stock.rights_book import merge as merge_books
from edge_core.stock.stock_events import RIGHTS_EVENTS, HoldEnded, HoldExtended, QuotaChanged, StockHeld
from edge_core.sync.chain import link
from edge_core.sync.entry import Entry, encode_entry, new_entry
from holdfast_runtime.problems import problem_body

REUSED: Final = Rejected(
    "idempotency-key-reused", "this key was sent before with another body; a new request needs a new key"
)


class Shelves(Struct):
    """What was read of holds, quotas and rights, each by its name."""

    holds: dict[UUID, Reservation] = field(default_factory=dict)
    quotas: dict[str, SkuQuota] = field(default_factory=dict)
    rights: dict[tuple[str, str], RightsBook] = field(default_factory=dict)


class Batch:
    """The working set of one transaction: take submissions with `decide`, then write `rows` and what is beside them."""

    def __init__(  # noqa: PLR0913 - whatever the transaction has read, each by its name
        self,
        circumstances: Circumstances,
        tail: Tail,
        *,
        positions: list[Position],
        orders: list[Recorded],
        answered: list[Answered],
        replays: dict[bytes, list[Recorded]],
        closed: Sequence[DayClosed] = (),
        evidence: Evidence | None = None,
        shelves: Shelves | None = None,
        router: Router | None = None,
        stopwatch_ns: Callable[[], int] = perf_counter_ns,
    ) -> None:
        self._here = circumstances
        self._evidence = evidence
        self._router = router
        self._stopwatch_ns = stopwatch_ns
        self._added_milli = 0
        self.timed: list[Timed] = []
        self.tail = tail
        self._stock: defaultdict[str, dict[str | None, Position]] = defaultdict(dict)
        for position in positions:
            self._stock[position.sku][position.lot] = position
        self._orders: dict[UUID, list[Recorded]] = defaultdict(list)
        for recorded in orders:
            if recorded.entry.order_id is not None:
                self._orders[recorded.entry.order_id].append(recorded)
        self._states: dict[UUID, OrderState] = {}
        self._answered = {row.key: row for row in answered}
        self._replays = replays
        self._closed = [*closed]
        self._answers: dict[bytes, Answer] = {}
        self.rows: list[EntryRow] = []
        self.heads: dict[UUID, OrderHead] = {}
        self.positions: dict[tuple[str, str | None], Position] = {}
        self.new_answered: list[Answered] = []
        self.eventful: list[Event] = []
        self.edits: list[AddressEdit] = []
        shelves = shelves or Shelves()
        self._holds = shelves.holds
        self.new_holds: dict[UUID, Reservation] = {}
        self.ended_holds: set[UUID] = set()
        self._quotas = shelves.quotas
        self._rights = shelves.rights
        self.new_rights: dict[tuple[str, str], RightsBook] = {}
        self.new_quotas: dict[str, tuple[int, SkuQuota]] = {}

    def decide(self, submission: Submission) -> Answer:
        """Decide one submission: replay its answer, or take the decision and keep its rows."""
        known = self._answered.get(submission.key_digest)
        if known is not None:
            if known.payload_hash != submission.payload_hash:
                return rejected_answer(REUSED, problem_body(REUSED))
            return self._replay(known)
        command = command_of(submission, self._here, self.tail.seq + 1)
        decision = self._decide(command)
        if isinstance(decision, Rejected):
            return self._refuse(submission, decision)
        try:
            answer = self._record(command, decision, submission.traceparent)
        except PermanentFault as fault:  # before anything was changed: the others of the batch go on
            return self._refuse(submission, _too_large(fault))
        kept = bytes_to_keep(answer) if _gives_code(command) else None
        row = Answered(submission.key_digest, submission.payload_hash, self.rows[-1].entry_id, kept)
        self._remember(submission, row, answer)
        return answer

    def learn_router(self, router: Router | None) -> None:
        """Know how goods that are sent from here on go."""
        self._router = router

    def learn_rights(self, books: Mapping[tuple[str, str], RightsBook]) -> None:
        """Know more rights than at the beginning; what the batch has changed already stays."""
        self._rights = {**books, **self._rights}

    def learn(
        self, positions: list[Position], orders: list[Recorded], quotas: Mapping[str, SkuQuota] = MappingProxyType({})
    ) -> None:
        """Know more of the file than at the beginning: SKUs and orders of which nothing is known here yet."""
        for position in positions:
            self._stock[position.sku][position.lot] = position
        for recorded in orders:
            if recorded.entry.order_id is not None:
                self._orders[recorded.entry.order_id].append(recorded)
        self._quotas |= quotas

    def knows_order(self, order_id: UUID) -> bool:
        """Whether the batch has looked at an order already."""
        return order_id in self._orders

    def knows_sku(self, sku: str) -> bool:
        """Whether the batch has looked at the positions of a SKU already."""
        return sku in self._stock

    def execute(self, command: Command, traceparent: str | None) -> Rejected | None:
        """Take a decision that no client of this store waits for; None when it was taken."""
        decision = self._decide(command)
        if isinstance(decision, Rejected):
            return decision
        try:
            self._record(command, decision, traceparent)
        except PermanentFault as fault:
            return _too_large(fault)
        return None

    def note(self, event: Event, traceparent: str | None) -> None:
        """Record something that is about no order."""
        self._append(None, (event,), traceparent)

    def _refuse(self, submission: Submission, rejected: Rejected) -> Answer:
        answer = rejected_answer(rejected, problem_body(rejected))
        if _is_by_timer(submission):  # it asks again by itself; a clock that was set back must not answer for days
            return answer
        row = Answered(submission.key_digest, submission.payload_hash, None, bytes_to_keep(answer))
        self._remember(submission, row, answer)
        return answer

    def _replay(self, known: Answered) -> Answer:
        first = self._answers.get(known.key)
        if first is None and known.answer is not None:
            first = answer_kept(known.answer)
        if first is None:
            first = accepted_answer(self._replays[known.key])
        return Answer(first.status, first.body, first.location, first.is_problem, is_replay=True)

    def _remember(self, submission: Submission, row: Answered, answer: Answer) -> None:
        self._answered[submission.key_digest] = row
        self._answers[submission.key_digest] = answer
        self.new_answered.append(row)

    def _decide(self, command: Command) -> Accepted | Rejected:
        world = self._world(command)
        if world.router is None:
            return decide(world, command)
        decision, took = timed(_order_of(command), lambda: decide(world, command), self._stopwatch_ns)
        self.timed += took
        return decision

    def _world(self, command: Command) -> World:
        state: OrderState | None = None
        hold: Reservation | None = None
        if not isinstance(command, PlaceOrder):  # looked at first: an `isinstance` of a struct that fails costs 0.3 us
            state = self._state(command.order_id) if isinstance(command, OnOrder) else None
            hold = self._holds.get(command.reservation_id) if isinstance(command, OnHold) else None
        stock = {sku: tuple(self._stock[sku].values()) for sku in skus_of(command, state, hold)}
        more = self._router, self._added_milli
        return World(state, stock, self._closed, self._evidence, hold, self._quotas, self._rights, *more)

    def _state(self, order_id: UUID) -> OrderState | None:
        state = self._states.get(order_id)
        if state is None and order_id in self._orders:
            state = merge(self._orders[order_id]).state
            if state is not None:
                self._states[order_id] = state
        return state

    def _record(self, command: Command, decision: Accepted, traceparent: str | None) -> Answer:
        """Append the decision: one entry, or two where it begins a second order. Neither if one is too large."""
        order_id = _order_of(command)
        follow = decision.follow
        if follow is not None:
            encode_entry(self._entry(follow.order_id, follow.events, traceparent))
        consumed = handed_over(decision.events)
        recorded = self._append(order_id, decision.events, traceparent, consumed)
        if consumed is None:
            self._keep_rights(decision.events)
        if order_id is None:
            self._closed += [event for event in decision.events if isinstance(event, DayClosed)]
            self._keep_hold(decision.events[0])
            return accepted_answer([recorded]) if follow is None else self._begin(follow, traceparent)
        before = self._state(order_id)
        is_sale = before is None and consumed is not None
        state = state_of(decision.events) if is_sale else fold_all(before, decision.events)
        self._keep_order(order_id, state, before)
        if before is None and follow is None:
            return order_answer(state, recorded, is_new=True)
        if isinstance(command, AdvanceOrder) and _gives_code(command):
            return pickup_answer(state, recorded, command.secret)
        if isinstance(command, AdvanceOrder):
            self._note_edit(command, decision.events, before)
        if follow is None:
            return order_answer(state, recorded, is_new=False)
        return self._begin(follow, traceparent)

    def _begin(self, follow: Follow, traceparent: str | None) -> Answer:
        """Append the order that a decision begins beside what it is about."""
        recorded = self._append(follow.order_id, follow.events, traceparent)
        state = fold_all(self._state(follow.order_id), follow.events)
        self._keep_order(follow.order_id, state, None)
        return order_answer(state, recorded, is_new=True)

    def _keep_rights(self, events: tuple[Event, ...]) -> None:
        """What became known of rights is merged with what was known."""
        for event in events:
            if isinstance(event, RIGHTS_EVENTS):
                key = event.news.rights.owner_id, event.news.rights.sku
                known = self._rights.get(key) or empty(*key)
                self._rights[key] = self.new_rights[key] = merge_books(known, event.news)

    def _keep_hold(self, event: Event) -> None:
        """A hold that lives is known by its id; one that has ended is in the log alone."""
        if isinstance(event, StockHeld | HoldExtended):
            hold = event.reservation()
            self._holds[hold.reservation_id] = self.new_holds[hold.reservation_id] = hold
        elif isinstance(event, HoldEnded):
            self._holds.pop(event.reservation_id, None)
            self.new_holds.pop(event.reservation_id, None)
            self.ended_holds.add(event.reservation_id)

    def _entry(self, order_id: UUID | None, events: tuple[Event, ...], traceparent: str | None) -> Entry:
        return new_entry(
            seq=self.tail.seq + 1,
            hlc=clock.tick(self.tail.hlc, self._here.now_ms),
            recorded_at_ms=self._here.now_ms,
            order_id=order_id,
            events=events,
            traceparent=traceparent,
        )

    def _append(
        self,
        order_id: UUID | None,
        events: tuple[Event, ...],
        traceparent: str | None,
        consumed: tuple[Allocation, ...] | None = None,
    ) -> Recorded:
        """Add an entry, and what it does to the stock; `consumed` is what a sale took that was seen at a glance."""
        stream = self._here.stream
        entry = self._entry(order_id, events, traceparent)
        body = encode_entry(entry)
        self.tail = Tail(entry.seq, link(self.tail.hash, body), entry.hlc)
        self.rows.append(EntryRow(stream.entry_id(entry.seq), subject_of(entry), self.tail.hash, body))
        if consumed is None:
            self.eventful += events
        self._move_stock(events, consumed)
        self._part_stock(entry)
        return Recorded(Origin(stream.node_id, stream.incarnation, stream.lane, entry.seq), entry)

    def _move_stock(self, events: tuple[Event, ...], consumed: tuple[Allocation, ...] | None) -> None:
        """Apply the decision as a whole: a carry-out sale promises and hands over the same goods at once."""
        if consumed is None:
            deltas: Iterable[StockDelta] = total(delta for event in events for delta in deltas_of(event))
        else:
            deltas = hand_over(consumed)
        for delta in deltas:
            lots = self._stock[delta.sku]
            lots[delta.lot] = self.positions[delta.sku, delta.lot] = apply_delta(lots.get(delta.lot), delta)

    def _part_stock(self, entry: Entry) -> None:
        """Quotas are what the entry says that they are."""
        for event in entry.events:
            if type(event) is QuotaChanged:
                for quota in event.quotas:
                    self._quotas[quota.sku] = quota
                    self.new_quotas[quota.sku] = (entry.hlc, quota)

    def _keep_order(self, order_id: UUID, state: OrderState, before: OrderState | None) -> None:
        self._states[order_id] = state
        more_minor = 0 if before is None else owed_on_account_minor(state) - owed_on_account_minor(before)
        former = None if before is None else self.heads.get(order_id)
        credit_at_ms = self._here.now_ms if more_minor > 0 else former.credit_at_ms if former is not None else 0
        self.heads[order_id] = head = head_of(state, self.rows[-1].entry_id, credit_at_ms=credit_at_ms)
        self._added_milli += head.to_pick_milli - (0 if before is None else to_pick_milli(before))
        if self._evidence is not None and before is None:
            self._evidence.known.take(state.order)
        elif self._evidence is not None and more_minor > 0 and state.order.customer_ref is not None:
            self._evidence.known.owe(state.order.customer_ref, more_minor)

    def _note_edit(self, command: AdvanceOrder, events: Sequence[Event], before: OrderState | None) -> None:
        """An address was edited: that counts for the edits that follow."""
        if before is None or not isinstance(events[0], GroupRedirected):
            return
        known = {group.group_id: group.ship_to for group in before.groups}.get(events[0].group_id)
        if is_edit(known or before.order.ship_to, events[0].ship_to):
            sources = sources_in(command.order_id, command.request, command.role)
            self.edits.append(AddressEdit(self.rows[-1].entry_id, sources))
            if self._evidence is not None:
                self._evidence.known.note_edit(sources)

    @property
    def baskets(self) -> Sequence[Basket]:
        """Those of the orders that were taken, where repeated ones are asked back."""
        evidence = self._evidence
        return evidence.known.taken if evidence is not None and evidence.reference.rules.duplicate_window_ms else ()

    @property
    def now_ms(self) -> int:
        """The wall clock of the batch, in Unix milliseconds."""
        return self._here.now_ms


def _is_by_timer(submission: Submission) -> bool:
    return isinstance(submission.request, Ask) and submission.request.role == "timer"


def _order_of(command: Command) -> UUID | None:
    """Which order the entry of a decision is about."""
    return command.order_id if isinstance(command, PlaceOrder | TakeAssignment | OnOrder) else None


def _gives_code(command: Command) -> bool:
    """Whether the answer holds a pickup code, which stands nowhere else: so the answer itself is kept."""
    return isinstance(command, AdvanceOrder) and command.name in {"ready", "renew"}


def _too_large(fault: PermanentFault) -> Rejected:
    return Rejected("entry-too-large", f"{fault}; ask for less at once")
