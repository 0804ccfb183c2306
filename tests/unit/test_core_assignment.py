"""The steps of an assignment, one by one: what the centre takes from a node's word, and what it asks then."""

from uuid import UUID

import pytest

from edge_core.assignment.choosing import Candidate, less_doubts
from edge_core.assignment.cooling import resting
from edge_core.assignment.standing import Answered, standing_of
from edge_core.assignment.state import Assignment, Offer, Standing, Stepped, Withdraw, Word
from edge_core.assignment.steps import cancel, find_nobody, hear, is_sought, offer, time_out
from edge_core.errors import Rejected
from edge_core.limits import (
    ASSIGNMENT_AGAIN_INTERVAL_MS,
    ASSIGNMENT_AGAIN_MS_MAX,
    ASSIGNMENT_ATTEMPTS_MAX,
    ASSIGNMENT_REST_MISSING_MS,
    ASSIGNMENT_REST_REJECTED_MS,
    ASSIGNMENT_REST_SILENT_MS,
    ASSIGNMENT_RETRY_INTERVAL_MS,
    ASSIGNMENT_SEARCH_MS_MAX,
)
from tests.rigs.orders import order_id

NOW, ACCEPT = 1_000_000, 900_000
A, B, C = order_id(1), order_id(2), order_id(3)
NEW = Assignment(order_id(9), NOW, due_at_ms=NOW)


def asked(assignment: Assignment, node_id: str, name: UUID) -> Assignment:
    return offer(assignment, node_id, name, now_ms=NOW, accept_ms=ACCEPT).assignment


def said(assignment: Assignment, name: UUID, standing: Standing, reason: str | None = None) -> Stepped:
    attempt = assignment.find(name)
    word = Word(name, attempt.node_id if attempt is not None else "store-9", standing, reason)
    return hear(assignment, word, now_ms=NOW, accept_ms=ACCEPT)


def statuses(assignment: Assignment) -> list[str]:
    return [attempt.status for attempt in assignment.attempts]


OFFERED = asked(NEW, "store-1", A)
LATE = asked(time_out(OFFERED, NOW + ACCEPT).assignment, "store-2", B)
"""Store 1 was asked and has not answered in time; store 2 is asked now."""


def test_the_node_that_accepts_owns_the_order_and_a_second_word_changes_nothing() -> None:
    accepted = said(OFFERED, A, "accepted")
    assert (accepted.assignment.status, accepted.assignment.due_at_ms, accepted.asks) == ("accepted", None, ())
    assert said(accepted.assignment, A, "accepted") == accepted


def test_a_node_that_rejects_rests_and_the_search_goes_on_at_once() -> None:
    after = said(OFFERED, A, "given_back", "out-of-stock").assignment
    assert (after.status, after.due_at_ms, after.tried) == ("unassigned", NOW, frozenset({"store-1"}))
    assert (after.attempts[0].reason, after.attempts[0].ended_at_ms) == ("out-of-stock", NOW)
    assert resting(after, NOW) == {"store-1"}


@pytest.mark.parametrize(
    ("reason", "rest_ms"),
    [
        ("no_capacity", ASSIGNMENT_REST_REJECTED_MS),
        ("out-of-stock", ASSIGNMENT_REST_MISSING_MS),
        ("not_found", ASSIGNMENT_REST_MISSING_MS),
    ],
)
def test_a_node_rests_for_as_long_as_its_reason_says_and_may_then_be_asked_again(reason: str, rest_ms: int) -> None:
    after = said(OFFERED, A, "given_back", reason).assignment
    assert resting(after, NOW + rest_ms - 1) == {"store-1"}
    assert resting(after, NOW + rest_ms) == frozenset()


def test_a_node_that_did_not_answer_rests_from_then_on_but_not_before_it_has_let_go() -> None:
    late = time_out(OFFERED, NOW + ACCEPT).assignment
    over_ms = NOW + ACCEPT + ASSIGNMENT_REST_SILENT_MS
    assert resting(late, over_ms) == {"store-1"}
    let_go = said(late, A, "given_back", "timed-out").assignment
    assert resting(let_go, over_ms - 1) == {"store-1"}
    assert resting(let_go, over_ms) == frozenset()


