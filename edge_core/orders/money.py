"""Money as integers in minor units, rounded exactly."""


def gross_minor(quantity_milli: int, unit_price_minor: int) -> int:
    """Quantity (thousandths) times unit price, rounded half-up to a minor unit. Both are zero or more."""
    return (quantity_milli * unit_price_minor + 500) // 1000
