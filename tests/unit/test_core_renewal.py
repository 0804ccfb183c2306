"""The edge's link, step by step: fences, new incarnations, and what the earlier ones lost."""

from uuid import UUID

import pytest
from msgspec.structs import replace

from edge_core.limits import (
    HEARTBEAT_INTERVAL_MS,
    RECALL_TIMEOUT_MS,
    RENEWALS_MAX,
    STOPPED_PAUSE_MS,
    STOPPED_PAUSE_MS_MAX,
)
from edge_core.sync.link_types import (
    BeginIncarnation,
    CheckHash,
    CompareFormer,
    Connect,
    FormerCompared,
    FormerKey,
    GoOnSelling,
    HashChecked,
    LinkInput,
    LogGrew,
    PushFailed,
    PushSent,
    Received,
    RecordAttempt,
    Renewed,
    Restore,
    Restored,
    RestoreFailed,
    SendHeartbeat,
    SendHello,
    SendPush,
    SendRecall,
    Stop,
    StopSelling,
    Tick,
    TransportDown,
    TransportUp,
)
from edge_core.sync.messages import (
    Decision,
    Deliver,
    FormerStream,
    Grant,
    GrantMessage,
    Welcome,
)
from edge_core.sync.renewal import stopped_pause_ms
from edge_core.sync.send_stream import InFlight
from tests.rigs.link_steps import (
    HASH,
    INCARNATION,
    Link,
    ack,
    hash_at,
    of,
    pushes,
    streaming,
    welcome,
)

# --- fences ----------------------------------------------------------------------------------------------------------


def renewing() -> Link:
    """A link that was told that its history may not go on."""
    link = Link()
    link.feed(TransportUp(), welcome(0, "fence"))
    return link


def test_a_fence_that_answers_the_hello_begins_a_new_incarnation() -> None:
    link = Link()
    link.feed(TransportUp())
    assert link.feed(welcome(0, "fence")) == (BeginIncarnation("so it is"),)


def test_a_refusal_that_answers_the_hello_ends_selling_and_goes_on_sending() -> None:
    link = Link()
    link.feed(TransportUp())
    effects = link.feed(welcome(0, "refuse"))
    assert StopSelling("so it is") in effects
    assert CompareFormer((), is_own_only=True) in effects
    checks = [check for check in effects if isinstance(check, CheckHash)]
    assert pushes(link.feed(*(HashChecked(check, is_same=True) for check in checks))) == [SendPush("orders", 1)]


def test_a_replaced_machine_that_is_the_node_again_goes_on_selling() -> None:
    link = Link()
    link.feed(TransportUp(), welcome(0, "refuse"), TransportDown(0.5), TransportUp())
    assert of(GoOnSelling, link.feed(welcome()))
    assert not link.state.is_replaced


@pytest.mark.parametrize("decision", ["fence", "refuse", "rewind"])
def test_what_is_told_unasked_is_asked_about_and_only_that_answer_is_obeyed(decision: Decision) -> None:
    link = streaming()
    link.push(10)
    assert link.feed(welcome(0, decision)) == (SendHello(),)
    link.feed(welcome(10))
    assert link.state.phase == "streaming"


def test_a_replaced_machine_that_is_told_so_again_has_nothing_to_ask() -> None:
    link = Link()
    link.feed(TransportUp(), welcome(0, "refuse"))
    assert link.feed(welcome(0, "refuse")) == ()
    assert link.state.phase == "streaming"


def test_nothing_is_pushed_and_nothing_is_heard_until_the_new_incarnation_is_there() -> None:
    link = renewing()
    assert link.feed(LogGrew("orders", 900), ack(5), welcome(), Tick()) == ()
    assert link.state.phase == "renewing"


def test_a_new_incarnation_greets_with_empty_streams_and_hears_what_is_meant_for_it_alone() -> None:
    link = renewing()
    assert link.feed(Renewed(UUID(int=9))) == (SendHello(),)
    assert (link.state.incarnation, link.orders.tail_seq, link.orders.durable_seq) == (UUID(int=9), 0, 0)
    assert link.feed(welcome()) == ()


