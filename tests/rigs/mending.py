"""A stream as it was before the damage, at the other end of the audit; and a store that is mended from it."""

from zoneinfo import ZoneInfo

from edge_agent.mending import Mender
from edge_agent.store.log import Stream
from edge_agent.surroundings import real_surroundings
from edge_core.sync.audit import Entry, Examiner, supplied
from edge_core.sync.audit_messages import Digest, DigestReply, Run
from tests.rigs.desk import Desk


class SoundCopy:
    """A stream as it was before the damage: answers digests as the other end would."""

    def __init__(self, stream: Stream, rows: list[tuple[int, bytes, bytes]]) -> None:
        self.stream = stream
        self.entries = [Entry(*row) for row in rows]
        self.all = Run(1, len(rows))
        self.entries_max = len(rows)

    async def answer(self, digest: Digest) -> DigestReply:
        """Supply the last damaged run that is named, or its last entries."""
        before = {entry.seq + 1: entry.hash for entry in self.entries} | {1: self.stream.genesis_hash()}
        examiner = Examiner(digest.from_seq, digest.to_seq, before[digest.from_seq])
        for entry in self.entries[digest.from_seq - 1 : digest.to_seq]:
            examiner.take(entry)
        supply = None
        if digest.damaged:
            run = digest.damaged[-1]
            wanted = Run(max(run.from_seq, run.to_seq - self.entries_max + 1), run.to_seq)
            held = self.entries[wanted.from_seq - 1 : wanted.to_seq]
            supply = supplied(wanted, held, (), before[wanted.from_seq])
        where = digest.incarnation, digest.of, digest.lane, digest.from_seq, digest.to_seq
        return DigestReply(*where, is_held=True, digest=examiner.finish().digest, damaged=(), supply=supply)


async def mend(desk: Desk, copy: SoundCopy) -> int:
    """How many records were mended until both copies were equal."""

    async def at_once() -> None:
        """Nobody waits."""

    here = real_surroundings(ZoneInfo("UTC"))
    compared = await Mender(desk.file, desk.intake, here, at_once).compare(copy.stream, copy.all, copy.answer)
    assert compared.verdict == "equal"
    return compared.mended
