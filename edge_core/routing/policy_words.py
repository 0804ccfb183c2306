"""What a policy answered, in words: what it counts things for, what it forbids and what it asks of carriers."""

from collections.abc import Iterator
from typing import Final

from msgspec import structs

from edge_core.routing.asking import BUILT_IN
from edge_core.routing.facts import Facts
from edge_core.routing.question import Bar, Prices, Question, Requirement
from edge_core.routing.voice import Voice, decimal

_PRICES: Final = (
    "parcel",
    "late_hour",
    "hour",
    "carbon_kg",
    "reject",
    "backorder",
    "km",
    "store",
    "warehouse",
    "supplier",
    "expiry_day",
)
_UNKNOWN: Final = Facts()

# The names that a policy's stamp begins with (docs/policies.md); any other one is an experiment's.
DEFAULT: Final = "default"
FALLBACK: Final = "fallback"


def reasons(question: Question, voice: Voice) -> Iterator[str]:
    """What the order is, and what the policy made of it."""
    yield voice.say(f"reason.{question.method}", region=question.region, place=question.pickup_at or "")
    if question.facts.tier:
        yield voice.say("reason.tier", tier=question.facts.tier)
    if question.facts.preference:
        yield voice.say("reason.preference", preference=voice.term("preference", question.facts.preference))
    if question.extras:
        extras = voice.listed(voice.term("extra", extra) for extra in question.extras)
        yield voice.say("reason.extras", extras=extras)
    yield from _policy(question, voice)
    facts = [f"{name} {value}" for name, value in _facts(question.facts)]
    if facts:
        yield voice.say("reason.facts", facts=voice.listed(facts))
    yield from _of_prices(question.prices, voice)
    for bar in question.bars:
        yield voice.say("bar.law", bar=bar_words(bar, voice))
    for bar in question.prices.bars:
        yield voice.say("bar.policy", bar=bar_words(bar, voice))
    for requirement in question.prices.requires:
        yield voice.say("require.policy", require=requirement_words(requirement, voice))


def _policy(question: Question, voice: Voice) -> Iterator[str]:
    """Which policy it was and, where it was not the usual one, why."""
    policy, at_ms = question.policy.source, question.policy.at_ms
    if at_ms:
        span = voice.span(max(0, question.asked_at_ms - at_ms))  # the centre's clock may be ahead
        yield voice.say("reason.policy", policy=policy, span=span, at=voice.moment(at_ms))
    else:
        yield voice.say("reason.policy.own", policy=policy)
    arm, _, version = policy.partition("@")
    if version and arm == BUILT_IN.source:
        yield voice.say("reason.built_in")
    elif arm == FALLBACK:
        yield voice.say("reason.fallback")
    elif arm != DEFAULT and "#" in version:
        yield voice.say("reason.share", arm=arm)


def _facts(facts: Facts) -> Iterator[tuple[str, str]]:
    """What differs from an order of which nothing is known, by the names that policies use."""
    for name, value in structs.asdict(facts).items():
        if value != getattr(_UNKNOWN, name):
            named = name.removesuffix("_milli")
            yield named, decimal(value, 3) if named != name else "yes" if value is True else str(value)


def _of_prices(prices: Prices, voice: Voice) -> Iterator[str]:
    counts = [
        voice.say(f"price.{name}", cost=voice.money(milli), days=voice.number_of("days", prices.expiry_days))
        for name in _PRICES
        if (milli := getattr(prices, f"{name}_milli"))
    ]
    if counts:
        yield voice.say("reason.prices", prices="; ".join(counts) if voice.lang == "en" else "；".join(counts))
    if prices.carbon_kg_milli:
        yield voice.say("reason.detour", times=decimal(prices.detour_permille, 3))
    yield voice.say("reason.parcels", parcels=voice.number_of("parcels", prices.parcels_max))
    if prices.keeps_promise:
        yield voice.say("reason.keeps")
    if prices.transit_ms_max is not None:
        yield voice.say("reason.transit", span=voice.span(prices.transit_ms_max))
    if prices.sorts_first:
        yield voice.say("reason.first")


def bar_words(bar: Bar, voice: Voice) -> str:
    """What a bar forbids, and who says so."""
    mode = voice.say("bar.mode.any")
    if bar.mode is not None:
        mode = voice.say("bar.mode", mode=voice.term("mode", bar.mode))
    region = voice.say("bar.region.any" if bar.region is None else "bar.region", region=bar.region or "")
    goods = voice.say("bar.goods.any") if bar.trait is None else _goods(bar.trait, voice)
    if bar.sku is not None:
        goods = voice.say("bar.goods.sku", sku=bar.sku)
    return voice.say("bar", goods=goods, mode=mode, region=region, source=bar.source)


def requirement_words(requirement: Requirement, voice: Voice) -> str:
    """What carriers have to be equipped for, and who says so."""
    goods = voice.say("require.goods.any") if requirement.trait is None else _goods(requirement.trait, voice)
    carries = voice.term("trait", requirement.carries)
    return voice.say("require", goods=goods, carries=carries, source=requirement.source)


def _goods(trait: str, voice: Voice) -> str:
    return voice.say("bar.goods", trait=voice.term("trait", trait))
