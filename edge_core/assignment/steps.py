"""What the centre does about an order that it assigns: pure steps, `(assignment, input) -> (assignment, asks)`.

Only a node that was asked, and that nobody else replaces, may fulfil the order. An attempt whose time is over is
withdrawn before anybody else is asked: a late `accept` changes nothing, the withdrawal is on its way to it. A node
that cannot give the order back, because its goods have left, keeps it, and whoever was asked meanwhile is withdrawn.
"""

from collections.abc import Iterable
from uuid import UUID

from msgspec.structs import replace

from edge_core.assignment.cooling import TIMED_OUT
from edge_core.assignment.process import ASSIGNMENT
from edge_core.assignment.state import Assignment, Attempt, Offer, Stepped, Withdraw, Word
from edge_core.errors import Rejected
from edge_core.limits import (
    ASSIGNMENT_AGAIN_INTERVAL_MS,
    ASSIGNMENT_AGAIN_MS_MAX,
    ASSIGNMENT_ATTEMPTS_MAX,
    ASSIGNMENT_RETRY_INTERVAL_MS,
    ASSIGNMENT_SEARCH_MS_MAX,
)
from edge_core.stock.rights_book import Spent

_SOUGHT = frozenset({"unassigned", "exception"})
_GONE = frozenset({"left", "kept", "completed"})
_OVER = frozenset({"completed", "cancelled"})


def offer(
    assignment: Assignment,
    node_id: str,
    assignment_id: UUID,
    *,
    now_ms: int,
    accept_ms: int,
    spent: tuple[Spent, ...] = (),
) -> Stepped:
    """Ask a node. `assignment_id` is new; the node's word is wanted within `accept_ms`; `spent` was promised for it."""
    attempt = Attempt(assignment_id, node_id, len(assignment.attempts) + 1, spent=spent)
    accept_by_ms = now_ms + accept_ms
    asked = assignment.moved("offered", due_at_ms=accept_by_ms).with_attempt(attempt)
    return Stepped(asked, (Offer(attempt, accept_by_ms),))


def attempts_left(assignment: Assignment) -> int:
    """How often the centre asks by itself before people have to look."""
    return max(0, ASSIGNMENT_ATTEMPTS_MAX - len(assignment.attempts))


def is_sought(assignment: Assignment, now_ms: int) -> bool:
    """Whether a node is to be looked for now: also while people look, since nodes come back and have rested."""
    return assignment.status in _SOUGHT and assignment.due_at_ms is not None and assignment.due_at_ms <= now_ms


def divide(assignment: Assignment) -> Stepped:
    """No node can fulfil it alone: its parts are orders of their own from now on, and it has no further life."""
    return Stepped(assignment.moved("divided"))


def find_nobody(assignment: Assignment, now_ms: int) -> Stepped:
    """No node can be asked now: look again later, and after a while have people look too."""
    if not attempts_left(assignment):
        return _give_to_people(assignment, "attempts-exhausted", None)
    waited_ms = now_ms - assignment.since_ms
    is_hopeful = waited_ms + ASSIGNMENT_AGAIN_INTERVAL_MS < ASSIGNMENT_AGAIN_MS_MAX
    again_at_ms = now_ms + ASSIGNMENT_AGAIN_INTERVAL_MS if is_hopeful else None
    if assignment.attempts:
        return _give_to_people(assignment, "nobody-left", again_at_ms)
    if waited_ms >= ASSIGNMENT_SEARCH_MS_MAX:
        return _give_to_people(assignment, "no-candidate", again_at_ms)
    return Stepped(replace(assignment, due_at_ms=now_ms + ASSIGNMENT_RETRY_INTERVAL_MS))


def _give_to_people(assignment: Assignment, reason: str, again_at_ms: int | None) -> Stepped:
    if assignment.status == "exception":
        return Stepped(replace(assignment, due_at_ms=again_at_ms, reason=reason))
    return Stepped(assignment.moved("exhausted", reason=reason, due_at_ms=again_at_ms))


def time_out(assignment: Assignment, now_ms: int) -> Stepped:
    """The node that was asked has not said yes in time, whether it is there or not."""
    current = assignment.current
    if assignment.status != "offered" or current is None or now_ms < (assignment.due_at_ms or 0):
        return Stepped(assignment)
    after = _search(assignment, "timed_out", now_ms)
    return _withdraw(Stepped(after), current, TIMED_OUT, now_ms)


def settle(
    assignment: Assignment, words: Iterable[Word], *, now_ms: int, accept_ms: int, is_patient: bool = False
) -> Stepped:
    """Take in everything that is known of the attempts, then look at the clock; not so while it `is_patient`."""
    stepped = Stepped(assignment)
    for word in words:
        stepped = _then(stepped, hear(stepped.assignment, word, now_ms=now_ms, accept_ms=accept_ms))
    return stepped if is_patient else _then(stepped, time_out(stepped.assignment, now_ms))


