"""What each set of lines costs as one parcel, by the cheapest option that can carry it.

A price is a cost and, in its low bits, the rank of its option. So of two options that cost the same the one that comes
first wins, a sum of prices breaks ties by the sum of ranks, and one comparison of integers is all that is needed.
"""

from collections.abc import Container, Iterable, Sequence
from typing import Final

from edge_core.limits import ROUTING_OPTIONS_BITS
from edge_core.routing.problem import Option, Problem, Stock
from edge_core.routing.tariffs import IMPOSSIBLE, Tariff, charge_milli, charges_milli

_RANK_MASK: Final = (1 << ROUTING_OPTIONS_BITS) - 1
OUT_OF_REACH: Final = IMPOSSIBLE >> 1 << ROUTING_OPTIONS_BITS
"""A price from here on means that no option carries the set: credits of lines never make up half of `IMPOSSIBLE`."""


def cost_milli(price: int) -> int:
    """The cost in a price, or in a sum of them."""
    return price >> ROUTING_OPTIONS_BITS


def option_rank(price: int) -> int:
    """The option in the price of one set."""
    return price & _RANK_MASK


def price_sets(problem: Problem, options: Sequence[Option]) -> list[int]:
    """The price of every set of the problem's lines. `options` are those of the problem, some with fewer lines."""
    weights_g = _sums(problem.weights_g)
    order = sorted(range(len(weights_g)), key=weights_g.__getitem__)
    in_order_g = [weights_g[at] for at in order]
    charges: dict[int, list[int]] = {}
    prices = [OUT_OF_REACH] * len(weights_g)
    for lines, ranks in _by_lines(options, _undominated(options, {stock.place for stock in problem.stocks})):
        bits = [at for at in range(len(problem.weights_g)) if lines >> at & 1]
        sets = _sums([1 << at for at in bits])
        own = [prices[at] for at in sets]
        for rank in ranks:
            option = options[rank]
            if option.tariff not in charges:
                charges[option.tariff] = _charges(problem.tariffs[option.tariff], in_order_g, order)
            charged = charges[option.tariff]
            added = _sums([option.line_milli[at] << ROUTING_OPTIONS_BITS for at in bits], _fixed(option, rank))
            for stock in problem.stocks:
                if stock.place == option.place:
                    added = _within(added, stock, bits)
            rows = zip(own, added, sets, strict=True)
            own = [price if price < (new := more + charged[at]) else new for price, more, at in rows]
        for at, price in zip(sets, own, strict=True):
            prices[at] = price
    return prices


def price_set(problem: Problem, options: Sequence[Option], lines: int, *, without: int) -> int:
    """The price of one set where one option is not to be taken for it."""
    bits = [at for at in range(len(problem.weights_g)) if lines >> at & 1]
    short = {stock.place for stock in problem.stocks if need_milli(stock, lines) > stock.limit_milli}
    weight_g = sum(problem.weights_g[at] for at in bits)
    best = OUT_OF_REACH
    for rank, option in enumerate(options):
        if rank != without and lines & ~option.lines == 0 and option.place not in short:
            charge = charge_milli(problem.tariffs[option.tariff], weight_g)
            cost = option.fixed_milli + charge + sum(option.line_milli[at] for at in bits)
            best = min(best, cost << ROUTING_OPTIONS_BITS | rank)
    return best


def need_milli(stock: Stock, lines: int) -> int:
    """How much a set of lines takes of what they share."""
    return sum(milli for line, milli in stock.needs_milli if lines >> line & 1)


def _undominated(options: Sequence[Option], short_places: Container[int]) -> list[int]:
    """The ranks of options that may be the cheapest for some set: no other one of the same tariff always is before it.

    Whatever a set weighs, two options of one tariff differ by what is fixed and by what their lines add. One that
    cannot carry all of its lines together is before none.
    """
    kept: list[int] = []
    whole: list[int] = []
    for rank in sorted(range(len(options)), key=lambda rank: (options[rank].fixed_milli, rank)):
        option = options[rank]
        if option.lines and not any(_dominates(options[other], other, option, rank) for other in whole):
            kept.append(rank)
            if option.place not in short_places:
                whole.append(rank)
    return kept


def _dominates(one: Option, one_rank: int, other: Option, other_rank: int) -> bool:
    if one.tariff != other.tariff or other.lines & ~one.lines:
        return False
    worst = one.fixed_milli - other.fixed_milli
    for at, (mine, its) in enumerate(zip(one.line_milli, other.line_milli, strict=True)):
        if mine > its and other.lines >> at & 1:
            worst += mine - its
    return worst < 0 or (worst == 0 and one_rank < other_rank)


def _by_lines(options: Sequence[Option], ranks: Sequence[int]) -> Iterable[tuple[int, list[int]]]:
    """The options by what they carry: only sets of those lines have a price by them."""
    groups: dict[int, list[int]] = {}
    for rank in ranks:
        groups.setdefault(options[rank].lines, []).append(rank)
    return groups.items()


def _charges(tariff: Tariff, in_order_g: Sequence[int], order: Sequence[int]) -> list[int]:
    """What a carrier takes for each set, ready to be added to prices."""
    charges = [0] * len(order)
    for at, charge in zip(order, charges_milli(tariff, in_order_g), strict=True):
        charges[at] = charge << ROUTING_OPTIONS_BITS
    return charges


def _fixed(option: Option, rank: int) -> int:
    return option.fixed_milli << ROUTING_OPTIONS_BITS | rank


def _within(added: Sequence[int], stock: Stock, bits: Sequence[int]) -> list[int]:
    """What sets add, those apart that take more than there is."""
    needs_milli = dict(stock.needs_milli)
    sums = _sums([needs_milli.get(at, 0) for at in bits])
    limit_milli, too_much = stock.limit_milli, IMPOSSIBLE << ROUTING_OPTIONS_BITS
    return [own if need <= limit_milli else too_much for own, need in zip(added, sums, strict=True)]


def _sums(parts: Sequence[int], start: int = 0) -> list[int]:
    """The sum of every set of the parts, by the bits of the set."""
    sums = [start]
    for part in parts:
        sums += [sum_ + part for sum_ in sums]
    return sums
