"""The linter looks at how the nodes of a policy hang together: what would be left out of the answer is refused."""

from typing import Any

import pytest

from edge_core.limits import POLICY_NODES_MAX
from edge_core.policy.faults import Cell
from edge_core.policy.lint import lint
from edge_core.policy.pricing import Policies
from edge_core.routing.facts import Facts
from tests.rigs.policies import ELSE, errors, graph, of_graph, only, release, switch, table
from tests.rigs.routing import NOW_MS, question


@pytest.mark.parametrize("kind", ["functionNode", "customNode", "decisionNode", "httpNode"])
def test_a_node_that_could_run_programs_or_is_not_known_is_refused(kind: str) -> None:
    made = graph(
        {"id": "f", "type": kind, "name": "clever", "content": {"source": "for(;;){}"}}, table([ELSE], passThrough=True)
    )
    found = errors(lint(of_graph("p", made)))
    assert found[0].cell == Cell("p", "clever")
    assert f"a {kind} is not allowed" in found[0].what
    assert "decisionTableNode" in found[0].allowed


ONE = table([ELSE], node_id="a", name="one")
TWO = table([{"hour_minor": "1"}], node_id="b", name="two")
THROUGH = table([ELSE], node_id="a", name="one", passThrough=True)


@pytest.mark.parametrize(
    ("made", "node", "says"),
    [
        (graph(ONE, TWO, edges=[("in", "a"), ("a", "out")]), "two", "not on a way from the input"),
        (
            graph(ONE, TWO, edges=[("in", "a"), ("in", "b"), ("a", "out"), ("b", "out")]),
            "order",
            "only a switch divides",
        ),
        (graph(ONE, edges=[("in", "out")]), "one", "not on a way from the input"),
        (graph(THROUGH, edges=[("in", "a"), ("a", "a"), ("a", "out")]), None, "in a circle"),
        (graph(ONE, edges=[("in", "a"), ("a", "x"), ("a", "out")]), None, "there is no such node"),
        (graph(ONE, TWO), "two", "no facts arrive: the node before it does not pass them on: 'one'"),
        (graph(ONE, TWO), "two", "what was answered before it is lost"),
        (graph(THROUGH, TWO), "two", "what was answered before it is lost"),
        (graph(edges=[("in", "out")]), None, "nothing in it answers"),
        ({"nodes": [], "edges": []}, None, "nothing"),
        ({"nodes": 5, "edges": []}, None, "expected a list of nodes"),
        ({"nodes": [5], "edges": []}, None, "expected a list of nodes"),
        ({"edges": []}, None, "expected a list of nodes"),
        (graph(ONE) | {"edges": 5}, "one", "not on a way"),
        (graph(ONE, ONE), "one", "two nodes have the id"),
        (
            graph(*[table([ELSE], node_id=f"n{n}", passThrough=True) for n in range(POLICY_NODES_MAX)]),
            None,
            "nodes, the limit is",
        ),
    ],
)
def test_a_graph_that_does_not_hang_together_is_refused(made: dict[str, Any], node: str | None, says: str) -> None:
    found = errors(lint(of_graph("p", made)))
    assert found
    if says != "nothing":
        assert (node, True) in [(each.cell.node, says in each.what) for each in found], [str(each) for each in found]


def test_two_inputs_no_output_and_a_schema_of_its_own_are_refused() -> None:
    made = graph(ONE)
    made["nodes"].append(dict(made["nodes"][0], id="in2"))
    assert "expected one inputNode, found 2" in {each.what for each in lint(of_graph("p", made))}
    made = graph(ONE)
    made["nodes"].pop()
    assert "expected one outputNode, found 0" in {each.what for each in lint(of_graph("p", made))}
    made = graph(ONE)
    made["nodes"][0]["content"] = {"schema": "{}"}
    assert "a schema of its own would refuse orders" in only(of_graph("p", made)).what


def test_a_switch_leads_each_order_one_way() -> None:
    made = switch({"fast": "preference == 'fastest'", "other": ""}, {"fast": THROUGH, "other": TWO})
    given = of_graph("p", made)
    assert lint(given) == []
    policies = Policies(release("p"), [given])

    def hour(preference: str) -> int:
        return policies.priced(question(facts=Facts(preference=preference)), "o", NOW_MS).prices.hour_milli

    assert (hour("greenest"), hour("fastest")) == (1_000, 0)


@pytest.mark.parametrize(
    ("ways", "severity", "says"),
    [
        ({"fast": "lines +", "other": ""}, "error", "the end is not expected"),
        ({"fast": "lines", "other": ""}, "error", "a condition is true or false"),
        ({"fast": "margin_ppm > 3", "other": ""}, "error", "is not known of every order"),
        ({"fast": "", "other": "lines > 1"}, "error", "always holds"),
        ({"fast": "lines > 1", "other": "lines < 1"}, "warning", "no way for everything else"),
    ],
)
def test_a_switch_whose_ways_would_not_be_taken_is_told(ways: dict[str, str], severity: str, says: str) -> None:
    found = lint(of_graph("p", switch(ways, {"fast": THROUGH, "other": TWO})))
    assert [(severity, "ways")] == [(each.severity, each.cell.node) for each in found if says in each.what]


def test_a_way_without_an_edge_and_an_edge_without_a_way_are_refused() -> None:
    made = switch({"fast": "lines > 1", "other": ""}, {"fast": THROUGH, "other": TWO})
    made["edges"][1]["sourceHandle"] = "lost"
    found = errors(lint(of_graph("p", made)))
    assert {"no edge begins at this way", "an edge begins at 'lost', which is none of its ways"} <= {
        e.what for e in found
    }


def test_a_switch_that_takes_several_ways_at_once_is_refused() -> None:
    made = switch({"fast": "lines > 1", "other": ""}, {"fast": THROUGH, "other": TWO})
    made["nodes"][1]["content"]["hitPolicy"] = "collect"
    found = only(of_graph("p", made))
    assert (found.cell.node, found.allowed) == ("ways", ("first",))
