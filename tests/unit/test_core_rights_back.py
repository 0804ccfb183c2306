"""Rights that come back: given back by who holds them, left by a life of the centre, told of by two histories."""

from uuid import UUID

from edge_core import ids
from edge_core.errors import Rejected
from edge_core.orders.commands import ShareRights
from edge_core.orders.events import Event
from edge_core.orders.sharing import share_rights
from edge_core.orders.world import World
from edge_core.stock import rights_book
from edge_core.stock.ledger import Allocation, Position, release
from edge_core.stock.requests import GrantRights, HearRights, ReturnRights, RightsRequest, SettleRights, SpendRights
from edge_core.stock.rights import CENTRE_ID, Life, balance_milli
from edge_core.stock.rights_book import Granted, RightsBook
from edge_core.stock.stock_events import RightsGranted, RightsHeard, RightsMoved, RightsReturned, RightsSpent
from tests.rigs.orders import BUSINESS_DATE, START_MS

SKU = "milk"


def life(node_id: str, number: int) -> Life:
    return Life(node_id, ids.uuid7(START_MS + number, number))


OWNER, LATER = life("store-0001", 1), life("store-0001", 9)
HOLDER, CENTRE, NEXT_CENTRE = life("store-0002", 2), life(CENTRE_ID, 3), life(CENTRE_ID, 8)


class Desk:
    """A machine that decides about rights, one request after the other."""

    def __init__(self, own: Life, owner: Life = OWNER) -> None:
        self.life = own
        self.key = owner.node_id, SKU
        self.book = rights_book.empty(*self.key)
        self.position = Position(SKU, None, "H87", None, 10_000)

    def ask(self, request: RightsRequest, *, is_confirmed: bool = True) -> Event | Rejected:
        name = UUID(int=1)
        command = ShareRights(name, request, self.life, BUSINESS_DATE, is_confirmed=is_confirmed)
        events = share_rights(World(None, {SKU: (self.position,)}, rights={self.key: self.book}), command)
        if isinstance(events, Rejected):
            return events
        (event,) = events
        self.book = rights_book.merge(self.book, _news(event))
        return event

    def grant(self, to: Life, quantity_milli: int) -> RightsBook:
        event = self.ask(GrantRights(SKU, quantity_milli, to))
        assert not isinstance(event, Rejected), event
        return _news(event)


def _book(granted: Granted | Rejected) -> RightsBook:
    assert not isinstance(granted, Rejected), granted
    return granted.book


def _news(event: Event) -> RightsBook:
    assert isinstance(event, RightsGranted | RightsMoved | RightsSpent | RightsHeard | RightsReturned), event
    return event.news


def test_rights_that_a_holder_gives_back_free_their_goods_at_the_location_once() -> None:
    owner, holder = Desk(OWNER), Desk(HOLDER)
    holder.ask(HearRights(owner.grant(HOLDER, 3_000)))
    moved = holder.ask(ReturnRights(OWNER.node_id, SKU, 2_000))
    assert isinstance(moved, RightsMoved)
    assert moved.to == OWNER
    back = owner.ask(HearRights(moved.news))
    assert isinstance(back, RightsReturned)
    (delta,) = release(back.allocations)
    assert (back.quantity_milli, delta.reserved_milli, owner.book.set_aside_milli) == (2_000, -2_000, 1_000)
    assert isinstance(owner.ask(HearRights(moved.news)), RightsHeard), "the same word again frees nothing"
    assert owner.book.set_aside_milli == 1_000


def test_no_more_is_given_back_than_is_held_and_nothing_before_the_node_was_greeted() -> None:
    owner, holder = Desk(OWNER), Desk(HOLDER)
    holder.ask(HearRights(owner.grant(HOLDER, 3_000)))
    for request, confirmed in ((ReturnRights(OWNER.node_id, SKU, 3_001), True), (ReturnRights("nobody", SKU, 1), True)):
        refused = holder.ask(request, is_confirmed=confirmed)
        assert isinstance(refused, Rejected)
        assert refused.slug == "rights-exceeded"
    early = holder.ask(ReturnRights(OWNER.node_id, SKU, 1_000), is_confirmed=False)
    assert isinstance(early, Rejected)
    assert early.slug == "rights-unconfirmed"


