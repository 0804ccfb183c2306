"""Dividing sums of money so that nothing is lost: every part is whole minor units, and all of them are the sum."""

from collections.abc import Sequence


def proportional(amount: int, weights: Sequence[int]) -> list[int]:
    """An amount (zero or more) by weights (zero or more), the remainder to the largest remainders, then to the first.

    Where nothing weighs anything, all weigh the same.
    """
    weights = weights if any(weights) else [1] * len(weights)
    total = sum(weights)
    shares = [amount * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda at: (-(amount * weights[at] % total), at))
    for at in by_remainder[: amount - sum(shares)]:
        shares[at] += 1
    return shares


def matrix(rows: Sequence[int], columns: Sequence[int]) -> list[list[int]]:
    """Cells of zero or more that add up to each row and each column, as even as whole units let them be.

    Rows and columns are zero or more and have the same sum. Each cell is its proportional share rounded down; what is
    left of the rows and of the columns is paired from the first to the last (the northwest corner rule).
    """
    total = sum(rows)
    cells = [[row * column // total if total else 0 for column in columns] for row in rows]
    rows_left = [row - sum(own) for row, own in zip(rows, cells, strict=True)]
    columns_left = [column - sum(own) for column, own in zip(columns, zip(*cells, strict=True), strict=True)]
    _pair(cells, rows_left, columns_left)
    return cells


def corner(rows: Sequence[int], columns: Sequence[int]) -> list[list[int]]:
    """The same with as few cells as can be: the first row to the first columns, and so on."""
    cells = [[0] * len(columns) for _ in rows]
    _pair(cells, list(rows), list(columns))
    return cells


def _pair(cells: list[list[int]], rows_left: list[int], columns_left: list[int]) -> None:
    for own, left in zip(cells, rows_left, strict=True):
        row_left = left
        for at, column_left in enumerate(columns_left):
            moved = min(row_left, column_left)
            own[at] += moved
            row_left -= moved
            columns_left[at] -= moved
