"""Which entries of a log are what was recorded, where some are damaged: pure, from the rows and the chain alone.

A row is `(seq, hash, body)`, as the log holds it. What the chain proves is sound, be its own hash the damaged part;
what follows a gap cannot be proven by the chain, and is taken where it is an entry that names its own place.
"""

from collections.abc import Sequence

from edge_core.errors import PeerFault
from edge_core.sync.chain import link
from edge_core.sync.entry import decode_entry

Row = tuple[int, bytes, bytes]


def sound_prefix(rows: Sequence[Row], from_seq: int, previous: bytes) -> int:
    """How many of the first rows follow each other without a gap and lead from hash to hash: those can be sent."""
    for index, (seq, entry_hash, body) in enumerate(rows):
        if seq != from_seq + index or link(previous, body) != entry_hash:
            return index
        previous = entry_hash
    return len(rows)


def sound(rows: Sequence[Row], before: tuple[int, bytes] | None) -> list[bool]:
    """For each row whether it is what was recorded and can be read. `before` is the seq and hash that they follow."""
    return [is_sound for is_sound, _ in judged(rows, before)]


def judged(rows: Sequence[Row], before: tuple[int, bytes] | None) -> list[tuple[bool, bytes | None]]:
    """The same, each with the chain's hash after the row: on that the next rows are judged as if these came before.

    None after a row that is not sound: what follows it is taken by its own word.
    """
    verdicts: list[tuple[bool, bytes | None]] = []
    for index, (seq, entry_hash, body) in enumerate(rows):
        following = rows[index + 1] if index + 1 < len(rows) and rows[index + 1][0] == seq + 1 else None
        previous = before[1] if before is not None and before[0] == seq - 1 else None
        reached = entry_hash if previous is None else link(previous, body)
        is_led_on = following is not None and link(reached, following[2]) == following[1]
        is_after_damage = bool(verdicts) and not verdicts[-1][0]
        if previous is not None and (reached == entry_hash or is_led_on):
            is_sound, before = _names(body) is not None, (seq, reached)
        else:
            is_sound = (previous is None or is_after_damage) and _names(body) == seq
            before = seq, entry_hash
        verdicts.append((is_sound, before[1] if is_sound else None))
    return verdicts


def _names(body: bytes) -> int | None:
    """The place that an entry names as its own; None for what is no entry."""
    try:
        return decode_entry(body).seq
    except PeerFault:
        return None
