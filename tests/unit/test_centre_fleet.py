"""A node's state in one word, and what is honestly known of what waits there."""

from datetime import UTC, datetime, timedelta

import pytest

from central_sync.fleet import NodeStatus, status_of
from central_sync.store.nodes import NodeRow, encode_ledger
from central_sync.store.streams import CursorRow, StreamKey
from edge_core import ids
from edge_core.sync.messages import LaneLedger
from tests.rigs.orders import START_MS

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
INCARNATION = ids.uuid7(START_MS, 1)
BOOKS = encode_ledger([LaneLedger("orders", accepted=100, confirmed=80, pending=18, parked=2)])


def status(
    *,
    silent_s: int = 1,
    durable_seq: int = 82,
    fenced: str | None = None,
    refused: str | None = None,
    is_gone: bool = False,
    oldest_ms: int = 0,
    differences: tuple[str, ...] = (),
) -> NodeStatus:
    seen = NOW - timedelta(seconds=silent_s)
    node = NodeRow(
        node_id="store-0001",
        name="Store",
        region="CN-HI",
        first_seen=seen,
        incarnation=INCARNATION,
        last_seen=seen,
        heartbeat_at=seen,
        is_gone=is_gone,
        ledger=BOOKS,
        oldest_unacked_age_ms=oldest_ms,
        disk_free_bytes=10,
        clock_offset_ms=0,
        software_version="0.1.0",
        last_error=None,
        refused=refused,
        differences=list(differences),
    )
    cursor = CursorRow(durable_seq, b"", parked=2, backed_up_seq=0, fenced=fenced)
    return status_of(node, {StreamKey("store-0001", INCARNATION, "orders"): cursor}, NOW)


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (status(), "online"),
        (status(oldest_ms=10_001), "lagging"),
        (status(silent_s=14), "online"),
        (status(silent_s=16), "offline"),
        (status(is_gone=True), "offline"),
        (status(silent_s=16, fenced="a fork"), "fenced"),
        (status(refused="it was rolled back"), "fenced"),
    ],
)
def test_a_node_has_one_word_for_how_it_is(found: NodeStatus, state: str) -> None:
    assert found.state == state


def test_what_has_arrived_since_the_heartbeat_is_no_longer_pending() -> None:
    assert status(durable_seq=95).pending == 5
    assert status(durable_seq=120).pending == 0, "the heartbeat is older than the cursor"


def test_a_node_that_is_not_heard_says_since_when_its_pending_is_not_known() -> None:
    assert status().pending_unknown_since is None
    assert status(silent_s=60).pending_unknown_since == "2026-11-21T11:59:00.000Z"


def test_books_that_do_not_add_up_are_shown_with_the_difference() -> None:
    assert status().conserved
    found = status(differences=("orders: wrong",))
    assert (found.conserved, found.differences) == (False, ("orders: wrong",))
