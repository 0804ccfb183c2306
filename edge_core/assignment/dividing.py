"""An order in parts: each a whole order of some of its lines, with its own money; together they are the order.

Lines keep their amounts. What is said of the order as a whole (shipping, rates of tax, discounts, payments) is divided
in whole minor units, so that every part adds up and all of them add up to the order. The same division of the same
order gives the same parts for ever: whoever knows both can make them again.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from edge_core import ids
from edge_core.assignment.spreading import corner, matrix, proportional
from edge_core.limits import ASSIGNMENT_DIVISIONS_MAX
from edge_core.orders.document import Adjustment, Line, Payment, TaxLine, TillOrder, Totals
from edge_core.orders.part_of import Cut, PartOf

Division = tuple[tuple[str, ...], ...]
"""The lines of each part, by their ids."""

_NAMESPACE: Final = b"holdfast/part\x00"


def is_divisible(order: TillOrder, part_of: PartOf | None = None) -> bool:
    """Whether an order may go in parts: it is sent, and neither its terms nor its lines hang together.

    A deposit is paid for all of it; a line that belongs to another goes where that one goes.
    """
    cuts = 0 if part_of is None else len(part_of.cuts)
    is_loose = order.payment_terms is None and all(line.parent_line_id is None for line in order.lines)
    return order.fulfillment.method == "ship" and is_loose and len(order.lines) > 1 and cuts < ASSIGNMENT_DIVISIONS_MAX


def parts_of(order_id: UUID, part_of: PartOf | None, division: Division) -> tuple[PartOf, ...]:
    """How the parts of an order are named; `part_of` where it is a part itself."""
    root, cuts = (order_id, ()) if part_of is None else (part_of.order_id, part_of.cuts)
    return tuple(PartOf(root, (*cuts, Cut(number, division))) for number in range(1, len(division) + 1))


def part_id(part: PartOf) -> UUID:
    """The id of a part: another division of the same order has other parts."""
    cuts = [f"{cut.number}:" + "\x1e".join("\x1f".join(own) for own in cut.division) for cut in part.cuts]
    digest = blake2b("\x1d".join(cuts).encode(), digest_size=16).hexdigest()
    return ids.named(_NAMESPACE, f"{part.order_id}/{digest}")


def divide(order: TillOrder, division: Division) -> tuple[TillOrder, ...]:
    """The parts of an order. Every line is in one part, and no part is without lines."""
    several = [[line for line in order.lines if line.line_id in own] for own in map(frozenset, division)]
    taxes = [sum(line.tax_minor for line in lines) for lines in several]
    discounts = [sum(line.discount_minor for line in lines) for lines in several]
    nets = [sum(line.net_minor for line in lines) for lines in several]
    shipping = proportional(order.totals.shipping_minor, nets)
    totals = [_totals(order, lines, minor) for lines, minor in zip(several, shipping, strict=True)]
    tax_lines = _tax_lines(order.tax_lines, taxes, nets)
    adjustments = _adjustments(order.adjustments, discounts, several)
    payments = _payments(order, [each.grand_total_minor for each in totals])
    return tuple(
        replace(order, lines=tuple(lines), totals=sums, tax_lines=tax, adjustments=given, payments=paid)
        for lines, sums, tax, given, paid in zip(several, totals, tax_lines, adjustments, payments, strict=True)
    )


def _totals(order: TillOrder, lines: Sequence[Line], shipping_minor: int) -> Totals:
    net_minor, tax_minor = sum(line.net_minor for line in lines), sum(line.tax_minor for line in lines)
    return Totals(
        gross_minor=sum(line.gross_minor for line in lines),
        discount_minor=sum(line.discount_minor for line in lines),
        net_minor=net_minor,
        tax_minor=tax_minor,
        shipping_minor=shipping_minor,
        grand_total_minor=net_minor + shipping_minor + (0 if order.prices_include_tax else tax_minor),
    )


def _tax_lines(several: Sequence[TaxLine], taxes: Sequence[int], nets: Sequence[int]) -> list[tuple[TaxLine, ...]]:
    """Each rate's tax over the parts, so that each part's rates are its lines' tax; what is taxed goes with it."""
    amounts = matrix([each.amount_minor for each in several], taxes) if several else []
    found: list[tuple[TaxLine, ...]] = [()] * len(taxes)
    for tax, own in zip(several, amounts, strict=True):
        bases = proportional(tax.base_minor, own if any(own) else nets)
        for at, (amount_minor, base_minor) in enumerate(zip(own, bases, strict=True)):
            if amount_minor or base_minor:
                found[at] += (replace(tax, base_minor=base_minor, amount_minor=amount_minor),)
    return found


def _adjustments(
    several: Sequence[Adjustment], discounts: Sequence[int], lines: Sequence[Sequence[Line]]
) -> list[tuple[Adjustment, ...]]:
    """Each discount over the parts: first to those that have lines which it names, then wherever there is room.

    A part of which none of the named lines is says of no line what it was given for.
    """
    room = list(discounts)
    found: list[tuple[Adjustment, ...]] = [()] * len(discounts)
    names = [frozenset(line.line_id for line in own) for own in lines]
    left: list[tuple[Adjustment, list[int], int]] = []
    for each in sorted(several, key=lambda adjustment: not adjustment.lines):
        wanted, own = -each.amount_minor, [0] * len(room)
        for at, known in enumerate(names):
            if known.intersection(each.lines):
                own[at] = min(wanted - sum(own), room[at])
                room[at] -= own[at]
        left.append((each, own, wanted - sum(own)))
    rest = matrix([missing for *_, missing in left], room) if left else []
    for (each, own, _), more in zip(left, rest, strict=True):
        for at, amount in _given([one + other for one, other in zip(own, more, strict=True)]):
            named = tuple(line_id for line_id in each.lines if line_id in names[at])
            found[at] += (replace(each, amount_minor=-amount, lines=named),)
    return found


def _payments(order: TillOrder, totals: Sequence[int]) -> list[tuple[Payment, ...]]:
    """Each payment over the parts that it pays: the first to the first, so that few are divided. Taken once in all."""
    paid = [payment.amount_minor for payment in order.payments]
    owed = order.totals.grand_total_minor - sum(paid)
    *cells, _ = corner([*paid, owed], totals)
    found: list[tuple[Payment, ...]] = [()] * len(totals)
    for payment, own in zip(order.payments, cells, strict=True):
        for at, amount_minor in _given(own):
            found[at] += (replace(payment, amount_minor=amount_minor),)
    return found


def _given(amounts: Sequence[int]) -> list[tuple[int, int]]:
    """The parts that get something, and how much; the first gets what is nothing, so that it is not lost."""
    return [(at, amount) for at, amount in enumerate(amounts) if amount] or [(0, 0)]
