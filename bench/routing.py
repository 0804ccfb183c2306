"""Routing alone: how long a whole question takes to its decision, and how many stock checks a second that is.

Nothing else runs in the process, so that a figure says what the engine costs. What the machine was doing beside it
is kept out: all questions are asked several times over, and of each its shortest time counts; a percentile is then over
questions.
"""

import time
from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from bench.results import Row, percentile, say
from edge_core.routing.constraints import refused_need
from edge_core.routing.deciding import route
from edge_core.routing.question import Question
from tests.rigs.questions import random_question

_ROUNDS: Final = {3: 15, 10: 5}  # by the lines of a question: some seconds each
_PLACES: Final = 30
_CARRIERS: Final = 3
_SEED: Final = 5
_FOR_EVER_NS: Final = 1 << 62


async def measure_routing(*, questions: int) -> list[Row]:
    """Rows for questions of three and of ten lines over thirty places with three carriers each, and for checks."""
    rows: list[Row] = []
    for lines in _ROUNDS:
        asked = _questions(lines, questions)
        times_ms = _shortest_ms(route, asked, _ROUNDS[lines])
        name = f"route_{lines}x{_PLACES}x{_CARRIERS}"
        say(f"  {name}: {max(times_ms):.1f} ms at most, {sum(route(each).is_truncated for each in asked)} cut short")
        rows += [Row(f"{name}_p{percent}_ms", percentile(times_ms, percent), "ms") for percent in (50, 99)]
    took_s = sum(_shortest_ms(_check_stock, asked, _ROUNDS[10])) / 1e3
    return [*rows, Row("stock_checks_per_s", sum(map(_check_stock, asked)) / took_s, "1/s")]


def _check_stock(question: Question) -> int:
    """Ask of each line at each place whether it has rights to the goods, enough to order, and hands to pick them."""
    checks = 0
    for place in question.places:
        by_sku = {supply.sku: supply for supply in place.supplies}
        for need in question.needs:
            refused_need(question, need, place, by_sku.get(need.sku))
            checks += 1
    return checks


def _questions(lines: int, count: int) -> list[Question]:
    random = Random(_SEED)
    return [random_question(random, lines=lines, places=_PLACES, carriers=_CARRIERS) for _ in range(count)]


def _shortest_ms(ask: Callable[[Question], object], questions: Sequence[Question], rounds: int) -> list[float]:
    """How long each answer takes when nothing comes between."""
    shortest_ns = [_FOR_EVER_NS] * len(questions)
    for _ in range(rounds):
        for at, question in enumerate(questions):
            began_ns = time.perf_counter_ns()
            ask(question)
            shortest_ns[at] = min(shortest_ns[at], time.perf_counter_ns() - began_ns)
    return [each / 1e6 for each in shortest_ns]
