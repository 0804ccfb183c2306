"""The entries of a delivery as rows of this file."""

from edge_agent.store.log import EntryRow, Stream, subject_of
from edge_core.errors import PeerFault
from edge_core.sync.entry import Entry, decode_entry
from edge_core.sync.receive_stream import Batch


def read(batch: Batch) -> dict[int, Entry | None]:
    """The entries by their seqs; None for what this software cannot read: its bytes are kept here all the same."""
    return {seq: _readable(body) for seq, body in enumerate(batch.bodies, batch.from_seq)}


def rows_of(stream: Stream, batch: Batch, entries: dict[int, Entry | None]) -> list[EntryRow]:
    """The rows of some entries of the delivery, under their old names."""
    return [_row(stream, batch, seq, entry) for seq, entry in entries.items()]


def _readable(body: bytes) -> Entry | None:
    try:
        return decode_entry(body)
    except PeerFault:
        return None


def _row(stream: Stream, batch: Batch, seq: int, entry: Entry | None) -> EntryRow:
    at = seq - batch.from_seq
    subject = None if entry is None else subject_of(entry)
    return EntryRow(stream.entry_id(seq), subject, batch.hashes[at], batch.bodies[at])
