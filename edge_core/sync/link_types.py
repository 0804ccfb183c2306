"""What the edge's end of the link is made of: what happens to it, what it wants done, and where it is.

`edge_link.step` turns an input into effects; the shell runs them and answers with further inputs. Times are monotonic
milliseconds; a lane's positions are seqs of the present incarnation unless a `FormerKey` names another.
"""

from typing import Literal
from uuid import UUID

from msgspec import Struct

from edge_core.limits import HELLO_TIMEOUT_MS, PUSH_WINDOW_MAX
from edge_core.sync.messages import Ack, Deliver, FormerStream, GrantMessage, Welcome
from edge_core.sync.send_stream import InFlight, SendStream

Phase = Literal["offline", "greeting", "streaming", "renewing", "stopped"]


class FormerKey(Struct, frozen=True):
    """A stream of an earlier incarnation."""

    incarnation: UUID
    lane: str


# --- inputs ----------------------------------------------------------------------------------------------------------


class TransportUp(Struct, frozen=True):
    """The broker took the connection and the subscription."""


class TransportDown(Struct, frozen=True):
    """The connection is gone. `jitter` is a random number from 0 to 1."""

    jitter: float


class LogGrew(Struct, frozen=True):
    """The log of a lane ends at `tail_seq` now."""

    lane: str
    tail_seq: int


class Received(Struct, frozen=True):
    """A message of the centre."""

    message: Welcome | Ack | GrantMessage | Deliver


class Renewed(Struct, frozen=True):
    """A new incarnation is in the file, with its empty lanes: as was asked, or as turned out when the file was read."""

    incarnation: UUID


class FormerCompared(Struct, frozen=True):
    """The answer to `CompareFormer`: the streams of earlier incarnations in which the sides differ, oldest first."""

    differing: tuple[FormerKey, ...]


class Restored(Struct, frozen=True):
    """The answer to `Restore`: the delivery is in the file; `is_complete` when there is nothing more to ask for."""

    key: FormerKey
    is_complete: bool


class RestoreFailed(Struct, frozen=True):
    """A delivery could not be used; it is asked for again after a while."""

    key: FormerKey


class PushSent(Struct, frozen=True):
    """A push that was asked for has left."""

    lane: str
    from_seq: int
    push: InFlight


class PushFailed(Struct, frozen=True):
    """A push that was asked for could not be loaded or handed over."""

    lane: str


class HashChecked(Struct, frozen=True):
    """The answer to a `CheckHash`: whether the own chain has that hash at that seq."""

    check: "CheckHash"
    is_same: bool


class Tick(Struct, frozen=True):
    """Time has passed."""


LinkInput = (
    TransportUp
    | TransportDown
    | LogGrew
    | Received
    | PushSent
    | PushFailed
    | HashChecked
    | Renewed
    | FormerCompared
    | Restored
    | RestoreFailed
    | Tick
)


# --- effects ---------------------------------------------------------------------------------------------------------


class Connect(Struct, frozen=True):
    """Connect to the broker after a pause."""

    delay_ms: int


class SendHello(Struct, frozen=True):
    """Say hello with the log's present positions."""


class SendHeartbeat(Struct, frozen=True):
    """Send the books and the state of the node."""


class SendPush(Struct, frozen=True):
    """Load entries of a lane from a seq on and push them; answer with `PushSent` or `PushFailed`."""

    lane: str
    from_seq: int


class CheckHash(Struct, frozen=True):
    """Compare a hash with the own chain; answer with `HashChecked`. `ack` is what waits for the answer, if anything."""

    lane: str
    seq: int
    expected: bytes
    ack: Ack | None = None


class RecordDurable(Struct, frozen=True):
    """Write down how far a lane is durable at the centre."""

    lane: str
    durable_seq: int
    backed_up_seq: int
    parked: int


class Rebook(Struct, frozen=True):
    """Correct the books: the centre greeted with this position, be it less than it had acked before."""

    lane: str
    durable_seq: int


class RecordHistory(Struct, frozen=True):
    """Write down which history of the centre was seen last."""

    history_id: UUID


class BeginIncarnation(Struct, frozen=True):
    """This history may not go on: begin a new one in the same file. `Renewed` follows once it is there."""

    reason: str


class CompareFormer(Struct, frozen=True):
    """Compare the centre's list of earlier incarnations with the file; answer with `FormerCompared`.

    With `is_own_only`, those alone that the file has: a node that was replaced gives what only it holds, and needs
    nothing of what its successor does.
    """

    former: tuple[FormerStream, ...]
    is_own_only: bool = False


class SendRecall(Struct, frozen=True):
    """Ask the centre for what the file lacks of an earlier stream."""

    key: FormerKey


class Restore(Struct, frozen=True):
    """Take a delivery into the file: add what was lost, append again what only the file has; answer with `Restored`."""

    key: FormerKey
    deliver: Deliver


class StopSelling(Struct, frozen=True):
    """Another machine is this node now: take no more orders."""

    reason: str


class GoOnSelling(Struct, frozen=True):
    """This machine is the node: where it had stopped for another, it takes orders again."""


class AwaitEnrolment(Struct, frozen=True):
    """The centre takes nothing from this machine until it is enrolled as the node. Selling goes on."""

    reason: str


class Stop(Struct, frozen=True):
    """The link cannot go on by itself: an operator must look. Selling goes on."""

    reason: str


Effect = (
    Connect
    | SendHello
    | SendHeartbeat
    | SendPush
    | CheckHash
    | RecordDurable
    | Rebook
    | RecordHistory
    | BeginIncarnation
    | CompareFormer
    | SendRecall
    | Restore
    | StopSelling
    | GoOnSelling
    | AwaitEnrolment
    | Stop
)


class LinkState(Struct, frozen=True):
    """Where the link is. `attempt` counts lost connections since the centre last acked something."""

    incarnation: UUID
    streams: tuple[SendStream, ...]
    phase: Phase = "offline"
    attempt: int = 0
    window: int = PUSH_WINDOW_MAX
    history_id: UUID | None = None
    unchecked: tuple[str, ...] = ()
    hello_ms: int = 0
    hello_wait_ms: int = HELLO_TIMEOUT_MS
    heartbeat_ms: int = 0
    stop_reason: str = ""
    renewals: int = 0
    is_replaced: bool = False
    recalls: tuple[FormerKey, ...] = ()
    recall_ms: int = 0
    is_restoring: bool = False


Stepped = tuple[LinkState, tuple[Effect, ...]]
