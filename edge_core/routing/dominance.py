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
        first: list[tuple[Option, int]] = []
        for rank in sorted(ranks, key=lambda rank: (problem.options[rank].fixed_milli, rank)):
            option = problem.options[rank]
            if option.lines and not _is_dominated(option, rank, first):
                kept.append(rank)
                if option.place not in short_places:
                    first.append((option, rank))
    return sorted(kept)


def _is_dominated(option: Option, rank: int, others: Sequence[tuple[Option, int]]) -> bool:
    """Whether another option is before it for every set that it can carry."""
    for other, other_rank in others:
        if option.lines & ~other.lines:
            continue
        more_milli = other.fixed_milli - option.fixed_milli
        for line, (its, mine) in enumerate(zip(other.line_milli, option.line_milli, strict=True)):
            if its > mine and option.lines >> line & 1:
                more_milli += its - mine
        if more_milli < 0 or (more_milli == 0 and other_rank < rank):
            return True
    return False
