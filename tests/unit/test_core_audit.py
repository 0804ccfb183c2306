"""Two copies of a stream: what is called damaged, what may mend it, and what the chain refuses."""

from collections.abc import Iterable
from uuid import UUID

import pytest

from edge_core.errors import PeerFault
from edge_core.limits import AUDIT_RUNS_MAX, AUDIT_SEGMENT_ENTRIES
from edge_core.sync import chain
from edge_core.sync.audit import (
    Entry,
    Examination,
    Examiner,
    Following,
    checked_days,
    day_differences,
    proven,
    segments,
    supplied,
    totals_of_days,
)
from edge_core.sync.audit_messages import CurrencyTotal, DayTotal, DayTotals, Run
from edge_core.sync.messages import decode_up, encode_message
from tests.rigs.streams import NodeLog

GENESIS = NodeLog().hashes[0]


def copy_of(entries: int) -> list[Entry]:
    """A sound copy of a stream from its beginning."""
    bodies = [b"body %d" % seq for seq in range(1, entries + 1)]
    hashes = chain.hashes(GENESIS, bodies)
    return [Entry(seq, *pair) for seq, pair in enumerate(zip(hashes, bodies, strict=True), 1)]


def examined(entries: Iterable[Entry], to_seq: int = 9, agreed: bytes | None = None) -> Examination:
    examiner = Examiner(1, to_seq, GENESIS)
    for entry in entries:
        examiner.take(entry)
    return examiner.finish(agreed)


def damaged(entries: list[Entry], what: dict[int, str]) -> list[Entry]:
    """The copy with entries lost, or with another body or hash."""
    kept = [entry for entry in entries if what.get(entry.seq) != "lost"]
    swap = {"body": lambda e: Entry(e.seq, e.hash, b"flipped"), "hash": lambda e: Entry(e.seq, bytes(32), e.body)}
    return [swap[what[entry.seq]](entry) if entry.seq in what else entry for entry in kept]


def test_sound_copies_have_one_digest_and_no_damage() -> None:
    assert examined(copy_of(9)) == examined(copy_of(9)) == Examination(examined(copy_of(9)).digest, ())


@pytest.mark.parametrize(
    ("what", "runs"),
    [
        ({4: "body"}, (Run(4, 4),)),
        ({4: "lost"}, (Run(4, 5),)),
        ({4: "hash"}, (Run(4, 5),)),  # which of both is wrong, proof will say
        ({1: "body", 9: "lost"}, (Run(1, 1), Run(9, 9))),
        ({4: "lost", 5: "body", 6: "body"}, (Run(4, 6),)),
    ],
)
def test_damage_is_named_by_the_entries_that_do_not_lead_to_the_chain(
    what: dict[int, str], runs: tuple[Run, ...]
) -> None:
    found = examined(damaged(copy_of(9), what))
    assert found.damaged == runs
    if "hash" not in what.values():
        assert found.digest != examined(copy_of(9)).digest


def test_the_last_hash_is_compared_with_the_one_that_was_agreed() -> None:
    entries = copy_of(9)
    assert examined(entries, agreed=entries[-1].hash).damaged == ()
    assert examined(entries, agreed=bytes(32)).damaged == (Run(9, 9),)


def test_a_message_names_the_last_runs_because_proof_comes_from_what_follows() -> None:
    found = examined(damaged(copy_of(99), dict.fromkeys(range(1, 99, 2), "body")), 99)
    assert len(found.damaged) > AUDIT_RUNS_MAX
    assert found.named == found.damaged[-AUDIT_RUNS_MAX:]


@pytest.mark.parametrize("what", [{4: "body"}, {4: "lost"}, {4: "hash"}, {4: "lost", 5: "lost"}, {1: "body"}])
def test_a_supply_of_the_other_copy_mends_a_run(what: dict[int, str]) -> None:
    good, bad = copy_of(9), damaged(copy_of(9), what)
    (run,) = examined(bad).damaged
    wanted = [entry for entry in good if run.from_seq <= entry.seq <= run.to_seq]
    supply = supplied(run, wanted, (), GENESIS if run.from_seq == 1 else good[run.from_seq - 2].hash)
    assert supply is not None
    after = next(entry for entry in bad if entry.seq == run.to_seq + 1)
    assert proven(supply, [run], Following(after.hash, after.body)) == wanted


