"""What the agents have answered, line by line: the replay's own account, and what the logs should hold for it. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Final, Literal

from msgspec import Struct, field

from deploy.replay.mapping import Reason, ReturnWithoutReceipt, ReturnWithReceipt, Sale, Step, WriteOff
from deploy.replay.source import SourceInvoice, SourceLine

Accepted = Literal["sold", "returned", "returned-without-receipt", "written-off"]
ACCEPTED: Final[tuple[Accepted, ...]] = ("sold", "returned", "returned-without-receipt", "written-off")
BY_REPLAY: Final = "not sent"
BY_AGENT: Final = "refused by the agent"


class Fate(Struct, frozen=True, order=True):
    """What became of a line: accepted as something, or refused; by whom, and with which reason."""

    how: str
    reason: str = ""

    @property
    def is_accepted(self) -> bool:
        """Whether an agent took it."""
        return self.how in ACCEPTED


class Tally(Struct):
    """So many lines, worth so many pence."""

    lines: int = 0
    amount_minor: int = 0


class Back(Struct):
    """What one request took back: pieces in thousandths, and what was given for them in pence."""

    quantity_milli: int = 0
    refund_minor: int = 0


class Book(Struct):
    """What stands in a log, or should: the pence of each line that was sold, by its row; each return, by its key; and
    what was written off by its key, in thousandths.

    `repeated` are rows that stand there more than once, which no sound book has.
    """

    orders: int = 0
    sold: dict[int, int] = field(default_factory=dict)
    backs: dict[str, Back] = field(default_factory=dict)
    written_off: dict[str, int] = field(default_factory=dict)
    repeated: list[int] = field(default_factory=list)

    @property
    def sold_minor(self) -> int:
        """What all lines that were sold come to."""
        return sum(self.sold.values())

    @property
    def refunded_minor(self) -> int:
        """What was given back for all that came back."""
        return sum(back.refund_minor for back in self.backs.values())

    def add_sold(self, row: int, amount_minor: int) -> None:
        """A line of an order."""
        if row in self.sold:
            self.repeated.append(row)
        self.sold[row] = amount_minor

    def add_back(self, key: str, quantity_milli: int, refund_minor: int) -> None:
        """Goods that came back under a key."""
        back = self.backs.setdefault(key, Back())
        back.quantity_milli += quantity_milli
        back.refund_minor += refund_minor

    def absorb(self, other: "Book") -> None:
        """Add the book of another store."""
        self.orders += other.orders
        for row, amount_minor in other.sold.items():
            self.add_sold(row, amount_minor)
        for key, back in other.backs.items():
            self.add_back(key, back.quantity_milli, back.refund_minor)
        self.written_off |= other.written_off
        self.repeated += other.repeated


class Journal:
    """Grows with each answer. `lines` is how many lines of the ledger have a fate."""

    def __init__(self) -> None:
        self.lines = 0
        self.tallies: defaultdict[Fate, Tally] = defaultdict(Tally)
        self.expected = Book()
        self.order_ids: dict[str, str] = {}
        self.asked_again = 0
        self.surprises: list[str] = []
        self._invoices: defaultdict[str, Counter[bool]] = defaultdict(Counter)

    @property
    def amount_minor(self) -> int:
        """What all lines that have a fate come to."""
        return sum(tally.amount_minor for tally in self.tallies.values())

    def invoices(self) -> tuple[int, int, int]:
        """How many invoices were taken whole, in part, and not at all."""
        found = Counter((bool(count[True]), bool(count[False])) for count in self._invoices.values())
        return found[True, False], found[True, True], found[False, True]

    def refuse(self, invoice: SourceInvoice, lines: Iterable[SourceLine], reason: Reason) -> None:
        """Lines of an invoice that are not sent."""
        self._note(invoice, lines, Fate(BY_REPLAY, reason))

    def reject(self, step: Step, slug: str) -> None:
        """A step that an agent said no to, with the slug of its problem."""
        self._note(step.invoice, lines_of(step), Fate(BY_AGENT, slug))

    def accept(self, step: Step, order_id: str | None = None) -> None:
        """A step that an agent took; of a sale, as which order."""
        book = self.expected
        match step:
            case Sale():
                self.order_ids[step.key] = order_id or ""
                book.orders += 1
                for line in step.lines:
                    book.add_sold(line.row, line.amount_minor)
                self._note(step.invoice, step.lines, Fate("sold"))
            case ReturnWithReceipt() | ReturnWithoutReceipt():
                lines = lines_of(step)
                pieces, refund_minor = (-sum(values) for values in zip(*map(_both, lines), strict=True))
                book.add_back(step.key, pieces * 1000, refund_minor)
                is_known = isinstance(step, ReturnWithReceipt)
                self._note(step.invoice, lines, Fate("returned" if is_known else "returned-without-receipt"))
            case WriteOff():
                book.written_off[step.key] = -step.line.quantity * 1000
                self._note(step.invoice, (step.line,), Fate("written-off"))

    def _note(self, invoice: SourceInvoice, lines: Iterable[SourceLine], fate: Fate) -> None:
        tally, count = self.tallies[fate], self._invoices[invoice.number]
        for line in lines:
            self.lines += 1
            tally.lines += 1
            tally.amount_minor += line.amount_minor
            count[fate.is_accepted] += 1


def lines_of(step: Step) -> tuple[SourceLine, ...]:
    """The lines of the ledger that a step is about."""
    match step:
        case Sale() | ReturnWithoutReceipt():
            return step.lines
        case ReturnWithReceipt():
            return tuple(back.line for back in step.backs)
        case WriteOff():
            return (step.line,)


def _both(line: SourceLine) -> tuple[int, int]:
    return line.quantity, line.amount_minor
