"""The account: every line of the ledger has one fate, and the logs at edge and centre hold what was accepted. Pure."""

from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

from msgspec import Struct

from deploy.demo.check import pounds
from deploy.replay.books import Books, whole
from deploy.replay.journal import Book, Journal
from deploy.replay.source import Survey

K = TypeVar("K", int, str)
V = TypeVar("V")

_NAMED_MAX: Final = 5  # lines or returns that one difference names; the rest are counted


class FateRow(Struct, frozen=True):
    """One row of the first table."""

    how: str
    reason: str
    lines: int
    amount_minor: int


class BookRow(Struct, frozen=True):
    """What one book comes to; amounts in pence, and `net_minor` is sold less given back."""

    book: str
    orders: int
    lines: int
    returns: int
    sold_minor: int
    refunded_minor: int
    net_minor: int


class Account(Struct, frozen=True):
    """The result. `differences` is empty exactly when `ok`. The source's exact sum is pounds, as a decimal text."""

    ok: bool
    differences: tuple[str, ...]
    source_lines: int
    source_invoices: int
    source_minor: int
    source_exact: str
    invoices_accepted: int
    invoices_accepted_in_part: int
    invoices_refused: int
    fates: tuple[FateRow, ...]
    books: tuple[BookRow, ...]


def account(survey: Survey, journal: Journal, books: Books) -> Account:
    """Hold the ledger, the answers, the stores' logs and the centre against each other."""
    edge, centre = whole(tuple(books.edges.values())), whole(tuple(books.centres.values()))
    found = [*_lines(survey, journal), *_money(survey, journal, edge, centre)]
    found += compare("the stores' logs", edge, "the answers", journal.expected)
    for node_id, book in books.centres.items():
        found += compare(f"{node_id} at the centre", book, "its own log", books.edges[node_id])
    for node_id, view in books.views.items():
        book = books.edges[node_id]
        rows = (("orders", view.orders, book.orders), ("pence", view.total_minor, book.sold_minor))
        found += [f"{node_id}: the centre lists {a:,} {what}, its log has {b:,}" for what, a, b in rows if a != b]
    accepted, in_part, refused = journal.invoices()
    return Account(
        ok=not found,
        differences=tuple(found),
        source_lines=survey.lines,
        source_invoices=survey.invoices,
        source_minor=survey.amount_minor,
        source_exact=str((survey.exact_pence / 100).normalize()),
        invoices_accepted=accepted,
        invoices_accepted_in_part=in_part,
        invoices_refused=refused,
        fates=tuple(
            FateRow(fate.how, fate.reason, tally.lines, tally.amount_minor)
            for fate, tally in sorted(journal.tallies.items(), key=lambda pair: (not pair[0].is_accepted, pair[0]))
        ),
        books=(
            _row("answered", journal.expected),
            *(_row(f"log of {node_id}", book) for node_id, book in books.edges.items()),
            _row("all stores' logs", edge),
            _row("the centre's logs", centre),
        ),
    )


def compare(name: str, book: Book, other_name: str, other: Book) -> list[str]:
    """Every line and every return in which two books differ, in words."""
    found = []
    if book.orders != other.orders:
        found.append(f"{book.orders:,} orders in {name}, {other.orders:,} in {other_name}")
    if book.repeated:
        found.append(_named(f"lines more than once in {name}", map(str, book.repeated)))
    found += _differing("line", name, book.sold, other_name, other.sold)
    found += _differing("return", name, book.backs, other_name, other.backs)
    return found + _differing("write-off", name, book.written_off, other_name, other.written_off)


def _differing(what: str, name: str, here: Mapping[K, V], other_name: str, there: Mapping[K, V]) -> list[str]:
    changed = {key for key in here.keys() & there.keys() if here[key] != there[key]}
    kinds = (
        (f"{what}s missing in {name}, but in {other_name}", there.keys() - here.keys()),
        (f"{what}s in {name}, but not in {other_name}", here.keys() - there.keys()),
        (f"{what}s with other figures in {name}", changed),
    )
    return [_named(text, map(str, keys)) for text, keys in kinds if keys]


def _lines(survey: Survey, journal: Journal) -> list[str]:
    found = [f"an answer that is not expected: {text}" for text in journal.surprises[:_NAMED_MAX]]
    if journal.lines != survey.lines:
        found.append(f"{survey.lines:,} lines in the file, of which {journal.lines:,} were accepted or refused")
    if journal.amount_minor != survey.amount_minor:
        found.append(f"{pounds(survey.amount_minor)} in the file, {pounds(journal.amount_minor)} accepted or refused")
    return found


def _money(survey: Survey, journal: Journal, edge: Book, centre: Book) -> list[str]:
    """What the ledger comes to less what was refused is what the books must come to."""
    refused = sum(tally.amount_minor for fate, tally in journal.tallies.items() if not fate.is_accepted)
    due = survey.amount_minor - refused
    rows = (("the stores' logs", edge), ("the centre's logs", centre))
    return [
        f"{name} come to {pounds(net)}, the file less what was refused to {pounds(due)}"
        for name, net in ((name, book.sold_minor - book.refunded_minor) for name, book in rows)
        if net != due
    ]


def _row(name: str, book: Book) -> BookRow:
    sold, refunded = book.sold_minor, book.refunded_minor
    return BookRow(name, book.orders, len(book.sold), len(book.backs), sold, refunded, sold - refunded)


def _named(what: str, keys: Iterable[str]) -> str:
    names = sorted(keys)
    more = f" and {len(names) - _NAMED_MAX} more" if len(names) > _NAMED_MAX else ""
    return f"{len(names)} {what}: {', '.join(names[:_NAMED_MAX])}{more}"
