"""Two copies of one stream, compared and mended: which entries are damaged, and what proves a replacement. Pure.

A copy is read from its bodies, never from what was said about them. An entry is *damaged* where it is missing, or where
it does not lead from the hash before it to its own (one that follows a missing entry cannot be told from a damaged one,
and counts as damaged until that is there again). The chain decides what is right: bodies that somebody supplies are
taken only where they lead into the entry that follows, or to the hash that both sides agreed on when the stream was
acknowledged (BLAKE2b-256 cannot be led there by anything else). What cannot be proven changes nothing.

    Examiner.take(seq, hash, body) for each entry that can be read ... Examiner.finish() -> Examination
    proven(previous_hash, bodies, following) -> the hashes of a replacement, or None
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

from msgspec import Struct

from edge_core.errors import PeerFault
from edge_core.limits import AUDIT_RUNS_MAX, AUDIT_SEGMENT_ENTRIES, CURRENCIES_MAX, PUSH_BYTES_MAX, PUSH_ENTRIES_MAX
from edge_core.sync.audit_messages import CurrencyTotal, DayTotal, DayTotals, Run, Supply
from edge_core.sync.chain import hashes, link
from edge_core.sync.messages import pack_block, unpack_block

_SEED: Final = b"holdfast/audit/1"


class Examination(Struct, frozen=True):
    """One copy of a range: the digest of its bodies, and where it is damaged, in order."""

    digest: bytes
    damaged: tuple[Run, ...]

    @property
    def named(self) -> tuple[Run, ...]:
        """The damaged runs that a message names: the last ones, because proof comes from what follows."""
        return self.damaged[-AUDIT_RUNS_MAX:]


class Entry(Struct, frozen=True):
    """An entry as a copy holds it."""

    seq: int
    hash: bytes
    body: bytes


class Following(Struct, frozen=True):
    """What a replacement has to lead to: the hash agreed there, or the entry after it (then `body` is its body)."""

    hash: bytes
    body: bytes | None = None


class Examiner:
    """Reads one copy of the entries `from_seq` to `to_seq`. `previous_hash` is None where the copy has none."""

    def __init__(self, from_seq: int, to_seq: int, previous_hash: bytes | None) -> None:
        self._next = from_seq
        self._to_seq = to_seq
        self._previous = previous_hash
        self._digest = link(_SEED, b"%d-%d" % (from_seq, to_seq))
        self._runs: list[list[int]] = []

    def take(self, entry: Entry) -> None:
        """The next entry that could be read."""
        is_alone = entry.seq > self._next
        self._skip_to(entry.seq)
        if is_alone or (self._previous is not None and link(self._previous, entry.body) != entry.hash):
            self._note(entry.seq)
        self._digest = link(self._digest, entry.body)
        self._previous = entry.hash
        self._next = entry.seq + 1

    def finish(self, agreed_hash: bytes | None = None) -> Examination:
        """The verdict. `agreed_hash` is the hash at `to_seq` where something else than this copy knows it."""
        self._skip_to(self._to_seq + 1)
        if agreed_hash is not None and self._previous not in {None, agreed_hash}:
            self._note(self._to_seq)
        return Examination(self._digest, tuple(Run(first, last) for first, last in self._runs))

    def _skip_to(self, seq: int) -> None:
        for missing in range(self._next, seq):
            self._note(missing)
            self._digest = link(self._digest, b"")
            self._previous = None
        self._next = seq

    def _note(self, seq: int) -> None:
        if self._runs and self._runs[-1][1] >= seq - 1:
            self._runs[-1][1] = seq
        else:
            self._runs.append([seq, seq])


def segments(first_seq: int, last_seq: int) -> list[Run]:
    """The ranges that are compared by one digest each, the newest first: proof comes from what follows."""
    if last_seq < first_seq:
        return []
    numbers = range((last_seq - 1) // AUDIT_SEGMENT_ENTRIES, (first_seq - 1) // AUDIT_SEGMENT_ENTRIES - 1, -1)
    return [
        Run(
            max(first_seq, number * AUDIT_SEGMENT_ENTRIES + 1),
            min(last_seq, (number + 1) * AUDIT_SEGMENT_ENTRIES),
        )
        for number in numbers
    ]


def supplied(wanted: Run, entries: Sequence[Entry], damaged: Sequence[Run], before: bytes | None) -> Supply | None:
    """The last entries of a run as far as this copy can vouch for them; None where it has not even the last.

    `entries` are those of the run that this copy holds, `damaged` where it is damaged itself, `before` its hash before
    the run.
    """
    sound = [entry for entry in entries if not any(run.from_seq <= entry.seq <= run.to_seq for run in damaged)]
    taken: list[Entry] = []
    size = 0
    for expected, entry in zip(range(wanted.to_seq, wanted.from_seq - 1, -1), reversed(sound), strict=False):
        size += len(entry.body)
        if entry.seq != expected or len(taken) == PUSH_ENTRIES_MAX or (taken and size > PUSH_BYTES_MAX):
            break
        taken.insert(0, entry)
    if not taken:
        return None
    before_each = {entry.seq + 1: entry.hash for entry in entries} | (
        {} if before is None else {wanted.from_seq: before}
    )
    if taken[0].seq not in before_each:
        taken = taken[1:]  # the hash before it is lost here
    if not taken:
        return None
    first = taken[0].seq
    return Supply(first, before_each[first], *pack_block([entry.body for entry in taken]))


def proven(supply: Supply, wanted: Sequence[Run], following: Following) -> list[Entry] | None:
    """The entries of a supply with their hashes, or None where they do not lead to what follows.

    `wanted` are this copy's damaged runs; the supply has to end one of them. Raises `PeerFault` for what is no supply.
    """
    bodies = unpack_block(supply.codec, supply.block)
    if not bodies or supply.from_seq < 1:
        raise PeerFault("range-invalid", "a supply without entries")
    last = supply.from_seq + len(bodies) - 1
    if not any(run.from_seq <= supply.from_seq and run.to_seq == last for run in wanted):
        raise PeerFault("range-invalid", f"a supply of {supply.from_seq} to {last} that was not asked for")
    chain = hashes(supply.previous_hash, bodies)
    reached = chain[-1] if following.body is None else link(chain[-1], following.body)
    if reached != following.hash:
        return None
    numbered = enumerate(zip(chain, bodies, strict=True), supply.from_seq)
    return [Entry(seq, entry_hash, body) for seq, (entry_hash, body) in numbered]


def checked_days(told: DayTotals) -> DayTotals:
    """A node's books as they came, with days that a calendar has. Raises `PeerFault` for others."""
    for day in told.days:
        try:
            date.fromisoformat(day.business_date)
        except ValueError as error:
            raise PeerFault("undecodable", f"a business day {day.business_date!r}: {error}") from error
    return told


