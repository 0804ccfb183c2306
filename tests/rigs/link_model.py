"""Both ends of the link without sockets: the real state machine of the edge, a centre of thirty lines, a bad network.

The network loses, doubles and reorders; the centre forgets what is not committed when it restarts, and loses commits
when it is restored from a backup. Only a hello keeps its place among what the edge sends: it goes over the topic of one
publisher, which MQTT keeps in order (MQTT 3.1.1 section 4.6), and so it stands for everything that was sent before it.
"""

from uuid import UUID

from edge_core import ids
from edge_core.sync import chain, conservation, handshake
from edge_core.sync.edge_link import step
from edge_core.sync.handshake import CentreView
from edge_core.sync.link_types import (
    CheckHash,
    Connect,
    Effect,
    HashChecked,
    LinkInput,
    LinkState,
    LogGrew,
    PushFailed,
    PushSent,
    Received,
    RecordDurable,
    SendHeartbeat,
    SendHello,
    SendPush,
    Stop,
    Tick,
    TransportDown,
    TransportUp,
)
from edge_core.sync.messages import (
    Ack,
    DurablePosition,
    Grant,
    Heartbeat,
    Hello,
    Push,
    UpMessage,
    Welcome,
    decode_down,
    decode_up,
    encode_message,
)
from edge_core.sync.receive_stream import Applied, Cursor, Gap, prepare, receive
from edge_core.sync.send_stream import InFlight, SendStream
from tests.rigs.orders import START_MS
from tests.rigs.streams import NodeLog

WINDOW = 3


class CentreModel:
    """What the centre must be to a stream: a list of bodies that survives, and a history that names it."""

    def __init__(self, log: NodeLog) -> None:
        self._log = log
        self.bodies: list[bytes] = []
        self.history = 1

    @property
    def history_id(self) -> UUID:
        return UUID(int=self.history)

    def restore(self, lost: int) -> None:
        """Come back from a backup that lacks the last commits."""
        self.history += 1
        self.bodies = self.bodies[: len(self.bodies) - min(lost, len(self.bodies))]

    def answer(self, message: UpMessage) -> Welcome | Ack | None:
        if isinstance(message, Hello):
            return self._welcome(message)
        if isinstance(message, Push):
            return self._take(message)
        if isinstance(message, Heartbeat) and message.lanes[0].confirmed != len(self.bodies):
            return self._ack(message.incarnation, len(self.bodies))
        return None

    def _cursor(self) -> Cursor:
        return Cursor(len(self.bodies), self._log.hashes[len(self.bodies)])

    def _welcome(self, hello: Hello) -> Welcome:
        at = self._cursor()
        bulk = chain.genesis(hello.node_id, hello.incarnation, "bulk")
        views = {"orders": CentreView(at.durable_seq, at.durable_hash), "bulk": CentreView(0, bulk)}
        decision, detail = handshake.answer(hello, self.history_id, views, superseded_by=None)
        lanes = (DurablePosition("orders", at.durable_seq, at.durable_hash),)
        return Welcome(self.history_id, hello.incarnation, decision, lanes, Grant(WINDOW, 0, 0, 0), 0, detail)

    def _take(self, push: Push) -> Ack:
        batch = prepare(push)
        outcome = receive(self._cursor(), batch)
        if isinstance(outcome, Applied):
            self.bodies += batch.bodies[outcome.skip :]
        received = 0 if isinstance(outcome, Gap) else batch.to_seq
        return self._ack(push.incarnation, max(received, len(self.bodies)))

    def _ack(self, incarnation: UUID, received: int) -> Ack:
        at = self._cursor()
        return Ack(self.history_id, incarnation, "orders", received, at.durable_seq, 0, at.durable_hash, parked=0)


