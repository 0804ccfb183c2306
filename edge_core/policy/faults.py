"""Where something in a policy is wrong: the cell, what it says, and what could stand there."""

from typing import Literal

from msgspec import Struct

from edge_core.errors import PermanentFault

Severity = Literal["error", "warning"]


class Cell(Struct, frozen=True, array_like=True):
    """A place in a bundle, as far as it is known: the policy, the node by its name, the row from 1, the column."""

    policy_id: str
    node: str | None = None
    row: int | None = None
    column: str | None = None

    def __str__(self) -> str:
        parts = [self.policy_id]
        parts += [] if self.node is None else [f"node {self.node!r}"]
        parts += [] if self.row is None else [f"row {self.row}"]
        parts += [] if self.column is None else [f"column {self.column!r}"]
        return ", ".join(parts)


class Finding(Struct, frozen=True, array_like=True):
    """What is wrong with a cell. `allowed` says what could stand there, where that is a short list."""

    severity: Severity
    cell: Cell
    what: str
    allowed: tuple[str, ...] = ()

    def __str__(self) -> str:
        allowed = f" (allowed: {', '.join(self.allowed)})" if self.allowed else ""
        return f"{self.cell}: {self.what}{allowed}"


class PolicyFault(PermanentFault):
    """A policy could not be loaded, or gave no usable answer: `finding` says which and where."""

    def __init__(self, cell: Cell, what: str, allowed: tuple[str, ...] = ()) -> None:
        self.finding = Finding("error", cell, what, allowed)
        super().__init__(str(self.finding))
