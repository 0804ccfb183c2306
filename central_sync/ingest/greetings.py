"""Hellos, heartbeats, byes and foreign messages: what is said around the streams, a batch of each at once."""

from collections.abc import Sequence, Set
from uuid import UUID

from msgspec import Struct, field
from msgspec.structs import replace

from central_sync import instructions
from central_sync.ingest import succession
from central_sync.ingest.admission import Standing, standing
from central_sync.ingest.holding import Held
from central_sync.ingest.succession import HearsSilence, Life, hears_nobody, returning
from central_sync.instructions import Claim, RandomBits, machine_bits
from central_sync.store import enrolments, nodes, parked, streams
from central_sync.store.database import Connection
from central_sync.store.nodes import Greeting, Report
from central_sync.store.parked import ForeignMessage, shown
from central_sync.store.streams import CursorRow, StreamKey
from edge_core.limits import (
    FORMER_INCARNATIONS_MAX,
    PUSH_WINDOW_MAX,
)
from edge_core.sync import handshake
from edge_core.sync.admission import NOT_ENROLLED, Admit
from edge_core.sync.conservation import differences
from edge_core.sync.entry import LANES
from edge_core.sync.handshake import CentreView
from edge_core.sync.messages import (
    DOWN,
    Ack,
    Bye,
    Decision,
    DeliverAck,
    DownPosition,
    DurablePosition,
    FormerStream,
    Grant,
    Heartbeat,
    Hello,
    LaneLedger,
    Welcome,
    lane_of,
)

GRANT = Grant(window=PUSH_WINDOW_MAX, rate_entries_per_s=0, start_after_ms=0, ttl_ms=0)
"""No limit but the window: what a word that is no greeting carries, and a greeting until `Granting` has its say."""


class Difference(Struct, frozen=True):
    """What does not add up in a node's books, newly found."""

    node_id: str
    found: tuple[str, ...]


class Reported(Struct):
    """What heartbeats led to. A stream in `told` is where its node does not think it is, and gets an ack to say so:
    it sends again, or greets again where the centre holds less than it once acked. A stream in `called` has to greet
    again in any case, and hears why: the centre does not know it, or another machine has taken its node over.
    """

    news: list[Difference] = field(default_factory=list)
    told: dict[StreamKey, CursorRow] = field(default_factory=dict)
    called: dict[StreamKey, tuple[Decision, str]] = field(default_factory=dict)


async def welcome(
    connection: Connection,
    hellos: Sequence[Hello],
    *,
    history_id: UUID,
    now_ms: int,
    random_bits: RandomBits = machine_bits,
    admit: Admit = "any",
    hears_silence_of: HearsSilence = hears_nobody,
) -> list[tuple[Hello, Welcome]]:
    """Admit nodes, make their cursors, and say what to do: to each incarnation's last hello of the batch, in turn."""
    turns: list[dict[str, Hello]] = []
    for hello in {(hello.node_id, hello.incarnation): hello for hello in hellos}.values():
        turn = next((turn for turn in turns if hello.node_id not in turn), None)
        if turn is None:
            turns.append(turn := {})
        turn[hello.node_id] = hello
    answers: list[tuple[Hello, Welcome]] = []
    for turn in turns:
        ordered = [turn[node_id] for node_id in sorted(turn)]
        ranks = await standing(connection, ordered, admit)
        strangers = {h.node_id: _to_enrol(h, history_id) for h in ordered if h.node_id in ranks.strangers}
        ordered = [hello for hello in ordered if hello.node_id not in strangers]
        found = await _welcome(connection, ordered, ranks, history_id, now_ms, random_bits, hears_silence_of)
        answers += [(turn[node_id], answer) for node_id, answer in (strangers | found).items()]
    return answers


