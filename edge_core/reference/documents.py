"""The documents of the reference data: what the centre says about goods, prices, promotions, customers and rules.

Each is one row of a dataset, with a key of its own, and replaces the row with the same key as a whole. They are arrays
in files and on the wire and objects in JSON (`edge_core.shapes`): a field may be added at the end, with a default.
Money is integer minor units, quantities are integer thousandths, moments are Unix time in milliseconds.
"""

from typing import Annotated, Literal

from msgspec import Meta

from edge_core.limits import (
    ADDRESS_EDITS_MAX_DEFAULT,
    ADDRESS_EDITS_WINDOW_MS_MAX,
    COMPLIANCE_AGE_YEARS_MAX,
    COMPLIANCE_REGIONS_MAX,
    DUPLICATE_WINDOW_MS_DEFAULT,
    DUPLICATE_WINDOW_MS_MAX,
    FRESH_FOR_MS_MAX,
    HOLD_LEVELS_MAX,
    IDENTIFIER_CHARS_MAX,
    LICENSES_MAX,
    OFFERS_PER_SKU_MAX,
    PROMOTION_SKUS_MAX,
    PROMOTION_TIERS_MAX,
    RULE_BARS_MAX,
    RULE_COUNT_MAX,
    RULE_PERCENT_MAX,
    TRAITS_MAX,
)
from edge_core.orders.document import Amount, Currency, Identifier, Part, Quantity, Text, Trait, Unit
from edge_core.orders.judgment import Owner
from edge_core.policy.documents import Policy, Release, Signal
from edge_core.routing.question import Mode
from edge_core.shapes import Written

PPM = 1_000_000
"""A whole, in parts per million."""

Moment = Annotated[int, Meta(ge=0, le=2**53, description="Unix time in milliseconds")]
Span = Annotated[int, Meta(ge=0, le=2**53, description="milliseconds")]
Share = Annotated[int, Meta(ge=0, le=PPM, description="parts per million")]
Place = Annotated[
    str,
    Meta(min_length=2, max_length=6, description="ISO 3166-1 alpha-2 or ISO 3166-2"),
    Written(r"^[A-Z]{2}(?:-[A-Z0-9]{1,3})?$(?!\n)"),
]
Licenses = Annotated[tuple[Identifier, ...], Meta(max_length=LICENSES_MAX)]


class Item(Part, frozen=True):
    """An item of the catalogue. `replaced_by` names what is sold instead of one that is no longer listed.

    For routing: what one unit weighs and costs (for the margin), how long it must keep once a customer has it, and
    whose rules it comes under.
    """

    sku: Identifier
    description: Text
    unit: Unit
    traits: Annotated[tuple[Trait, ...], Meta(max_length=TRAITS_MAX)] = ()
    is_listed: bool = True
    replaced_by: Identifier | None = None
    weight_grams: Quantity | None = None
    fresh_for_ms: Annotated[int, Meta(ge=0, le=FRESH_FOR_MS_MAX)] = 0
    cost_minor: Amount | None = None
    cost_currency: Currency | None = None
    supplier_id: Identifier | None = None


class Compliance(Part, frozen=True):
    """What the law asks before an item may be sold: the buyer's age, where it may go, and a licence of the buyer."""

    sku: Identifier
    age_years_min: Annotated[int, Meta(ge=0, le=COMPLIANCE_AGE_YEARS_MAX)] = 0
    places_denied: Annotated[tuple[Place, ...], Meta(max_length=COMPLIANCE_REGIONS_MAX)] = ()
    license: Identifier | None = None


class Offer(Part, frozen=True):
    """A price of one unit, from a moment, until another or the next one; for one tier of customers, or for all.

    Offers that have ended stay in the book for as long as a till may still use them.
    """

    currency: Currency
    unit_price_minor: Amount
    from_ms: Moment = 0
    until_ms: Moment | None = None
    tier: Identifier | None = None


class Price(Part, frozen=True):
    """The page of the price book for one item: every offer of it."""

    sku: Identifier
    offers: Annotated[tuple[Offer, ...], Meta(max_length=OFFERS_PER_SKU_MAX)]


