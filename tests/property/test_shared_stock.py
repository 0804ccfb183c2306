"""Five stores share the rights to one SKU under any schedule, through the agents' own intake: nothing is oversold."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.rigs.sharing import PIECE, SKU, Shops

T = TypeVar("T")
HOLDERS = st.integers(1, 4)
PIECES = st.integers(1, 4)
NUMBERS = st.integers(0, 1_000)


class Sharing(RuleBasedStateMachine):
    """Any steps in any order; those that make no sense are refused by the agents themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.loop = asyncio.new_event_loop()
        self.shops = Shops(self.folder)

    def run(self, step: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(step)

    @initialize(pieces=st.integers(4, 12))
    def open(self, pieces: int) -> None:
        for machine in self.shops.machines:
            self.run(machine.start())
        self.run(self.shops.receive(pieces))

    @rule(pieces=PIECES)
    def receive(self, pieces: int) -> None:
        self.run(self.shops.receive(pieces))

    @rule()
    def sell(self) -> None:
        self.run(self.shops.sell())

    @rule(to=HOLDERS, pieces=PIECES)
    def grant(self, to: int, pieces: int) -> None:
        self.run(self.shops.grant(to, pieces))

    @rule(at=HOLDERS, pieces=PIECES)
    def use(self, at: int, pieces: int) -> None:
        self.run(self.shops.use(at, pieces))

    @rule(at=HOLDERS, to=HOLDERS, pieces=PIECES)
    def move(self, at: int, to: int, pieces: int) -> None:
        self.run(self.shops.move(at, to, pieces))

    @rule(at=HOLDERS, pieces=PIECES)
    def give_back(self, at: int, pieces: int) -> None:
        self.run(self.shops.give_back(at, pieces))

    @rule(at=HOLDERS)
    def say_last_word(self, at: int) -> None:
        self.run(self.shops.say_last_word(at))

    @rule(at=st.integers(0, 4), word=NUMBERS)
    def hear(self, at: int, word: int) -> None:
        self.run(self.shops.hear(at, word))

    @rule()
    def tell(self) -> None:
        self.run(self.shops.tell())

    @rule(at=HOLDERS)
    def back_up(self, at: int) -> None:
        self.shops.machines[at].back_up()

    @rule(at=HOLDERS, number=NUMBERS)
    def put_back(self, at: int, number: int) -> None:
        if self.shops.machines[at].copies:
            self.run(self.shops.machines[at].put_back(number))

    @rule(at=HOLDERS)
    def greet(self, at: int) -> None:
        self.run(self.shops.machines[at].greet())

    @invariant()
    def no_more_was_promised_than_came(self) -> None:
        assert self.shops.promised <= self.shops.came

    def teardown(self) -> None:
        try:
            if self.shops.came:
                self.run(self.shops.converge())
                for machine in self.shops.machines:
                    self.run(machine.stop())
        finally:
            self.loop.close()
            shutil.rmtree(self.folder)


Sharing.TestCase.settings = settings(
    max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestSharedStock = Sharing.TestCase


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Shops]:
    """Two stores, the first of which has four pieces."""
    shops = Shops(tmp_path, 2)
    for machine in shops.machines:
        await machine.start()
    await shops.receive(4)
    yield shops
    for machine in shops.machines:
        await machine.stop()


@pytest.fixture
async def lent(pair: Shops) -> Shops:
    """... and the first has given the second the rights to all of them."""
    assert await pair.grant(1, 4)
    await pair.hear(1, 0)
    return pair


@pytest.mark.parametrize("is_fenced", [True, False])
async def test_a_file_that_is_put_back_spends_its_rights_again_only_where_it_is_not_fenced(
    lent: Shops, *, is_fenced: bool
) -> None:
    shops, holder = lent, lent.machines[1]
    holder.back_up()
    assert await shops.use(1, 4)
    await holder.put_back(0)
    assert not await shops.use(1, 4), "it was not greeted"
    await holder.greet(is_fenced=is_fenced)
    assert await shops.use(1, 4) is not is_fenced
    assert (shops.promised > shops.came) is not is_fenced


async def test_rights_that_come_back_are_sold_by_the_owner_and_by_nobody_else(lent: Shops) -> None:
    shops = lent
    assert await shops.use(1, 1)
    await shops.say_last_word(1)
    assert not await shops.use(1, 1), "the next life holds nothing"
    assert not await shops.sell(), "the owner has not heard of it"
    await shops.hear(0, 2)
    await shops.hear(0, 2)
    assert await shops.sell()
    assert not await shops.sell(), "three came back, two are sold"
    assert shops.promised <= shops.came
    await shops.converge()


async def test_a_machine_that_was_never_greeted_gives_nothing_back(lent: Shops) -> None:
    shops, holder = lent, lent.machines[1]
    holder.back_up()
    assert await shops.use(1, 4)
    await holder.put_back(0)
    words = len(shops.words)
    await shops.say_last_word(1)
    assert len(shops.words) == words, "it has forgotten what it promised"
    await shops.converge()
    assert not await shops.sell()


async def test_what_is_set_aside_for_rights_is_nobody_elses_until_the_promise_is_told(pair: Shops) -> None:
    shops = pair
    assert await shops.grant(1, 3)
    assert not await shops.sell()
    assert not await shops.grant(1, 2)
    await shops.hear(1, 0)
    assert await shops.use(1, 2)
    assert not await shops.use(1, 2)
    await shops.tell()
    book = await shops.owner.book()
    assert book is not None
    assert (book.rights.sku, book.set_aside_milli) == (SKU, 1 * PIECE)
    await shops.converge()
