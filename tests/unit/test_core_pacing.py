"""Pacing, in virtual time: the centre's grant, the operator's cap, two lanes and a budget, the backoff."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from edge_agent.link.bandwidth import Bandwidth, parse_rate, parse_window
from edge_core.limits import (
    BULK_TURN_DIVISOR,
    BULK_TURN_ENTRIES,
    BURST_MS,
    CONNECT_DELAY_MS,
    PUSH_ENTRIES_MAX,
    TRICKLE_ENTRIES_PER_S,
)
from edge_core.sync import pacing
from edge_core.sync.link_types import (
    LinkInput,
    LogGrew,
    PushSent,
    Received,
    RecordAttempt,
    SendPush,
    Tick,
    TransportDown,
)
from edge_core.sync.messages import Grant, GrantMessage, Lane
from edge_core.sync.pacing import Pace
from edge_core.sync.send_stream import InFlight
from tests.rigs.link_steps import INCARNATION, Link, ack, hash_at, of, pushes, streaming

ZONE = ZoneInfo("Asia/Shanghai")


def granted(rate: int = 0, start_after_ms: int = 0, ttl_ms: int = 0, window: int = 8) -> Received:
    return Received(GrantMessage(INCARNATION, Grant(window, rate, start_after_ms, ttl_ms)))


class Shell:
    """A link whose pushes leave when asked for and are acked at once, while its clock ticks four times a second."""

    def __init__(self, *inputs: LinkInput, tail_seq: int = 10_000_000, durable_seq: int = 0) -> None:
        self.link = streaming(durable_seq, tail_seq)
        self.asked = pushes(self.link.last)
        self.feed(*inputs)

    def feed(self, *inputs: LinkInput) -> None:
        self.asked += pushes(self.link.feed(*inputs))

    def run(self, seconds: int, *, entry_bytes: int = 0) -> dict[str, int]:
        """How many entries of each lane leave in so many seconds."""
        sent = {"orders": 0, "bulk": 0}
        for _ in range(seconds * 4):
            while self.asked:
                push = self.asked.pop(0)
                to_seq = push.from_seq + push.entries_max - 1
                sent[push.lane] += push.entries_max
                size = entry_bytes * push.entries_max
                lane: Lane = "bulk" if push.lane == "bulk" else "orders"
                self.feed(
                    PushSent(lane, push.from_seq, InFlight(to_seq, hash_at(to_seq)), size), ack(to_seq, lane=lane)
                )
            self.link.now_ms += 250
            self.feed(Tick(self.link.state.pace.cap_bytes_per_s))
        return sent


# --- the grant -------------------------------------------------------------------------------------------------------


def test_a_node_sends_no_more_entries_a_second_than_it_was_granted() -> None:
    sent = Shell(granted(1_000)).run(60)["orders"]
    assert 59_000 <= sent <= 60 * 1_000 + PUSH_ENTRIES_MAX + 1_000


def test_before_its_start_a_node_sends_a_trickle_and_then_what_it_was_granted() -> None:
    shell = Shell(granted(10_000, start_after_ms=30_000))
    assert shell.run(29)["orders"] <= PUSH_ENTRIES_MAX + 30 * TRICKLE_ENTRIES_PER_S
    assert shell.run(10)["orders"] > 80_000


def test_a_grant_that_has_run_out_leaves_a_trickle() -> None:
    shell = Shell(granted(5_000, ttl_ms=2_000))
    shell.run(3)
    sent = shell.run(60)["orders"]
    assert 55 * TRICKLE_ENTRIES_PER_S <= sent <= 61 * TRICKLE_ENTRIES_PER_S


def test_a_fresh_order_leaves_at_once_even_before_its_nodes_start() -> None:
    link = streaming(durable_seq=100, tail_seq=100)
    link.feed(granted(1, start_after_ms=60_000))
    assert pushes(link.feed(LogGrew("orders", 101))) == [SendPush("orders", 101, TRICKLE_ENTRIES_PER_S)]


def test_without_a_rate_only_the_window_holds_a_node_back() -> None:
    assert pushes(streaming().last) == [SendPush("orders", 1)]


def test_a_clock_that_goes_backwards_brings_no_tokens() -> None:
    pace = pacing.granted(Pace(), Grant(8, 100, 0, 0), 10_000)
    pace = pacing.left(pace, TRICKLE_ENTRIES_PER_S, 0, 10_000)
    assert pacing.left(pace, 0, 0, 5_000).entries.level_milli == 0


# --- the cap ---------------------------------------------------------------------------------------------------------


def test_a_cap_holds_bytes_over_time_whatever_the_entries_weigh() -> None:
    sent = Shell(Tick(64_000)).run(60, entry_bytes=200)["orders"] * 200
    assert 55 * 64_000 <= sent <= 61 * 64_000 + PUSH_ENTRIES_MAX * 200


def test_a_push_under_a_cap_is_no_larger_than_a_seconds_worth() -> None:
    pace = pacing.capped(Pace(), 32_000, 0)
    allowed = pacing.allowance(pace, 0, waiting=1_000)
    assert allowed is not None
    assert allowed.bytes_max == 32_000


def test_a_cap_that_is_lifted_holds_nothing_back() -> None:
    pace = pacing.capped(pacing.left(pacing.capped(Pace(), 16_000, 0), 1, 10**6, 0), 0, 0)
    assert pacing.allowance(pace, 0, waiting=1) == pacing.Allowance()


@pytest.mark.parametrize(
    ("hour", "minute", "expected"), [(8, 59, 0), (9, 0, 128_000), (17, 59, 128_000), (18, 0, 0), (23, 0, 2_000_000)]
)
def test_the_store_has_its_own_time_of_day(hour: int, minute: int, expected: int) -> None:
    caps = Bandwidth(0, (parse_window("09:00-18:00 128 kB/s"), parse_window("22:30-06:00 2 MB/s")))
    at = datetime(2026, 11, 21, hour, minute, tzinfo=ZONE).astimezone(UTC)
    assert caps.at(int(at.timestamp() * 1_000), ZONE) == expected


@pytest.mark.parametrize("text", ["", "fast", "512", "8 kB/s", "-1 kB/s", "512 KB/s", "1e3 kB/s"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_rate(text)


@pytest.mark.parametrize("text", ["9-18 1 MB/s", "09:00-09:00 1 MB/s", "09:00-25:00 1 MB/s", "09:00-18:00", "x"])
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_window(text)


# --- two lanes -------------------------------------------------------------------------------------------------------


def test_orders_go_before_bulk_and_bulk_does_not_stand_still() -> None:
    sent = Shell(granted(1_000), LogGrew("bulk", 10_000_000)).run(120)
    assert sent["bulk"] * (BULK_TURN_DIVISOR + 1) >= sent["orders"]
    assert sent["orders"] >= 7 * sent["bulk"]


def test_bulk_has_the_whole_rate_while_there_are_no_orders() -> None:
    assert Shell(granted(1_000), LogGrew("bulk", 10**6), durable_seq=100, tail_seq=100).run(10)["bulk"] > 9_000


def test_a_bulk_lane_that_has_nothing_leaves_its_turn_to_orders() -> None:
    shell = Shell(granted(1_000))
    owing = replace(shell.link.state.pace, owed=2 * BULK_TURN_DIVISOR * BULK_TURN_ENTRIES)
    shell.link.state = replace(shell.link.state, pace=owing)
    assert shell.run(10)["orders"] > 9_000


# --- the backoff -----------------------------------------------------------------------------------------------------


def test_a_process_that_begins_after_failures_waits_and_one_that_begins_anew_does_not() -> None:
    assert pacing.first_delay_ms(0, 1.0) == 0
    assert pacing.first_delay_ms(1, 1.0) == CONNECT_DELAY_MS
    assert pacing.first_delay_ms(3, 0.5) == CONNECT_DELAY_MS * 4 // 2


def test_only_an_ack_has_the_backoff_written_down_as_over() -> None:
    link = streaming()
    assert of(RecordAttempt, link.feed(TransportDown(0.5))) == [RecordAttempt(1)]
    again = Link()
    again.state = replace(streaming().state, attempt=3)
    assert of(RecordAttempt, again.feed(granted(5))) == []
    assert of(RecordAttempt, again.feed(ack(0))) == [RecordAttempt(0)]


def test_tokens_that_are_kept_are_bounded() -> None:
    pace = pacing.left(pacing.granted(Pace(), Grant(8, 100, 0, 0), 0), 0, 0, 10**9)
    assert pace.entries.level_milli == 100 * BURST_MS
