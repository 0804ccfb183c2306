"""Five stores share the rights to one SKU through cuts, losses, restores and copies: nothing is oversold (G3)."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.rigs.rights_model import NODES, RightsModel
from tests.rigs.rights_schedules import MUTATIONS, Mutation, broken_by, seeds_to_find

ANY = st.integers(0, 7)
FEW = st.integers(1, 5)


class FiveStores(RuleBasedStateMachine):
    """The model of `tests.rigs.rights_model`, driven by Hypothesis, which shrinks what it finds."""

    def __init__(self) -> None:
        super().__init__()
        self.model = RightsModel()
        for at in range(len(NODES)):
            self.model.tell(at)
        self.model.receive(8)

    @rule(quantity=FEW)
    def receive(self, quantity: int) -> None:
        self.model.receive(quantity)

    @rule(at=ANY, quantity=FEW)
    def promise(self, at: int, quantity: int) -> None:
        self.model.promise(at, quantity)

    @rule(at=ANY, quantity=FEW)
    def take_back(self, at: int, quantity: int) -> None:
        self.model.take_back(at, quantity)

    @rule(at=ANY, to=ANY, quantity=FEW)
    def move(self, at: int, to: int, quantity: int) -> None:
        self.model.move(at, to, quantity)

    @rule(at=ANY, rates=st.integers(0, 1 << 30))
    def rebalance(self, at: int, rates: int) -> None:
        self.model.rebalance(at, rates)

    @rule(at=ANY, is_whole=st.booleans())
    def send(self, at: int, *, is_whole: bool) -> None:
        self.model.send(at, is_whole=is_whole)

    @rule(at=ANY, which=ANY, stays=st.booleans())
    def hear(self, at: int, which: int, *, stays: bool) -> None:
        self.model.hear(at, which, stays=stays)

    @rule(at=ANY)
    def tell(self, at: int) -> None:
        self.model.tell(at)

    @rule(sides=st.integers(0, 255))
    def cut(self, sides: int) -> None:
        self.model.cut(sides)

    @rule(at=ANY)
    def keep(self, at: int) -> None:
        self.model.keep(at)

    @rule(at=ANY, which=ANY)
    def restore(self, at: int, which: int) -> None:
        self.model.restore(at, which)

    @rule(at=ANY, which=ANY)
    def clone(self, at: int, which: int) -> None:
        self.model.clone(at, which)

    @rule(at=ANY, to=ANY)
    def retire(self, at: int, to: int) -> None:
        self.model.retire(at, to)

    @rule(at=ANY, to=ANY)
    def settle(self, at: int, to: int) -> None:
        self.model.settle(at, to)

    @invariant()
    def nothing_is_oversold_and_nobody_holds_less_than_nothing(self) -> None:
        self.model.demand()

    def teardown(self) -> None:
        self.model.heal()


TestFiveStoresThatShareRights = FiveStores.TestCase


def test_random_schedules_oversell_nothing_lose_no_right_and_leave_equal_replicas() -> None:
    """A short part of `python -m tests.rigs.rights_schedules --schedules 10000`."""
    assert {seed: broken for seed in range(1, 151) if (broken := broken_by(seed)) is not None} == {}


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_the_same_schedules_find_a_planted_bug(mutation: Mutation) -> None:
    found = seeds_to_find(mutation, range(1, 301))
    assert found is not None
    assert broken_by(found[0]) is None, "it fails without the bug as well"
