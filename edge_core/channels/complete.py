"""What a channel does not say and the order document asks for, because it follows from the rest.

Only what is missing is put in. What the channel does say stays, so that the checks of every order (docs/orders.md) hold
its sums against its lines.
"""

from typing import Any, Final

from edge_core.orders.money import gross_minor

_LINE_SUMS: Final = ("gross_minor", "discount_minor", "net_minor", "tax_minor")


def complete(order: dict[str, Any], stated_tax_minor: int | None) -> None:
    """Put in lines' amounts, totals and rounding. Does nothing where the lines' own figures are not integers."""
    lines = order.get("lines", [])
    if not all(_is_integer(line, "quantity_milli", "unit_price_minor", "tax_minor") for line in lines):
        return
    for line in lines:
        _complete_line(line)
    if not lines or not all(_is_integer(line, *_LINE_SUMS) for line in lines):
        return
    if stated_tax_minor is not None:
        _spread(lines, "tax_minor", stated_tax_minor)
    _complete_totals(order, lines)
    _complete_adjustments(order, lines)


def _complete_line(line: dict[str, Any]) -> None:
    gross = line.setdefault("gross_minor", gross_minor(line["quantity_milli"], line["unit_price_minor"]))
    if "net_minor" in line:
        line.setdefault("discount_minor", gross - line["net_minor"])
    else:
        line["net_minor"] = gross - line.setdefault("discount_minor", 0)


def _spread(lines: list[dict[str, Any]], field: str, stated_minor: int) -> None:
    """Channels round each line, or the sum: a difference of at most one for each line goes to the largest."""
    lacking = stated_minor - sum(line[field] for line in lines)
    largest = max(lines, key=lambda line: line[field])
    if abs(lacking) <= len(lines) and largest[field] + lacking >= 0:
        largest[field] += lacking


def _complete_totals(order: dict[str, Any], lines: list[dict[str, Any]]) -> None:
    totals = order.setdefault("totals", {})
    for field in _LINE_SUMS:
        totals.setdefault(field, sum(line[field] for line in lines))
    shipping = totals.setdefault("shipping_minor", 0)
    if _is_integer(totals, *_LINE_SUMS, "shipping_minor"):
        tax = 0 if order.get("prices_include_tax") else totals["tax_minor"]
        totals.setdefault("grand_total_minor", totals["net_minor"] + shipping + tax)


def _complete_adjustments(order: dict[str, Any], lines: list[dict[str, Any]]) -> None:
    """A unit price that was rounded up makes a discount that no promotion of the channel explains."""
    adjustments = order.get("adjustments", [])
    if not adjustments or not all(_is_integer(each, "amount_minor") for each in adjustments):
        return
    unexplained = sum(line["discount_minor"] for line in lines) + sum(each["amount_minor"] for each in adjustments)
    most = sum(-(-line["quantity_milli"] // 1000) for line in lines)
    if 0 < unexplained <= most:
        adjustments.append({"adjustment_id": "unit-price-rounding", "kind": "manual", "amount_minor": -unexplained})


def _is_integer(holder: dict[str, Any], *names: str) -> bool:
    return all(isinstance(holder.get(name), int) for name in names)
