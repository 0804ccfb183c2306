"""Rights to promise another location's goods: what a life of a node may do, and what becomes of a life that ended."""

from uuid import UUID

import msgspec
import pytest
from msgspec.structs import replace

from edge_core.errors import InvariantViolated, Rejected
from edge_core.limits import RIGHTS_MILLI_MAX, RIGHTS_ROWS_MAX
from edge_core.stock import rights as rules
from edge_core.stock.rights import Life, Rights, Row

OWNER, OWNER_AGAIN = (Life("owner", UUID(int=number)) for number in (1, 2))
SHOP, SHOP_AGAIN = (Life("shop", UUID(int=number)) for number in (1, 2))
WEB = Life("web", UUID(int=1))


def done(outcome: Rights | Rejected) -> Rights:
    assert not isinstance(outcome, Rejected), outcome
    return outcome


def refused(outcome: Rights | Rejected) -> str:
    assert isinstance(outcome, Rejected)
    return outcome.slug


def shared(quantity: int = 10, moved: int = 6) -> Rights:
    """The owner minted some and moved part of it to the shop; everybody has heard of it."""
    return done(rules.move(done(rules.mint(Rights("owner", "milk"), OWNER, quantity)), OWNER, SHOP, moved))


def test_a_life_spends_what_it_holds_and_no_more() -> None:
    rights = done(rules.use(shared(), SHOP, 4))
    assert rules.held_milli(rights, SHOP) == 2
    assert refused(rules.use(rights, SHOP, 3)) == "rights-exceeded"
    assert refused(rules.move(rights, SHOP, WEB, 3)) == "rights-exceeded"
    assert rules.held_milli(done(rules.use(rights, SHOP, 2)), SHOP) == 0


def test_what_was_moved_can_be_spent_only_where_it_was_heard_of() -> None:
    there = rules.begin(Rights("owner", "milk"), SHOP)
    assert refused(rules.use(there, SHOP, 1)) == "rights-exceeded"
    assert rules.held_milli(done(rules.use(rules.merge(there, shared()), SHOP, 6)), SHOP) == 0


def test_a_promise_that_was_taken_back_frees_its_right_where_it_was_used() -> None:
    rights = done(rules.give_back(done(rules.use(shared(), SHOP, 4)), SHOP, 3))
    assert rules.held_milli(rights, SHOP) == 5
    with pytest.raises(InvariantViolated, match="gave back"):
        rules.give_back(rights, SHOP, 2)


def test_only_the_locations_own_node_makes_rights_and_only_so_many() -> None:
    with pytest.raises(InvariantViolated, match="minted rights to goods of owner"):
        rules.mint(shared(), SHOP, 1)
    rights = done(rules.mint(Rights("owner", "milk"), OWNER, RIGHTS_MILLI_MAX))
    assert refused(rules.mint(rights, OWNER, 1)) == "rights-exceeded"


def test_no_figure_grows_beyond_what_can_be_read_again() -> None:
    """Rights that go to and fro, or are used and given back, add up although little is held."""
    minted = done(rules.mint(Rights("owner", "milk"), OWNER, RIGHTS_MILLI_MAX))
    there = done(rules.move(minted, OWNER, SHOP, RIGHTS_MILLI_MAX))
    back = done(rules.move(there, SHOP, OWNER, RIGHTS_MILLI_MAX))
    assert refused(rules.move(back, OWNER, SHOP, 1)) == "rights-exceeded"
    assert refused(rules.settle(rules.void(back, OWNER), OWNER, SHOP)) == "rights-exceeded"
    used = done(rules.give_back(done(rules.use(minted, OWNER, RIGHTS_MILLI_MAX)), OWNER, RIGHTS_MILLI_MAX))
    assert refused(rules.use(used, OWNER, 1)) == "rights-exceeded"
    for rights in (back, used):
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(rights), type=Rights) == rights