class VolumeTier(Part, frozen=True):
    """From so much of the goods on: so much off, as a share of the price and as an amount for each whole unit."""

    from_quantity_milli: Annotated[int, Meta(ge=0, le=10**12)]
    off_ppm: Share = 0
    off_unit_minor: Amount = 0


class Promotion(Part, frozen=True):
    """A reason for a discount: simple with one tier, by volume with several. Without `skus` it is for all goods.

    With `coupon` it is given to whoever shows that code, with `single_use` once. `exclusive` ones stand alone on their
    goods; the others add up. `tiers` are in rising order of their quantity.
    """

    promotion_id: Identifier
    tiers: Annotated[tuple[VolumeTier, ...], Meta(min_length=1, max_length=PROMOTION_TIERS_MAX)]
    skus: Annotated[tuple[Identifier, ...], Meta(max_length=PROMOTION_SKUS_MAX)] = ()
    from_ms: Moment = 0
    until_ms: Moment | None = None
    coupon: Identifier | None = None
    single_use: bool = False
    stacking: Literal["exclusive", "stackable"] = "stackable"
    spend_minor_min: Amount = 0


class Account(Part, frozen=True):
    """A customer: the tier of prices, what may be owed, and what the centre saw of the rest of the chain.

    `owed_minor` is what was owed everywhere when the data was made; what a store takes on account after that it adds
    itself. `day_amount_minor` is what an ordinary day comes to.
    None is no limit that is known, and no habit.
    """

    customer_ref: Identifier
    tier: Identifier | None = None
    currency: Currency | None = None
    credit_limit_minor: Amount | None = None
    owed_minor: Amount = 0
    day_amount_minor: Amount | None = None
    licenses: Licenses = ()
    is_blocked: bool = False


class Level(Part, frozen=True):
    """A rung of the ladder: who has to answer a hold, and within which time, before the next one has to."""

    owner: Owner
    within_ms: Span


class Barred(Part, frozen=True):
    """Goods of a trait may not go by a mode, or to a country or region; what is not named is any."""

    trait: Trait | None = None
    mode: Mode | None = None
    place: Place | None = None


class Rules(Part, frozen=True):
    """The thresholds of the checks; `rules_id` is their version, which every finding names.

    The defaults are what a store goes by that never received any: what its tills send is taken, but for what looks sent
    twice, and checks that could stop a customer on a guess are off (null). docs/checks.md says what each does.
    """

    rules_id: Annotated[str, Meta(min_length=1, max_length=IDENTIFIER_CHARS_MAX)] = "built-in-1"
    till_price_allowed: bool = True
    price_tolerance_ppm: Share = 10_000
    price_tolerance_minor: Amount = 1
    price_grace_ms: Span = 86_400_000
    stale_after_ms: Span = 3 * 86_400_000
    duplicate_window_ms: Annotated[int, Meta(ge=0, le=DUPLICATE_WINDOW_MS_MAX)] = DUPLICATE_WINDOW_MS_DEFAULT
    day_amount_up_percent: Annotated[int, Meta(ge=1, le=RULE_PERCENT_MAX)] = 300
    address_edits_max: Annotated[int, Meta(ge=1, le=RULE_COUNT_MAX)] | None = ADDRESS_EDITS_MAX_DEFAULT
    address_edits_window_ms: Annotated[int, Meta(ge=0, le=ADDRESS_EDITS_WINDOW_MS_MAX)] = 3_600_000
    insured_from_minor: Amount | None = None
    velocity_orders_max: Annotated[int, Meta(ge=1, le=RULE_COUNT_MAX)] | None = None
    velocity_window_ms: Span = 600_000
    ladder: Annotated[tuple[Level, ...], Meta(min_length=1, max_length=HOLD_LEVELS_MAX)] = (
        Level("store", 15 * 60_000),
        Level("back_office", 2 * 3_600_000),
        Level("centre", 24 * 3_600_000),
    )
    hand_discount_ppm_max: Share | None = None
    credit_share_ppm: Share = PPM
    bars: Annotated[tuple[Barred, ...], Meta(max_length=RULE_BARS_MAX)] = ()


Document = Item | Compliance | Price | Promotion | Account | Rules | Policy | Release | Signal
