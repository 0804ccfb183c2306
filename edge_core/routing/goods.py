"""What is to be sent: each line with its item and its supplier, as needs of a question and as facts of a policy."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final, NamedTuple

from edge_core.limits import MONEY_MINOR_MAX, PARCEL_WEIGHT_G_MAX
from edge_core.orders.document import Trait
from edge_core.reference.documents import Item
from edge_core.reference.lookup import Reference
from edge_core.reference.network_documents import Supplier
from edge_core.routing.facts import Facts
from edge_core.routing.question import Need
from edge_core.routing.wishes import Left, Wish

_PPM: Final = 1_000_000
_HOUR_MS: Final = 3_600_000
_UNIT_MILLI: Final = 1_000

UNIT_WEIGHT_G: Final = 500
"""What a piece weighs of which nobody has said it: a book, a bottle of half a litre."""
_MEASURED_G: Final[Mapping[str, int]] = MappingProxyType({"KGM": 1_000, "GRM": 1, "TNE": 1_000_000, "LTR": 1_000})
"""What a unit of measure weighs by its name (UN/ECE Recommendation 20); a litre is taken for one of water."""


class Goods(NamedTuple):
    """A line that is still to be met, with what the catalogue and the supplier say of it, where they do."""

    left: Left
    item: Item | None
    supplier: Supplier | None

    @property
    def weight_g(self) -> int:
        """Of what is left: by the line, else the item, else the unit of measure, else a stated guess. Rounded up."""
        line, milli = self.left.line, self.left.quantity_milli
        if line.weight_grams is not None:
            weight_g = -(-line.weight_grams * milli // line.quantity_milli)
        elif self.item is not None and self.item.weight_grams is not None:
            weight_g = -(-self.item.weight_grams * milli // _UNIT_MILLI)
        else:
            weight_g = -(-_MEASURED_G.get(line.unit, UNIT_WEIGHT_G) * milli // _UNIT_MILLI)
        return min(weight_g, PARCEL_WEIGHT_G_MAX)

    @property
    def traits(self) -> tuple[Trait, ...]:
        """What the line says and what the catalogue says: each is a reason to be careful."""
        of_item = () if self.item is None else self.item.traits
        return tuple(dict.fromkeys((*self.left.line.traits, *of_item)))

    @property
    def fresh_for_ms(self) -> int:
        """How long it must keep after it arrives."""
        return 0 if self.item is None else self.item.fresh_for_ms

    @property
    def net_minor(self) -> int:
        """What the customer pays for what is left."""
        return self.left.line.net_minor * self.left.quantity_milli // self.left.line.quantity_milli

    def cost_milli(self, currency: str) -> int | None:
        """What it costs the operator, in thousandths of the minor unit; None where nobody said it in the currency."""
        if self.item is None or self.item.cost_minor is None or self.item.cost_currency != currency:
            return None
        return self.item.cost_minor * self.left.quantity_milli

    def need(self) -> Need:
        """The line as a question asks it."""
        line = self.left.line
        kinds = () if self.supplier is None else self.supplier.kinds
        return Need(
            line.line_id,
            line.sku,
            self.left.quantity_milli,
            self.weight_g,
            self.traits,
            self.fresh_for_ms,
            kinds,
        )


def goods_of(wish: Wish, reference: Reference) -> tuple[Goods, ...]:
    """The lines of a wish with what is known of them."""
    several = []
    for left in wish.left:
        item = reference.item(left.line.sku)
        named = None if item is None else item.supplier_id
        several.append(Goods(left, item, None if named is None else reference.network.suppliers.get(named)))
    return tuple(several)


def facts_of(wish: Wish, goods: Sequence[Goods], here: datetime, promise_ms: int) -> Facts:
    """What a policy may look at. `here` is the moment on the clocks of the place that asks, `promise_ms` how far off
    the promise is."""
    address = wish.ship_to
    return Facts(
        channel=wish.channel,
        method=wish.method,
        tier=wish.tier or "",
        preference=wish.preference or "",
        country="" if address is None else address.country,
        region="" if address is None or address.region is None else address.region,
        currency=wish.currency,
        value_minor=min(MONEY_MINOR_MAX, sum(each.net_minor for each in goods)),
        margin_ppm=_margin_ppm(wish, goods),
        weight_g=sum(each.weight_g for each in goods),
        lines=len(goods),
        units_milli=sum(each.left.quantity_milli for each in goods),
        hour=here.hour,
        weekday=here.isoweekday(),
        promise_hours=max(0, promise_ms) // _HOUR_MS,
        attempts=wish.attempts,
        is_offline=wish.is_offline,
        wants_install="install" in wish.extras,
        wants_take_back="take_back" in wish.extras,
        **_counts(goods),
    )


def _counts(goods: Sequence[Goods]) -> dict[str, int]:
    """The lines and units of each trait."""
    counts: dict[str, int] = {}
    for each in goods:
        for trait in each.traits:
            counts[f"{trait}_lines"] = counts.get(f"{trait}_lines", 0) + 1
            counts[f"{trait}_units_milli"] = counts.get(f"{trait}_units_milli", 0) + each.left.quantity_milli
    return counts


def _margin_ppm(wish: Wish, goods: Sequence[Goods]) -> int | None:
    """What is left of the net price, tax apart, after what the goods cost; None where one of the costs is not known."""
    net_milli = cost_milli = 0
    for each in goods:
        cost = each.cost_milli(wish.currency)
        if cost is None:
            return None
        line, milli = each.left.line, each.left.quantity_milli
        tax_minor = line.tax_minor if wish.prices_include_tax else 0
        net_milli += (line.net_minor - tax_minor) * 1_000 * milli // line.quantity_milli
        cost_milli += cost
    return (net_milli - cost_milli) * _PPM // net_milli if net_milli > 0 else None
