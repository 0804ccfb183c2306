"""A centre comes back from before what a store has let go of: it is told, nothing waits, and the rest is there."""

from pathlib import Path
from uuid import UUID

from edge_agent.link.books import Books
from edge_agent.retention import Retention
from edge_agent.store import idempotency
from edge_agent.store.connection import Connection
from edge_agent.store.verify import verify_file
from edge_core.sync.retention import Window
from tests.rigs.brokers import Broker
from tests.rigs.fleet import FleetNode, opened_fleet
from tests.rigs.house import CentreProcess
from tests.rigs.postgres import Postgres
from tests.rigs.waiting import eventually


async def test_what_neither_end_has_is_an_alarm_and_the_rest_arrives_under_a_new_incarnation(
    nats: Broker, postgres: Postgres, postgres_dsn: str, tmp_path: Path
) -> None:
    centre = CentreProcess(tmp_path, nats.url, postgres_dsn)
    try:
        async with opened_fleet(tmp_path, nats.url, 1) as fleet:
            (node,) = fleet
            await centre.start()
            await node.sell(4)
            await _acked(node)
            centre.service.kill()
            copy = postgres.create_database(postgres_dsn.split("/")[3].split("?", maxsplit=1)[0])
            await centre.start()
            await node.sell(6)
            await _acked(node)
            await _let_go(node)
            await node.sell(2)
            await _acked(node)
            before = node.agent.file.streams["orders"].incarnation
            centre.service.kill()
            centre.use(copy)
            await centre.start()
            await eventually(
                lambda: _alarmed(centre, f"orders: 6 to 10 of {before} are lost: neither end has them"), 60
            )
            await _acked(node)
            assert node.agent.file.streams["orders"].incarnation != before
            await node.sell(2)
            await _acked(node)
            assert (await verify_file(node.agent.file.path)).findings == ()
            await eventually(lambda: _has(centre, 4 + 3 + 2), 30)  # before the cut, after it, and since
            assert centre.service.log_text().count('"ingest.entries_lost"') == 1
    finally:
        await centre.end()


async def test_a_store_whose_disk_was_lost_sells_at_once_and_has_everything_back_soon(
    nats: Broker, postgres_dsn: str, tmp_path: Path
) -> None:
    centre = CentreProcess(tmp_path, nats.url, postgres_dsn)
    try:
        await centre.start()
        async with opened_fleet(tmp_path / "first", nats.url, 1) as fleet:
            await fleet[0].sell(30)
            await _acked(fleet[0])
            held = fleet[0].orders()
            assert len(held) == 30
        async with opened_fleet(tmp_path / "second", nats.url, 1) as fleet:
            (node,) = fleet
            await node.sell(3)  # before a word of the centre
            await eventually(lambda: _holds(node, held), 60)
            assert (await verify_file(node.agent.file.path)).findings == ()
            await eventually(lambda: _has(centre, 33), 30)
    finally:
        await centre.end()


async def _acked(node: FleetNode) -> None:
    async def look() -> bool:
        state = node.session.state
        assert node.session.is_settled, state.phase
        assert state.streams[0].durable_seq == node.tail_seq, (state.streams[0].durable_seq, node.tail_seq)
        return True

    await eventually(look, 60)


async def _let_go(node: FleetNode) -> None:
    """What a limit of age does in time, at once: everything goes that is acked, but the last entry."""
    file, intake = node.agent.file, node.agent.intake

    async def forget(connection: Connection) -> None:
        await idempotency.forget_old_days(connection, 0)

    await intake.write(forget)
    books = Books(file, lambda: 0, "0.1.0")
    chore = Retention(file=file, intake=intake, books=books, session=node.session, window=Window(0, 0, 0, 0))

    async def look() -> bool:  # the ack is written down after it is heard
        await chore.look()
        assert file.streams["orders"].pruned_seq == node.tail_seq - 1
        return True

    await eventually(look)
    assert books.forced_prunings >= 1


async def _alarmed(centre: CentreProcess, alarm: str) -> bool:
    """Once the new incarnation's first heartbeat is there, this is all that the fleet view holds against the node."""
    node = await centre.node()
    assert (node["alarms"], node["state"], node["conserved"]) == ([alarm], "online", True), node
    return True


async def _has(centre: CentreProcess, orders: int) -> bool:
    found = await centre.totals("store-0001")
    assert len(found) == orders, len(found)
    return True


async def _holds(node: FleetNode, orders: set[UUID]) -> bool:
    found = node.orders()
    assert orders <= found, len(orders - found)
    return True
