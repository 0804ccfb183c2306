"""An assignment as it stands: the centre's order, and every attempt to have a node fulfil it."""

from typing import Literal
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from edge_core.assignment.process import ASSIGNMENT, ATTEMPT
from edge_core.stock.rights_book import Spent

Standing = Literal["unheard", "reserved", "accepted", "left", "kept", "completed", "cancelled", "given_back"]
"""How an attempt stands at its node, as far as the centre has heard: see `edge_core.assignment.standing`."""


class Attempt(Struct, frozen=True):
    """One try with one node. `assignment_id` names it, and is the id of the order at the node.

    `spent` is what the centre promised for it with rights to the node's goods. `ended_at_ms` is when the centre heard
    that it came to nothing, or gave it up (Unix time).
    """

    assignment_id: UUID
    node_id: str
    number: int
    status: str = ATTEMPT.initial
    reason: str | None = None
    spent: tuple[Spent, ...] = ()
    ended_at_ms: int | None = None


class Assignment(Struct, frozen=True):
    """The centre's order. `due_at_ms` is when something has to be done if nothing is heard (Unix time), if ever.

    `since_ms` is since when a node is looked for; `reason` is why people have to look.
    """

    order_id: UUID
    since_ms: int
    status: str = ASSIGNMENT.initial
    attempts: tuple[Attempt, ...] = ()
    due_at_ms: int | None = None
    reason: str | None = None

    @property
    def current(self) -> Attempt | None:
        """The attempt that counts: the one that kept the goods, has accepted, or is asked."""
        for status in ("kept", "accepted", "offered"):
            for attempt in self.attempts:
                if attempt.status == status:
                    return attempt
        return None

    @property
    def awaited(self) -> tuple[Attempt, ...]:
        """Attempts of which it is not known yet whether their nodes have let go."""
        return tuple(attempt for attempt in self.attempts if attempt.status == "withdrawing")

    @property
    def tried(self) -> frozenset[str]:
        """The nodes that were asked."""
        return frozenset(attempt.node_id for attempt in self.attempts)

    @property
    def is_doubled(self) -> bool:
        """Whether two nodes have sent the goods, or say that they cannot give them back: for people to settle."""
        return sum(attempt.status in {"accepted", "kept", "closed"} for attempt in self.attempts) > 1

    def find(self, assignment_id: UUID) -> Attempt | None:
        """One attempt by its id."""
        return next((each for each in self.attempts if each.assignment_id == assignment_id), None)

    def moved(self, on: str, *, due_at_ms: int | None = None, reason: str | None = None) -> "Assignment":
        """The order one step on. Raises `InvariantViolated` for a step that the table does not have."""
        status = ASSIGNMENT.next_state(self.status, on)
        return replace(self, status=status, due_at_ms=due_at_ms, reason=reason)

    def with_attempt(self, attempt: Attempt) -> "Assignment":
        """With an attempt more, or as it is now."""
        others = [each for each in self.attempts if each.assignment_id != attempt.assignment_id]
        attempts = sorted([*others, attempt], key=lambda each: (each.number, each.assignment_id.bytes))
        return replace(self, attempts=tuple(attempts))

    def with_step(
        self, attempt: Attempt, on: str, reason: str | None = None, *, ended_at_ms: int | None = None
    ) -> "Assignment":
        """With one attempt a step on. Raises `InvariantViolated` for a step that the table does not have."""
        status = ATTEMPT.next_state(attempt.status, on)
        ended = ended_at_ms if attempt.ended_at_ms is None else attempt.ended_at_ms
        return self.with_attempt(replace(attempt, status=status, reason=reason or attempt.reason, ended_at_ms=ended))


class Offer(Struct, frozen=True):
    """To be asked of a node: take the order on."""

    attempt: Attempt
    accept_by_ms: int


class Withdraw(Struct, frozen=True):
    """To be asked of a node: let go of the order."""

    attempt: Attempt
    reason: str


class Word(Struct, frozen=True):
    """What is known of an attempt at its node now."""

    assignment_id: UUID
    node_id: str
    standing: Standing
    reason: str | None = None


class Stepped(Struct, frozen=True):
    """The assignment after a step, and what is to be asked of nodes in the same transaction."""

    assignment: Assignment
    asks: tuple[Offer | Withdraw, ...] = ()
