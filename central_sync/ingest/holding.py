"""Streams that are held before an entry that only later software can read (docs/protocol.md, "A stream that is held").

Parking would be wrong: nothing is amiss with such entries, and thousands of them follow each other.
"""

from collections.abc import Mapping, Sequence, Set

from msgspec import Struct

from central_sync.ingest.reading import ReadPush, part_of
from central_sync.store import breakers
from central_sync.store.breakers import Breaker
from central_sync.store.database import Connection
from central_sync.store.streams import StreamKey


class Held(Struct, frozen=True):
    """Where a stream stops, and the entry version that stops it."""

    seq: int
    version: int

    @property
    def why(self) -> str:
        """The reason, for people."""
        return f"entry version {self.version} is not known here"


async def passing(connection: Connection, pushes: Sequence[ReadPush]) -> Set[tuple[str, int]]:
    """The nodes and versions of these pushes that an operator lets go on, to be parked. Mostly nothing is asked."""
    newer = {(push.key.node_id, r.newer_version) for push in pushes for r in push.readings if r.newer_version}
    return await breakers.parking(connection, sorted(newer)) if newer else set()


def up_to_stop(push: ReadPush, durable_seq: int, versions: Set[tuple[str, int]]) -> tuple[ReadPush, Held | None]:
    """What may be taken of a push, and where it stops, if so: at the first new entry whose version may not pass."""
    for index, reading in enumerate(push.readings):
        version = reading.newer_version
        if version and reading.seq > durable_seq and (push.key.node_id, version) not in versions:
            return part_of(push, 0, index), Held(reading.seq, version)
    return push, None


async def open_breakers(connection: Connection, held: Mapping[StreamKey, Held]) -> list[Breaker]:
    """Open a breaker for each node and version, and return those that were not open already."""
    found: list[Breaker] = []
    for key in sorted(held):
        found += await breakers.open_(connection, key, held[key].seq, held[key].version)
    return found
