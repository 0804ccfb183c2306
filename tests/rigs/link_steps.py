"""The edge's link under test, step by step: the shell is played by the test."""

from uuid import UUID

from edge_core.sync.edge_link import step
from edge_core.sync.link_types import (
    CheckHash,
    Effect,
    HashChecked,
    LinkInput,
    LinkState,
    PushSent,
    Received,
    SendPush,
    Tick,
    TransportUp,
)
from edge_core.sync.messages import (
    Ack,
    Decision,
    DurablePosition,
    Grant,
    Lane,
    Welcome,
)
from edge_core.sync.send_stream import InFlight, SendStream

INCARNATION, HISTORY, OTHER_HISTORY = UUID(int=1), UUID(int=2), UUID(int=3)
START_MS = 10_000
HASH = bytes(32)


def hash_at(seq: int) -> bytes:
    return seq.to_bytes(32, "big")


class Link:
    """A link under test: its state, its effects so far, and a clock that stands until it is moved."""

    def __init__(self, tail_seq: int = 100, durable_seq: int = 0) -> None:
        streams = (SendStream("orders", tail_seq, durable_seq, durable_seq), SendStream("bulk"))
        self.state = LinkState(INCARNATION, streams)
        self.now_ms = START_MS
        self.last: tuple[Effect, ...] = ()

    def feed(self, *inputs: LinkInput) -> tuple[Effect, ...]:
        """Feed inputs and return the effects of all of them."""
        found: tuple[Effect, ...] = ()
        for each in inputs:
            self.state, effects = step(self.state, each, self.now_ms)
            found += effects
        self.last = found
        return found

    def after(self, ms: int) -> tuple[Effect, ...]:
        """What a tick leads to so much later."""
        self.now_ms += ms
        return self.feed(Tick())

    @property
    def orders(self) -> SendStream:
        return self.state.streams[0]

    def push(self, to_seq: int) -> tuple[Effect, ...]:
        """The push that was asked for has left, up to here."""
        (asked,) = pushes(self.last)
        return self.feed(PushSent("orders", asked.from_seq, InFlight(to_seq, hash_at(to_seq))))


def pushes(effects: tuple[Effect, ...]) -> list[SendPush]:
    return [effect for effect in effects if isinstance(effect, SendPush)]


def of(kind: type[Effect], effects: tuple[Effect, ...]) -> list[Effect]:
    return [effect for effect in effects if isinstance(effect, kind)]


def welcome(seq: int = 0, decision: Decision = "resume", history: UUID = HISTORY, window: int = 4) -> Received:
    lanes = (DurablePosition("orders", seq, hash_at(seq)), DurablePosition("bulk", 0, HASH))
    return Received(Welcome(history, INCARNATION, decision, lanes, Grant(window, 0, 0, 0), 0, "so it is"))


def ack(seq: int, history: UUID = HISTORY, hash_: bytes | None = None, lane: Lane = "orders") -> Received:
    return Received(Ack(history, INCARNATION, lane, seq, seq, 0, hash_at(seq) if hash_ is None else hash_, 0))


def streaming(durable_seq: int = 0, tail_seq: int = 100) -> Link:
    """A link that was welcomed and whose hashes were checked; the first push is asked for."""
    link = Link(tail_seq)
    link.feed(TransportUp())
    for check in of(CheckHash, link.feed(welcome(durable_seq))):
        assert isinstance(check, CheckHash)
        link.feed(HashChecked(check, is_same=True))
    return link