def test_a_supply_that_does_not_lead_to_what_follows_proves_nothing() -> None:
    good = copy_of(9)
    forged = Entry(4, good[3].hash, b"forged")
    supply = supplied(Run(4, 4), [forged], (), good[2].hash)
    assert supply is not None
    assert proven(supply, [Run(4, 4)], Following(good[4].hash, good[4].body)) is None
    assert proven(supply, [Run(4, 4)], Following(good[3].hash)) is None


def test_a_supply_that_was_not_asked_for_is_a_fault_of_the_peer() -> None:
    good = copy_of(9)
    supply = supplied(Run(4, 5), good[3:5], (), good[2].hash)
    assert supply is not None
    for wanted in ([], [Run(4, 4)], [Run(5, 5)], [Run(4, 9)]):
        with pytest.raises(PeerFault, match="not asked for"):
            proven(supply, wanted, Following(good[5].hash, good[5].body))


def test_a_copy_vouches_only_for_the_sound_end_of_what_is_wanted() -> None:
    good = copy_of(9)
    supply = supplied(Run(3, 7), good[2:7], [Run(4, 5)], good[1].hash)
    assert supply is not None
    assert (supply.from_seq, supply.previous_hash) == (6, good[4].hash)
    assert supplied(Run(3, 7), good[2:7], [Run(7, 7)], good[1].hash) is None
    assert supplied(Run(3, 3), good[2:3], (), None) is None, "the hash before it is lost, and nothing can be proven"


def test_segments_cover_everything_once_from_the_newest_on() -> None:
    size = AUDIT_SEGMENT_ENTRIES
    assert segments(1, 0) == []
    assert segments(1, size) == [Run(1, size)]
    assert segments(5, 2 * size + 1) == [Run(2 * size + 1, 2 * size + 1), Run(size + 1, 2 * size), Run(5, size)]


def test_the_books_of_days_are_summed_by_currency_and_differ_where_anything_does() -> None:
    sums = [("2026-11-20", "EUR", 2, 1, 300), ("2026-11-21", "EUR", 1, 0, 50), ("2026-11-20", "CHF", 1, 0, 7)]
    days = totals_of_days(sums)
    assert [(d.business_date, d.orders, d.open) for d in days] == [("2026-11-21", 1, 0), ("2026-11-20", 3, 1)]
    assert day_differences(days, tuple(reversed(days))) == ()
    (found,) = day_differences(days, totals_of_days([("2026-11-20", "EUR", 2, 1, 299), *sums[1:]]))
    assert found == (
        "2026-11-20: the node counts 3 orders (1 open, 7 CHF, 300 EUR), the centre 3 orders (1 open, 7 CHF, 299 EUR)"
    )
    assert len(day_differences(days, ())) == 2


@pytest.mark.parametrize(
    ("business_date", "currency"),
    [
        ("2026-02-31", "EUR"),
        ("0000-00-00", "EUR"),
        ("\u0662\u0660\u0662\u0666-01-01", "EUR"),
        ("2026-01-01", "E\x00R"),
        ("2026-01-01", "EURO"),
    ],
)
def test_books_of_a_day_or_in_a_currency_that_cannot_be_are_a_fault_of_the_node(
    business_date: str, currency: str
) -> None:
    def read(told: DayTotals) -> None:
        message = decode_up(encode_message(told))
        assert isinstance(message, DayTotals)
        checked_days(message)

    sound = DayTotal("2026-01-01", 1, 0, (CurrencyTotal("EUR", 1),))
    read(DayTotals("store-0001", UUID(int=1), 0, (sound,)))
    with pytest.raises(PeerFault):
        read(
            DayTotals(
                "store-0001", UUID(int=1), 0, (sound, DayTotal(business_date, 1, 0, (CurrencyTotal(currency, 1),)))
            )
        )
