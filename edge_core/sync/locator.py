"""Where two copies of one chain part: marks that lie ever further apart, newest first.

Two chains that have the same hash at a seq are the same up to there, so the newest common mark is found with as many
comparisons as the length has bits (the block locator of Nakamoto's client does the same).
"""

from collections.abc import Iterable, Mapping, Sequence

from edge_core.limits import LOCATOR_MARKS_MAX
from edge_core.sync.messages import Mark
from edge_core.sync.receive_stream import Batch


def spaced(tail_seq: int, first_seq: int, agreed_seq: int = 0) -> tuple[int, ...]:
    """The seqs to mark in a copy that holds `first_seq` to `tail_seq`: the tail, then 1, 2, 4, ... before it.

    The last is the one before the first entry held (0 in a whole copy): the ground on which both stand. Where the
    other copy is known to have an entry too (`agreed_seq`), that one is marked as well: the answer begins after it.
    """
    seqs: list[int] = []
    seq, step = tail_seq, 1
    while seq >= first_seq and len(seqs) < LOCATOR_MARKS_MAX - 2:
        seqs.append(seq)
        seq -= step
        step *= 2
    if first_seq <= agreed_seq <= tail_seq and agreed_seq not in seqs:
        seqs = sorted([*seqs, agreed_seq], reverse=True)
    return (*seqs, first_seq - 1)


def newest_common(locator: Sequence[Mark], held: Mapping[int, bytes]) -> int | None:
    """The newest marked seq at which the other copy has the same hash; `held` are its hashes at the marked seqs."""
    return next((mark.seq for mark in locator if held.get(mark.seq) == mark.hash), None)


def agreed_seq(batch: Batch, held: Iterable[tuple[int, bytes, bytes]]) -> int:
    """Up to where a copy is the same as the batch, which begins where both are; `held` are its (seq, hash, body).

    The same hash means the same history up to there, whatever became of the rows before. The same body right after
    what is the same means so too, be its own hash damaged.
    """
    agreed = batch.from_seq - 1
    for seq, entry_hash, body in held:
        index = seq - batch.from_seq
        if not 0 <= index < len(batch.bodies):
            continue
        if entry_hash == batch.hashes[index] or (seq == agreed + 1 and body == batch.bodies[index]):
            agreed = seq
    return agreed
