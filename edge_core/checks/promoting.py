"""Whether the discounts that name a promotion or a coupon are those that it gives."""

from collections import Counter
from collections.abc import Iterator

from edge_core.checks.known import coupons_of
from edge_core.checks.question import Question, Said, doubt
from edge_core.errors import Rejected
from edge_core.orders.document import Adjustment, Line
from edge_core.reference.documents import PPM, Promotion

_SET = "promotions"


def look_at_promotions(q: Question) -> Iterator[Said]:
    """A promotion has to exist, be on, be for these goods, give as much as is taken, and stand beside the others; a
    coupon counts once in an order, and once ever where it is for one use. What is unknown to old data is held."""
    if not q.reference.has(_SET):
        return
    twice = [code for code, times in Counter(coupons_of(q.posted)).items() if times > 1]
    if twice:
        yield Rejected("coupon-used", f"coupon {twice[0]!r} is taken twice in this order", "/adjustments")
    covered: dict[str, list[Promotion]] = {}
    for index, adjustment in enumerate(q.posted.adjustments):
        if adjustment.kind not in {"promotion", "coupon"}:
            continue
        pointer = f"/adjustments/{index}"
        promotion = _promotion_of(q, adjustment)
        if promotion is None:
            yield _unknown(q, adjustment, pointer)
            continue
        yield from _look_at_one(q, adjustment, promotion, pointer)
        for line in _lines_of(q, adjustment):
            covered.setdefault(line.line_id, []).append(promotion)
    for line_id, several in covered.items():
        alone = [promotion for promotion in several if promotion.stacking == "exclusive"]
        if alone and len(several) > 1:
            detail = (
                f"{alone[0].promotion_id!r} stands alone on its goods; line {line_id!r} has {len(several)} discounts"
            )
            yield Rejected("promotion-stacking", detail, "/adjustments")


def _look_at_one(q: Question, adjustment: Adjustment, promotion: Promotion, pointer: str) -> Iterator[Said]:
    name = repr(adjustment.code)
    if not promotion.from_ms <= q.placed_ms < (promotion.until_ms if promotion.until_ms is not None else 2**62):
        yield Rejected("promotion-invalid", f"{name} is not on at the time of the order", f"{pointer}/code")
    if promotion.single_use and adjustment.code is not None and q.known.is_used(adjustment.code):
        yield Rejected("coupon-used", f"coupon {name} was taken before", f"{pointer}/code")
    lines = _lines_of(q, adjustment)
    foreign = [line.sku for line in lines if promotion.skus and line.sku not in promotion.skus]
    if foreign and adjustment.lines:
        yield Rejected("promotion-invalid", f"{name} is not for {foreign[0]}", f"{pointer}/lines")
    if q.posted.totals.gross_minor < promotion.spend_minor_min:
        detail = f"{name} is for orders from {promotion.spend_minor_min} on, this one has {q.posted.totals.gross_minor}"
        yield Rejected("promotion-invalid", detail, pointer)
    most_minor = worth_minor(promotion, [line for line in lines if line.sku not in foreign])
    if -adjustment.amount_minor > most_minor:
        detail = f"{name} gives {most_minor} at most, {-adjustment.amount_minor} were taken off"
        yield Rejected("discount-too-large", detail, f"{pointer}/amount_minor")


def worth_minor(promotion: Promotion, lines: list[Line]) -> int:
    """The most that a promotion gives for these lines: by the tier that their quantity reaches, each line rounded up.

    Tills round in several ways; none of them comes to more.
    """
    quantity_milli = sum(line.quantity_milli for line in lines)
    reached = [tier for tier in promotion.tiers if tier.from_quantity_milli <= quantity_milli]
    if not reached:
        return 0
    tier = reached[-1]
    shares = sum(-(-line.gross_minor * tier.off_ppm // PPM) for line in lines)
    units = sum(tier.off_unit_minor * line.quantity_milli // 1_000 for line in lines)
    return min(shares + units, sum(line.gross_minor for line in lines))


def _promotion_of(q: Question, adjustment: Adjustment) -> Promotion | None:
    if adjustment.code is None:
        return None
    if adjustment.kind == "coupon":
        return q.reference.coupon(adjustment.code)
    found = q.reference.promotion(adjustment.code)
    return found if found is not None and found.coupon is None else None


def _unknown(q: Question, adjustment: Adjustment, pointer: str) -> Said:
    told = f"there is no {adjustment.kind} {adjustment.code!r}"
    if not q.is_stale(_SET):
        return Rejected("promotion-invalid", told, f"{pointer}/code")
    because = "the promotions held here are old: look at the leaflet, and approve what it promises"
    return doubt(q.found("promotion", told, _SET), "store", "approve", because)


def _lines_of(q: Question, adjustment: Adjustment) -> list[Line]:
    """The lines that an adjustment names; without any it is for all of the order."""
    return [line for line in q.posted.lines if not adjustment.lines or line.line_id in adjustment.lines]
