"""Gathers what a linter finds, with the cell of each finding."""

from collections.abc import Mapping
from typing import Any

from edge_core.policy.faults import Cell, Finding, Severity


class Notes:
    """The findings of one policy, in the order in which they were made."""

    def __init__(self, policy_id: str) -> None:
        self.policy_id = policy_id
        self.findings: list[Finding] = []

    def refuse(
        self,
        what: str,
        allowed: tuple[str, ...] = (),
        *,
        node: str | None = None,
        row: int | None = None,
        column: str | None = None,
    ) -> None:
        """What keeps the policy from being used."""
        self._add("error", Cell(self.policy_id, node, row, column), what, allowed)

    def doubt(self, what: str, *, node: str | None = None, row: int | None = None, column: str | None = None) -> None:
        """What may be meant, and often is not."""
        self._add("warning", Cell(self.policy_id, node, row, column), what, ())

    def _add(self, severity: Severity, cell: Cell, what: str, allowed: tuple[str, ...]) -> None:
        self.findings.append(Finding(severity, cell, what, allowed))


def objects(value: object) -> list[Mapping[str, Any]]:
    """The JSON objects in a list; whatever else it is, the engine refuses when it loads the graph."""
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def mapping(value: object) -> Mapping[str, Any]:
    """A JSON object, empty where there is none."""
    return value if isinstance(value, Mapping) else {}
