"""Who is the node, on a real PostgreSQL: replaced machines drain, those put back return, people have the say."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from msgspec.structs import replace

from central_sync.ingest import greetings
from central_sync.ingest.restores import Noticed, present_history
from central_sync.store import enrolments, nodes
from central_sync.store.database import Database
from edge_core import ids
from edge_core.sync.admission import Admit
from edge_core.sync.messages import AckedPosition, Heartbeat, Hello, LaneLedger
from tests.rigs.centre import migrated, rows
from tests.rigs.orders import START_MS
from tests.rigs.streams import NodeLog

NODE = "store-0001"
HERE, THERE = ids.machine_mark("here"), ids.machine_mark("there")


class Desk:
    """A centre that hears every silence, and what it says to hellos and heartbeats."""

    def __init__(self, database: Database, admit: Admit = "any") -> None:
        self.database = database
        self.admit: Admit = admit
        self._made = 0

    def life(self, machine: bytes) -> UUID:
        """Another life of a machine."""
        self._made += 1
        return ids.incarnation(START_MS, self._made << 24, machine)

    async def greet(self, life: UUID, *former: UUID, succeeds: UUID | None = None) -> str:
        """Say hello, and again where that has to be confirmed."""
        async with self.database.transaction() as connection:
            ((_, answer),) = await greetings.welcome(
                connection,
                [hello(life, *former, succeeds=succeeds)],
                history_id=UUID(int=1),
                now_ms=START_MS,
                admit=self.admit,
                hears_silence_of=lambda _node_id: True,
            )
        if answer.decision == "confirm" and succeeds is None:
            return await self.greet(life, *former, succeeds=answer.current)
        return answer.decision

    async def beat(self, life: UUID) -> str | None:
        """Which call answers a heartbeat."""
        books = LaneLedger("orders", 0, 0, 0, 0)
        async with self.database.transaction() as connection:
            reported = await greetings.report(
                connection,
                [Heartbeat(NODE, life, (books,), 0, 1 << 30, START_MS, "0.1.0")],
                START_MS,
                admit=self.admit,
                hears_silence_of=lambda _node_id: True,
            )
        return next((decision for decision, _ in reported.called.values()), None)

    async def enrol(self, life: UUID) -> None:
        """Let a machine in with a ticket of its own."""
        self._made += 1
        async with self.database.transaction() as connection:
            await enrolments.offer(connection, NODE, bytes([self._made]), 60)
            assert await enrolments.redeem(connection, NODE, bytes([self._made]), life) is None

    async def let_pass(self, seconds: int) -> None:
        """Everything was so much longer ago."""
        gone = f"interval '{seconds} seconds'"
        async with self.database.transaction() as connection:
            await connection.execute(f"UPDATE node_status SET last_seen = last_seen - {gone}")
            await connection.execute(
                f"UPDATE replaced_life SET heard_from = heard_from - {gone}, heard_to = heard_to - {gone}"
            )

    async def node(self) -> UUID:
        """Which life is the node."""
        async with self.database.transaction() as connection:
            return (await nodes.incarnations(connection, [NODE]))[NODE]


def hello(life: UUID, *former: UUID, succeeds: UUID | None = None) -> Hello:
    return replace(NodeLog(NODE, life).hello(), former=former, succeeds=succeeds)


@pytest.fixture
async def database(centre_dsn: str) -> AsyncIterator[Database]:
    async with migrated(centre_dsn) as found:
        yield found


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


@pytest.fixture
def enrolling(database: Database) -> Desk:
    return Desk(database, "enrolled")


# --- replaced machines -----------------------------------------------------------------------------------------------


async def test_a_new_life_of_a_replaced_machine_is_replaced_as_well(desk: Desk) -> None:
    old, present = desk.life(HERE), desk.life(THERE)
    assert [await desk.greet(old), await desk.greet(present)] == ["resume", "resume"]
    assert await desk.greet(desk.life(HERE), old) == "refuse"
    assert await desk.beat(present) is None
    assert await desk.node() == present


async def test_a_replaced_machine_stays_so_however_many_lives_the_centre_has_not_seen(desk: Desk) -> None:
    old, unseen, present = desk.life(HERE), desk.life(HERE), desk.life(THERE)
    assert [await desk.greet(old), await desk.greet(present)] == ["resume", "resume"]
    assert await desk.greet(desk.life(HERE), old, unseen) == "refuse"


async def test_a_copy_that_went_on_first_stays_replaced_when_the_other_one_has_gone_on_too(desk: Desk) -> None:
    both, first, second = desk.life(HERE), desk.life(HERE), desk.life(HERE)
    assert await desk.greet(both) == "resume"
    assert [await desk.greet(first, both), await desk.greet(second, both)] == ["resume", "resume"]
    assert await desk.greet(desk.life(HERE), both, first) == "refuse"
    assert await desk.greet(desk.life(HERE), both, second) == "resume", "the machine that is the node goes on"


async def test_a_machine_without_a_past_takes_a_node_over(desk: Desk) -> None:
    assert [await desk.greet(desk.life(mark)) for mark in (HERE, THERE, HERE)] == ["resume"] * 3


# --- put back --------------------------------------------------------------------------------------------------------


async def test_a_life_that_its_own_machine_replaced_begins_anew_when_that_one_is_silent(desk: Desk) -> None:
    """A disk was lost, the machine went on with another, and the first one was put back: nobody else is there."""
    old, new = desk.life(HERE), desk.life(HERE)
    assert [await desk.greet(old), await desk.greet(new)] == ["resume", "resume"]
    assert [await desk.greet(old), await desk.beat(old)] == ["refuse", "refuse"]
    await desk.let_pass(130)
    assert [await desk.beat(old), await desk.greet(old)] == ["rewind", "fence"]
    returned = desk.life(HERE)
    assert [await desk.greet(returned, old), await desk.node()] == ["resume", returned]
    assert await desk.greet(new) == "refuse", "who was silent for so long is told when it comes back"
    assert await desk.greet(desk.life(HERE), old) == "resume", "and what the node left behind is its own again"


async def test_a_claim_to_return_fails_where_the_other_one_has_spoken_meanwhile(desk: Desk) -> None:
    old, new = desk.life(HERE), desk.life(HERE)
    assert [await desk.greet(old), await desk.greet(new)] == ["resume", "resume"]
    await desk.let_pass(130)
    assert await desk.greet(old) == "fence"
    assert await desk.beat(new) is None
    assert await desk.greet(desk.life(HERE), old) == "refuse"


async def test_a_copy_that_ran_beside_its_node_never_takes_its_place_however_long_that_is_silent(desk: Desk) -> None:
    clone, node = desk.life(HERE), desk.life(HERE)
    assert [await desk.greet(clone), await desk.greet(node)] == ["resume", "resume"]
    assert await desk.beat(clone) == "refuse"
    for _ in range(3):
        await desk.let_pass(60)
        assert [await desk.beat(node), await desk.beat(clone)] == [None, "refuse"]
    await desk.let_pass(60)
    assert await desk.beat(clone) == "refuse"
    await desk.let_pass(90)
    assert [await desk.beat(clone), await desk.greet(clone)] == ["refuse", "refuse"], "the store's line is down"
    renewed = desk.life(HERE)
    assert await desk.greet(renewed, clone) == "refuse"
    assert [await desk.beat(renewed), await desk.greet(renewed)] == ["refuse", "refuse"]
    assert await desk.node() == node


async def test_two_disks_of_one_machine_that_were_swapped_did_not_run_beside_each_other(desk: Desk) -> None:
    first, second = desk.life(HERE), desk.life(HERE)
    assert [await desk.greet(first), await desk.greet(second)] == ["resume", "resume"]
    assert await desk.greet(first) == "refuse"
    await desk.let_pass(10_000)
    assert await desk.beat(second) is None
    await desk.let_pass(10)
    assert await desk.greet(first) == "refuse"
    await desk.let_pass(119)
    assert [await desk.beat(first), await desk.greet(first)] == ["rewind", "fence"]


# --- enrolment -------------------------------------------------------------------------------------------------------


async def test_a_machine_that_is_enrolled_again_is_called_and_the_other_one_is_told(enrolling: Desk) -> None:
    desk = enrolling
    first, second = desk.life(HERE), desk.life(THERE)
    for life in (first, second):
        await desk.enrol(life)
        assert await desk.greet(life) == "resume"
    assert await desk.beat(first) == "refuse"
    await desk.enrol(first)
    assert [await desk.beat(second), await desk.beat(first)] == ["refuse", "rewind"]
    assert await desk.greet(first) == "resume"
    assert await desk.beat(first) is None


async def test_a_machine_that_was_enrolled_again_is_the_node_before_it_greets(enrolling: Desk) -> None:
    desk = enrolling
    first, second = desk.life(HERE), desk.life(HERE)
    for life in (first, second):
        await desk.enrol(life)
        assert await desk.greet(life) == "resume"
    await desk.enrol(first)
    assert await desk.node() == first
    await desk.let_pass(130)
    assert await desk.greet(second) == "refuse", "its own silence is no reason to return"
    assert await desk.greet(desk.life(HERE), second) == "refuse"
    assert [await desk.greet(first), await desk.node()] == ["resume", first]


async def test_a_life_of_an_earlier_enrolment_never_returns_from_behind_a_later_one(enrolling: Desk) -> None:
    desk = enrolling
    old, new = desk.life(HERE), desk.life(HERE)
    for life in (old, new):
        await desk.enrol(life)
        assert await desk.greet(life) == "resume"
    await desk.let_pass(130)
    assert [await desk.greet(old), await desk.beat(old)] == ["refuse", "refuse"]


async def test_lives_of_one_enrolment_return_as_lives_of_any_machine_do(enrolling: Desk) -> None:
    desk = enrolling
    both, first, second = desk.life(HERE), desk.life(HERE), desk.life(HERE)
    await desk.enrol(both)
    assert [await desk.greet(both), await desk.greet(first, both), await desk.greet(second, both)] == ["resume"] * 3
    assert await desk.greet(first) == "refuse"
    await desk.let_pass(130)
    assert await desk.greet(first) == "fence"


# --- who may say that the centre was put back -------------------------------------------------------------------------


async def _noticed(desk: Desk, said: Hello) -> Noticed | None:
    async with desk.database.transaction() as connection:
        present = await nodes.history_id(connection)
        witness = replace(said, history_id=present, acked=(AckedPosition("orders", 1),))
        return (await present_history(connection, [witness], desk.admit))[1]


async def test_only_a_hello_that_is_admitted_shows_that_the_centre_was_put_back(desk: Desk) -> None:
    known, unknown = desk.life(HERE), desk.life(THERE)
    assert await desk.greet(known) == "resume"
    assert await _noticed(desk, hello(unknown)) is None
    assert await rows(desk.database, "SELECT count(*) FROM history") == [(1,)]
    assert await _noticed(desk, hello(known)) is not None


async def test_a_newcomer_that_has_confirmed_its_claim_shows_that_the_centre_was_put_back(desk: Desk) -> None:
    known, unknown = desk.life(HERE), desk.life(THERE)
    assert await desk.greet(known) == "resume"
    assert await _noticed(desk, hello(unknown, succeeds=known)) is not None


async def test_a_machine_that_is_not_enrolled_cannot_change_the_centres_history(enrolling: Desk) -> None:
    assert await _noticed(enrolling, hello(enrolling.life(HERE))) is None
