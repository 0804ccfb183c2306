"""Sourcing problems of a real network: the orders, plants, freight rates and capacities of one day (Brunel University).

A problem is up to ten orders of one customer, in the file's order. A plant sends what it makes, by each carrier from
its ports, at the real rates by weight band with their minimum charges; handling a unit costs what it costs there.
A plant that keeps stock for certain customers sends to those only. Each order takes one of the plant's orders for that
day, which run out in the course of it; the file has more orders than one day can send, so that every thousand begin a
new one. Days on the way have a price of ours, as has each parcel.
"""

import csv
import gzip
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from edge_core.routing.problem import Problem, Stock
from edge_core.routing.question import Need, Place, Prices, Question, Service, Stamp, Supply
from edge_core.routing.sourcing import solve
from edge_core.routing.tariffs import Band
from edge_core.routing.weighing import weigh

WHOLE: Final = Path("../shared/data/brunel_routing")
EXCERPT: Final = Path(__file__).parents[1] / "fixtures" / "brunel"

_ASKED_AT_MS: Final = 1_369_526_400_000  # 26 May 2013: the day of all orders
_DAY_MS: Final = 24 * 3_600_000
_SEEN: Final = Stamp("brunel", _ASKED_AT_MS)
_DOLLAR_MILLI: Final = 100 * 1_000
_PRICES: Final = Prices(parcel_milli=5 * _DOLLAR_MILLI, hour_milli=_DOLLAR_MILLI // 10, parcels_max=10)
_LINES_MAX: Final = 10
_DAY_ORDERS: Final = 1_000
_Row = Mapping[str, str]


class Network:
    """The tables of a folder, ready to be asked."""

    def __init__(self, folder: Path) -> None:
        self._orders = _rows(folder, "OrderList")
        self.tariffs, self._services = _carriers(_rows(folder, "FreightRates"))
        self._unit_milli = {row["WH"]: _milli(row["Cost/unit"]) for row in _rows(folder, "WhCosts")}
        self._capacity = {row["Plant ID"]: int(row["Daily Capacity"]) for row in _rows(folder, "WhCapacities")}
        self._ports = _grouped(_rows(folder, "PlantPorts"), "Plant Code", "Port")
        self._made_at = _grouped(_rows(folder, "ProductsPerPlant"), "Product ID", "Plant Code")
        self._kept_for = _grouped(_rows(folder, "VmiCustomers"), "Plant Code", "Customers")

    def problems(self) -> Iterator[Problem]:
        """One problem after the other, each with what the plans of those before have left."""
        left, seen = Counter(self._capacity), 0
        for orders in self._baskets():
            if seen // _DAY_ORDERS != (seen := seen + len(orders)) // _DAY_ORDERS:
                left = Counter(self._capacity)
            question = self._question(orders, left)
            weighed = weigh(question)
            everything = tuple((bit, 1) for bit in range(len(orders)))
            stocks = [
                Stock(index, everything, left[place.location_id])
                for index, place in enumerate(weighed.places)
                if left[place.location_id] < len(orders)
            ]
            problem = replace(weighed.problem, stocks=tuple(stocks))
            yield problem
            found = solve(problem)
            for parcel in found.plan.parcels if found else ():
                place = weighed.places[problem.options[parcel.option].place]
                left[place.location_id] -= parcel.lines.bit_count()

    def _baskets(self) -> Iterator[Sequence[_Row]]:
        by_customer: dict[str, list[_Row]] = defaultdict(list)
        for order in self._orders:
            by_customer[order["Customer"]].append(order)
        for orders in by_customer.values():
            for at in range(0, len(orders), _LINES_MAX):
                yield orders[at : at + _LINES_MAX]

    def _question(self, orders: Sequence[_Row], left: Mapping[str, int]) -> Question:
        customer = orders[0]["Customer"]
        needs = tuple(
            Need(str(at), row["Product ID"], int(row["Unit quantity"]) * 1_000, round(float(row["Weight"]) * 1_000))
            for at, row in enumerate(orders)
        )
        plants = [plant for plant in sorted(self._ports) if left[plant] and self._sends_to(plant, customer)]
        places = tuple(self._place(plant, needs) for plant in plants)
        return Question(
            _ASKED_AT_MS, "", "ship", "PORT09", "USD", _ASKED_AT_MS, needs, places, self.tariffs, _PRICES, _SEEN
        )

    def _sends_to(self, plant: str, customer: str) -> bool:
        return plant not in self._kept_for or customer in self._kept_for[plant]

    def _place(self, plant: str, needs: Sequence[Need]) -> Place:
        wanted = Counter[str]()
        for need in needs:
            wanted[need.sku] += need.quantity_milli
        made = [sku for sku in wanted if plant in self._made_at.get(sku, ())]
        supplies = tuple(Supply(sku, wanted[sku]) for sku in made)
        services = tuple(service for port in sorted(self._ports[plant]) for service in self._services.get(port, ()))
        return Place(plant, "warehouse", 0, _SEEN, _SEEN, supplies, services, unit_milli=self._unit_milli[plant])


def _carriers(rows: Sequence[_Row]) -> tuple[tuple[tuple[Band, ...], ...], dict[str, list[Service]]]:
    """Every tariff, and the services from each port. Rates of one weight that differ are services of their own."""
    offers: dict[tuple[str, ...], dict[int, list[Band]]] = {}
    for row in rows:
        offer = tuple(row[name].strip() for name in ("orig_port_cd", "Carrier", "svc_cd", "mode_dsc", "tpt_day_cnt"))
        weight_g = round(float(row["max_wgh_qty"]) * 1_000)
        band = Band(weight_g, 0, _milli(row["rate"]), _milli(row["minimum cost"]))
        offers.setdefault(offer, {}).setdefault(weight_g, []).append(band)
    tariffs: list[tuple[Band, ...]] = []
    services: dict[str, list[Service]] = defaultdict(list)
    for (port, carrier, level, mode, days), bands in offers.items():
        for variant in range(max(map(len, bands.values()))):
            name = f"{carrier}-{level}-{mode}-{days}-{variant}"
            transit_ms = int(days) * _DAY_MS
            service = Service(name, "air" if mode == "AIR" else "road", len(tariffs), transit_ms, _ASKED_AT_MS)
            services[port].append(service)
            tariffs.append(tuple(own[min(variant, len(own) - 1)] for _, own in sorted(bands.items())))
    return tuple(tariffs), services


def _rows(folder: Path, name: str) -> list[_Row]:
    with gzip.open(folder / f"{name}.csv.gz", "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def _grouped(rows: Sequence[_Row], key: str, value: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        found[row[key]].add(row[value])
    return found


def _milli(dollars: str) -> int:
    return round(float(dollars) * _DOLLAR_MILLI)
