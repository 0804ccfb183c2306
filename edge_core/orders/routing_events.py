"""That routing has decided how goods go: the event, with all that the decision can be had again from (docs/routing.md).

The rules are those of `edge_core.orders.events`: names are frozen, a field may be added at the end, with a default.
"""

from msgspec import Struct


class RoutedGroup(Struct, frozen=True, array_like=True, gc=False):
    """What was decided about one group: the service that carries it, and when it arrives (Unix ms).

    Both are None for goods about which a person decides. `sorts_first`: whoever picks takes it before others.
    """

    group_id: str
    service_id: str | None
    arrives_at_ms: int | None
    sorts_first: bool = False


class Avoided(Struct, frozen=True, array_like=True, gc=False):
    """What is left alone until a moment (Unix ms), because it has failed: a service from there, or the whole place."""

    location_id: str
    service_id: str | None
    until_ms: int


class RoutingDecided(Struct, frozen=True, array_like=True, gc=False, tag="routing.decided"):
    """How the goods of some groups go. It stands behind their `fulfillment.routed`, in the same entry.

    `question` and `decision` are canonical bytes (`edge_core.routing.record` reads them, by their `version`); `hash` is
    BLAKE2b-256 of the question's and stands for the decision. `policy` is the version and the hash of what priced it.
    """

    groups: tuple[RoutedGroup, ...]
    policy: str
    version: int
    hash: bytes
    question: bytes
    decision: bytes
