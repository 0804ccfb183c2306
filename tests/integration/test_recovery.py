"""What a store takes back of its earlier lives, delivery by delivery."""

from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from edge_agent.recovery import Recovery
from edge_agent.store import log
from edge_agent.surroundings import real_surroundings
from edge_core.sync.link_types import FormerKey
from edge_core.sync.messages import Deliver
from tests.rigs.desk import Desk, opened_desk
from tests.rigs.streams import NodeLog


def _recovery(desk: Desk) -> Recovery:
    return Recovery(desk.file, desk.intake, real_surroundings(ZoneInfo("UTC")))


def _deliver(twin: NodeLog) -> Deliver:
    p = twin.push()
    return Deliver(twin.incarnation, "orders", p.from_seq, p.to_seq, p.previous_hash, p.tail_hash, p.codec, p.block)


@pytest.mark.parametrize("unreadable", [b"\xc1xx", b"\x97\x02"], ids=["rubbish", "a later version"])
async def test_an_entry_that_cannot_be_read_here_comes_back_as_it_is_with_its_neighbours(
    tmp_path: Path, unreadable: bytes
) -> None:
    twin = NodeLog("store-0001", UUID(int=7))
    twin.sell(1)
    twin.append(unreadable)
    twin.sell(1, first=3)
    async with opened_desk(tmp_path / "store.db") as desk:
        key = FormerKey(twin.incarnation, "orders")
        assert await _recovery(desk).restore(key, _deliver(twin)) is False
        (stream,) = [s for s in desk.file.former if s.incarnation == twin.incarnation]
        rows = await log.read_range(desk.file.reader, stream, 1, 10)
        assert [body for _, _, body in rows] == twin.bodies
        assert [at for _, at, _ in rows] == twin.hashes[1:]
        await desk.receive(10**6)
        await desk.sell(1)
