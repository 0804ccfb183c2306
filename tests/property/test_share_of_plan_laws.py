"""What ADR 28 rests on: a part that is routed by itself goes where the plan of the whole order had it."""

from hypothesis import given
from hypothesis import strategies as st

from edge_core.assignment.choosing import Candidate, demand_of, plain_question, shares_of
from edge_core.assignment.dividing import divide
from edge_core.routing.deciding import route
from tests.rigs.orders import START_MS, till_order


@given(st.data())
def test_each_part_goes_by_itself_where_the_plan_of_all_had_it(data: st.DataObject) -> None:
    order = till_order(lines=data.draw(st.integers(2, 5)), method="ship")
    goods = list(demand_of(order))
    several = [
        Candidate(
            f"store-{number}",
            dict.fromkeys(data.draw(st.lists(st.sampled_from(goods), unique=True)), 9_000),
            data.draw(st.integers(0, 3)),
        )
        for number in range(data.draw(st.integers(1, 5)))
    ]
    asked = plain_question(order, several, (), attempts_left=5, now_ms=START_MS)
    shares = shares_of(route(asked))
    has_all = all(any(goods_ in each.free_milli for each in several) for goods_ in goods)
    assert bool(shares) == has_all
    named = [line_id for share in shares for line_id in share.line_ids]
    assert sorted(named) == [line.line_id for line in order.lines if has_all]
    documents = divide(order, tuple(share.line_ids for share in shares)) if shares else ()
    for part, share in zip(documents, shares, strict=True):
        alone = plain_question(part, several, (), attempts_left=5, now_ms=START_MS)
        ((node_id, line_ids),) = shares_of(route(alone))
        assert (node_id, set(line_ids)) == (share.node_id, set(share.line_ids))


@given(st.data())
def test_who_may_not_be_asked_has_no_share(data: st.DataObject) -> None:
    order = till_order(lines=3, method="ship")
    goods = demand_of(order)
    several = [Candidate(f"store-{number}", goods, number) for number in range(4)]
    resting = data.draw(st.sets(st.sampled_from([each.node_id for each in several])))
    asked = plain_question(order, several, resting, attempts_left=5, now_ms=START_MS)
    able = [each.node_id for each in several if each.node_id not in resting]
    assert [share.node_id for share in shares_of(route(asked))] == able[:1]