def test_a_new_incarnation_that_began_while_the_connection_was_lost_greets_on_the_next_one() -> None:
    link = renewing()
    assert link.feed(TransportDown(0.5), Renewed(UUID(int=9)))[1:] == (RecordAttempt(1),)
    assert link.feed(TransportUp()) == (SendHello(),)
    assert link.state.incarnation == UUID(int=9)


def fenced_in_vain() -> Link:
    """A link whose every new incarnation was fenced as well."""
    link = Link()
    link.feed(TransportUp())
    for _ in range(RENEWALS_MAX):
        assert link.feed(welcome(0, "fence")) == (BeginIncarnation("so it is"),)
        link.feed(Renewed(INCARNATION))
    assert link.feed(welcome(0, "fence")) == (Stop("so it is", stopped_pause_ms(INCARNATION, 0)),)
    return link


def test_a_link_that_is_fenced_again_and_again_stops_and_goes_on_telling_the_centre_why() -> None:
    link = fenced_in_vain()
    assert link.state.stop_reason == "so it is"
    assert link.after(1) == (SendHeartbeat(),)
    assert link.after(HEARTBEAT_INTERVAL_MS) == (SendHeartbeat(),)


def test_a_stopped_link_pushes_nothing_for_as_long_as_it_is_stopped_and_stays_connected() -> None:
    link = fenced_in_vain()
    inputs: tuple[LinkInput, ...] = (
        LogGrew("orders", 900),
        ack(5),
        Received(GrantMessage(INCARNATION, Grant(8, 0, 0, 0))),
        TransportDown(0.5),
        TransportUp(),
        welcome(),
        Tick(),
    )
    effects = link.feed(*inputs)
    assert pushes(effects) == []
    assert len(of(Connect, effects)) == 1
    assert link.state.phase == "stopped"


def test_a_stopped_link_greets_again_once_its_pause_is_over_and_streams_where_the_centre_is_mended() -> None:
    link = fenced_in_vain()
    pause_ms = stopped_pause_ms(INCARNATION, 0)
    assert SendHello() not in link.after(pause_ms - 1)
    assert link.after(1) == (SendHello(),)
    checks = of(CheckHash, link.feed(welcome()))
    link.feed(LogGrew("orders", 10), *(HashChecked(check, is_same=True) for check in checks))  # type: ignore[arg-type]
    assert pushes(link.last) == [SendPush("orders", 1)]
    assert link.state.stop_reason == ""
    link.push(10)
    link.feed(ack(10))
    assert (link.state.stops, link.state.renewals) == (0, 0)


def test_a_link_that_is_fenced_again_after_its_pause_begins_one_incarnation_and_waits_for_longer() -> None:
    link = fenced_in_vain()
    link.after(stopped_pause_ms(INCARNATION, 0))
    assert link.feed(welcome(0, "fence")) == (BeginIncarnation("so it is"),)
    link.feed(Renewed(INCARNATION))
    assert link.feed(welcome(0, "fence")) == (Stop("so it is", stopped_pause_ms(INCARNATION, 1)),)
    assert stopped_pause_ms(INCARNATION, 1) == 2 * stopped_pause_ms(INCARNATION, 0)
    assert SendHello() not in link.after(stopped_pause_ms(INCARNATION, 0))


def test_a_pause_that_ends_without_a_connection_leaves_the_greeting_to_the_next_one() -> None:
    link = fenced_in_vain()
    link.feed(TransportDown(0.5))
    assert link.after(stopped_pause_ms(INCARNATION, 0)) == ()
    phases = [link.state.phase]
    assert link.feed(TransportUp()) == (SendHello(),)
    assert [*phases, link.state.phase] == ["offline", "greeting"]