def test_what_an_ended_life_of_the_centre_had_not_told_comes_back_and_is_honoured_no_more() -> None:
    owner = Desk(OWNER)
    owner.grant(CENTRE, 5_000)
    owner.grant(NEXT_CENTRE, 1_000)
    owner.ask(SpendRights(SKU, 2_000, CENTRE))
    back = owner.ask(SettleRights(SKU, CENTRE))
    assert isinstance(back, RightsReturned)
    assert (back.quantity_milli, owner.book.set_aside_milli) == (3_000, 1_000)
    again, late = owner.ask(SettleRights(SKU, CENTRE)), owner.ask(SpendRights(SKU, 1_000, CENTRE))
    assert isinstance(again, RightsHeard)
    assert isinstance(late, Rejected)
    assert late.slug == "rights-exceeded"
    assert balance_milli(owner.book.rights, CENTRE) == 0
    assert not isinstance(owner.ask(SpendRights(SKU, 1_000, NEXT_CENTRE)), Rejected)


def test_a_promise_that_an_ended_life_of_the_centre_took_back_pays_for_none_that_it_told() -> None:
    owner = Desk(OWNER)
    owner.grant(HOLDER, 5_000)
    book = rights_book.merge(owner.book, owner.grant(CENTRE, 9_000))
    taken_back = rights_book.give_back(_book(rights_book.use(book, CENTRE, 4_000)), CENTRE, 4_000)
    home = rights_book.move(_book(taken_back), CENTRE, OWNER, 1_000)
    assert not isinstance(home, Rejected)
    owner.ask(HearRights(home.news))
    owner.ask(SpendRights(SKU, 3_000, CENTRE))
    back = owner.ask(SettleRights(SKU, CENTRE))
    assert isinstance(back, RightsReturned)
    assert (back.quantity_milli, owner.book.set_aside_milli) == (5_000, 5_000), "the holder's goods are there still"
    assert (balance_milli(owner.book.rights, CENTRE), balance_milli(owner.book.rights, HOLDER)) == (0, 5_000)


def test_the_centre_cannot_spend_what_was_set_aside_for_others() -> None:
    owner = Desk(OWNER)
    owner.grant(HOLDER, 5_000)
    owner.grant(CENTRE, 1_000)
    refused = owner.ask(SpendRights(SKU, 2_000, CENTRE))
    assert isinstance(refused, Rejected)
    assert refused.slug == "rights-exceeded"


def test_the_location_settles_for_nobody_but_the_centre() -> None:
    owner = Desk(OWNER)
    owner.grant(HOLDER, 5_000)
    refused = owner.ask(SettleRights(SKU, HOLDER))
    assert isinstance(refused, Rejected)
    assert owner.book.set_aside_milli == 5_000


def test_two_histories_of_the_location_add_up_what_each_has_set_aside() -> None:
    first, second = Desk(OWNER), Desk(LATER)
    first.grant(HOLDER, 3_000)
    second.grant(HOLDER, 4_000)  # its file was put back to before the first one
    second.book = rights_book.merge(second.book, first.book)
    assert second.book.set_aside_milli == 7_000
    second.grant(HOLDER, 1_000)
    rights_book.check(second.book)
    second.ask(SpendRights(SKU, 6_000, HOLDER))
    assert (second.book.set_aside_milli, second.book.told_milli(HOLDER)) == (2_000, 6_000)


def test_what_is_set_aside_in_lots_is_taken_out_by_lot_whoever_had_set_it_aside() -> None:
    first = rights_book.grant(
        rights_book.empty(*Desk(OWNER).key), OWNER, HOLDER, [Allocation("rights", SKU, "A", "H87", 2_000)], 2_000
    )
    assert not isinstance(first, Rejected)
    second = rights_book.grant(first.book, LATER, HOLDER, [Allocation("rights", SKU, "B", "H87", 1_000)], 1_000)
    assert not isinstance(second, Rejected)
    taken = rights_book.take_out(second.book, LATER, rights_book.Spent(SKU, 2_500, HOLDER))
    assert not isinstance(taken, Rejected)
    assert [(each.lot, each.quantity_milli) for each in taken[1]] == [("A", 2_000), ("B", 500)]
    assert taken[0].book.lots == {"A": 0, "B": 500}