class LinkModel:
    """One edge, one centre, and what is between them."""

    def __init__(self) -> None:
        self.log = NodeLog(incarnation=ids.uuid7(START_MS, 1))
        self.centre = CentreModel(self.log)
        self.state = LinkState(self.log.incarnation, (SendStream("orders"),))
        self.up: list[bytes] = []
        self.down: list[bytes] = []
        self.is_connected = False
        self.now_ms = 1_000
        self.batch_entries = 2
        self.stopped: list[str] = []
        self.recorded: list[tuple[UUID, int]] = []

    # --- the edge's shell ----------------------------------------------------------------------------------------

    def feed(self, *inputs: LinkInput) -> None:
        """Feed inputs and run what they lead to, as the agent's session does."""
        queue = list(inputs)
        while queue:
            self.state, effects = step(self.state, queue.pop(0), self.now_ms)
            self._check(effects)
            for effect in effects:
                queue += self._run(effect)

    def _check(self, effects: tuple[Effect, ...]) -> None:
        """What holds after every step, whatever happened."""
        (stream,) = self.state.streams
        assert len(stream.in_flight) <= WINDOW
        assert stream.durable_seq <= stream.sent_seq <= stream.tail_seq
        if any(isinstance(effect, SendPush) for effect in effects):
            assert self.state.phase == "streaming"
            assert self.is_connected, "pushed without a connection"
            assert not self.state.unchecked, "pushed before the hashes were compared"

    def _run(self, effect: Effect) -> list[LinkInput]:
        match effect:
            case SendHello():
                self._send(self.log.hello(self.state.history_id))
            case SendHeartbeat():
                self._send(self._heartbeat())
            case SendPush():
                return [self._push(effect)]
            case CheckHash():
                return [HashChecked(effect, self.log.hashes[effect.seq] == effect.expected)]
            case RecordDurable():
                assert self.state.history_id is not None
                self.recorded.append((self.state.history_id, effect.durable_seq))
            case Stop():
                self.stopped.append(effect.reason)
            case Connect() | _:
                pass
        return []

    def _push(self, asked: SendPush) -> PushSent | PushFailed:
        # The file may hold more than the state machine has been told of: the intake commits while the link reads.
        to_seq = min(asked.from_seq + self.batch_entries - 1, self.log.tail_seq)
        if not self._send(self.log.push(asked.from_seq, to_seq)):
            return PushFailed("orders")
        return PushSent("orders", asked.from_seq, InFlight(to_seq, self.log.hashes[to_seq]))

    def _heartbeat(self) -> Heartbeat:
        (stream,) = self.state.streams
        books = conservation.ledger("orders", tail_seq=self.log.tail_seq, durable_seq=stream.durable_seq, parked=0)
        return Heartbeat(self.log.node_id, self.log.incarnation, (books,), 0, 0, START_MS, "0.1.0")

    def _send(self, message: UpMessage) -> bool:
        if self.is_connected:
            self.up.append(encode_message(message))
        return self.is_connected

    # --- what can happen -----------------------------------------------------------------------------------------

    def commit(self, count: int, *, tells: bool) -> None:
        """The intake writes entries; the link hears of it now, or with the next commit."""
        for _ in range(count):
            self.log.append(b"body %d" % (self.log.tail_seq + 1))
        if tells:
            self.feed(LogGrew("orders", self.log.tail_seq))

    def connect(self) -> None:
        if not self.is_connected:
            self.is_connected = True
            self.feed(TransportUp())

    def disconnect(self, jitter: float) -> None:
        """The connection breaks: what was on its way down is lost, what is up at the broker arrives later."""
        if self.is_connected:
            self.is_connected = False
            self.down.clear()
            self.feed(TransportDown(jitter))

    def wait(self, ms: int) -> None:
        self.now_ms += ms
        self.feed(Tick())

    def deliver_up(self, at: int = 0, *, stays: bool = False) -> None:
        """The centre gets a message; `stays` leaves a copy that arrives once more."""
        if self.up:
            at = self._before_the_first_hello(at)
            message = decode_up(self.up[at])
            if not stays or isinstance(message, Hello):
                del self.up[at]
            answer = self.centre.answer(message)
            if answer is not None and self.is_connected:
                self.down.append(encode_message(answer))

    def deliver_down(self, at: int = 0, *, stays: bool = False) -> None:
        if self.down:
            at %= len(self.down)
            message = decode_down(self.down[at] if stays else self.down.pop(at))
            assert isinstance(message, Welcome | Ack)
            self.feed(Received(message))

    def lose(self, at: int, *, is_up: bool) -> None:
        way = self.up if is_up else self.down
        if way:
            del way[at % len(way)]

    def restart_centre(self) -> None:
        """The centre's session at the broker is a clean one: what it had not taken is gone."""
        self.up.clear()

    def heal(self, rounds: int = 400) -> None:
        """Nothing goes wrong any more, until both sides are at rest."""
        self.connect()
        self.feed(LogGrew("orders", self.log.tail_seq))
        for _ in range(rounds):
            while self.up or self.down:
                self.deliver_up()
                self.deliver_down()
            if self.is_at_rest():
                return
            self.wait(500)

    def is_at_rest(self) -> bool:
        """Both sides hold the same, and the edge knows it."""
        is_told = self.state.phase == "streaming" and self.state.streams[0].durable_seq == self.log.tail_seq
        return is_told and self.centre.bodies == self.log.bodies

    def _before_the_first_hello(self, at: int) -> int:
        hellos = [index for index, payload in enumerate(self.up) if isinstance(decode_up(payload), Hello)]
        return at % hellos[0] if hellos and hellos[0] > 0 else 0 if hellos else at % len(self.up)
