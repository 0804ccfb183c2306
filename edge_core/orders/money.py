"""Money as integers in minor units: rounding and spreading, exactly."""

from collections.abc import Sequence


def gross_minor(quantity_milli: int, unit_price_minor: int) -> int:
    """Quantity (thousandths) times unit price, rounded half-up to a minor unit. Both are zero or more."""
    return (quantity_milli * unit_price_minor + 500) // 1000


def spread(amount_minor: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Split an amount in proportion to weights (zero or more, one above zero); the remainder goes to the largest.

    The parts add up to the amount exactly.
    """
    total = sum(weights)
    parts = [amount_minor * weight // total for weight in weights]
    largest = max(range(len(weights)), key=weights.__getitem__)
    parts[largest] += amount_minor - sum(parts)
    return tuple(parts)
