"""Stores and a centre that assigns orders, in memory: the real core at both ends, and whatever may go wrong between.

The downlink and the log of a store are lists; how far each has come to the other side is a number that a test moves.
"""

from collections.abc import Sequence
from copy import deepcopy
from uuid import UUID

from msgspec import Struct, field

from edge_core import ids
from edge_core.assignment import steps
from edge_core.assignment.choosing import Candidate, plain_question, shares_of
from edge_core.assignment.cooling import resting
from edge_core.assignment.process import ATTEMPT
from edge_core.assignment.standing import Answered, standing_of
from edge_core.assignment.state import Assignment, Offer, Stepped, Withdraw, Word
from edge_core.errors import Rejected
from edge_core.limits import ASSIGNMENT_ATTEMPTS_MAX, ASSIGNMENT_REST_SILENT_MS
from edge_core.orders.commands import PlaceOrder, TakeAssignment
from edge_core.orders.document import TillOrder
from edge_core.orders.events import Event
from edge_core.orders.fold import OrderState, fold_all
from edge_core.orders.further_events import AssignmentTaken
from edge_core.orders.requests import HandBackRequest
from edge_core.routing.deciding import route
from edge_core.stock.rights import Life
from tests.rigs.counter import Counter
from tests.rigs.orders import BUSINESS_DATE, START_MS

ACCEPT_MS = 60_000
LEAST_REST_MS = ASSIGNMENT_REST_SILENT_MS
SKU = "069012345" + "00001"


class Asked(Struct, frozen=True):
    """An instruction in a downlink: by its name it is done once."""

    name: str
    order_id: UUID
    ask: Offer | Withdraw
    posted: TillOrder


class Said(Struct, frozen=True):
    """An entry of a store's log: of an order, or the answer to an instruction."""

    order_id: UUID
    events: tuple[Event, ...] = ()
    name: str = ""
    answer: Answered | None = None


class ModelStore:
    """A store with some pieces of one SKU. `log` is what the centre hears of, as far as it has come."""

    def __init__(self, node_id: str, pieces: int, *, is_automatic: bool) -> None:
        self.node_id = node_id
        self.counter = Counter()
        self.life = Life(node_id, ids.uuid7(START_MS, 1))
        if pieces:
            self.counter.receive(SKU, pieces * 1_000)
        self.is_automatic = is_automatic
        self.log: list[Said] = []
        self.done: set[str] = set()
        self._seen = len(self.counter.entries)

    def take(self, asked: Asked) -> None:
        """Do what an instruction says, once, and answer it."""
        if asked.name in self.done:
            return
        self.done.add(asked.name)
        found = self._try(asked)
        self._log()
        outcome = Answered("refused", found.slug) if isinstance(found, Rejected) else Answered("applied")
        self.log.append(Said(asked.ask.attempt.assignment_id, name=asked.name, answer=outcome))

    def ask(self, order_id: UUID, name: str, request: object) -> None:
        """What people of the store want of an order; the answer may be no."""
        self.counter.ask(order_id, name, request)  # type: ignore[arg-type]
        self._log()

    def cancel(self, order_id: UUID) -> None:
        """A customer calls an order off at the store."""
        self.counter.cancel(order_id)
        self._log()

    def live(self) -> dict[UUID, UUID]:
        """The orders of the centre that this store has, and under which id each."""
        return {
            state.assigned.central_order_id: order_id
            for order_id, state in self.counter.states.items()
            if state.assigned is not None and state.status != "cancelled"
        }

    def _try(self, asked: Asked) -> object:
        subject = asked.ask.attempt.assignment_id
        if isinstance(asked.ask, Withdraw):
            return self.counter.ask(subject, "hand-back", HandBackRequest(asked.ask.reason), "centre")
        if subject in self.counter.states:
            return None
        place = PlaceOrder(asked.posted, subject, "W-1", "key", bytes(32), self.node_id, BUSINESS_DATE, offline=False)
        offer = asked.ask
        command = TakeAssignment(
            place,
            asked.order_id,
            offer.attempt.number,
            offer.accept_by_ms,
            is_accepted=self.is_automatic,
            life=self.life,
        )
        return self.counter.submit(command)

    def _log(self) -> None:
        new = self.counter.entries[self._seen :]
        self._seen = len(self.counter.entries)
        self.log += [Said(subject, events) for subject, events in new if subject is not None]


class Books(Struct):
    """What the centre's database holds, and what a backup of it is a copy of."""

    assignments: dict[UUID, Assignment] = field(default_factory=dict)
    posted: dict[UUID, TillOrder] = field(default_factory=dict)
    downlinks: dict[str, list[Asked]] = field(default_factory=dict)
    heard: dict[str, int] = field(default_factory=dict)


