"""Policies as their editor would write them, from a few rows: the smallest graph, and bundles of such."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from edge_core.policy.documents import Policy, Release
from edge_core.policy.faults import Finding
from edge_core.policy.lint import lint
from tests.rigs.routing import NOW_MS

Row = Mapping[str, str]

ELSE: Row = {"parcel_minor": "100"}
"""A row for everything else."""


def table(rows: Sequence[Row], *, node_id: str = "t", name: str = "prices", **content: Any) -> dict[str, Any]:
    """A table from its rows, `{"if tier": "'gold'", "hour_minor": "30"}`: columns that begin with `if` are asked."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    asked = [column for column in columns if column.startswith("if ")]
    told = [column for column in columns if not column.startswith("if ")]
    cells = [{column: row.get(column, "") for column in columns} for row in rows]
    return {
        "id": node_id,
        "type": "decisionTableNode",
        "name": name,
        "position": {"x": 400, "y": 100},
        "content": {
            "hitPolicy": "first",
            "inputs": [{"id": column, "name": column, "field": column.removeprefix("if ")} for column in asked],
            "outputs": [{"id": column, "name": column, "field": column} for column in told],
            "rules": [{"_id": f"r{at}", **row} for at, row in enumerate(cells)],
            **content,
        },
    }


def expressions(given: Row, *, node_id: str = "e", **content: Any) -> dict[str, Any]:
    """A node that computes."""
    rows = [{"id": f"x{at}", "key": key, "value": value} for at, (key, value) in enumerate(given.items())]
    return {
        "id": node_id,
        "type": "expressionNode",
        "name": "computed",
        "position": {"x": 400, "y": 300},
        "content": {"expressions": rows, **content},
    }


def graph(*nodes: dict[str, Any], edges: Sequence[tuple[str, str]] | None = None) -> dict[str, Any]:
    """The nodes between an input and an output, one after the other where no edges are given."""
    ends = [
        {"id": "in", "type": "inputNode", "name": "order", "position": {"x": 100, "y": 100}},
        {"id": "out", "type": "outputNode", "name": "prices", "position": {"x": 800, "y": 100}},
    ]
    chain = ["in", *(str(node["id"]) for node in nodes), "out"]
    pairs = list(pairwise(chain)) if edges is None else edges
    return {
        "contentType": "application/vnd.gorules.decision",
        "nodes": [ends[0], *nodes, ends[1]],
        "edges": [{"id": f"{a}-{b}", "type": "edge", "sourceId": a, "targetId": b} for a, b in pairs],
    }


def policy(policy_id: str, *nodes: dict[str, Any], revision: int = 1, **graph_facts: Any) -> Policy:
    """A policy of some nodes."""
    return of_graph(policy_id, graph(*nodes, **graph_facts), revision=revision)


def of_graph(policy_id: str, made: dict[str, Any], *, revision: int = 1) -> Policy:
    """A policy of a graph."""
    return Policy(policy_id, revision, policy_id, policy_id, msgspec.json.encode(made).decode())


def release(*layers: str, number: int = 1, **facts: Any) -> Release:
    """A release of some layers. A larger number was made later."""
    return Release(number, NOW_MS - 3_600_000 + number, layers, **facts)


def switch(ways: Row, leads_to: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """A graph in which conditions, by the id of their way, lead to nodes."""
    statements = [{"id": way, "condition": condition} for way, condition in ways.items()]
    chooser = {"id": "s", "type": "switchNode", "name": "ways", "position": {"x": 200, "y": 100}}
    chooser["content"] = {"hitPolicy": "first", "statements": statements}
    nodes = list(leads_to.values())
    made = graph(
        chooser,
        *nodes,
        edges=[("in", "s"), *(("s", str(n["id"])) for n in nodes), *((str(n["id"]), "out") for n in nodes)],
    )
    for edge, way in zip(made["edges"][1:], leads_to, strict=False):
        edge["sourceHandle"] = way
    return made


def errors(found: list[Finding]) -> list[Finding]:
    """Those of the findings that keep a policy from being used."""
    return [finding for finding in found if finding.severity == "error"]


def only(given: Policy) -> Finding:
    """The one error of a policy."""
    found = errors(lint(given))
    assert len(found) == 1, [str(each) for each in found]
    return found[0]
