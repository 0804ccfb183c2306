"""A sourcing problem as a mixed-integer program, solved by HiGHS: a second opinion that shares no code with ours.

Every set of lines from every place is a column that is taken or not, at what its cheapest service costs; each line is
in one column that is taken, a place sends no more than it has, and no more parcels go than may. Columns that another
one replaces at once are left out: a place that shares nothing sends a set only where it is the cheapest to do so.
"""

from collections.abc import Iterator
from fractions import Fraction
from math import ceil

import highspy
import numpy as np
from msgspec import Struct

from edge_core.routing.problem import Option, Problem
from edge_core.routing.tariffs import Tariff

_STATUS = highspy.HighsModelStatus


class Column(Struct, frozen=True):
    """One parcel that might go: the bits of its lines, its place, and its cost in thousandths of the minor unit."""

    lines: int
    place: int
    cost_milli: int


def cheapest_by_mip(problem: Problem) -> int | None:
    """What the best plan costs, exactly: the sum of the columns that HiGHS takes. None: the lines cannot all go."""
    columns = list(_columns(problem))
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    for gap in ("mip_rel_gap", "mip_abs_gap"):
        solver.setOptionValue(gap, 0.0)
    solver.passModel(_model(problem, columns))
    solver.run()
    if solver.getModelStatus() == _STATUS.kSolveError:
        # Seen with HiGHS 1.15: what its presolve makes of some models is not feasible in the model, and it says so.
        solver.setOptionValue("presolve", "off")
        solver.clearSolver()
        solver.run()
    status = solver.getModelStatus()
    if status in {_STATUS.kInfeasible, _STATUS.kModelEmpty} or not columns:
        return None
    assert status == _STATUS.kOptimal, status
    taken = [column for column, value in zip(columns, solver.getSolution().col_value, strict=True) if value > 0.5]
    assert sum(column.lines for column in taken) == (1 << len(problem.weights_g)) - 1
    return sum(column.cost_milli for column in taken)


def _columns(problem: Problem) -> Iterator[Column]:
    short = {stock.place for stock in problem.stocks}
    for lines in range(1, 1 << len(problem.weights_g)):
        best: dict[int | None, Column] = {}
        for option in problem.options:
            cost_milli = _cost_milli(problem, option, lines)
            group = option.place if option.place in short else None
            if cost_milli is not None and (group not in best or cost_milli < best[group].cost_milli):
                best[group] = Column(lines, option.place, cost_milli)
        yield from best.values()


def _cost_milli(problem: Problem, option: Option, lines: int) -> int | None:
    if lines & ~option.lines:
        return None
    bits = [bit for bit in range(len(problem.weights_g)) if lines >> bit & 1]
    charge_milli = _charge_milli(problem.tariffs[option.tariff], sum(problem.weights_g[bit] for bit in bits))
    if charge_milli is None:
        return None
    return option.fixed_milli + charge_milli + sum(option.line_milli[bit] for bit in bits)


def _charge_milli(tariff: Tariff, weight_g: int) -> int | None:
    """By the words of docs/routing.md: a base and a rate for a kilogram, not less than the minimum charge."""
    fits = [band for band in tariff if weight_g <= band.weight_g_max]
    if not fits:
        return None
    band = min(fits, key=lambda band: band.weight_g_max)
    return max(band.charge_milli_min, ceil(band.base_milli + Fraction(weight_g, 1000) * band.per_kg_milli))


def _model(problem: Problem, columns: list[Column]) -> highspy.HighsLp:
    """Rows: each line once, each stock, the number of parcels."""
    count = len(problem.weights_g)
    starts, rows, values = [0], [], []
    for column in columns:
        entries = [(bit, 1) for bit in range(count) if column.lines >> bit & 1]
        for row, stock in enumerate(problem.stocks, count):
            wanted = sum(milli for line, milli in stock.needs_milli if column.lines >> line & 1)
            if stock.place == column.place and wanted:
                entries.append((row, wanted))
        entries.append((count + len(problem.stocks), 1))
        rows += [row for row, _ in entries]
        values += [value for _, value in entries]
        starts.append(len(rows))
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = len(columns), count + len(problem.stocks) + 1
    model.col_cost_ = np.array([column.cost_milli for column in columns], dtype=np.double)
    model.col_lower_, model.col_upper_ = np.zeros(len(columns)), np.ones(len(columns))
    model.row_lower_ = np.array([1.0] * count + [-highspy.kHighsInf] * (len(problem.stocks) + 1))
    limits = [float(stock.limit_milli) for stock in problem.stocks]
    model.row_upper_ = np.array([1.0] * count + limits + [float(problem.parcels_max)])
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_ = np.array(starts, dtype=np.int32)
    model.a_matrix_.index_ = np.array(rows, dtype=np.int32)
    model.a_matrix_.value_ = np.array(values, dtype=np.double)
    model.integrality_ = [highspy.HighsVarType.kInteger] * len(columns)
    return model