@pytest.mark.parametrize("quantity", [0, -1])
def test_a_quantity_of_nothing_is_a_bug_of_the_caller(quantity: int) -> None:
    for act in (rules.use, rules.mint, rules.give_back):
        with pytest.raises(InvariantViolated, match="no quantity"):
            act(shared(), OWNER, quantity)
    with pytest.raises(InvariantViolated, match="no quantity"):
        rules.move(shared(), OWNER, SHOP, quantity)
    with pytest.raises(InvariantViolated, match="to itself"):
        rules.move(shared(), OWNER, OWNER, 1)


def test_a_file_that_was_put_back_begins_with_nothing_of_what_it_held() -> None:
    """Its copy does not know of the four that it sold after it was made."""
    copy = shared()
    rights = rules.begin(copy, SHOP_AGAIN)
    assert rules.held_milli(rights, SHOP) == rules.held_milli(rights, SHOP_AGAIN) == 0
    assert refused(rules.use(rights, SHOP, 1)) == "rights-void"
    assert refused(rules.use(rights, SHOP_AGAIN, 1)) == "rights-exceeded"
    assert rules.stranded_milli(rights) == 6
    assert rules.outstanding_milli(rights) == 10


def test_a_new_life_ends_the_earlier_ones_of_its_own_node_and_no_other() -> None:
    rights = rules.begin(rules.begin(shared(), SHOP_AGAIN), OWNER_AGAIN)
    assert [row.life for row in rights.rows if row.is_void] == [OWNER, SHOP]
    late = rules.begin(rights, SHOP)  # the first machine of the two still runs
    assert not rules.row_of(late, SHOP_AGAIN).is_void


def test_rights_are_issued_anew_to_the_new_life_and_never_to_the_old_one() -> None:
    rights = rules.begin(shared(), SHOP_AGAIN)
    assert refused(rules.move(rights, OWNER, SHOP, 1)) == "rights-void"
    rights = done(rules.move(rights, OWNER, SHOP_AGAIN, 4))
    assert rules.held_milli(rights, SHOP_AGAIN) == 4
    assert rules.held_milli(rights, OWNER) == 0


def test_what_a_void_life_left_goes_to_its_heir_once() -> None:
    rights = rules.begin(done(rules.use(shared(), SHOP, 2)), SHOP_AGAIN)
    settled = done(rules.settle(rights, SHOP, SHOP_AGAIN))
    assert rules.held_milli(settled, SHOP_AGAIN) == 4
    assert done(rules.settle(settled, SHOP, OWNER)) == settled
    assert rules.stranded_milli(settled) == 0
    assert refused(rules.settle(rules.void(settled, WEB), SHOP, WEB)) == "rights-void"
    with pytest.raises(InvariantViolated, match="still lives"):
        rules.settle(settled, SHOP_AGAIN, OWNER)


def test_what_turns_up_after_a_settlement_is_shown_and_not_hidden() -> None:
    known = rules.begin(shared(), SHOP_AGAIN)
    settled = done(rules.settle(known, SHOP, SHOP_AGAIN))
    late = done(rules.use(shared(), SHOP, 5))
    rights = rules.merge(settled, late)
    assert rules.uncovered_milli(rights) == 5
    assert rules.stranded_milli(rights) == 0


def test_the_owner_never_takes_less_to_be_outstanding_than_there_is() -> None:
    at_owner = shared()
    elsewhere = done(rules.use(at_owner, SHOP, 4))
    assert rules.outstanding_milli(at_owner) == 10
    assert rules.outstanding_milli(rules.merge(at_owner, elsewhere)) == 6


def test_a_counter_is_shared_by_so_many_lives_and_not_more() -> None:
    rows = tuple(Row(Life("shop", UUID(int=number))) for number in range(RIGHTS_ROWS_MAX - 1))
    rights = done(rules.mint(Rights("owner", "milk", rows), OWNER, 5))
    assert refused(rules.move(rights, OWNER, WEB, 1)) == "rights-exceeded"
    assert rules.held_milli(done(rules.move(rights, OWNER, rows[-1].life, 1)), OWNER) == 4


def test_counters_of_different_goods_are_never_merged() -> None:
    with pytest.raises(InvariantViolated, match="merged with"):
        rules.merge(shared(), replace(shared(), sku="bread"))