async def _welcome(
    connection: Connection,
    ordered: Sequence[Hello],
    ranks: Standing,
    history_id: UUID,
    now_ms: int,
    random_bits: RandomBits,
    hears_silence_of: HearsSilence,
) -> dict[str, Welcome]:
    """The same for one hello of each node, in the order of their ids."""
    current = await nodes.incarnations(connection, [hello.node_id for hello in ordered])
    keys = [StreamKey(hello.node_id, hello.incarnation, lane) for hello in ordered for lane in LANES]
    known = await streams.lock(connection, keys)
    unknown = [hello for hello in ordered if (hello.node_id, hello.incarnation, LANES[0]) not in known]
    asked = {
        hello.node_id: _confirm(hello, current[hello.node_id], history_id)
        for hello in unknown
        if not handshake.may_succeed(hello, current.get(hello.node_id))
    }
    ordered = [hello for hello in ordered if hello.node_id not in asked]
    keys = [key for key in keys if key.node_id not in asked]
    admitted = [hello for hello in unknown if hello.node_id not in asked]
    outranked = await succession.outranked(connection, admitted, current, ranks, hears_silence_of)
    await _succeed(connection, [h for h in admitted if h.node_id in current and h not in outranked])
    missing = [key for key in keys if key not in known]
    if missing:
        await streams.create(connection, missing)
        await _rank(connection, ranks, admitted, [(hello.node_id, current[hello.node_id]) for hello in outranked])
        known |= await streams.lock(connection, missing)
    former = await _former(connection, ordered)
    returns = await returning(connection, known, hears_silence_of, is_ranked=ranks.is_ranked)
    answers = {
        hello.node_id: _answer(hello, known, former.get(hello.node_id, ()), returns, history_id, now_ms)
        for hello in ordered
    }
    greetings = [_greeting(hello, answers[hello.node_id]) for hello in ordered if _is_current(hello, known)]
    if greetings:
        await nodes.greet(connection, greetings)
    going_on = [hello for hello in ordered if answers[hello.node_id].decision in {"resume", "rewind"}]
    newcomers = {hello.node_id for hello in admitted}
    named = await instructions.greet(connection, going_on, newcomers, now_ms, random_bits) if going_on else {}
    return asked | {node_id: replace(answer, downlink=named.get(node_id)) for node_id, answer in answers.items()}


async def report(
    connection: Connection,
    heartbeats: Sequence[Heartbeat],
    now_ms: int,
    *,
    admit: Admit = "any",
    hears_silence_of: HearsSilence = hears_nobody,
) -> Reported:
    """Record each incarnation's last heartbeat of the batch and check its books against the cursors (promise G8)."""
    latest = {(beat.node_id, beat.incarnation): beat for beat in heartbeats}
    ordered = [latest[who] for who in sorted(latest)]
    taken = await nodes.report(connection, [_report(beat, now_ms) for beat in ordered])
    rows = await streams.of_incarnations(connection, [(beat.node_id, beat.incarnation) for beat in ordered])
    returns = await returning(connection, rows, hears_silence_of, is_ranked=admit == "enrolled")
    reported = Reported()
    found = {
        (beat.node_id, beat.incarnation): tuple(t for books in beat.lanes for t in _differences(beat, books, rows))
        for beat in ordered
    }
    news = await nodes.note_differences(connection, found)
    reported.news = [Difference(who[0], found[who]) for who in news if found[who]]
    for beat in ordered:
        for books in beat.lanes:
            key = StreamKey(beat.node_id, beat.incarnation, books.lane)
            row = rows.get(key) or streams.beginning(key)
            if books.lane == LANES[0] and key not in rows:
                reported.called[key] = "rewind", "the centre does not know this stream"
            elif books.lane == LANES[0] and row.superseded_by is not None:
                if key[:2] in returns:
                    reported.called[key] = "rewind", f"incarnation {row.superseded_by} of this machine is silent"
                    continue
                reported.called[key] = "refuse", f"incarnation {row.superseded_by} has taken this node over"
            elif books.lane == LANES[0] and row.fenced is None and key[:2] not in taken:
                reported.called[key] = "rewind", "this machine is the node again"
            if _is_news(row, books) or key not in rows:
                reported.told[key] = row
            if row.backed_up_seq > books.backed_up_seq:
                reported.told[key] = row  # the node may let go of more than it knows
    return reported


