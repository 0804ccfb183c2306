"""Silence counts only where somebody could have heard a word."""

from central_sync.ingest.listening import Listening
from edge_core.limits import REPLACED_SILENT_MS
from edge_core.sync.topics import shard_of

NODE, ELSEWHERE = "store-0001", "store-0002"
SHARD, OTHER_SHARD = shard_of(NODE), shard_of(ELSEWHERE)


class _Clock:
    now_ms = 5

    def __call__(self) -> int:
        return self.now_ms


def test_silence_is_heard_after_the_subscription_was_there_for_long_enough() -> None:
    clock = _Clock()
    listening = Listening(clock)
    clock.now_ms += 2 * REPLACED_SILENT_MS
    assert not listening.hears_silence_of(NODE), "there was no broker yet"
    listening.listen({SHARD})
    clock.now_ms += REPLACED_SILENT_MS
    assert not listening.hears_silence_of(NODE)
    clock.now_ms += 1
    assert listening.hears_silence_of(NODE)


def test_a_shard_that_was_taken_over_is_listened_to_from_then_on() -> None:
    assert SHARD != OTHER_SHARD
    clock = _Clock()
    listening = Listening(clock)
    listening.listen({SHARD})
    clock.now_ms += REPLACED_SILENT_MS + 1
    listening.listen({SHARD, OTHER_SHARD})
    assert (listening.hears_silence_of(NODE), listening.hears_silence_of(ELSEWHERE)) == (True, False)
    listening.listen({OTHER_SHARD})
    listening.listen({SHARD, OTHER_SHARD})
    assert not listening.hears_silence_of(NODE), "somebody else listened meanwhile"
    clock.now_ms += REPLACED_SILENT_MS + 1
    assert listening.hears_silence_of(ELSEWHERE)


def test_a_broker_that_went_and_a_database_that_was_away_begin_it_anew() -> None:
    clock = _Clock()
    listening = Listening(clock)
    listening.listen({SHARD})
    clock.now_ms += REPLACED_SILENT_MS + 1
    found = [listening.hears_silence_of(NODE)]
    listening.interrupt()
    found.append(listening.hears_silence_of(NODE))
    clock.now_ms += REPLACED_SILENT_MS + 1
    found.append(listening.hears_silence_of(NODE))
    listening.end()
    listening.interrupt()
    found.append(listening.hears_silence_of(NODE))
    assert found == [True, False, True, False]
