"""From which welcomes a store learns the centre's clock: by it the log is let go of, so a wrong one costs entries."""

from uuid import UUID

import pytest
from msgspec.structs import replace

from edge_agent.link.centre_clock import CentreClock, tells_the_time
from edge_core.sync.chain import genesis
from edge_core.sync.link_types import LinkState
from edge_core.sync.messages import Decision, DurablePosition, Grant, Welcome
from edge_core.sync.send_stream import SendStream

MINE, OTHER = UUID(int=1), UUID(int=2)
GREETING = LinkState(MINE, (SendStream("orders"),), phase="greeting")
WELCOME = Welcome(
    UUID(int=3),
    MINE,
    "resume",
    (DurablePosition("orders", 0, genesis("store-1", MINE, "orders")),),
    Grant(window=8, rate_entries_per_s=0, start_after_ms=0, ttl_ms=0),
    630_720_000_000,
    "",
)


def test_the_answer_to_a_hello_tells_the_time() -> None:
    assert tells_the_time(WELCOME, GREETING)
    assert tells_the_time(replace(WELCOME, decision="refuse"), GREETING)


@pytest.mark.parametrize("decision", ["confirm", "fence"])
def test_a_question_and_a_fence_about_a_push_do_not(decision: Decision) -> None:
    assert not tells_the_time(replace(WELCOME, decision=decision, clock_offset_ms=0), GREETING)


def test_a_call_to_greet_again_does_not() -> None:
    assert not tells_the_time(replace(WELCOME, decision="rewind", lanes=(), clock_offset_ms=0), GREETING)


def test_a_welcome_of_another_machine_with_the_same_node_does_not() -> None:
    assert not tells_the_time(replace(WELCOME, incarnation=OTHER), GREETING)
    assert not tells_the_time(WELCOME, replace(GREETING, phase="streaming"))  # a copy that has not forked yet


def test_the_centres_clock_goes_on_without_the_wall_clock() -> None:
    clock = CentreClock()
    assert clock.now_ms(5) is None
    clock.heard(1_000_000, 100)
    assert clock.now_ms(350) == 1_000_250
