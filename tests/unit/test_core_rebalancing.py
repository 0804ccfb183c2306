"""Rights that follow the rates of sale: what is seen of each, and which moves are worth it."""

from edge_core.stock import rights_book
from edge_core.stock.ledger import Allocation
from edge_core.stock.rebalancing import Sharer, plan, promised_at_location, promised_by
from edge_core.stock.rights import CENTRE_ID, Life
from edge_core.stock.rights_book import RightsBook, Spent
from tests.rigs.orders import order_id

SKU, PIECE = "milk", 1_000
OWNER, CENTRE = Life("store-0001", order_id(1)), Life(CENTRE_ID, order_id(2))
HOLDER, LATER = Life("store-0002", order_id(3)), Life("store-0002", order_id(4))


def granted(to: Life, pieces: int, book: RightsBook | None = None) -> RightsBook:
    goods = [Allocation("rights", SKU, None, "H87", pieces * PIECE)]
    given = rights_book.grant(book or rights_book.empty("store-0001", SKU), OWNER, to, goods, pieces * PIECE)
    assert isinstance(given, rights_book.Granted)
    return given.book


def moves(book: RightsBook, *sharers: Sharer) -> list[tuple[str, str, int, str]]:
    owner, *others = sharers
    planned = plan(book, owner, others, step_milli=PIECE)
    return [(p.transfer.giver, p.transfer.taker, p.transfer.quantity_milli // PIECE, p.why) for p in planned]


def test_what_is_beyond_the_least_that_each_keeps_is_parted_by_rate_of_sale() -> None:
    owner, centre = Sharer(OWNER, 10 * PIECE, PIECE), Sharer(CENTRE, 0, 3 * PIECE)
    assert moves(granted(CENTRE, 1), owner, centre) == [("store-0001", CENTRE_ID, 7, "rate")]


def test_a_small_difference_moves_nothing() -> None:
    assert moves(granted(CENTRE, 4), Sharer(OWNER, 5 * PIECE, PIECE), Sharer(CENTRE, 4 * PIECE, PIECE)) == []


def test_goods_go_from_one_holder_to_another_by_way_of_their_location() -> None:
    owner, holder = Sharer(OWNER, PIECE), Sharer(HOLDER, 8 * PIECE)
    assert moves(granted(HOLDER, 8), owner, holder, Sharer(CENTRE, 0, PIECE)) == [
        ("store-0002", "store-0001", 7, "rate")
    ]


def test_where_nothing_was_sold_only_a_life_that_has_begun_anew_is_given_something() -> None:
    book = granted(HOLDER, 3)
    assert moves(book, Sharer(OWNER, 9 * PIECE), Sharer(HOLDER, 3 * PIECE)) == []
    assert moves(book, Sharer(OWNER, 6 * PIECE), Sharer(LATER, 0)) == [("store-0001", "store-0002", 3, "new-life")]
    assert moves(book, Sharer(OWNER, 6 * PIECE), Sharer(CENTRE, 0)) == [], "it never had any"


def test_what_is_given_told_and_given_back_is_no_sale_of_the_location() -> None:
    before = promised_at_location(rights_book.empty("store-0001", SKU), 10 * PIECE)
    book = granted(CENTRE, 4)
    assert promised_at_location(book, 6 * PIECE) == before
    taken = rights_book.take_out(book, OWNER, Spent(SKU, 3 * PIECE, CENTRE))
    assert not hasattr(taken, "slug")
    assert promised_at_location(taken[0].book, 6 * PIECE) == before
    assert promised_at_location(book, 4 * PIECE) - before == 2 * PIECE, "two pieces were sold in the shop"


def test_what_a_node_promised_counts_in_all_of_its_lives() -> None:
    used = rights_book.use(granted(LATER, 2, granted(HOLDER, 3)), HOLDER, 2 * PIECE)
    assert isinstance(used, rights_book.Granted)
    again = rights_book.use(used.book, LATER, PIECE)
    assert isinstance(again, rights_book.Granted)
    assert promised_by(again.book, "store-0002") == 3 * PIECE