def day_differences(edge: Sequence[DayTotal], centre: Sequence[DayTotal]) -> tuple[str, ...]:
    """What does not agree between both ends' books of the business days; empty when all is well."""
    here = {day.business_date: day for day in centre}
    found = []
    for day in edge:
        other = here.get(day.business_date, DayTotal(day.business_date, 0, 0, ()))
        if day != other:
            found.append(f"{day.business_date}: the node counts {_counted(day)}, the centre {_counted(other)}")
    return tuple(found)


def _counted(day: DayTotal) -> str:
    money = ", ".join(f"{total.total_minor} {total.currency}" for total in day.totals) or "no money"
    return f"{day.orders} orders ({day.open} open, {money})"


def totals_of_days(sums: Iterable[tuple[str, str, int, int, int]]) -> tuple[DayTotal, ...]:
    """Days from sums by date and currency (date, currency, orders, open ones, minor units), the newest first."""
    days: dict[str, list[tuple[str, int, int, int]]] = {}
    for business_date, currency, orders, are_open, total in sums:
        days.setdefault(business_date, []).append((currency, orders, are_open, total))
    return tuple(
        DayTotal(
            business_date,
            sum(orders for _, orders, _, _ in rows),
            sum(are_open for _, _, are_open, _ in rows),
            tuple(CurrencyTotal(currency, total) for currency, _, _, total in sorted(rows))[:CURRENCIES_MAX],
        )
        for business_date, rows in sorted(days.items(), reverse=True)
    )
