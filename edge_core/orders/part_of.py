"""Which part of a larger order an order is: named with how it was divided, so that the same part can be made again."""

from uuid import UUID

from msgspec import Struct


class Cut(Struct, frozen=True, array_like=True, gc=False):
    """One division: the lines of every part, and the `number` (from 1) of the one that is meant."""

    number: int
    division: tuple[tuple[str, ...], ...]


class PartOf(Struct, frozen=True, array_like=True, gc=False):
    """A part of the centre's order `order_id`. A part that was divided again has a further cut."""

    order_id: UUID
    cuts: tuple[Cut, ...]

    @property
    def above(self) -> "PartOf | None":
        """The part that this is a part of; None where that is the order itself."""
        return PartOf(self.order_id, self.cuts[:-1]) if len(self.cuts) > 1 else None
