"""Whatever the network and the centre do, once they behave everything sent is held once and in order (G1, G6)."""

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_core.sync.messages import Push, decode_up
from tests.rigs.link_model import LinkModel

Happening = Callable[[LinkModel], None]
PLACE = st.integers(0, 7)

HAPPENINGS: st.SearchStrategy[Happening] = st.one_of(
    st.builds(lambda n, tells: lambda m: m.commit(n, tells=tells), st.integers(1, 6), st.booleans()),
    st.builds(lambda at, stays: lambda m: m.deliver_up(at, stays=stays), PLACE, st.booleans()),
    st.builds(lambda at, stays: lambda m: m.deliver_down(at, stays=stays), PLACE, st.booleans()),
    st.just(lambda m: m.deliver_up()),
    st.just(lambda m: m.deliver_down()),
    st.builds(lambda at, is_up: lambda m: m.lose(at, is_up=is_up), PLACE, st.booleans()),
    st.builds(lambda ms: lambda m: m.wait(ms), st.sampled_from([1, 250, 2_000, 40_000, -5_000])),
    st.just(lambda m: m.connect()),
    st.just(lambda m: m.connect()),
    st.builds(lambda jitter: lambda m: m.disconnect(jitter), st.floats(0, 1)),
    st.just(lambda m: m.restart_centre()),
    st.builds(lambda lost: lambda m: m.centre.restore(lost), st.integers(0, 5)),
)


def run(happenings: list[Happening]) -> LinkModel:
    """Let it all happen; what the centre holds is at every moment a prefix of the log."""
    model = LinkModel()
    for happening in happenings:
        happening(model)
        assert model.centre.bodies == model.log.bodies[: len(model.centre.bodies)]
    return model


@settings(max_examples=5 * settings().max_examples)
@given(st.lists(HAPPENINGS, max_size=80))
def test_after_healing_the_centre_holds_every_entry_once_and_in_order(happenings: list[Happening]) -> None:
    model = run(happenings)
    model.heal()
    assert model.stopped == []
    assert model.centre.bodies == model.log.bodies
    assert model.is_at_rest()


@given(st.lists(HAPPENINGS, max_size=60))
def test_what_the_edge_calls_durable_the_centre_holds(happenings: list[Happening]) -> None:
    model = LinkModel()
    held: dict[int, int] = {}
    for happening in happenings:
        happening(model)
        held[model.centre.history] = max(held.get(model.centre.history, 0), len(model.centre.bodies))
        for history_id, durable_seq in model.recorded:
            assert durable_seq <= held[history_id.int]


def test_a_link_without_trouble_needs_each_entry_to_be_sent_once() -> None:
    model = LinkModel()
    model.commit(100, tells=True)
    model.connect()
    pushes = 0
    while model.up or model.down:
        pushes += sum(isinstance(decode_up(payload), Push) for payload in model.up)
        for _ in range(len(model.up)):
            model.deliver_up()
        for _ in range(len(model.down)):
            model.deliver_down()
    assert model.centre.bodies == model.log.bodies
    assert pushes == 100 // model.batch_entries
