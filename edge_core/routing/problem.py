"""What is asked and answered about the best way to divide an order, in bits and integers (docs/routing.md)."""

from msgspec import Struct

from edge_core.routing.tariffs import Tariff


class Option(Struct, frozen=True, gc=False):
    """One service from one place. Costs in thousandths of the minor unit.

    `lines` are the bits of the lines that it can carry, `fixed_milli` is what a parcel costs, `line_milli` what each
    line adds (below zero where moving it is worth something), `tariff` is the place of its tariff in the problem.
    """

    place: int
    lines: int
    fixed_milli: int
    line_milli: tuple[int, ...]
    tariff: int


class Stock(Struct, frozen=True, gc=False):
    """What several lines of a plan share at one place: all that go from there must fit into `limit_milli` together."""

    place: int
    needs_milli: tuple[tuple[int, int], ...]
    limit_milli: int


class Problem(Struct, frozen=True, gc=False):
    """Lines by their weights, and options in the order in which equals are preferred."""

    weights_g: tuple[int, ...]
    options: tuple[Option, ...]
    tariffs: tuple[Tariff, ...]
    stocks: tuple[Stock, ...]
    parcels_max: int


class Parcel(Struct, frozen=True, gc=False):
    """The lines of one parcel as bits, its option, and what it costs in thousandths of the minor unit."""

    lines: int
    option: int
    cost_milli: int


class Plan(Struct, frozen=True, gc=False):
    """Every line in one parcel."""

    parcels: tuple[Parcel, ...]

    @property
    def cost_milli(self) -> int:
        """What all of it costs, in thousandths of the minor unit."""
        return sum(parcel.cost_milli for parcel in self.parcels)


class Solution(Struct, frozen=True, gc=False):
    """The best plan and the next best. `is_truncated`: the search was cut short, and a better plan may exist."""

    plan: Plan
    runner_up: Plan | None
    is_truncated: bool
