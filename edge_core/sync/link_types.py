"""What the edge's end of the link is made of: what happens to it, what it wants done, and where it is.

`edge_link.step` turns an input into effects; the shell runs them and answers with further inputs. Times are monotonic
milliseconds; a lane's positions are seqs of the present incarnation unless a `FormerKey` names another.
"""

from typing import Final, Literal
from uuid import UUID

from msgspec import Struct

from edge_core.limits import HELLO_TIMEOUT_MS, PUSH_BYTES_MAX, PUSH_ENTRIES_MAX, PUSH_WINDOW_MAX
from edge_core.sync.early import EarlyCopies
from edge_core.sync.messages import Ack, Deliver, DurablePosition, FormerStream, GrantMessage, Welcome
from edge_core.sync.need_messages import Needed
from edge_core.sync.pacing import Pace
from edge_core.sync.send_stream import InFlight, SendStream

Phase = Literal["offline", "greeting", "streaming", "renewing", "stopped"]


Part = Literal["after", "before", "needed"]


class FormerKey(Struct, frozen=True):
    """A stream of an earlier incarnation, and what is asked of it: what follows the own copy, or lies before its cut.

    What is `needed` first is asked of all of them together: see `NEEDED`.
    """

    incarnation: UUID
    lane: str
    part: Part = "after"


NEEDED: Final = FormerKey(UUID(int=0), "orders", "needed")


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

    message: Welcome | Ack | GrantMessage | Deliver | Needed


class Renewed(Struct, frozen=True):
    """A new incarnation is in the file, with its empty lanes: as was asked, or as turned out when the file was read."""

    incarnation: UUID


class FormerCompared(Struct, frozen=True):
    """The answer to `CompareFormer`: what is to be asked of earlier incarnations, one after the other.

    Of a newcomer's, what is needed first; then of each in which the sides differ, oldest first; then their history.
    """

    differing: tuple[FormerKey, ...]


class Restored(Struct, frozen=True):
    """The answer to `Restore`: the delivery is in the file; `is_complete` when there is nothing more to ask for."""

    key: FormerKey
    is_complete: bool


class RestoreFailed(Struct, frozen=True):
    """A delivery could not be used, or was said twice; what is missing is asked for again after a while."""

    key: FormerKey


class PushSent(Struct, frozen=True):
    """A push that was asked for has left, in so many bytes on the wire."""

    lane: str
    from_seq: int
    push: InFlight
    size_bytes: int = 0


class EarlySent(Struct, frozen=True):
    """A copy of the newest entries has left, in so many bytes on the wire."""

    to_seq: int
    size_bytes: int


class PushFailed(Struct, frozen=True):
    """A push that was asked for could not be loaded or handed over; where its first entry is damaged, with its seq."""

    lane: str
    damaged_seq: int | None = None


class HashChecked(Struct, frozen=True):
    """The answer to a `CheckHash`: whether the own chain has that hash at that seq."""

    check: "CheckHash"
    is_same: bool


class Tick(Struct, frozen=True):
    """Time has passed. `cap_bytes_per_s` is the operator's cap at this time of day; 0 is none."""

    cap_bytes_per_s: int = 0


