"""Promotions, coupons and discounts by hand: what each gives, beside which others, and to the minor unit."""

import pytest
from msgspec.structs import replace

from edge_core.checks.known import Known
from edge_core.orders.document import Adjustment
from edge_core.reference.documents import Offer, Promotion, VolumeTier
from tests.rigs.judged import (
    DAY_MS,
    PLACED_MS,
    SKU,
    STRICT,
    UNIT_PRICE,
    basket,
    book,
    discounted,
    judged,
    reasons,
    reference,
    refusal,
)
from tests.rigs.orders import with_line

TOTAL = basket().totals.grand_total_minor

TEN = Promotion("ten", (VolumeTier(0, off_ppm=100_000),))
COUPON = Promotion("welcome", (VolumeTier(0, off_ppm=100_000),), coupon="HELLO", single_use=True)


def promoted(minor: int, code: str = "ten", kind: str = "promotion") -> Adjustment:
    return Adjustment(f"a-{code}-{minor}", kind, -minor, code, ("1",))  # type: ignore[arg-type]


@pytest.mark.parametrize(("minor", "slug"), [(50, None), (49, None), (51, "discount-too-large")])
def test_a_promotion_gives_what_it_gives_and_no_minor_unit_more(minor: int, slug: str | None) -> None:
    assert refusal(judged(discounted(minor, promoted(minor)), reference(promotions=[TEN]))) == slug


@pytest.mark.parametrize(
    "wrong",
    [
        replace(TEN, promotion_id="other"),
        replace(TEN, from_ms=PLACED_MS + 1),
        replace(TEN, until_ms=PLACED_MS),
        replace(TEN, skus=("other",)),
        replace(TEN, spend_minor_min=TOTAL + 1),
        replace(TEN, coupon="NEEDS-ONE"),
    ],
)
def test_a_promotion_that_is_not_good_for_the_order_is_refused(wrong: Promotion) -> None:
    assert refusal(judged(discounted(50, promoted(50)), reference(promotions=[wrong]))) == "promotion-invalid"


def test_what_is_unknown_to_old_promotions_is_held() -> None:
    assert reasons(judged(discounted(50, promoted(50)), reference(age_ms=9 * DAY_MS))) == ("promotion",)


@pytest.mark.parametrize(("milli", "most"), [(1_000, 0), (2_000, 25), (3_000, 225)])
def test_a_volume_promotion_gives_by_the_tier_that_the_quantity_reaches(milli: int, most: int) -> None:
    tiers = (VolumeTier(2_000, off_ppm=50_000), VolumeTier(3_000, off_ppm=100_000, off_unit_minor=50))
    gross = milli * UNIT_PRICE // 1_000
    order = with_line(basket(), quantity_milli=milli, gross_minor=gross)
    by = reference(promotions=[Promotion("ten", tiers)])
    assert refusal(judged(discounted(most, promoted(most), order=order), by)) is None
    too_much = judged(discounted(most + 1, promoted(most + 1), order=order), by)
    assert refusal(too_much) == "discount-too-large"


def test_a_promotion_gives_once_however_a_till_divides_it() -> None:
    by = reference(promotions=[TEN])
    assert refusal(judged(discounted(50, promoted(20), promoted(30)), by)) is None
    assert refusal(judged(discounted(51, promoted(20), promoted(31)), by)) == "discount-too-large"


def test_a_volume_that_is_reached_together_counts_for_each_of_its_lines() -> None:
    by = reference(promotions=[Promotion("ten", (VolumeTier(4_000, off_ppm=100_000),))])
    each = [replace(promoted(50), lines=(line_id,), adjustment_id=line_id) for line_id in ("1", "2")]
    both = with_line(discounted(100, *each, order=basket(lines=2)), net_minor=450, discount_minor=50)
    assert refusal(judged(both, by)) is None
    assert refusal(judged(discounted(50, promoted(50), order=basket(lines=2)), by)) == "discount-too-large"


