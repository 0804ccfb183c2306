"""What a sandbox is given and what it says: all that the agent itself has to know of a trial."""

from msgspec import Struct


class Trial(Struct, frozen=True, array_like=True):
    """What a sandbox is given: a bundle's bytes, trusted keys by their id, when what is in use was made (0: none)."""

    bundle: bytes
    keys: dict[str, bytes]
    newest_ms: int = 0


class Outcome(Struct, frozen=True, array_like=True):
    """What came of it: the release's number, and why it may not be used (nothing: it may)."""

    number: int
    faults: tuple[str, ...] = ()
    warnings: int = 0
    evaluations: int = 0
