"""The reference data: rows that are read and written, and what a decision finds in them."""

import msgspec
import pytest

from edge_core.errors import PermanentFault
from edge_core.limits import REFERENCE_ROW_BYTES_MAX
from edge_core.orders.document import Part
from edge_core.policy.documents import Experiment, Policy, Release, Signal
from edge_core.reference.datasets import KINDS, Row, decode_row, encode_row, key_of, kind_named, read_json, write_json
from edge_core.reference.documents import (
    Account,
    Compliance,
    Document,
    Item,
    Level,
    Offer,
    Price,
    Promotion,
    Rules,
    VolumeTier,
)
from edge_core.reference.lookup import NOTHING, Edition, Reference, good_at, needs_of
from edge_core.reference.network_documents import CarbonFactor, Supplier
from tests.rigs import network
from tests.rigs.orders import till_order

ROWS: dict[str, tuple[Row, str]] = {
    "catalogue": (Item("bread", "Rye bread", "H87", ("cold",)), "bread"),
    "compliance": (Compliance("wine", 18, ("SA", "US-UT"), "spirits"), "wine"),
    "prices": (Price("bread", (Offer("EUR", 349, 0, 10, "gold"), Offer("EUR", 399))), "bread"),
    "promotions": (Promotion("p1", (VolumeTier(0, 100_000),), ("bread",), coupon="TEN", single_use=True), "p1"),
    "customers": (Account("cust-1", "gold", "EUR", 100_000, 20_000, 5_000, ("spirits",)), "cust-1"),
    "rules": (Rules("strict-7", ladder=(Level("back_office", 1_000),)), "rules"),
    "policies": (Policy("nearest", 3, "Nearest", "就近", "{}", "What is near."), "nearest"),
    "release": (
        Release(7, 1_000, ("nearest",), (Experiment("green", ("nearest",), "share", 10),), key_id="0a"),
        "release",
    ),
    "signals": (Signal("s1", "weather", "region/CN-HI", 2_000, "severe"), "s1"),
    "locations": (network.location(closed_on=("2026-12-25",)), "berlin"),
    "services": (network.COURIER, "courier"),
    "tariffs": (network.TARIFFS[0], "parcel/home"),
    "carbon": (CarbonFactor("road", "road", 120_000, "made up", "1"), "road"),
    "suppliers": (Supplier("mill", ("warehouse",), 5_000, 86_400_000), "mill"),
}


def test_every_dataset_has_an_example_here() -> None:
    assert set(ROWS) == set(KINDS)


@pytest.mark.parametrize("name", ROWS)
def test_a_row_comes_back_as_it_was_written_in_both_shapes(name: str) -> None:
    row, key = ROWS[name]
    assert decode_row(name, encode_row(row)) == row
    assert read_json(name, write_json(row)) == row
    assert key_of(name, row) == key


def test_a_store_that_does_not_know_a_field_yet_reads_rows_that_do_not_use_it() -> None:
    class ItemOfBefore(Part, frozen=True):
        sku: str
        description: str
        unit: str
        traits: tuple[str, ...] = ()
        is_listed: bool = True
        replaced_by: str | None = None

    row = Item("bread", "Rye bread", "H87", is_listed=False)
    assert msgspec.msgpack.decode(encode_row(row), type=ItemOfBefore).is_listed is False
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(encode_row(Item("bread", "Rye bread", "H87", weight_grams=500)), type=ItemOfBefore)


def test_a_dataset_that_is_not_known_is_named() -> None:
    with pytest.raises(PermanentFault, match="no dataset 'weather'; known are catalogue"):
        kind_named("weather")


@pytest.mark.parametrize("name", ROWS)
def test_bytes_that_are_no_row_are_refused_with_the_place(name: str) -> None:
    with pytest.raises(PermanentFault, match=f"not a row of {name}: "):
        decode_row(name, b"\x91\xc0")
    with pytest.raises(PermanentFault, match=f"not a row of {name}: "):
        read_json(name, b'{"nonsense": 1}')


@pytest.mark.parametrize(
    ("name", "row", "says"),
    [
        ("promotions", Promotion("p", (VolumeTier(2_000, 1), VolumeTier(1_000, 2))), "tiers must rise"),
        ("prices", Price("a", (Offer("EUR", 1, 10, 10),)), "ends before it begins"),
        ("rules", Rules(ladder=(Level("centre", 1), Level("store", 1))), "ladder must rise"),
    ],
)
def test_a_row_of_the_right_shape_that_makes_no_sense_is_refused(name: str, row: Document, says: str) -> None:
    with pytest.raises(PermanentFault, match=says):
        read_json(name, write_json(row))


def test_a_row_that_is_too_large_is_not_written() -> None:
    class Large(Part, frozen=True):
        text: str

    with pytest.raises(PermanentFault, match="over the limit"):
        encode_row(Large("x" * REFERENCE_ROW_BYTES_MAX))  # type: ignore[arg-type]


def book(*offers: Offer) -> Reference:
    return Reference({"prices": Edition("prices", 3, 1_000)}, prices={"bread": Price("bread", offers)})


def test_the_price_of_the_tier_stands_before_that_of_all_and_a_later_one_before_an_earlier() -> None:
    reference = book(Offer("EUR", 400, 0), Offer("EUR", 380, 50), Offer("EUR", 350, 0, 90, "gold"))
    for tier, at_ms, expected in (("gold", 60, 350), (None, 60, 380), (None, 40, 400), ("gold", 95, 380)):
        found = good_at(reference.offers("bread", "EUR", tier), at_ms)
        assert found is not None
        assert found.unit_price_minor == expected
    assert good_at(reference.offers("bread", "USD", None), 60) is None
    assert good_at(reference.offers("cake", "EUR", None), 60) is None


def test_an_offer_is_good_until_the_moment_that_it_names_and_not_at_it() -> None:
    reference = book(Offer("EUR", 400, 10, 20))
    assert [good_at(reference.offers("bread", "EUR", None), at) is not None for at in (9, 10, 19, 20)] == [
        False,
        True,
        True,
        False,
    ]


def test_what_was_never_received_has_no_age_and_no_age_is_negative() -> None:
    assert NOTHING.age_ms("prices", 5_000) is None
    assert not NOTHING.has("prices")
    assert book().age_ms("prices", 5_000) == 4_000
    assert book().age_ms("prices", 500) == 0


def test_promotions_are_found_by_their_id_and_by_their_coupon() -> None:
    ten, plain = Promotion("p1", (VolumeTier(0, 1),), coupon="TEN"), Promotion("p2", (VolumeTier(0, 1),))
    reference = Reference({}, promotions=(ten, plain))
    assert reference.coupon("TEN") is ten
    assert reference.promotion("p2") is plain
    assert reference.coupon("p2") is None
    assert reference.promotion("TEN") is None


def test_the_needs_of_orders_are_their_goods_and_their_customers() -> None:
    order = till_order()
    needs = needs_of([order])
    assert needs.skus == {line.sku for line in order.lines}
    assert needs.customers == ({order.customer.ref} if order.customer else frozenset())
