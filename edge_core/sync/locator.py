"""Where two copies of one chain part: marks that lie ever further apart, newest first.

Two chains that have the same hash at a seq are the same up to there, so the newest common mark is found with as many
comparisons as the length has bits (the block locator of Nakamoto's client does the same).
"""

from collections.abc import Mapping, Sequence

from edge_core.limits import LOCATOR_MARKS_MAX
from edge_core.sync.messages import Mark


def spaced(tail_seq: int, first_seq: int) -> tuple[int, ...]:
    """The seqs to mark in a copy that holds `first_seq` to `tail_seq`: the tail, then 1, 2, 4, ... before it.

    The last is the one before the first entry held (0 in a whole copy): the ground on which both stand.
    """
    seqs: list[int] = []
    seq, step = tail_seq, 1
    while seq >= first_seq and len(seqs) < LOCATOR_MARKS_MAX - 1:
        seqs.append(seq)
        seq -= step
        step *= 2
    return (*seqs, first_seq - 1)


def newest_common(locator: Sequence[Mark], held: Mapping[int, bytes]) -> int | None:
    """The newest marked seq at which the other copy has the same hash; `held` are its hashes at the marked seqs."""
    return next((mark.seq for mark in locator if held.get(mark.seq) == mark.hash), None)