def test_what_is_off_for_a_part_of_a_unit_may_be_rounded_up() -> None:
    order = with_line(basket(), quantity_milli=1_500, gross_minor=375)
    by = reference(promotions=[Promotion("ten", (VolumeTier(0, off_unit_minor=33),))])  # 49.5
    assert refusal(judged(discounted(50, promoted(50), order=order), by)) is None
    assert refusal(judged(discounted(51, promoted(51), order=order), by)) == "discount-too-large"


def test_a_till_that_says_it_sold_long_ago_is_believed_by_a_person_alone() -> None:
    over = replace(TEN, until_ms=PLACED_MS + 1)
    prices = [book(SKU, Offer("CNY", UNIT_PRICE, until_ms=PLACED_MS + 1), Offer("CNY", 999, from_ms=PLACED_MS + 1))]
    for now_ms, held in ((PLACED_MS + DAY_MS, ()), (PLACED_MS + DAY_MS + 1, ("price", "promotion"))):
        order = discounted(50, promoted(50))
        assert reasons(judged(order, reference(promotions=[over], prices=prices), now_ms=now_ms)) == held
    assert reasons(judged(basket(), reference(), now_ms=PLACED_MS + 2 * DAY_MS)) == ()  # the price is the same now


@pytest.mark.parametrize("ended_ms", [PLACED_MS + 1, PLACED_MS - DAY_MS])
@pytest.mark.parametrize("next_price", [(), (Offer("CNY", 999, from_ms=PLACED_MS + 1),)])
def test_a_price_that_has_ended_is_held_for_a_till_that_was_away_whatever_came_after_it(
    ended_ms: int, next_price: tuple[Offer, ...]
) -> None:
    by = reference(prices=[book(SKU, Offer("CNY", UNIT_PRICE, until_ms=ended_ms), *next_price)])
    assert reasons(judged(basket(), by, now_ms=PLACED_MS + DAY_MS)) == ()
    assert reasons(judged(basket(), by, now_ms=PLACED_MS + DAY_MS + 1)) == ("price",)


@pytest.mark.parametrize(("kind", "minor", "held"), [("manual", 100, ()), ("manual", 101, ("discount",))])
def test_what_is_taken_off_by_hand_is_held_from_a_share_on(kind: str, minor: int, held: tuple[str, ...]) -> None:
    rules = replace(STRICT, hand_discount_ppm_max=200_000)
    by_hand = discounted(minor, promoted(minor, "boss", kind))
    assert reasons(judged(by_hand, reference(rules=rules))) == held
    assert reasons(judged(discounted(minor), reference(rules=rules))) == held  # for no reason that is named
    assert reasons(judged(by_hand, reference())) == ()


def test_an_exclusive_promotion_stands_alone_on_its_goods() -> None:
    alone = [replace(TEN, stacking="exclusive"), replace(TEN, promotion_id="more")]
    both = discounted(20, promoted(10), promoted(10, "more"))
    assert refusal(judged(both, reference(promotions=alone))) == "promotion-stacking"
    assert refusal(judged(both, reference(promotions=[TEN, alone[1]]))) is None


def test_a_coupon_for_one_use_is_not_taken_twice_nor_any_coupon_twice_in_an_order() -> None:
    once = discounted(50, promoted(50, "HELLO", "coupon"))
    by = reference(promotions=[COUPON])
    assert refusal(judged(once, by)) is None
    assert refusal(judged(once, by, Known(coupons=["HELLO"]))) == "coupon-used"
    for_all = reference(promotions=[replace(COUPON, single_use=False)])
    assert refusal(judged(once, for_all, Known(coupons=["HELLO"]))) is None
    twice = discounted(50, promoted(20, "HELLO", "coupon"), promoted(30, "HELLO", "coupon"))
    assert refusal(judged(twice, for_all)) == "coupon-used"