async def claimed(connection: Connection, beats: Sequence[Heartbeat], acks: Sequence[DeliverAck]) -> list[Claim]:
    """Take the nodes' word about their downlinks, as far as it is the word of who the node is now.

    Returns the claims that cannot be: those nodes have to greet again.
    """
    claims = [
        Claim(beat.node_id, beat.incarnation, beat.downlink, is_report=True)
        for beat in beats
        if beat.downlink is not None
    ]
    claims += [
        Claim(ack.node_id, ack.by, DownPosition(ack.incarnation, ack.durable_seq, ack.durable_hash))
        for ack in acks
        if ack.by is not None and ack.lane == DOWN
    ]
    if not claims:
        return []
    rows = await streams.of_incarnations(connection, [(claim.node_id, claim.by) for claim in claims])
    present = [
        claim
        for claim in claims
        if (row := rows.get(StreamKey(claim.node_id, claim.by, LANES[0]))) is not None
        and row.fenced is None
        and row.superseded_by is None
    ]
    return await instructions.acknowledge(connection, present)


async def leave(connection: Connection, byes: Sequence[Bye]) -> None:
    """Take the hint that nodes are going."""
    for bye in byes:
        await nodes.note_gone(connection, bye.node_id, bye.incarnation)


async def park(connection: Connection, messages: Sequence[ForeignMessage]) -> None:
    """Keep foreign messages, as far as there is room for them."""
    for message in messages:
        await parked.add_foreign(connection, message)


def ack(history_id: UUID, key: StreamKey, row: CursorRow, held: Held | None = None) -> Ack:
    """The word after a COMMIT: what is held of a stream, and why nothing more is taken of it, if so."""
    lane = lane_of(key.lane)
    return Ack(
        history_id,
        key.incarnation,
        lane,
        row.durable_seq,
        row.durable_seq,
        row.backed_up_seq,
        row.durable_hash,
        row.parked,
        row.settled,
        "" if held is None else held.why,
    )


def told(history_id: UUID, key: StreamKey, row: CursorRow) -> Ack:
    """The same in answer to a heartbeat, which shows that its node does not know it: it says nothing of a hold."""
    return replace(ack(history_id, key, row), held=None)


def fence(key: StreamKey, row: CursorRow, why: str, history_id: UUID) -> Welcome:
    """The word to a stream from which nothing more is taken."""
    return Welcome(history_id, key.incarnation, "fence", (_position(key, row),), GRANT, 0, shown(why))


def call(key: StreamKey, decision: Decision, why: str, history_id: UUID) -> Welcome:
    """The word, unasked, to a stream that is to greet again."""
    return Welcome(history_id, key.incarnation, decision, (), GRANT, 0, shown(why))


def _to_enrol(hello: Hello, history_id: UUID) -> Welcome:
    """The word to a machine that no ticket has let in."""
    return Welcome(history_id, hello.incarnation, "enrol", (), GRANT, 0, NOT_ENROLLED)


def _confirm(hello: Hello, current: UUID, history_id: UUID) -> Welcome:
    """The question to a newcomer: does it mean, here and now, to be the node in the place of the one that is?"""
    why = f"incarnation {current} is the node so far"
    return Welcome(history_id, hello.incarnation, "confirm", (), GRANT, 0, why, current=current)


def _is_news(row: CursorRow, books: LaneLedger) -> bool:
    """Whether the node does not know its stream's place, or not what became of what was parked."""
    told = books.confirmed + books.parked, books.parked, books.settled
    return told != (row.durable_seq, row.parked, row.settled)


def call_about_downlink(claim: Claim, history_id: UUID) -> Welcome:
    """The word, unasked, to a node that has taken what the centre's log for it does not hold."""
    return call(StreamKey(claim.node_id, claim.by, LANES[0]), "rewind", "the downlink goes on otherwise", history_id)


async def _succeed(connection: Connection, newcomers: Sequence[Hello]) -> None:
    """Close what the newcomers' own machines have left behind; what is another machine's may only drain."""
    if not newcomers:
        return
    own = [(hello.node_id, former, hello.incarnation) for hello in newcomers for former in hello.former]
    left = [(node_id, former, f"the node has gone on as incarnation {by}") for node_id, former, by in own]
    await streams.close(connection, left)
    present = [(hello.node_id, hello.incarnation) for hello in newcomers]
    await streams.supersede(connection, present, [(node_id, former) for node_id, former, _ in own])


