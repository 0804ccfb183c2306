"""Whatever the network does and whichever end is put back, what the centre asks is done once, and the centre knows."""

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rigs.down_model import DownModel
from tests.simulation.loop import run
from tests.simulation.stand_ins import IN_PLACE_OF

Happening = Callable[[DownModel], Awaitable[None]]
PLACE = st.integers(0, 7)


@pytest.fixture(scope="module", autouse=True)
def tables_in_memory() -> Iterator[None]:
    """The stand-ins of the simulator in the place of the functions that reach PostgreSQL."""
    with contextlib.ExitStack() as stack:
        for module, name, stand_in in IN_PLACE_OF:
            stack.enter_context(patch.object(module, name, stand_in))
        yield


def _now(act: Callable[[DownModel], None]) -> Happening:
    async def happen(model: DownModel) -> None:
        act(model)

    return happen


ENDS = st.sampled_from([True, False])
HAPPENINGS: st.SearchStrategy[Happening] = st.one_of(
    st.builds(lambda key: lambda m: m.ask(key), st.integers(1, 9)),
    st.builds(lambda key: lambda m: m.ask(key), st.integers(10, 30)),
    st.just(lambda m: m.send()),
    st.just(lambda m: m.greet()),
    st.just(lambda m: m.answer()),
    st.builds(lambda at, stays: lambda m: m.hear(at, stays=stays), PLACE, ENDS),
    st.just(lambda m: m.hear(0, stays=False)),
    st.builds(lambda at, stays: lambda m: m.acknowledge(at, stays=stays), PLACE, ENDS),
    st.builds(lambda at, is_up: _now(lambda m: m.lose(at, is_up=is_up)), PLACE, ENDS),
    st.just(_now(DownModel.restart_centre)),
    st.just(lambda m: m.lose_answers()),
    st.just(_now(DownModel.keep)),
    st.builds(lambda at, is_centre: lambda m: m.restore(at, is_centre=is_centre), PLACE, ENDS),
)


async def _live(happenings: list[Happening]) -> DownModel:
    model = DownModel()
    await model.greet()
    for happening in happenings:
        await happening(model)
        assert len(set(model.node.log)) == len(model.node.log), "something was done twice"
    await model.heal()
    return model


@settings(max_examples=3 * settings().max_examples)
@given(st.lists(HAPPENINGS, max_size=60))
def test_everything_that_the_centre_holds_is_done_once_and_answered(happenings: list[Happening]) -> None:
    model = run(lambda _loop: _live(happenings))
    asked = model.tables.instructions
    assert set(asked) == set(model.node.log)
    assert {row.outcome for row in asked.values()} <= {"applied"}
    row = model.tables.downlinks["store-0001"]
    assert model.node.position is None or row.tail_seq == 0 or model.node.position.seq == row.tail_seq


@settings(max_examples=settings().max_examples)
@given(st.lists(st.integers(1, 200), min_size=1, max_size=200, unique=True))
def test_instructions_are_done_in_the_order_in_which_they_were_asked(keys: list[int]) -> None:
    async def live() -> tuple[DownModel, int]:
        model = DownModel()
        await model.greet()
        for key in keys:
            await model.ask(key)
        await model.heal()
        return model, len(model.node.log)

    model, done = run(lambda _loop: live())
    assert done == len(keys)
    assert list(model.node.log) == list(model.tables.instructions)


def test_an_answer_that_both_ends_have_lost_is_asked_for_again() -> None:
    async def live() -> DownModel:
        model = DownModel()
        await model.greet()
        await model.ask(1)
        await model.send()
        await model.hear(0, stays=False)
        await model.acknowledge(0, stays=False)
        await model.lose_answers()
        await model.heal()
        return model

    model = run(lambda _loop: live())
    assert [row.outcome for row in model.tables.instructions.values()] == ["applied"]


def test_an_ack_that_is_heard_after_the_hello_of_a_file_that_was_put_back_keeps_nothing_from_it() -> None:
    async def live() -> DownModel:
        model = DownModel()
        await model.greet()
        for key in (1, 2):
            await model.ask(key)
            await model.send()
            await model.hear(0, stays=False)
            model.keep()
        await model.acknowledge(0, stays=False)
        await model.restore(0, is_centre=False)  # its hello overtakes the second ack
        await model.acknowledge(0, stays=False)
        model.report()
        await model.acknowledge(0, stays=False)
        model.restart_centre()
        await model.send()
        await model.hear(0, stays=False)
        return model

    model = run(lambda _loop: live())
    assert len(model.node.log) == 2


def test_a_lost_delivery_is_sent_again_by_the_senders_own_patience() -> None:
    async def live() -> DownModel:
        import asyncio  # noqa: PLC0415 - the loop of the model has a time of its own

        model = DownModel()
        await model.greet()
        await model.ask(1)
        await model.send()
        model.lose(0, is_up=False)
        await model.send()
        assert model.down == []  # it waits
        while not model.down:
            await asyncio.sleep(0.5)
            await model.send()
        await model.hear(0, stays=False)
        await model.acknowledge(0, stays=False)
        return model

    model = run(lambda _loop: live())
    assert len(model.node.log) == 1