def test_goods_that_have_come_in_since_end_the_rest_of_who_lacked_them_and_of_nobody_else() -> None:
    lacking = said(OFFERED, A, "given_back", "short").assignment
    unwilling = said(OFFERED, A, "given_back", "no_capacity").assignment
    come_in = frozenset({"store-1"})
    assert resting(lacking, NOW, replenished=come_in) == frozenset()
    assert resting(unwilling, NOW, replenished=come_in) == come_in


def test_what_is_in_doubt_counts_for_no_more_than_is_believed() -> None:
    goods = ("sku", "H87")
    told = less_doubts(
        [Candidate("store-1", {goods: 5_000}, 0), Candidate("store-2", {goods: 1}, 0)],
        {
            ("store-1", goods): 999,
            ("store-2", goods): 999,
        },
    )
    assert [each.free_milli[goods] for each in told] == [999, 1]


def test_before_its_time_is_over_a_node_is_not_timed_out() -> None:
    assert time_out(OFFERED, NOW + ACCEPT - 1) == Stepped(OFFERED)
    after = time_out(OFFERED, NOW + ACCEPT)
    assert after.assignment.status == "unassigned"
    assert [(type(ask), ask.attempt.assignment_id) for ask in after.asks] == [(Withdraw, A)]


def test_a_late_accept_is_not_taken_and_its_node_lets_go() -> None:
    late = said(LATE, A, "accepted")
    assert late == Stepped(LATE)
    taken = said(late.assignment, B, "accepted").assignment
    done = said(taken, A, "given_back", "timed-out").assignment
    assert (done.status, statuses(done), done.current and done.current.node_id) == (
        "accepted",
        ["withdrawn", "accepted"],
        "store-2",
    )


def test_who_has_sent_the_goods_keeps_the_order_and_the_other_one_is_withdrawn() -> None:
    for before in (LATE, said(LATE, B, "accepted").assignment):
        kept = said(before, A, "left")
        assert (kept.assignment.status, statuses(kept.assignment)) == ("accepted", ["kept", "withdrawing"])
        assert [ask.attempt.assignment_id for ask in kept.asks] == [B]
        assert not said(kept.assignment, B, "given_back").assignment.is_doubled


def test_two_that_have_both_sent_the_goods_are_shown() -> None:
    kept = said(said(LATE, B, "accepted").assignment, A, "left").assignment
    both = said(kept, B, "kept", "goods-left").assignment
    assert (both.status, both.is_doubled, both.current and both.current.node_id) == ("accepted", True, "store-1")


@pytest.mark.parametrize("standing", ["completed", "cancelled"])
def test_with_the_order_of_its_owner_the_assignment_is_over(standing: Standing) -> None:
    closed = said(said(OFFERED, A, "accepted").assignment, A, standing).assignment
    assert (closed.status, statuses(closed)) == ("closed", ["closed"])
    assert said(OFFERED, A, standing).assignment == closed


def test_an_owner_that_gives_up_later_is_replaced() -> None:
    after = said(said(OFFERED, A, "accepted").assignment, A, "given_back", "not_found").assignment
    assert (after.status, statuses(after)) == ("unassigned", ["rejected"])


def test_a_cancelled_order_is_over_once_the_node_that_was_asked_has_let_go() -> None:
    stopped = cancel(OFFERED)
    assert isinstance(stopped, Stepped)
    assert (stopped.assignment.status, len(stopped.asks)) == ("cancelling", 1)
    assert cancel(stopped.assignment) == Stepped(stopped.assignment)
    assert said(stopped.assignment, A, "given_back").assignment.status == "cancelled"
    assert said(stopped.assignment, A, "left").assignment.status == "accepted"
    at_once = cancel(NEW)
    assert isinstance(at_once, Stepped)
    assert at_once.assignment.status == "cancelled"
    refused = cancel(said(OFFERED, A, "accepted").assignment)
    assert isinstance(refused, Rejected)
    assert refused.slug == "assignment-not-possible"


def test_a_cancel_waits_for_an_attempt_that_was_withdrawn_before() -> None:
    after = cancel(time_out(OFFERED, NOW + ACCEPT).assignment)
    assert isinstance(after, Stepped)
    assert (after.assignment.status, after.asks) == ("cancelling", ())
    assert said(after.assignment, A, "given_back").assignment.status == "cancelled"


