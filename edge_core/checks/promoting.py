"""Whether the discounts that name a promotion or a coupon are those that it gives."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from edge_core.checks.known import coupons_of
from edge_core.checks.question import TILL_WAS_AWAY, Question, Said, doubt
from edge_core.errors import Rejected
from edge_core.orders.document import Adjustment, Line
from edge_core.reference.documents import PPM, Promotion

_SET = "promotions"
_MILLI = 1_000


class Taken(Struct, frozen=True):
    """A promotion that an adjustment of the order names, and where the adjustment stands."""

    promotion: Promotion
    adjustment: Adjustment
    pointer: str


def look_at_promotions(q: Question) -> Iterator[Said]:
    """A promotion has to exist, be on, be for these goods, give as much as is taken, and stand beside the others; a
    coupon counts once in an order, and once ever where it is for one use. What is unknown to old data is held."""
    if not q.reference.has(_SET):
        return
    twice = [code for code, times in Counter(coupons_of(q.posted)).items() if times > 1]
    if twice:
        yield Rejected("coupon-used", f"coupon {twice[0]!r} is taken twice in this order", "/adjustments")
    named: dict[str, list[Taken]] = {}
    for index, adjustment in enumerate(q.posted.adjustments):
        if adjustment.kind not in {"promotion", "coupon"}:
            continue
        pointer = f"/adjustments/{index}"
        promotion = _promotion_of(q, adjustment)
        if promotion is None:
            yield _unknown(q, adjustment, pointer)
            continue
        yield from _look_at_one(q, adjustment, promotion, pointer)
        named.setdefault(promotion.promotion_id, []).append(Taken(promotion, adjustment, pointer))
    for several in named.values():
        yield from _look_at_worth(q, several)
    yield from _look_at_stacking(q, named)


def _look_at_one(q: Question, adjustment: Adjustment, promotion: Promotion, pointer: str) -> Iterator[Said]:
    name = repr(adjustment.code)
    if not _is_on(promotion, q.placed_ms):
        yield Rejected("promotion-invalid", f"{name} is not on at the time of the order", f"{pointer}/code")
    if q.came_late and not _is_on(promotion, q.now_ms):
        told = f"{name} was on when the till says that the order was placed, {q.apart_ms} ms from now"
        yield doubt(q.found("promotion", told, _SET), "store", "approve", TILL_WAS_AWAY)
    if promotion.single_use and adjustment.code is not None and q.known.is_used(adjustment.code):
        yield Rejected("coupon-used", f"coupon {name} was taken before", f"{pointer}/code")
    foreign = [line.sku for line in _lines_of(q, adjustment) if promotion.skus and line.sku not in promotion.skus]
    if foreign and adjustment.lines:
        yield Rejected("promotion-invalid", f"{name} is not for {foreign[0]}", f"{pointer}/lines")
    if q.posted.totals.gross_minor < promotion.spend_minor_min:
        detail = f"{name} is for orders from {promotion.spend_minor_min} on, this one has {q.posted.totals.gross_minor}"
        yield Rejected("promotion-invalid", detail, pointer)


def _look_at_worth(q: Question, several: Sequence[Taken]) -> Iterator[Said]:
    """A promotion gives once for each of its goods, into however many adjustments a till divides it."""
    promotion, last = several[0].promotion, several[-1]
    lines = {line.line_id: line for taken in several for line in _lines_of(q, taken.adjustment)}
    own = [line for line in lines.values() if not promotion.skus or line.sku in promotion.skus]
    most_minor = worth_minor(promotion, own)
    taken_minor = -sum(taken.adjustment.amount_minor for taken in several)
    if taken_minor > most_minor:
        detail = f"{last.adjustment.code!r} gives {most_minor} at most, {taken_minor} were taken off"
        yield Rejected("discount-too-large", detail, f"{last.pointer}/amount_minor")


def _look_at_stacking(q: Question, named: Mapping[str, Sequence[Taken]]) -> Iterator[Said]:
    covered: dict[str, dict[str, Promotion]] = {}
    for promotion_id, several in named.items():
        for taken in several:
            for line in _lines_of(q, taken.adjustment):
                covered.setdefault(line.line_id, {})[promotion_id] = taken.promotion
    for line_id, promotions in covered.items():
        alone = [promotion for promotion in promotions.values() if promotion.stacking == "exclusive"]
        if alone and len(promotions) > 1:
            told = f"{alone[0].promotion_id!r} stands alone on its goods; line {line_id!r} has {len(promotions)}"
            yield Rejected("promotion-stacking", f"{told} discounts", "/adjustments")


def worth_minor(promotion: Promotion, lines: list[Line]) -> int:
    """The most that a promotion gives for these lines: by the tier that their quantity reaches, each part rounded up.

    Tills round in several ways; none of them comes to more.
    """
    quantity_milli = sum(line.quantity_milli for line in lines)
    reached = [tier for tier in promotion.tiers if tier.from_quantity_milli <= quantity_milli]
    if not reached:
        return 0
    tier = reached[-1]
    shares = sum(-(-line.gross_minor * tier.off_ppm // PPM) for line in lines)
    units = sum(-(-tier.off_unit_minor * line.quantity_milli // _MILLI) for line in lines)
    return min(shares + units, sum(line.gross_minor for line in lines))


def _promotion_of(q: Question, adjustment: Adjustment) -> Promotion | None:
    if adjustment.code is None:
        return None
    if adjustment.kind == "coupon":
        return q.reference.coupon(adjustment.code)
    found = q.reference.promotion(adjustment.code)
    return found if found is not None and found.coupon is None else None


def _is_on(promotion: Promotion, at_ms: int) -> bool:
    return promotion.from_ms <= at_ms and (promotion.until_ms is None or at_ms < promotion.until_ms)


def _unknown(q: Question, adjustment: Adjustment, pointer: str) -> Said:
    told = f"there is no {adjustment.kind} {adjustment.code!r}"
    if not q.is_stale(_SET):
        return Rejected("promotion-invalid", told, f"{pointer}/code")
    because = "the promotions held here are old: look at the leaflet, and approve what it promises"
    return doubt(q.found("promotion", told, _SET), "store", "approve", because)


def _lines_of(q: Question, adjustment: Adjustment) -> list[Line]:
    """The lines that an adjustment names; without any it is for all of the order."""
    return [line for line in q.posted.lines if not adjustment.lines or line.line_id in adjustment.lines]


def look_at_discounts(q: Question) -> Iterator[Said]:
    """What is taken off by hand, or for no reason that is named, is held from a share of the order on. A promotion or a
    coupon is judged by itself."""
    most_ppm = q.rules.hand_discount_ppm_max
    if most_ppm is None:
        return
    promoted_minor = -sum(a.amount_minor for a in q.posted.adjustments if a.kind in {"promotion", "coupon"})
    by_hand_minor = q.posted.totals.discount_minor - promoted_minor
    if by_hand_minor * PPM > q.posted.totals.gross_minor * most_ppm:
        told = f"{by_hand_minor} of {q.posted.totals.gross_minor} were taken off by hand"
        because = "a discount that nothing but a hand gives is for somebody else to look at"
        yield doubt(q.found("discount", told), "store", "refuse", because)
