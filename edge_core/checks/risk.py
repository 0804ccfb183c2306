"""Whether an order looks like a mistake or like fraud."""

from collections.abc import Iterator

from edge_core.checks.question import Question, Said, doubt
from edge_core.errors import Rejected
from edge_core.reference.documents import Rules

_PERCENT = 100


def look_for_duplicate(q: Question) -> Iterator[Said]:
    """The same till, customer and basket, placed within moments, under another key: the till is asked whether a second
    one is meant. It posts again with a new key and `/confirmations/duplicate`, or leaves it."""
    window_ms = q.rules.duplicate_window_ms
    if not window_ms or q.confirmations.duplicate or q.posted.order_type == "exchange":
        return  # what is exchanged comes back once, so that its order cannot be had twice
    earlier = q.known.earlier(q.known.mark_of(q.posted), q.placed_ms, window_ms)
    if earlier is not None:
        apart_ms = abs(q.placed_ms - earlier.placed_ms)
        detail = f"order {earlier.order_id} of this till has the same goods, {apart_ms} ms apart: confirm a second one"
        yield Rejected("duplicate-suspected", detail, "/confirmations/duplicate")


def look_at_day_amount(q: Question) -> Iterator[Said]:
    """A customer who buys so much more than on an ordinary day is held for the back office: 300% up is four times."""
    account = q.account
    if account is None or not account.day_amount_minor:
        return
    before_minor = q.known.use(account.customer_ref, q.business_date).day_minor
    today_minor = before_minor + q.posted.totals.grand_total_minor
    most_minor = account.day_amount_minor * (_PERCENT + q.rules.day_amount_up_percent) // _PERCENT
    if today_minor > most_minor:
        told = f"{today_minor} today, an ordinary day of this customer has {account.day_amount_minor}"
        because = "ask the customer whether they know of it; until then nothing leaves"
        yield doubt(q.found("day-amount", told, "customers"), "back_office", "refuse", because)


def look_at_velocity(q: Question) -> Iterator[Said]:
    """More orders of one customer in a short time than people place are held for the back office."""
    customer, most = q.posted.customer, q.rules.velocity_orders_max
    if customer is None or most is None:
        return
    orders = q.known.use(customer.ref, q.business_date).orders + 1
    if orders > most:
        told = f"{orders} orders of {customer.ref!r} within {q.rules.velocity_window_ms} ms, {most} are usual at most"
        because = "so many in so short a time are placed by a program, or by mistake"
        yield doubt(q.found("velocity", told), "back_office", "refuse", because)


def look_at_insurance(q: Question) -> Iterator[Said]:
    """What is worth so much and is to be sent has to be insured: otherwise it may not ship."""
    if q.posted.fulfillment.method == "ship":
        worth_minor = sum(line.net_minor for line in q.posted.lines if "insured" not in line.traits)
        refused = uninsured(q.rules, worth_minor, "/lines")
        if refused is not None:
            yield refused


def uninsured(rules: Rules, worth_minor: int, pointer: str) -> Rejected | None:
    """Why goods of which so much is not insured may not be sent; None where they may."""
    from_minor = rules.insured_from_minor
    if from_minor is None or worth_minor < from_minor:
        return None
    detail = f"{worth_minor} of the goods are not insured; from {from_minor} on they may not be sent"
    return Rejected("insurance-missing", detail, pointer)
