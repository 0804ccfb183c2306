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


def is_node(number: int, present: int, *, was_replaced: bool) -> bool:
    """Whether a newcomer becomes the node, whose machine has the enrolment `number`, where `present` is the node's.

    The larger number is the node. Of equals the one that comes later is, unless its machine `was_replaced`: that one
    gives what it has, and a new life does not make it another machine. Without enrolment all numbers are 0.
    """
    return number > present or (number == present and not was_replaced)


def _lineage(hello: Hello) -> Iterable[UUID]:
    return (hello.incarnation, *hello.former)
