"""Tables of carriers: what the usual forms stand for, and what is said of those that are wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from edge_core.errors import PermanentFault
from edge_core.limits import TARIFF_BANDS_MAX
from edge_core.reference.carrier_tables import Layout, read_layout, read_table
from edge_core.reference.datasets import decode_row
from edge_core.reference.network_documents import Tariff
from edge_core.reference.publication import Publication
from edge_core.routing.tariffs import IMPOSSIBLE, Band, charge_milli

FILES = Path(__file__).parents[1] / "fixtures" / "tariffs"
LONG = {"currency": "EUR", "tariff": "van", "zone_columns": ["to"], "weight_column": "kg", "base_column": "price"}


def layout(**changes: Any) -> Layout:
    return read_layout(json.dumps({**LONG, **changes}).encode())


def table(text: str, **changes: Any) -> Publication:
    return read_table(text.encode(), layout(**changes))


def tariffs(found: Publication) -> dict[str, Tariff]:
    assert found.mistakes == ()
    rows = {key: decode_row("tariffs", row) for key, row in found.rows.items()}
    return {key: row for key, row in rows.items() if isinstance(row, Tariff)}


def bands(found: Publication, key: str = "van/home") -> tuple[Band, ...]:
    return tariffs(found)[key].bands


def said(found: Publication) -> list[tuple[int, str]]:
    assert found.rows == {}
    return [(mistake.line, mistake.what) for mistake in found.mistakes]


def test_a_real_table_of_freight_rates_is_read() -> None:
    by_brunel = read_layout((FILES / "brunel_layout.json").read_bytes())
    found = tariffs(read_table((FILES / "brunel_excerpt.csv").read_bytes(), by_brunel))
    assert set(found) == {
        *("V444_6-DTD-AIR-2/PORT08-PORT09", "V444_5-DTP-AIR-2/PORT02-PORT09", "V444_7-DTD-GROUND-2/PORT03-PORT09")
    }
    air = found["V444_6-DTD-AIR-2/PORT08-PORT09"].bands
    assert charge_milli(air, 60_000) == 4_735_200, "60 kg at 0.7892 a kilogram"
    assert charge_milli(air, 50_000) == 4_322_720, "not less than 43.2272"
    assert charge_milli(air, 500_000) == IMPOSSIBLE


def test_a_table_with_a_column_for_each_zone_is_read_and_an_empty_cell_is_no_price() -> None:
    by_zones = read_layout((FILES / "zones_layout.json").read_bytes())
    found = read_table((FILES / "zones.csv").read_bytes(), by_zones)
    assert bands(found, "parcel/home") == (
        Band(1_000, 450_000, 0, 0),
        Band(5_000, 590_000, 0, 0),
        Band(31_500, 900_000, 0, 0),
    )
    assert [band.weight_g_max for band in bands(found, "parcel/island")] == [5_000, 31_500]


def test_amounts_are_in_thousandths_of_the_minor_unit_of_their_currency() -> None:
    text = "to,kg,price\nhome,1,4.5055555\n"
    assert bands(table(text))[0].base_milli == 450_556
    assert bands(table(text, currency="JPY"))[0].base_milli == 4_506
    assert bands(table(text, currency="KWD"))[0].base_milli == 4_505_556


@pytest.mark.parametrize(
    ("unit", "grams", "per_kg"), [("g", 2, 20_000_000), ("kg", 2_500, 20_000), ("lb", 1_133, 44_092)]
)
def test_weights_and_rates_are_in_the_unit_that_the_layout_names(unit: str, grams: int, per_kg: int) -> None:
    found = table("to,kg,rate\nhome,2.5,0.2\n", weight_unit=unit, base_column=None, rate_column="rate")
    assert bands(found) == (Band(grams, 0, per_kg, 0),)


def test_lines_come_in_any_order() -> None:
    found = table("to,kg,price\nhome,5,6\nabroad,1,9\nhome,1,4\n")
    assert [band.weight_g_max for band in bands(found)] == [1_000, 5_000]


def test_two_prices_up_to_one_weight_are_a_mistake_unless_the_layout_says_which_counts() -> None:
    text = "to,kg,price\nhome,1,4\nhome,1,5\nhome,1,4\n"
    assert said(table(text)) == [(3, "van to home up to 1000 g has another price on line 2")]
    assert bands(table(text, same_weight="cheapest")) == (Band(1_000, 400_000, 0, 0),)
    assert bands(table(text, same_weight="dearest")) == (Band(1_000, 500_000, 0, 0),)


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("to,kg,price\nhome,1,4\nhome,x,5\n", 3, "column 'kg': expected a number, found 'x'"),
        ("to,kg,price\nhome,1,\n", 2, "column 'price': expected a number, found ''"),
        ("to,kg,price\nhome,1,-4\n", 2, "column 'price': expected a number, found '-4'"),
        ("to,kg,price\nhome,1,NaN\n", 2, "column 'price': expected a number, found 'NaN'"),
        ("to,kg,price\nhome,1e30,4\n", 2, "column 'kg': more than 1000000000 g"),
        ("to,kg,price\nhome,1,1e9\n", 2, "column 'price': '1e9' is more than a parcel may cost"),
        ("to,kg,price\nhome,1,1e999999\n", 2, "column 'price': expected a number, found '1e999999'"),
        ("to,kg\nhome,1\n", 1, "there is no column 'price'"),
        ("to,kg,kg,price\nhome,1,1,4\n", 1, "a name stands twice in the first line"),
        ("to,kg,price\nhome,1\n", 2, "expected 3 cells"),
        ("to,kg,price\n", 1, "there is no price"),
        ('to,kg,price\nhome,1,"4\n', 2, "not CSV in UTF-8: unexpected end of data"),
        ("to,kg,price\n,1,4\n", 2, "not a row of tariffs: Expected `str` of length >= 1 - at `$.zone`"),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_its_column(text: str, line: int, what: str) -> None:
    assert said(table(text)) == [(line, what)]


def test_a_zone_with_more_bands_than_a_tariff_may_have_is_refused() -> None:
    text = "to,kg,price\n" + "".join(f"home,{kg},1\n" for kg in range(1, TARIFF_BANDS_MAX + 2))
    ((line, what),) = said(table(text))
    assert (line, "length <= 200" in what) == (2, True)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"currency": "XXX"}, "'XXX' is no active currency"),
        ({"tariff": ""}, "neither tariff nor tariff_columns"),
        ({"base_column": None}, "no column says what is charged"),
        ({"weight_unit": "stone"}, "Invalid enum value"),
        ({"nonsense": 1}, "unknown field"),
    ],
)
def test_a_layout_that_cannot_be_meant_is_refused(changes: dict[str, Any], what: str) -> None:
    with pytest.raises(PermanentFault, match=f"not a layout: .*{what}"):
        layout(**changes)
