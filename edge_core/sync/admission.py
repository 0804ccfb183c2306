"""Which machine is a node, pure (docs/protocol.md, "Admission").

A machine is enrolled once, with a ticket; its file then lives on under new incarnations by itself, and each hello names
the earlier ones. The rank of a machine is the number of the newest enrolment in that lineage: the highest rank is the
node.
"""

from collections.abc import Iterable, Mapping
from typing import Literal
from uuid import UUID

from edge_core.sync.messages import Hello

Admit = Literal["any", "enrolled"]
NOT_ENROLLED = "this machine is not enrolled as the node: run `edge-agent enrol` with a ticket of `central-sync enrol`"


def rank(hello: Hello, enrolled: Mapping[UUID, int]) -> int | None:
    """The number of the newest enrolment that the hello's machine stands on, or None where there is none."""
    return max((enrolled[life] for life in _lineage(hello) if life in enrolled), default=None)


def _lineage(hello: Hello) -> Iterable[UUID]:
    return (hello.incarnation, *hello.former)
