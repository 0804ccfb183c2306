"""What a carrier takes for a parcel, by its weight. Any shape of tariff is allowed: steps, jumps, minimum charges."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Annotated, Final

from msgspec import Meta, Struct

from edge_core.limits import PARCEL_WEIGHT_G_MAX, ROUTING_COST_MILLI_MAX, ROUTING_DEARER_MILLI_MAX

Cost = Annotated[int, Meta(ge=0, le=ROUTING_COST_MILLI_MAX)]
Weight = Annotated[int, Meta(ge=0, le=PARCEL_WEIGHT_G_MAX)]

IMPOSSIBLE: Final = ROUTING_DEARER_MILLI_MAX << 4
"""No charge: no parcel of this weight is taken, or not for `ROUTING_DEARER_MILLI_MAX`."""


class Band(Struct, frozen=True, array_like=True, gc=False):
    """What is taken up to a weight: a base and a rate, and never less than the minimum charge.

    Costs in thousandths of the minor unit. A tariff is its bands in order of weight; heavier parcels are not taken.
    """

    weight_g_max: Weight
    base_milli: Cost
    per_kg_milli: Cost
    charge_milli_min: Cost


Tariff = tuple[Band, ...]

FREE: Final[Tariff] = (Band(PARCEL_WEIGHT_G_MAX, 0, 0, 0),)
"""What nobody takes anything for."""


def charge_milli(tariff: Tariff, weight_g: int) -> int:
    """What one parcel costs, `IMPOSSIBLE` where it is too heavy. A part of a thousandth counts as a whole one."""
    for band in tariff:
        if weight_g <= band.weight_g_max:
            rated = band.base_milli - (-band.per_kg_milli * weight_g) // 1000
            charge = max(band.charge_milli_min, rated)
            return charge if charge <= ROUTING_DEARER_MILLI_MAX else IMPOSSIBLE
    return IMPOSSIBLE


def charges_milli(tariff: Tariff, weights_g: Sequence[int]) -> list[int]:
    """`charge_milli` of many weights at once, which are in order."""
    charges: list[int] = []
    for band in tariff:
        within = weights_g[len(charges) : bisect_right(weights_g, band.weight_g_max)]
        if within:
            charges += _band_charges(band, within)
    return charges + [IMPOSSIBLE] * (len(weights_g) - len(charges))


def _band_charges(band: Band, weights_g: Sequence[int]) -> list[int]:
    if charge_milli((band,), weights_g[-1]) == IMPOSSIBLE:
        return [charge_milli((band,), weight_g) for weight_g in weights_g]
    base, rate, least = band.base_milli, -band.per_kg_milli, band.charge_milli_min
    if not rate:
        return [max(base, least)] * len(weights_g)
    at_least = bisect_right(weights_g, (least - base) * 1000 // band.per_kg_milli)
    return [least] * at_least + [base - rate * weight_g // 1000 for weight_g in weights_g[at_least:]]