async def _rank(
    connection: Connection, ranks: Standing, admitted: Sequence[Hello], outranking: Sequence[tuple[str, UUID]]
) -> None:
    """Write down which machines newcomers are; those of a machine that was enrolled earlier may only drain."""
    if outranking:
        await streams.supersede(connection, outranking, [])
    await enrolments.inherit(connection, ranks.heirs(admitted))


async def _former(connection: Connection, hellos: Sequence[Hello]) -> dict[str, tuple[FormerStream, ...]]:
    present = [(hello.node_id, hello.incarnation) for hello in hellos]
    found = await streams.former(connection, present, len(LANES) * FORMER_INCARNATIONS_MAX)
    return {
        node_id: tuple(
            FormerStream(incarnation, lane_of(lane), seq, seq_hash, backed_up_seq)
            for incarnation, lane, seq, seq_hash, backed_up_seq in rows
        )
        for node_id, rows in found.items()
    }


def _answer(
    hello: Hello,
    known: dict[StreamKey, CursorRow],
    former: tuple[FormerStream, ...],
    returns: Set[Life],
    history_id: UUID,
    now_ms: int,
) -> Welcome:
    rows = {lane: known[StreamKey(hello.node_id, hello.incarnation, lane)] for lane in LANES}
    views = {lane: CentreView(row.durable_seq, row.durable_hash) for lane, row in rows.items()}
    fenced = next((row.fenced for row in rows.values() if row.fenced is not None), None)
    superseded_by = next((row.superseded_by for row in rows.values() if row.superseded_by is not None), None)
    decision: Decision
    decision, detail = "fence", fenced or ""
    if fenced is None:
        may_return = (hello.node_id, hello.incarnation) in returns
        decision, detail = handshake.answer(
            hello, history_id, views, superseded_by=superseded_by, may_return=may_return
        )
    positions = tuple(
        _position(StreamKey(hello.node_id, hello.incarnation, position.lane), rows[position.lane])
        for position in hello.lanes
    )
    return Welcome(
        history_id,
        hello.incarnation,
        decision,
        positions,
        GRANT,
        now_ms - hello.wall_clock_ms,
        shown(detail),
        former,
    )


def _position(key: StreamKey, row: CursorRow) -> DurablePosition:
    lane = lane_of(key.lane)
    return DurablePosition(lane, row.durable_seq, row.durable_hash, row.backed_up_seq, row.parked, row.settled)


def _is_current(hello: Hello, known: dict[StreamKey, CursorRow]) -> bool:
    rows = [known[StreamKey(hello.node_id, hello.incarnation, lane)] for lane in LANES]
    return all(row.fenced is None and row.superseded_by is None for row in rows)


def _greeting(hello: Hello, answer: Welcome) -> Greeting:
    return Greeting(
        hello.node_id,
        hello.incarnation,
        shown(hello.name or hello.node_id),
        shown(hello.region),
        answer.clock_offset_ms,
        shown(hello.software_version),
        answer.detail if answer.decision == "fence" else None,
    )


def _report(beat: Heartbeat, now_ms: int) -> Report:
    return Report(
        beat.node_id,
        beat.incarnation,
        nodes.encode_ledger(beat.lanes),
        beat.oldest_unacked_age_ms,
        min(beat.disk_free_bytes, (1 << 63) - 1),
        now_ms - beat.wall_clock_ms,
        shown(beat.software_version),
        None if beat.last_error is None else shown(beat.last_error),
        beat.parked_instructions,
        nodes.encode_held(beat.reference),
        nodes.encode_policies(beat.policies),
    )


def _differences(beat: Heartbeat, books: LaneLedger, rows: dict[StreamKey, CursorRow]) -> tuple[str, ...]:
    row = rows.get(StreamKey(beat.node_id, beat.incarnation, books.lane))
    if row is None:
        return (f"{books.lane}: the centre does not know this stream",)
    return differences(books, durable_seq=row.durable_seq, parked=row.parked, settled=row.settled)
