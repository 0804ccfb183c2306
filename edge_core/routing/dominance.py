"""Options that cannot be the cheapest for any set of lines, because another one of their tariff always is before them.

Whatever a set weighs, two options of one tariff differ by what is fixed and by what their lines add.
"""

from collections.abc import Sequence

from edge_core.routing.problem import Option, Problem


def undominated(problem: Problem) -> list[int]:
    """The ranks of the options that are worth a price, in their order.

    Where lines share what a place has, it may not be able to send all of its lines together, or is barred from some of
    them in the search: its options are before none.
    """
    short_places = {stock.place for stock in problem.stocks}
    by_tariff: dict[int, list[int]] = {}
    for rank, option in enumerate(problem.options):
        by_tariff.setdefault(option.tariff, []).append(rank)
    kept: list[int] = []
    for ranks in by_tariff.values():
        first: list[int] = []
        for rank in sorted(ranks, key=lambda rank: (problem.options[rank].fixed_milli, rank)):
            option = problem.options[rank]
            if option.lines and not any(_is_before(problem.options, other, rank) for other in first):
                kept.append(rank)
                if option.place not in short_places:
                    first.append(rank)
    return sorted(kept)


def _is_before(options: Sequence[Option], rank: int, other_rank: int) -> bool:
    one, other = options[rank], options[other_rank]
    if other.lines & ~one.lines:
        return False
    worst_milli = one.fixed_milli - other.fixed_milli
    for line, (mine, its) in enumerate(zip(one.line_milli, other.line_milli, strict=True)):
        if mine > its and other.lines >> line & 1:
            worst_milli += mine - its
            if worst_milli > 0:
                return False
    return worst_milli < 0 or rank < other_rank
