"""Whether the till's prices are those of the price book, or were a moment ago."""

from collections.abc import Iterator

from edge_core.checks.question import TILL_WAS_AWAY, Question, Said, doubt
from edge_core.errors import Rejected
from edge_core.orders.document import Line
from edge_core.reference.documents import PPM, Offer
from edge_core.reference.lookup import good_at

_BOOK = "prices"


def look_at_prices(q: Question) -> Iterator[Said]:
    """A price within the tolerance of the book passes, and one that was good until lately. One that ended longer ago
    is refused; any other is held for somebody at the store. A book that is old refuses nothing."""
    if not q.reference.has(_BOOK):
        if not q.rules.till_price_allowed:
            finding = q.found("price", "no price book was ever received, and the till's prices are not enough", _BOOK)
            yield doubt(finding, "store", "approve", "compare the prices with the shelf, and approve what is right")
        return
    tier = q.tier
    for index, line in enumerate(q.posted.lines):
        offers = q.reference.offers(line.sku, q.posted.currency, tier)
        good = good_at(offers, q.placed_ms)
        if good is None or not _is_near(q, line.unit_price_minor, good):
            yield from _look_closer(q, index, line, offers, good)
        elif q.came_late:
            yield from _look_at_now(q, line, offers)


def _look_closer(q: Question, index: int, line: Line, offers: list[Offer], good: Offer | None) -> Iterator[Said]:
    """A line whose price is not the one of the book: `good` is the offer that holds now, if any does."""
    if not offers:
        finding = q.found("price", f"{line.sku} has no price in {q.posted.currency} in the book", _BOOK)
        if q.rules.till_price_allowed:
            yield finding
        else:
            yield doubt(finding, "store", "approve", "compare the price with the shelf, and approve it if it is right")
        return
    ends = [_end_of(offer, offers) for offer in offers if _was_near(q, line.unit_price_minor, offer)]
    ended_ms = max((end for end in ends if end is not None and end <= q.placed_ms), default=None)
    if ended_ms is not None and q.placed_ms - ended_ms <= q.rules.price_grace_ms:
        yield q.found("price", f"{line.sku} was sold at a price that ended {q.placed_ms - ended_ms} ms before", _BOOK)
        if q.came_late:
            yield from _look_at_now(q, line, offers)
        return
    told = f"{line.sku} costs {_cost(good)} by the book, the till took {line.unit_price_minor}"
    if ended_ms is not None and not q.is_stale(_BOOK):
        detail = f"{told}: that price ended {q.placed_ms - ended_ms} ms before"
        yield Rejected("price-outdated", detail, f"/lines/{index}/unit_price_minor")
    elif q.is_stale(_BOOK):
        because = "the price book is old, and the till may know a newer price"
        yield doubt(q.found("price", told, _BOOK), "store", "approve", because)
    else:
        because = "the price is outside the tolerance of a price book that is up to date"
        yield doubt(q.found("price", told, _BOOK), "store", "refuse", because)


def _look_at_now(q: Question, line: Line, offers: list[Offer]) -> Iterator[Said]:
    """A price that was good when the till says that it sold, long ago, and is not good any more."""
    now = good_at(offers, q.now_ms)
    if now is None or not _is_near(q, line.unit_price_minor, now):
        told = f"{line.sku} costs {_cost(now)} by the book now; the till placed the order {q.apart_ms} ms from now"
        yield doubt(q.found("price", told, _BOOK), "store", "approve", TILL_WAS_AWAY)


def _cost(offer: Offer | None) -> str:
    return "nothing" if offer is None else str(offer.unit_price_minor)


def _is_near(q: Question, given_minor: int, offer: Offer) -> bool:
    share_minor = offer.unit_price_minor * q.rules.price_tolerance_ppm // PPM
    return abs(given_minor - offer.unit_price_minor) <= max(share_minor, q.rules.price_tolerance_minor)


def _was_near(q: Question, given_minor: int, offer: Offer) -> bool:
    return offer.from_ms <= q.placed_ms and _is_near(q, given_minor, offer)


def _end_of(offer: Offer, offers: list[Offer]) -> int | None:
    """When an offer ends: at its own end, or when the next one for the same tier begins; None where it does not."""
    later = [o.from_ms for o in offers if o.tier == offer.tier and o.from_ms > offer.from_ms]
    ends = [*later, *([offer.until_ms] if offer.until_ms is not None else [])]
    return min(ends, default=None)
