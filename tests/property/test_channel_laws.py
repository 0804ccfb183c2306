"""Whatever a channel sends: an order or a refusal, never an exception, and no amount that was not written there."""

from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_core.channels.adapt import Adapted, Refused, adapt, pointed
from edge_core.channels.amounts import UnreadableValue, scaled, unit_price_minor
from edge_core.channels.mapping import Mapping, load
from edge_core.orders.money import gross_minor
from edge_core.orders.validation import check_order

ROOT = Path(__file__).parents[2]
GIVEN = {"store_id": "store-0001", "utc_offset": "+01:00"}
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(allow_nan=False), st.text(max_size=4),
    st.sampled_from(["1.00", "-1.00", "0", "EUR", "2026-11-21T10:00:00Z"]),
)  # fmt: skip
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "price", "x"]), inner),
    max_leaves=4,
)

STEPS = st.lists(st.integers(0, 60), min_size=1, max_size=4)


@cache
def shipped(channel: str) -> Mapping:
    found = load((ROOT / f"edge_core/channels/documents/{channel}.json").read_bytes())
    assert isinstance(found, Mapping)
    return found


def bent(value: Any, steps: list[int], put: Any) -> Any:
    """A document with something else at the place that a walk by these steps comes to."""
    if not steps or not isinstance(value, dict | list) or not value:
        return put
    if isinstance(value, list):
        at = steps[0] % len(value)
        return [bent(each, steps[1:], put) if i == at else each for i, each in enumerate(value)]
    name = sorted(value)[steps[0] % len(value)]
    return {each: bent(inner, steps[1:], put) if each == name else inner for each, inner in value.items()}


@pytest.mark.parametrize("channel", ["shopify", "woocommerce"])
@settings(max_examples=3 * settings().max_examples)
@given(bends=st.lists(st.tuples(STEPS, ANYTHING), min_size=1, max_size=3))
def test_an_order_that_is_bent_anywhere_is_mapped_or_refused(channel: str, bends: list[tuple[list[int], Any]]) -> None:
    sent = msgspec.json.decode((ROOT / f"tests/fixtures/channels/{channel}.json").read_bytes())
    for steps, put in bends:
        sent = bent(sent, steps, put)
    for outcome in adapt(shipped(channel), msgspec.json.encode(_writable(sent)), GIVEN):
        found = outcome.rejected if isinstance(outcome, Refused) else check_order(outcome.order)
        if found is not None:
            told = pointed(shipped(channel), outcome, found, GIVEN)
            assert (told.pointer or "/").startswith("/")


def _writable(value: Any) -> Any:
    """The same with integers that JSON writers refuse as the floats that they would send."""
    if isinstance(value, dict):
        return {name: _writable(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_writable(inner) for inner in value]
    is_large = isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 1 << 63
    return float(value) if is_large else value


@given(body=st.one_of(st.binary(max_size=200), st.text(alphabet='order_id,sku\n\r"1;', max_size=200).map(str.encode)))
def test_any_bytes_are_mapped_or_refused(body: bytes) -> None:
    for channel in ("csv", "shopify"):
        for outcome in adapt(shipped(channel), body, GIVEN):
            assert isinstance(outcome, Adapted | Refused)


@given(st.integers(-(10**15), 10**15), st.integers(0, 4), st.text(alphabet="0", max_size=3))
def test_a_numeral_is_read_exactly(amount: int, digits: int, zeros: str) -> None:
    whole, fraction = divmod(abs(amount), 10**digits)
    numeral = f"{'-' if amount < 0 else ''}{whole}.{fraction:0{digits}d}" if digits else f"{amount}."
    assert scaled(numeral + zeros, digits) == amount
    with pytest.raises(UnreadableValue, match="at most"):
        scaled(f"{numeral}1", digits)


@given(st.integers(0, 10**9), st.integers(1, 10**6))
def test_a_unit_price_is_the_smallest_that_covers_the_total(total: int, quantity: int) -> None:
    price = unit_price_minor(total, quantity)
    assert gross_minor(quantity, price) >= total
    assert price == 0 or gross_minor(quantity, price - 1) < total
