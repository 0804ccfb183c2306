"""What a decision looks up: the rows that one batch of orders needs, and how old each dataset is.

The shell reads the rows of `needs_of` before it decides; a decision asks this and nothing else, so that it can be
repeated from what it was given (promise G12).
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct

from edge_core.orders.document import Address, Order, TillOrder
from edge_core.policy.documents import Signal
from edge_core.reference.documents import Account, Compliance, Item, Offer, Price, Promotion, Rules
from edge_core.routing.network import NO_NETWORK, Network, area_of

_NONE: Final[Mapping[str, Any]] = MappingProxyType({})


class Edition(Struct, frozen=True, array_like=True, gc=False):
    """A dataset as it was received: its version, and when the centre made it (Unix ms), which gives its age.

    `used_since_ms` is when this store put it into use, by its own clock, where that is known.
    """

    dataset: str
    version: int
    made_at_ms: int
    used_since_ms: int | None = None

    @property
    def known_until_ms(self) -> int:
        """What happened here before this moment of the store's clock may be in the data; all that came later is not.

        A store whose clock is behind the centre's uses an edition, by its own clock, before it was made.
        """
        return self.made_at_ms if self.used_since_ms is None else min(self.made_at_ms, self.used_since_ms)


class Needs(Struct, frozen=True):
    """The keys whose rows a decision wants: of catalogue, compliance and prices, and of customers.

    `areas` are where goods are sent (ISO 3166): only for these the network is read.
    """

    skus: frozenset[str] = frozenset()
    customers: frozenset[str] = frozenset()
    areas: frozenset[str] = frozenset()


class Reference(Struct, frozen=True):
    """The rows that were found for some needs, all promotions, the rules, and the edition of every dataset held.

    A dataset without an edition was never received: that is not the same as a row that is not in it.
    """

    editions: Mapping[str, Edition]
    items: Mapping[str, Item] = _NONE
    compliances: Mapping[str, Compliance] = _NONE
    prices: Mapping[str, Price] = _NONE
    promotions: tuple[Promotion, ...] = ()
    accounts: Mapping[str, Account] = _NONE
    rules: Rules = Rules()
    signals: tuple[Signal, ...] = ()
    network: Network = NO_NETWORK

    def item(self, sku: str) -> Item | None:
        """The item of the catalogue."""
        return self.items.get(sku)

    def compliance(self, sku: str) -> Compliance | None:
        """What the law asks for an item; None where it asks nothing."""
        return self.compliances.get(sku)

    def offers(self, sku: str, currency: str, tier: str | None) -> list[Offer]:
        """Every offer of an item that was, is or will be good for customers of the tier, tiered ones included."""
        page = self.prices.get(sku)
        if page is None:
            return []
        return [o for o in page.offers if o.currency == currency and (o.tier is None or o.tier == tier)]

    def coupon(self, code: str) -> Promotion | None:
        """The promotion that a coupon's code stands for."""
        return next((promotion for promotion in self.promotions if promotion.coupon == code), None)

    def promotion(self, promotion_id: str) -> Promotion | None:
        """A promotion by its id."""
        return next((promotion for promotion in self.promotions if promotion.promotion_id == promotion_id), None)

    def account(self, customer_ref: str) -> Account | None:
        """What is known of a customer."""
        return self.accounts.get(customer_ref)

    def has(self, dataset: str) -> bool:
        """Whether the dataset was ever received."""
        return dataset in self.editions

    def age_ms(self, dataset: str, now_ms: int) -> int | None:
        """How old a dataset is, by the centre's clock and this one; None for one that was never received."""
        edition = self.editions.get(dataset)
        return None if edition is None else max(0, now_ms - edition.made_at_ms)


NOTHING: Final = Reference(_NONE)
"""What a store looks up in that never received anything: built-in rules, and no rows."""


def needs_of(orders: Iterable[TillOrder], changed: Iterable[Order] = (), addresses: Iterable[Address] = ()) -> Needs:
    """The keys that decisions on these orders, and changes of those that are there, will ask for.

    `addresses` are where these may be sent otherwise than before.
    """
    skus: set[str] = set()
    customers: set[str] = set()
    areas = {area_of(address) for address in addresses}
    for order in orders:
        if order.fulfillment.method == "ship":
            areas.add(area_of(order.fulfillment.ship_to))
        skus.update(line.sku for line in order.lines)
        if order.customer is not None:
            customers.add(order.customer.ref)
    for placed in changed:
        skus.update(line.sku for line in placed.lines)
        if placed.customer_ref is not None:
            customers.add(placed.customer_ref)
    return Needs(frozenset(skus), frozenset(customers), frozenset(areas))


def good_at(offers: Iterable[Offer], at_ms: int) -> Offer | None:
    """The offer that is good at a moment: one for a tier before one for all, a later one before an earlier."""
    best: Offer | None = None
    for offer in offers:  # for each line of each order: a loop costs half of what `max` with a key does
        if offer.from_ms > at_ms or (offer.until_ms is not None and at_ms >= offer.until_ms):
            continue
        if best is None or (offer.tier is not None, offer.from_ms) > (best.tier is not None, best.from_ms):
            best = offer
    return best