class ModelCentre:
    """The centre over its books; `sent` is how far each store has taken its downlink."""

    def __init__(self, stores: Sequence[ModelStore]) -> None:
        self.stores = {store.node_id: store for store in stores}
        self.books = Books(downlinks={name: [] for name in self.stores}, heard=dict.fromkeys(self.stores, 0))
        self.sent = dict.fromkeys(self.stores, 0)
        self.online = set(self.stores)
        self.now_ms = START_MS
        self.patient_until_ms = 0
        self._names = 0

    def post(self, order_id: UUID, posted: TillOrder) -> None:
        """A shop posts an order, or repeats that."""
        if order_id not in self.books.assignments:
            self.books.assignments[order_id] = Assignment(order_id, self.now_ms, due_at_ms=self.now_ms)
            self.books.posted[order_id] = posted

    def settle(self, order_id: UUID) -> None:
        """Everything that can be done about one order now, as `central_sync.assigning` does it."""
        before = self.books.assignments.get(order_id)
        if before is None:
            return
        is_patient = self.now_ms < self.patient_until_ms
        stepped = steps.settle(
            before, self._words(before), now_ms=self.now_ms, accept_ms=ACCEPT_MS, is_patient=is_patient
        )
        self._write(order_id, stepped)
        after = stepped.assignment
        if steps.is_sought(after, self.now_ms) and not is_patient:
            self._write(order_id, self._seek(after))

    def assign(self, order_id: UUID, node_id: str) -> None:
        """People choose a node for an order that waits for them."""
        before = self.books.assignments.get(order_id)
        if before is not None and before.status == "exception":
            self._write(order_id, self._offer(before, node_id))

    def cancel(self, order_id: UUID) -> None:
        """The customer wants nothing any more."""
        before = self.books.assignments.get(order_id)
        stepped = None if before is None else steps.cancel(before)
        if isinstance(stepped, Stepped):
            self._write(order_id, stepped)

    def deliver(self, node_id: str, count: int, *, back: int = 0) -> None:
        """A store takes some of its downlink; the last `back` of what it had may come again."""
        begin = max(0, self.sent[node_id] - back)
        self.sent[node_id] = min(len(self.books.downlinks[node_id]), self.sent[node_id] + count)
        for asked in self.books.downlinks[node_id][begin : self.sent[node_id]]:
            self.stores[node_id].take(asked)

    def listen(self, node_id: str, count: int) -> None:
        """So much more of a store's log has come."""
        self.books.heard[node_id] = min(len(self.stores[node_id].log), self.books.heard[node_id] + count)

    def backup(self) -> Books:
        """A copy of the books."""
        return deepcopy(self.books)

    def restore(self, backup: Books) -> None:
        """Go on with a copy: downlinks begin anew with what is not known to be answered."""
        self.books = deepcopy(backup)
        self.patient_until_ms = self.now_ms + ACCEPT_MS
        for node_id, downlink in self.books.downlinks.items():
            answered = {said.name for said in self._heard_of(node_id) if said.answer is not None}
            self.books.downlinks[node_id] = [asked for asked in downlink if asked.name not in answered]
            self.sent[node_id] = 0

    def _heard_of(self, node_id: str) -> list[Said]:
        return self.stores[node_id].log[: self.books.heard[node_id]]

    def _words(self, assignment: Assignment) -> list[Word]:
        """How every attempt stands, by what has been heard: those of the books, then claims."""
        known = {attempt.assignment_id: attempt.node_id for attempt in assignment.attempts}
        claims = {
            said.order_id: node_id
            for node_id in self.stores
            for said in self._heard_of(node_id)
            for event in said.events
            if isinstance(event, AssignmentTaken) and event.central_order_id == assignment.order_id
        }
        return [self._word(name, node_id) for name, node_id in {**known, **claims}.items()]

    def _word(self, name: UUID, node_id: str) -> Word:
        state: OrderState | None = None
        answers: dict[str, Answered] = {}
        for said in self._heard_of(node_id):
            if said.order_id == name and said.events:
                state = fold_all(state, said.events)
            elif said.order_id == name and said.answer is not None:
                answers[said.name] = said.answer
        standing = standing_of(state, answers.get(f"assign/{name}"), answers.get(f"withdraw/{name}"))
        return Word(name, node_id, *standing)

    def _seek(self, assignment: Assignment) -> Stepped:
        posted = self.books.posted[assignment.order_id]
        candidates = [Candidate(name, {(SKU, "H87"): 9_000_000}, 0) for name in sorted(self.online)]
        rest, left = resting(assignment, self.now_ms), steps.attempts_left(assignment)
        question = plain_question(posted, candidates, rest, attempts_left=left, now_ms=self.now_ms)
        shares = shares_of(route(question))
        if not shares:
            found = steps.find_nobody(assignment, self.now_ms)
            is_worn_out = len(assignment.attempts) >= ASSIGNMENT_ATTEMPTS_MAX
            assert (found.assignment.reason == "attempts-exhausted") == is_worn_out, found
            return found
        ((node_id, _),) = shares
        assert node_id is not None
        for attempt in assignment.attempts:
            if attempt.node_id == node_id:
                assert attempt.status in ATTEMPT.finals, f"{node_id} is asked again before it has let go"
                rested_ms = self.now_ms - (attempt.ended_at_ms or self.now_ms)
                assert rested_ms >= LEAST_REST_MS, f"{node_id} is asked again after {rested_ms} ms"
        return self._offer(assignment, node_id)

    def _offer(self, assignment: Assignment, node_id: str) -> Stepped:
        self._names += 1
        name = ids.uuid7(self.now_ms, self._names)
        return steps.offer(assignment, node_id, name, now_ms=self.now_ms, accept_ms=ACCEPT_MS)

    def _write(self, order_id: UUID, stepped: Stepped) -> None:
        self.books.assignments[order_id] = stepped.assignment
        for ask in stepped.asks:
            kind = "assign" if isinstance(ask, Offer) else "withdraw"
            name = f"{kind}/{ask.attempt.assignment_id}"
            downlink = self.books.downlinks[ask.attempt.node_id]
            if all(asked.name != name for asked in downlink):
                downlink.append(Asked(name, order_id, ask, self.books.posted[order_id]))