def test_pauses_of_different_stores_differ_and_none_is_shorter_than_half_or_longer_than_its_bound() -> None:
    firsts = [stopped_pause_ms(UUID(int=n), 0) for n in range(100)]
    assert len(set(firsts)) > 90
    assert all(STOPPED_PAUSE_MS // 2 <= pause < STOPPED_PAUSE_MS for pause in firsts)
    latest = [stopped_pause_ms(UUID(int=n), 1_000_000) for n in range(100)]
    assert all(STOPPED_PAUSE_MS_MAX // 2 <= pause < STOPPED_PAUSE_MS_MAX for pause in latest)


def test_an_ack_that_confirms_something_forgives_the_renewals_before_it() -> None:
    link = renewing()
    link.feed(Renewed(INCARNATION), LogGrew("orders", 10))
    checks = of(CheckHash, link.feed(welcome()))
    link.feed(*(HashChecked(check, is_same=True) for check in checks if isinstance(check, CheckHash)))
    assert link.state.renewals == 1
    link.push(10)
    link.feed(ack(10))
    assert link.state.renewals == 0


# --- what earlier incarnations lost ----------------------------------------------------------------------------------

OLDER, OLD = FormerKey(UUID(int=7), "orders"), FormerKey(UUID(int=8), "orders")


def delivery(key: FormerKey) -> Deliver:
    return Deliver(key.incarnation, "orders", 1, 1, HASH, hash_at(1), "raw", b"")


def recalling() -> Link:
    """A link that found two earlier streams in which the centre has other entries than the file."""
    link = streaming()
    assert link.feed(FormerCompared((OLDER, OLD))) == (SendRecall(OLDER),)
    return link


def test_the_centres_list_of_earlier_streams_is_compared_with_the_file() -> None:
    link = Link()
    former = (FormerStream(UUID(int=7), "orders", 5, hash_at(5)),)
    told = welcome().message
    assert isinstance(told, Welcome)
    assert CompareFormer(former) in link.feed(TransportUp(), Received(replace(told, former=former)))


def test_earlier_streams_are_recalled_one_after_the_other_until_each_is_complete() -> None:
    link = recalling()
    assert link.feed(Received(delivery(OLDER))) == (Restore(OLDER, delivery(OLDER)),)
    assert link.feed(Restored(OLDER, is_complete=False)) == (SendRecall(OLDER),)
    link.feed(Received(delivery(OLDER)))
    assert link.feed(Restored(OLDER, is_complete=True)) == (SendRecall(OLD),)
    link.feed(Received(delivery(OLD)))
    assert link.feed(Restored(OLD, is_complete=True)) == ()
    assert link.state.recalls == ()


def test_a_delivery_that_was_not_asked_for_or_comes_twice_is_not_taken() -> None:
    link = recalling()
    assert link.feed(Received(delivery(OLD))) == ()
    link.feed(Received(delivery(OLDER)))
    assert link.feed(Received(delivery(OLDER))) == ()


def test_a_recall_without_an_answer_or_with_a_broken_one_is_sent_again() -> None:
    link = recalling()
    assert SendRecall(OLDER) not in link.after(RECALL_TIMEOUT_MS - 1)
    assert SendRecall(OLDER) in link.after(1)
    link.feed(Received(delivery(OLDER)))
    assert SendRecall(OLDER) not in link.after(RECALL_TIMEOUT_MS)
    link.feed(RestoreFailed(OLDER))
    assert SendRecall(OLDER) in link.after(1)


def test_fresh_orders_go_on_while_lost_ones_are_recalled() -> None:
    link = streaming()
    (asked,) = pushes(link.last)
    link.feed(FormerCompared((OLD,)))
    effects = link.feed(PushSent("orders", asked.from_seq, InFlight(10, hash_at(10))))
    assert pushes(effects) == [SendPush("orders", 11)]


# --- a damaged entry that the centre does not have ------------------------------------------------------------


def test_an_entry_that_is_damaged_and_next_to_go_begins_a_new_incarnation() -> None:
    link = streaming(7, 14)
    (begun,) = of(BeginIncarnation, link.feed(PushFailed("orders", 8)))
    assert begun == BeginIncarnation("orders: the entry 8 is damaged, and the centre has no copy")


def test_a_damaged_entry_waits_until_the_centre_has_what_is_before_it() -> None:
    link = streaming(4, 14)
    link.push(7)
    assert of(BeginIncarnation, link.feed(PushFailed("orders", 8))) == []
    link.feed(ack(7))
    assert pushes(link.after(1_000)) == [SendPush("orders", 8)]
    assert len(of(BeginIncarnation, link.feed(PushFailed("orders", 8)))) == 1
