"""Rows as a JDM document that the editor opens, and the rows of any such document."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from typing import Any, Final

import msgspec
from msgspec import Struct

from central_sync.rule_language.table import Row
from edge_core.errors import UNREADABLE, Rejected

_TABLE: Final = "decisionTableNode"
_FIRST: Final = "first"


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
    content = {"hitPolicy": _FIRST, "inputs": [], "outputs": [], "rules": []}
    _put(content, rows)
    nodes = [("input", "inputNode"), ("table", _TABLE), ("output", "outputNode")]
    return {
        "contentType": "application/vnd.gorules.decision",
        "nodes": [
            {
                "id": node,
                "type": kind,
                "name": name if kind == _TABLE else node,
                "position": {"x": 320 * at, "y": 0},
                **({"content": content} if kind == _TABLE else {}),
            }
            for at, (node, kind) in enumerate(nodes)
        ],
        "edges": [
            {"id": f"{one}-{other}", "type": "edge", "sourceId": one, "targetId": other}
            for one, other in (("input", "table"), ("table", "output"))
        ],
    }


def with_rows(document: bytes, rows: Sequence[tuple[Row, str]]) -> dict[str, Any] | Rejected:
    """A document with rows before those of its table, so that they are asked first; all else stays as it is.

    A rejection where it is no document, or has not exactly one table of which the first row that matches answers.
    """
    tables = tables_of(document)
    if isinstance(tables, Rejected):
        return tables
    graph: dict[str, Any] = msgspec.json.decode(document)
    contents = [node["content"] for node in graph["nodes"] if node["type"] == _TABLE]
    if len(contents) != 1 or contents[0].get("hitPolicy") != _FIRST:
        return Rejected(
            "policy-invalid", "rows are added to a policy of one table whose first row that matches answers"
        )
    _put(contents[0], rows)
    return graph


def _put(content: dict[str, Any], rows: Sequence[tuple[Row, str]]) -> None:
    """Put rows first, with a column for each fact and answer that the table has not had."""
    inputs = _columns(content["inputs"], "in", (fact for row, _ in rows for fact in row.inputs))
    outputs = _columns(content["outputs"], "out", (answer for row, _ in rows for answer in row.outputs))
    taken = {rule.get("_id") for rule in content["rules"]}
    numbers = (number for number in count(1) if f"row-{number}" not in taken)
    added = [
        {
            "_id": f"row-{number}",
            "_description": sentence,
            **{column: row.inputs.get(fact, "") for fact, column in inputs.items()},
            **{column: row.outputs.get(answer, "") for answer, column in outputs.items()},
        }
        for (row, sentence), number in zip(rows, numbers, strict=False)
    ]
    blank = dict.fromkeys((*inputs.values(), *outputs.values()), "")
    content["rules"] = [*added, *({**blank, **rule} for rule in content["rules"])]


def _columns(columns: list[dict[str, str]], prefix: str, names: Iterable[str]) -> dict[str, str]:
    """The ids of the columns by what they are about; those that are missing are added at the end."""
    known = {column.get("field", ""): column["id"] for column in columns}
    for name in dict.fromkeys(names):
        if name not in known:
            known[name] = f"{prefix}-{name}"
            columns.append({"id": known[name], "name": name, "field": name})
    return known
