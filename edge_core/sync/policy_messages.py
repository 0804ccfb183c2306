"""What a node says of its policies; the policies themselves come as reference data (docs/policies.md)."""

from msgspec import Struct

from edge_core.sync.fields import Seq, ShortText


class PolicyReport(Struct, frozen=True, array_like=True):
    """The release in use (0: none), the newest one that was refused and why, and one whose policies are to come."""

    number: Seq
    refused: Seq = 0
    fault: ShortText | None = None
    waiting_for: Seq = 0
