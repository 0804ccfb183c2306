"""Whether the goods may be sold at all, to this buyer, to that place."""

from collections.abc import Iterator

from edge_core.checks.question import Question, Said, doubt
from edge_core.errors import Rejected
from edge_core.orders.document import Address


def look_at_items(q: Question) -> Iterator[Said]:
    """An item that is no longer listed is refused, and what replaces it is named. One that is not in the catalogue is
    sold, and said."""
    if not q.reference.has("catalogue"):
        return
    for index, line in enumerate(q.posted.lines):
        item = q.reference.item(line.sku)
        if item is None:
            yield q.found("item", f"{line.sku} is not in the catalogue", "catalogue")
        elif not item.is_listed and not q.is_stale("catalogue"):
            instead = f"; {item.replaced_by} is sold instead" if item.replaced_by else ""
            yield Rejected("item-not-sold", f"{line.sku} is not sold any more{instead}", f"/lines/{index}/sku")


def look_at_compliance(q: Question) -> Iterator[Said]:
    """The buyer's age has to be confirmed, the place must not be one where the goods may not go, and the buyer needs
    the licence. The till is asked back: it confirms, and posts again. An address that leaves the place open is held."""
    confirmed = q.confirmations
    account = q.account
    licenses = {*confirmed.licenses, *(account.licenses if account is not None else ())}
    for index, line in enumerate(q.posted.lines):
        law = q.reference.compliance(line.sku)
        if law is None:
            continue
        pointer = f"/lines/{index}/sku"
        if (confirmed.age_years or 0) < law.age_years_min:
            detail = (
                f"{line.sku} is sold from {law.age_years_min} years on: confirm the age in /confirmations/age_years"
            )
            yield Rejected("age-unconfirmed", detail, pointer)
        sent = q.posted.fulfillment.method == "ship"
        denied = place_denied(q.posted.fulfillment.ship_to, law.places_denied) if sent else None
        if denied is not None:
            yield Rejected("place-denied", f"{line.sku} may not go to {denied}", "/fulfillment/ship_to")
        elif sent and (vague := place_unknown(q.posted.fulfillment.ship_to, law.places_denied)) is not None:
            finding = q.found("compliance", f"{line.sku} may not go everywhere, and {vague}", "compliance")
            yield doubt(finding, "store", "approve", "ask where it goes, and look whether it may")
        if law.license is not None and law.license not in licenses:
            yield Rejected("license-missing", f"{line.sku} needs the licence {law.license!r}", pointer)


def place_unknown(address: Address | None, places: tuple[str, ...]) -> str | None:
    """What an address does not say that is to be known before goods are sent that may not go to some places."""
    if address is None:
        return "the order has no address" if places else None
    parts = f"{address.country}-"
    if not any(place.startswith(parts) for place in places) or (address.region or "").startswith(parts):
        return None
    return f"the address names no region of {address.country}"


def place_denied(address: Address | None, places: tuple[str, ...]) -> str | None:
    """The country or region of the address that is among `places`."""
    if address is None or not places:
        return None
    return next((place for place in (address.country, address.region) if place in places), None)