def test_nobody_to_ask_is_looked_for_again_and_after_a_while_people_look() -> None:
    again = find_nobody(NEW, NOW).assignment
    assert (again.status, again.due_at_ms) == ("unassigned", NOW + ASSIGNMENT_RETRY_INTERVAL_MS)
    given_up = find_nobody(again, NOW + ASSIGNMENT_SEARCH_MS_MAX).assignment
    again_ms = NOW + ASSIGNMENT_SEARCH_MS_MAX + ASSIGNMENT_AGAIN_INTERVAL_MS
    assert (given_up.status, given_up.reason, given_up.due_at_ms) == ("exception", "no-candidate", again_ms)
    assert not is_sought(given_up, again_ms - 1)
    assert is_sought(given_up, again_ms)


def test_while_people_look_the_centre_looks_on_for_a_day() -> None:
    rejected = said(OFFERED, A, "given_back").assignment
    waiting = find_nobody(rejected, NOW).assignment
    assert waiting.due_at_ms == NOW + ASSIGNMENT_AGAIN_INTERVAL_MS
    later = find_nobody(waiting, NOW + ASSIGNMENT_AGAIN_MS_MAX).assignment
    assert (later.status, later.due_at_ms, later.reason) == ("exception", None, "nobody-left")
    assert asked(later, "store-1", B).status == "offered"


def test_when_all_who_could_have_rejected_people_look_at_once_and_may_choose_one_again() -> None:
    rejected = said(OFFERED, A, "given_back").assignment
    waiting = find_nobody(rejected, NOW).assignment
    assert (waiting.status, waiting.reason) == ("exception", "nobody-left")
    assert asked(waiting, "store-1", C).status == "offered"


def test_after_so_many_attempts_people_look() -> None:
    state = NEW
    for number in range(ASSIGNMENT_ATTEMPTS_MAX):
        name = order_id(100 + number)
        state = said(asked(state, f"store-{number}", name), name, "given_back").assignment
    worn_out = find_nobody(state, NOW).assignment
    assert (worn_out.reason, worn_out.due_at_ms) == ("attempts-exhausted", None)


def test_a_centre_that_was_put_back_takes_in_who_has_the_order() -> None:
    assert said(NEW, A, "accepted").assignment.status == "accepted"
    assert said(NEW, A, "completed").assignment.status == "closed"
    waits = said(NEW, A, "reserved").assignment
    assert (waits.status, waits.due_at_ms, statuses(waits)) == ("offered", NOW + ACCEPT, ["offered"])
    gave_up = said(NEW, A, "given_back").assignment
    assert (gave_up.status, gave_up.tried) == ("unassigned", frozenset({"store-9"}))


def test_a_claim_beside_another_attempt_is_withdrawn_unless_its_goods_have_left() -> None:
    claimed = said(OFFERED, C, "accepted")
    assert (statuses(claimed.assignment), [ask.attempt.assignment_id for ask in claimed.asks]) == (
        ["offered", "withdrawing"],
        [C],
    )
    left = said(OFFERED, C, "left")
    assert (left.assignment.status, statuses(left.assignment)) == ("accepted", ["withdrawing", "kept"])
    assert {ask.attempt.assignment_id for ask in left.asks} == {A, C}


def test_the_offer_says_until_when_a_word_is_wanted() -> None:
    (ask,) = offer(NEW, "store-1", A, now_ms=NOW, accept_ms=ACCEPT).asks
    assert isinstance(ask, Offer)
    assert ask.accept_by_ms == NOW + ACCEPT


def test_an_attempt_of_which_nothing_came_stands_as_its_node_answered() -> None:
    refused, applied = Answered("refused", "out-of-stock"), Answered("applied")
    assert standing_of(None, None, None) == ("unheard", None)
    assert standing_of(None, Answered("parked", "undecodable"), None) == ("unheard", None)
    assert standing_of(None, refused, None) == ("given_back", "out-of-stock")
    assert standing_of(None, applied, None) == ("unheard", None)
    assert standing_of(None, None, Answered("refused", "order-not-found")) == ("given_back", "not-there")


def test_what_is_parked_at_a_node_may_still_be_taken_though_its_withdrawal_was_discarded() -> None:
    discarded = Answered("refused", "discarded")
    assert standing_of(None, Answered("parked"), discarded) == ("unheard", None)
    assert standing_of(None, discarded, discarded) == ("given_back", "discarded")
