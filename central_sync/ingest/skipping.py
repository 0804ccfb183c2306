"""Where a stream can be taken up again behind rows of this database that are damaged, read in one snapshot.

A place is found by the chain: an entry stands on the one before it where it leads from that one's hash to its own.
"""

from collections.abc import Sequence
from itertools import pairwise

from central_sync.store import audits
from central_sync.store.database import Connection
from central_sync.store.streams import StreamKey
from edge_core.limits import PUSH_ENTRIES_MAX
from edge_core.sync.audit import Entry
from edge_core.sync.chain import genesis, link
from edge_core.sync.messages import Mark


async def ground_after(connection: Connection, key: StreamKey, seq: int, durable_seq: int) -> Mark | None:
    """The first place after `seq` on which the entry after it stands; None where there is none up to `durable_seq`."""
    for first in range(seq + 1, durable_seq, PUSH_ENTRIES_MAX):
        for before, entry in pairwise(await audits.entries_in(connection, key, first, first + PUSH_ENTRIES_MAX)):
            if stands_on(entry, before):
                return Mark(before.seq, before.hash)
    return None


async def end_before(connection: Connection, key: StreamKey, seq: int) -> Mark | None:
    """The last entry before `seq` that stands on the one before it; None where there is none."""
    for last in range(seq - 1, 0, -PUSH_ENTRIES_MAX):
        entries = await audits.entries_in(connection, key, max(0, last - PUSH_ENTRIES_MAX), last)
        if last <= PUSH_ENTRIES_MAX:
            entries = [Entry(0, genesis(*key), b""), *entries]
        for before, entry in reversed(list(pairwise(entries))):
            if stands_on(entry, before):
                return Mark(entry.seq, entry.hash)
    return None


def leading(rows: Sequence[Entry], seq: int, previous: bytes, agreed: Mark) -> list[bytes]:
    """The chain's hashes after the first rows, as far as these follow `seq` and were what was recorded.

    The next row, or what is `agreed` at the end of the stream, also proves one of which only the own hash is damaged.
    """
    found: list[bytes] = []
    for at, row in enumerate(rows):
        reached = link(previous, row.body)
        following = rows[at + 1] if at + 1 < len(rows) else None
        is_led_on = following is not None and stands_on(following, Entry(row.seq, reached, b""))
        is_sound = reached == row.hash or is_led_on or agreed == Mark(row.seq, reached)
        if row.seq != seq + at + 1 or not is_sound:
            break
        found.append(reached)
        previous = reached
    return found


def stands_on(entry: Entry, before: Entry) -> bool:
    """Whether an entry follows another one, and leads from its hash to the own one."""
    return entry.seq == before.seq + 1 and link(before.hash, entry.body) == entry.hash
