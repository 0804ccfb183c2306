"""How many orders were held since the start, and how often people did what was proposed (docs/checks.md)."""

from collections.abc import Iterable
from typing import Final

from edge_core.orders.events import Event, OrderApproved, OrderCancelled, OrderHeld


class HoldCount:
    """Counts committed events. What an instruction of the centre decided is counted at the centre alone."""

    def __init__(self) -> None:
        self.held = 0
        self.answered = 0
        self.followed = 0

    def count(self, events: Iterable[Event]) -> None:
        """Count what a batch has committed."""
        for event in events:
            if type(event) in _COUNTED:  # `isinstance` of a struct that fails costs 0.3 us, and most events are others
                self._count(event)

    def _count(self, event: Event) -> None:
        if isinstance(event, OrderHeld):
            self.held += event.level == 0
        elif isinstance(event, OrderApproved | OrderCancelled) and event.followed is not None:
            self.answered += 1
            self.followed += event.followed


_COUNTED: Final = frozenset({OrderHeld, OrderApproved, OrderCancelled})