LinkInput = (
    TransportUp
    | TransportDown
    | LogGrew
    | Received
    | PushSent
    | EarlySent
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
    """Load entries of a lane from a seq on and push them; answer with `PushSent` or `PushFailed`.

    At most `entries_max` of them and `bytes_max` before compression; one that alone is larger goes alone.
    """

    lane: str
    from_seq: int
    entries_max: int = PUSH_ENTRIES_MAX
    bytes_max: int = PUSH_BYTES_MAX


class SendEarly(Struct, frozen=True):
    """Send a copy of the newest orders, from a seq on; answer with `EarlySent` once it left."""

    from_seq: int


class CheckHash(Struct, frozen=True):
    """Compare a hash with the own chain; answer with `HashChecked`. `ack` is what waits for the answer, if anything.

    `parked` and `settled` are the centre's books at a position that it greeted with.
    """

    lane: str
    seq: int
    expected: bytes
    ack: Ack | None = None
    parked: int = 0
    settled: int = 0


class RecordDurable(Struct, frozen=True):
    """Write down how far a lane is durable at the centre."""

    lane: str
    durable_seq: int
    backed_up_seq: int
    parked: int
    settled: int = 0
    held: str | None = ""


class Rebook(Struct, frozen=True):
    """Correct the books, in memory and in the file: the centre greeted with this position, be it less than before."""

    lane: str
    durable_seq: int
    parked: int
    settled: int


class RecordHistory(Struct, frozen=True):
    """Write down which history of the centre was seen last, and together with it what that one holds of each lane."""

    history_id: UUID
    lanes: tuple[DurablePosition, ...]
    former: tuple[FormerStream, ...] = ()

    def held(self, present: UUID) -> list[tuple[UUID, str, int, bytes, int]]:
        """Incarnation, lane, durable seq, the hash there and the backup's reach, of the present streams and others."""
        named: list[tuple[UUID, DurablePosition | FormerStream]] = [(present, at) for at in self.lanes]
        named += [(at.incarnation, at) for at in self.former]
        return [(of, at.lane, at.durable_seq, at.durable_hash, at.backed_up_seq) for of, at in named]


class RecordAttempt(Struct, frozen=True):
    """Write down how often the connection was lost since the last ack: a restart goes on waiting from there."""

    attempt: int


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
    """Ask the centre for what the file lacks of an earlier stream; where it lacks nothing, answer with `Restored`."""

    key: FormerKey


class Restore(Struct, frozen=True):
    """Take a delivery into the file: add what was lost, append again what only the file has; answer with `Restored`."""

    key: FormerKey
    deliver: Deliver | Needed


class TakeInstructions(Struct, frozen=True):
    """Take a delivery of the centre's log into the file, do what it says, and send a `DeliverAck` of the position."""

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
    """New incarnations were in vain: people should look. Selling goes on, and the link tries again after a pause."""

    reason: str
    pause_ms: int = 0


Effect = (
    Connect
    | SendHello
    | SendHeartbeat
    | SendPush
    | SendEarly
    | CheckHash
    | RecordDurable
    | Rebook
    | RecordHistory
    | RecordAttempt
    | BeginIncarnation
    | CompareFormer
    | SendRecall
    | Restore
    | TakeInstructions
    | StopSelling
    | GoOnSelling
    | AwaitEnrolment
    | Stop
)


class LinkState(Struct, frozen=True):
    """Where the link is. `attempt` counts lost connections since the centre last acked something.

    `downlink` is the incarnation of the centre's log for this node, as the last welcome named it. `stops` counts how
    often the link was stopped since the centre last confirmed something; while it is, it tries again at `retry_ms`.
    """

    incarnation: UUID
    streams: tuple[SendStream, ...]
    phase: Phase = "offline"
    attempt: int = 0
    window: int = PUSH_WINDOW_MAX
    pace: Pace = Pace()
    early: EarlyCopies = EarlyCopies()
    history_id: UUID | None = None
    unchecked: tuple[str, ...] = ()
    hello_ms: int = 0
    hello_wait_ms: int = HELLO_TIMEOUT_MS
    heartbeat_ms: int = 0
    stop_reason: str = ""
    stops: int = 0
    retry_ms: int = 0
    renewals: int = 0
    is_connected: bool = False
    is_replaced: bool = False
    succeeds: UUID | None = None
    recalls: tuple[FormerKey, ...] = ()
    recall_ms: int = 0
    recall_tries: int = 0
    is_restoring: bool = False
    is_compared: bool = False
    downlink: UUID | None = None

    @property
    def takes_instructions(self) -> bool:
        """Whether the node acts for the centre now: it is greeted, nobody replaced it, and it has all of its past."""
        greeted = self.phase == "streaming" and not self.unchecked and not self.is_replaced
        return greeted and self.is_compared and not self.recalls and not self.is_restoring and self.downlink is not None


Stepped = tuple[LinkState, tuple[Effect, ...]]