def cancel(assignment: Assignment) -> Stepped | Rejected:
    """The customer wants nothing any more. Who has accepted decides by itself: that is asked of the node."""
    if assignment.status in {"cancelling", "cancelled"}:
        return Stepped(assignment)
    current = assignment.current
    is_awaited = bool(assignment.awaited) or current is not None
    on = "cancelled:awaited" if is_awaited else "cancelled"
    if not ASSIGNMENT.is_legal(assignment.status, on):
        detail = f"the order is {assignment.status}"
        return Rejected("assignment-not-possible", detail, state=assignment.status)
    stepped = Stepped(assignment.moved(on))
    return stepped if current is None else _withdraw(stepped, current, "cancelled", None)


def hear(assignment: Assignment, word: Word, *, now_ms: int, accept_ms: int) -> Stepped:
    """Take in how an attempt stands at its node: the same word twice, and an old one, change nothing."""
    attempt = assignment.find(word.assignment_id)
    if attempt is None:
        return _claim(assignment, word, now_ms=now_ms, accept_ms=accept_ms)
    match attempt.status:
        case "offered":
            return _hear_asked(assignment, attempt, word, now_ms)
        case "accepted" | "kept":
            return _hear_owner(assignment, attempt, word, now_ms)
        case "withdrawing":
            return _hear_withdrawn(assignment, attempt, word, now_ms)
        case _:
            return Stepped(assignment)


def _hear_asked(assignment: Assignment, attempt: Attempt, word: Word, now_ms: int) -> Stepped:
    if word.standing in {"unheard", "reserved"}:
        return Stepped(assignment)
    if word.standing == "given_back":
        after = _search(assignment, "given_back", now_ms)
        return Stepped(after.with_step(attempt, "given_back", word.reason, ended_at_ms=now_ms))
    return _then_hear(Stepped(assignment.moved("accepted").with_step(attempt, "accepted")), word, now_ms)


def _hear_owner(assignment: Assignment, attempt: Attempt, word: Word, now_ms: int) -> Stepped:
    is_owner = assignment.current == attempt and assignment.status == "accepted"
    if word.standing == "given_back":
        after = _search(assignment, "given_back", now_ms) if is_owner else assignment
        return Stepped(after.with_step(attempt, "given_back", word.reason, ended_at_ms=now_ms))
    if word.standing in _OVER:
        after = assignment.moved("ended") if is_owner else assignment
        return Stepped(after.with_step(attempt, "ended", word.reason))
    return Stepped(assignment)


def _hear_withdrawn(assignment: Assignment, attempt: Attempt, word: Word, now_ms: int) -> Stepped:
    if word.standing in {"given_back", "cancelled"}:
        after = assignment.with_step(attempt, "let_go")
        is_done = after.status == "cancelling" and not after.awaited
        return Stepped(after.moved("let_go") if is_done else after)
    if word.standing not in _GONE:
        return Stepped(assignment)
    other = assignment.current
    kept = assignment.with_step(attempt, "kept", word.reason)
    if ASSIGNMENT.is_legal(kept.status, "kept") and (other is None or other.status != "kept"):
        kept = kept.moved("kept")
    stepped = Stepped(kept)
    if other is not None and other.status != "kept" and kept.status == "accepted":
        stepped = _withdraw(stepped, other, "kept-elsewhere", now_ms)
    return _then_hear(stepped, word, now_ms)


def _claim(assignment: Assignment, word: Word, *, now_ms: int, accept_ms: int) -> Stepped:
    """A node has the order by an attempt that is not known here: this centre was put back to before it."""
    attempt = Attempt(word.assignment_id, word.node_id, len(assignment.attempts) + 1)
    known = assignment.with_attempt(attempt)
    if word.standing == "given_back":
        return Stepped(known.with_step(attempt, "given_back", word.reason, ended_at_ms=now_ms))
    if assignment.current is None and ASSIGNMENT.is_legal(assignment.status, "claimed"):
        if word.standing in {"unheard", "reserved"}:
            return Stepped(known.moved("claimed:open", due_at_ms=now_ms + accept_ms))
        return _then_hear(Stepped(known.moved("claimed").with_step(attempt, "accepted")), word, now_ms)
    return _then_hear(_withdraw(Stepped(known), attempt, "assigned-elsewhere", now_ms), word, now_ms)


def _then_hear(stepped: Stepped, word: Word, now_ms: int) -> Stepped:
    """The same word again, for what the attempt is after a first step."""
    return _then(stepped, hear(stepped.assignment, word, now_ms=now_ms, accept_ms=0))


def _then(first: Stepped, second: Stepped) -> Stepped:
    return Stepped(second.assignment, (*first.asks, *second.asks))


def _search(assignment: Assignment, on: str, now_ms: int) -> Assignment:
    """Look for a node, from now on."""
    return replace(assignment.moved(on, due_at_ms=now_ms), since_ms=now_ms)


def _withdraw(stepped: Stepped, attempt: Attempt, reason: str, now_ms: int | None) -> Stepped:
    after = stepped.assignment.with_step(attempt, "withdrawn", reason, ended_at_ms=now_ms)
    return Stepped(after, (*stepped.asks, Withdraw(attempt, reason)))
