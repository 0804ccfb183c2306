"""A hybrid logical clock: wall time that never runs backwards (Kulkarni et al. 2014, "Logical Physical Clocks").

A reading is one integer: 48 bits of Unix milliseconds, then 16 bits of a counter, so that readings compare as numbers.
It is for display and for ties between nodes; order inside a node is by sequence number and never by clock.
"""

from typing import Final

from edge_core.errors import InvariantViolated

COUNTER_BITS: Final = 16
_MS_MAX: Final = (1 << 48) - 1


def tick(last: int, now_ms: int) -> int:
    """The reading for a local event at wall time `now_ms`, always greater than `last`.

    A wall clock that jumped back (or stands still) only moves the counter; a full counter borrows the next millisecond.
    """
    physical = min(max(now_ms, 0), _MS_MAX) << COUNTER_BITS
    reading = physical if physical > last else last + 1
    if reading >> COUNTER_BITS > _MS_MAX:
        raise InvariantViolated("the hybrid clock ran out of milliseconds")
    return reading


def wall_ms(reading: int) -> int:
    """The Unix milliseconds in a reading, for display."""
    return reading >> COUNTER_BITS
