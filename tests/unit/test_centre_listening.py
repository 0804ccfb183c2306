"""Silence counts only where somebody could have heard a word."""

from central_sync.ingest.listening import Listening
from edge_core.limits import REPLACED_SILENT_MS


class _Clock:
    now_ms = 5

    def __call__(self) -> int:
        return self.now_ms


def test_silence_is_heard_after_the_broker_was_there_for_long_enough() -> None:
    clock = _Clock()
    listening = Listening(clock)
    clock.now_ms += 2 * REPLACED_SILENT_MS
    assert not listening.hears_silence, "there was no broker yet"
    listening.begin()
    clock.now_ms += REPLACED_SILENT_MS
    assert not listening.hears_silence
    clock.now_ms += 1
    assert listening.hears_silence


def test_a_broker_that_went_and_a_database_that_was_away_begin_it_anew() -> None:
    clock = _Clock()
    listening = Listening(clock)
    listening.begin()
    clock.now_ms += REPLACED_SILENT_MS + 1
    found = [listening.hears_silence]
    listening.interrupt()
    found.append(listening.hears_silence)
    clock.now_ms += REPLACED_SILENT_MS + 1
    found.append(listening.hears_silence)
    listening.end()
    listening.interrupt()
    found.append(listening.hears_silence)
    assert found == [True, False, True, False]
