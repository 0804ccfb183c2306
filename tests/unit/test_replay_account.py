"""The account of the replay: whatever is lost, doubled or bent between the file, the answers and the books is named."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest

from deploy.replay.account import Account, account
from deploy.replay.books import Books, CentreView, read_line
from deploy.replay.journal import Back as BookedBack
from deploy.replay.journal import Book, Journal
from deploy.replay.mapping import Back, ReturnWithReceipt, Sale, WriteOff
from deploy.replay.source import SourceInvoice, Survey, source_line

INVOICE = SourceInvoice("536365", datetime(2011, 7, 1, tzinfo=UTC), "17850", ())
CUPS, BAGS = source_line(1, "CUP", "a cup", 6, Decimal(255)), source_line(2, "BAG", "a bag", 1, Decimal(1000))
CUPS_BACK = source_line(3, "CUP", "a cup", -2, Decimal(255))
GONE, FEE = source_line(4, "CUP", "smashed", -1, Decimal(0)), source_line(5, "AMAZONFEE", "", -1, Decimal(99))
SALE = Sale("536365", INVOICE, (CUPS, BAGS))
RETURN = ReturnWithReceipt("C1", INVOICE, "536365", (Back(CUPS_BACK, 1),))
SURVEY = Survey(lines=5, invoices=1, amount_minor=1530 + 1000 - 510 - 99, exact_pence=Decimal(1921))


def sound_book() -> Book:
    return Book(1, {1: 1530, 2: 1000}, {"C1": BookedBack(2000, 510)})


class Played:
    """A replay that went well, until something is changed."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.journal.accept(SALE, "order-1")
        self.journal.accept(RETURN)
        self.journal.reject(WriteOff("w", INVOICE, GONE), "out-of-stock")
        self.journal.refuse(INVOICE, (FEE,), "own-cost")
        self.edge, self.centre = sound_book(), sound_book()
        self.view = CentreView(1, 2530)

    def account(self) -> Account:
        books = Books({"store-0001": self.edge}, {"store-0001": self.centre}, {"store-0001": self.view})
        return account(SURVEY, self.journal, books)


def test_a_replay_in_which_everything_arrived_adds_up() -> None:
    found = Played().account()
    assert (found.ok, found.differences) == (True, ())
    assert sum(row.lines for row in found.fates) == found.source_lines == 5
    assert {row.reason for row in found.fates} == {"", "out-of-stock", "own-cost"}
    assert {row.net_minor for row in found.books} == {2020}
    assert (found.invoices_accepted, found.invoices_accepted_in_part, found.invoices_refused) == (0, 1, 0)


def lose_at_edge(played: Played) -> None:
    del played.edge.sold[2]


def lose_at_centre(played: Played) -> None:
    del played.centre.sold[2]


def lose_return(played: Played) -> None:
    played.centre.backs.clear()


def bend_amount(played: Played) -> None:
    played.edge.sold[1] += 1
    played.edge.sold[2] -= 1


def refund_too_little(played: Played) -> None:
    played.edge.backs["C1"].refund_minor -= 1


def double_line(played: Played) -> None:
    played.edge.add_sold(2, 1000)


def forget_answer(played: Played) -> None:
    played.journal = Journal()
    played.journal.accept(SALE, "order-1")
    played.journal.accept(RETURN)


def forget_write_off(played: Played) -> None:
    played.journal.expected.written_off["w"] = 1000


def list_less(played: Played) -> None:
    played.view = CentreView(1, 2529)


def surprise(played: Played) -> None:
    played.journal.surprises.append("536365: totals-mismatch: a penny")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lose_at_edge, "1 lines missing in the stores' logs, but in the answers: 2"),
        (lose_at_centre, "1 lines missing in store-0001 at the centre, but in its own log: 2"),
        (lose_return, "1 returns missing in store-0001 at the centre"),
        (bend_amount, "2 lines with other figures in the stores' logs: 1, 2"),
        (refund_too_little, "1 returns with other figures in the stores' logs: C1"),
        (double_line, "1 lines more than once in the stores' logs: 2"),
        (forget_answer, "5 lines in the file, of which 3 were accepted or refused"),
        (forget_write_off, "1 write-offs missing in the stores' logs, but in the answers: w"),
        (list_less, "the centre lists 2,529 pence, its log has 2,530"),
        (surprise, "totals-mismatch: a penny"),
    ],
)
def test_whatever_is_lost_doubled_or_bent_is_named(change: Callable[[Played], None], word: str) -> None:
    played = Played()
    change(played)
    found = played.account()
    assert not found.ok
    assert any(word in text for text in found.differences), found.differences


def test_a_book_is_read_from_the_lines_of_an_export() -> None:
    book = Book()
    placed = {"type": "order.placed", "order": {"lines": [{"line_id": "1", "net_minor": 1530, "sku": "CUP"}]}}
    returned = {
        "type": "order.returned",
        "reason": "C1",
        "quantities": [["1", 2000]],
        "reversals": [{"payment_id": "p1", "kind": "refunded", "amount_minor": 510}],
    }
    blind = {
        "type": "return.unreceipted",
        "reason": "C2",
        "refund_minor": 99,
        "lines": [{"quantity_milli": 1000}, {"quantity_milli": 500}],
    }
    gone = {"type": "stock.moved", "cause": "write_off", "reference": "w", "deltas": [{"on_hand_milli": -7000}]}
    found = {"type": "stock.moved", "cause": "found", "reference": None, "deltas": [{"on_hand_milli": 6000}]}
    for events in ([placed, found, {"type": "payment.captured"}], [returned], [blind], [gone]):
        read_line(book, msgspec.json.encode({"seq": 1, "events": events}))
    assert (book.orders, book.sold) == (1, {1: 1530})
    assert book.backs == {"C1": BookedBack(2000, 510), "C2": BookedBack(1500, 99)}
    assert book.written_off == {"w": 7000}
