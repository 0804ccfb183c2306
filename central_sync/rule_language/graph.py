"""Rows as a JDM document that the editor opens, and the rows of any such document."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from central_sync.rule_language.table import Row
from edge_core.errors import UNREADABLE, Rejected

_TABLE: Final = "decisionTableNode"


class Column(Struct, frozen=True):
    """A column of a table: the id that cells stand under, and the fact or the answer that it is about."""

    id: str
    field: str = ""


class Content(Struct, frozen=True):
    """What is in a table. Cells that are empty mean any value, and no answer."""

    inputs: tuple[Column, ...]
    outputs: tuple[Column, ...]
    rules: tuple[dict[str, str], ...]


class Table(Struct, frozen=True):
    """One table of a document, by its name."""

    name: str
    rows: tuple[Row, ...]


class _Node(Struct, frozen=True):
    type: str
    name: str = ""
    content: msgspec.Raw = msgspec.Raw()


class _Graph(Struct, frozen=True):
    nodes: tuple[_Node, ...]


def tables_of(document: bytes) -> tuple[Table, ...] | Rejected:
    """The tables of a JDM document, in its order; a rejection says where it is none."""
    try:
        return tuple(_tables(msgspec.json.decode(document, type=_Graph)))
    except UNREADABLE as error:
        return Rejected("invalid-document", f"not a JDM document: {error}")


def _tables(graph: _Graph) -> Iterator[Table]:
    for node in graph.nodes:
        if node.type == _TABLE:
            content = msgspec.json.decode(node.content, type=Content)
            yield Table(node.name, tuple(_row(content, rule) for rule in content.rules))


def _row(content: Content, rule: dict[str, str]) -> Row:
    inputs, outputs = (
        {column.field: cell for column in columns if (cell := rule.get(column.id, "").strip())}
        for columns in (content.inputs, content.outputs)
    )
    return Row(inputs, outputs)


def graph_of(rows: Sequence[tuple[Row, str]], name: str) -> dict[str, Any]:
    """A JDM document with one table of these rows, the first that matches winning; each with a sentence beside it.

    Cells that a row does not have are empty: any value, and no answer.
    """
    inputs = dict.fromkeys(fact for row, _ in rows for fact in row.inputs)
    outputs = dict.fromkeys(answer for row, _ in rows for answer in row.outputs)
    content = {
        "hitPolicy": "first",
        "inputs": _columns("in", inputs),
        "outputs": _columns("out", outputs),
        "rules": [
            {
                "_id": f"row-{number}",
                "_description": sentence,
                **{f"in-{fact}": row.inputs.get(fact, "") for fact in inputs},
                **{f"out-{answer}": row.outputs.get(answer, "") for answer in outputs},
            }
            for number, (row, sentence) in enumerate(rows, 1)
        ],
    }
    nodes = [("input", "inputNode"), ("table", "decisionTableNode"), ("output", "outputNode")]
    return {
        "contentType": "application/vnd.gorules.decision",
        "nodes": [
            {
                "id": node,
                "type": kind,
                "name": name if node == "table" else node,
                "position": {"x": 320 * at, "y": 0},
                **({"content": content} if node == "table" else {}),
            }
            for at, (node, kind) in enumerate(nodes)
        ],
        "edges": [
            {"id": f"{one}-{other}", "type": "edge", "sourceId": one, "targetId": other}
            for one, other in (("input", "table"), ("table", "output"))
        ],
    }


def _columns(prefix: str, names: Iterable[str]) -> list[dict[str, str]]:
    return [{"id": f"{prefix}-{name}", "name": name, "field": name} for name in names]
