"""Checks how the nodes of a policy hang together: what flows into each, and whether it reaches the answer."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from edge_core.limits import POLICY_NODES_MAX
from edge_core.policy.notes import Notes, mapping, objects

KINDS: Final = ("inputNode", "outputNode", "expressionNode", "decisionTableNode", "switchNode")
_REASONS: Final = {
    "functionNode": "it runs programs",
    "customNode": "it runs programs",
    "decisionNode": "layers of a release do that",
}
_ANSWERING: Final = frozenset({"expressionNode", "decisionTableNode"})


class Node(NamedTuple):
    """A node by its id; `name` is what people call it."""

    node_id: str
    kind: str
    name: str
    content: Mapping[str, Any]

    @property
    def passes(self) -> bool:
        """Whether what comes in goes out as well."""
        return self.kind in {"inputNode", "switchNode"} or self.content.get("passThrough") is True


def read_nodes(notes: Notes, graph: Mapping[str, Any]) -> list[Node]:
    """The nodes of kinds that are allowed; others are refused."""
    listed = graph.get("nodes")
    if not isinstance(listed, list) or not all(isinstance(each, Mapping) for each in listed):
        notes.refuse("expected a list of nodes")
        return []
    if len(listed) > POLICY_NODES_MAX:
        notes.refuse(f"{len(listed)} nodes, the limit is {POLICY_NODES_MAX}")
        return []
    found: dict[str, Node] = {}
    for each in listed:
        content = each.get("content")
        node = Node(str(each.get("id")), str(each.get("type")), str(each.get("name")), mapping(content))
        if node.kind not in KINDS:
            reason = _REASONS.get(node.kind, "its kind is not known")
            notes.refuse(f"a {node.kind} is not allowed: {reason}", KINDS, node=node.name)
        elif node.kind in {"inputNode", "outputNode"} and node.content.get("schema"):
            notes.refuse("a schema of its own would refuse orders", node=node.name)
        if node.node_id in found:
            notes.refuse(f"two nodes have the id {node.node_id!r}", node=node.name)
        found[node.node_id] = node
    for kind in ("inputNode", "outputNode"):
        if (number := sum(node.kind == kind for node in found.values())) != 1:
            notes.refuse(f"expected one {kind}, found {number}")
    return list(found.values())


def check_flow(notes: Notes, graph: Mapping[str, Any], nodes: Sequence[Node], ways: Mapping[str, list[str]]) -> None:
    """That every node is on a way from the input to the output, has the facts, and loses no answer.

    `ways` are the ids of the ways out of each switch.
    """
    by_id = {node.node_id: node for node in nodes}
    before: dict[str, list[str]] = {node_id: [] for node_id in by_id}
    after: dict[str, list[str]] = {node_id: [] for node_id in by_id}
    for edge in objects(graph.get("edges")):
        source, target = str(edge.get("sourceId")), str(edge.get("targetId"))
        if source not in by_id or target not in by_id:
            notes.refuse(f"an edge leads from {source!r} to {target!r}, and there is no such node")
            continue
        before[target].append(source)
        after[source].append(target)
    _check_ways(notes, graph, by_id, ways)
    for node in nodes:
        if node.kind != "switchNode" and len(after[node.node_id]) > 1:
            notes.refuse("only a switch divides the way: of two answers at once one would be lost", node=node.name)
    order = _in_order(before, after)
    if len(order) != len(by_id):
        notes.refuse("its nodes go round in a circle")
        return
    starts = _spread([n.node_id for n in nodes if n.kind == "inputNode"], after)
    ends = _spread([n.node_id for n in nodes if n.kind == "outputNode"], before)
    for node in nodes:
        if node.node_id not in starts or node.node_id not in ends:
            notes.refuse("it is not on a way from the input to the output", node=node.name)
    _check_passing(notes, [by_id[node_id] for node_id in order], by_id, before)


def _check_passing(
    notes: Notes, order: Sequence[Node], by_id: Mapping[str, Node], before: Mapping[str, list[str]]
) -> None:
    """A node that does not pass on what comes in keeps facts from those after it, and answers of those before it."""
    has_facts: dict[str, bool] = {}
    has_answers: dict[str, bool] = {}
    for node in order:
        sources = before[node.node_id]
        has_facts[node.node_id] = all(by_id[s].passes and has_facts[s] for s in sources)
        arriving = any(has_answers[s] for s in sources)
        if node.kind not in {"inputNode", "outputNode"} and not has_facts[node.node_id]:
            names = ", ".join(repr(by_id[s].name) for s in sources if not by_id[s].passes)
            notes.refuse(f"no facts arrive: the node before it does not pass them on: {names}", node=node.name)
        if arriving and node.kind in _ANSWERING and not node.passes:
            notes.refuse("what was answered before it is lost: it does not pass it on", node=node.name)
        has_answers[node.node_id] = node.kind in _ANSWERING or arriving
    if not any(node.kind in _ANSWERING for node in order):
        notes.refuse("nothing in it answers")


def _check_ways(
    notes: Notes, graph: Mapping[str, Any], by_id: Mapping[str, Node], ways: Mapping[str, list[str]]
) -> None:
    taken = {(str(e.get("sourceId")), str(e.get("sourceHandle"))) for e in objects(graph.get("edges"))}
    for node_id, own in ways.items():
        for number, way in enumerate(own, 1):
            if (node_id, way) not in taken:
                notes.refuse("no edge begins at this way", node=by_id[node_id].name, row=number)
        for source, handle in sorted(taken):
            if source == node_id and handle not in own:
                notes.refuse(f"an edge begins at {handle!r}, which is none of its ways", node=by_id[node_id].name)


def _in_order(before: Mapping[str, list[str]], after: Mapping[str, list[str]]) -> list[str]:
    """The nodes so that each comes after all that lead to it (Kahn); those of a circle are left out."""
    waiting = {node_id: len(sources) for node_id, sources in before.items()}
    ready = [node_id for node_id, count in waiting.items() if not count]
    order: list[str] = []
    while ready:
        node_id = ready.pop()
        order.append(node_id)
        for target in after[node_id]:
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    return order


def _spread(start: list[str], edges: Mapping[str, list[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(start)
    while waiting:
        node_id = waiting.pop()
        if node_id not in found:
            found.add(node_id)
            waiting += edges[node_id]
    return found
