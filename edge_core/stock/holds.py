"""Names that follow from other names: under them a hold's end, or what a hold drew of quotas, counts once."""

from hashlib import blake2b
from uuid import UUID

from edge_core.ids import uuid8


def end_id(reservation_id: UUID) -> UUID:
    """The `movement_id` of a hold's end: the same for every way in which it can end.

    A file that was put back may end a hold by the clock which the history that it lost had made an order of. Both ends
    are one movement then, and give the goods back once.
    """
    return uuid8(blake2b(b"holdfast/hold-ended\x00" + reservation_id.bytes, digest_size=16).digest())


def draw_id(subject: UUID) -> UUID:
    """The `movement_id` of what an order or a hold drew of quotas: another than its own."""
    return uuid8(blake2b(b"holdfast/quota-drawn\x00" + subject.bytes, digest_size=16).digest())
