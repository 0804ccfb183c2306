"""What of a damaged log can be sent, and what can be kept."""

from edge_core.sync.salvage import Row, judged, sound, sound_prefix
from tests.rigs.streams import NodeLog

GENESIS = 0


def _rows(count: int = 5) -> tuple[bytes, list[Row]]:
    log = NodeLog()
    log.sell(count)
    return log.hashes[GENESIS], list(zip(range(1, count + 1), log.hashes[1:], log.bodies, strict=True))


def test_all_of_a_sound_log_can_be_sent_and_kept() -> None:
    genesis, rows = _rows()
    assert sound_prefix(rows, 1, genesis) == 5
    assert sound(rows, (0, genesis)) == [True] * 5


def test_what_follows_a_changed_byte_is_not_sent_and_is_kept() -> None:
    genesis, rows = _rows()
    rows[2] = (3, rows[2][1], b"\xc1" + rows[2][2][1:])
    assert sound_prefix(rows, 1, genesis) == 2
    assert sound(rows, (0, genesis)) == [True, True, False, True, True]


def test_an_amount_that_was_changed_is_not_kept_though_it_can_be_read() -> None:
    genesis, rows = _rows()
    rows[2] = (3, rows[2][1], rows[1][2])
    assert sound(rows, (0, genesis)) == [True, True, False, True, True]


def test_what_follows_a_missing_entry_is_not_sent_and_is_kept_by_its_own_word() -> None:
    genesis, rows = _rows()
    del rows[2]
    assert sound_prefix(rows, 1, genesis) == 2
    assert sound(rows, (0, genesis)) == [True] * 4


def test_an_entry_whose_hash_was_changed_is_proven_by_the_next() -> None:
    genesis, rows = _rows()
    rows[2] = (3, bytes(32), rows[2][2])
    assert sound_prefix(rows, 1, genesis) == 2
    assert sound(rows, (0, genesis)) == [True] * 5


def test_a_log_whose_first_entry_is_missing_has_nothing_to_send() -> None:
    genesis, rows = _rows()
    assert sound_prefix(rows[1:], 1, genesis) == 0


def test_a_border_between_two_steps_changes_no_verdict() -> None:
    genesis, rows = _rows()
    rows[2] = (3, bytes(32), rows[2][2])
    rows[4] = (5, rows[4][1], b"\xc1" + rows[4][2][1:])
    for border in range(1, 5):
        first = judged(rows[: border + 1], (0, genesis))[:border]
        reached = first[-1][1]
        second = judged(rows[border:], None if reached is None else (border, reached))
        assert [is_sound for is_sound, _ in first + second] == [True, True, True, True, False]
