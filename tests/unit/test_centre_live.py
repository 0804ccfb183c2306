"""A viewer's queue: bounded, drained as a whole, and cut off when nobody reads."""

import asyncio

import pytest

from central_sync.api import live
from central_sync.api.live import Viewer


async def test_a_viewer_takes_everything_that_waits_as_one_piece() -> None:
    viewer = Viewer()
    assert await viewer.offer([b"a", b"b"])
    assert await viewer.offer([b"c"])
    assert await viewer.take() == b"abc"


async def test_a_viewer_without_room_is_waited_for_and_not_skipped() -> None:
    viewer = Viewer(queue_max=2)
    assert await viewer.offer([b"a", b"b"])
    offering = asyncio.ensure_future(viewer.offer([b"c"]))
    done, _ = await asyncio.wait({offering}, timeout=0)
    assert not done
    assert await viewer.take() == b"ab"
    assert await offering
    assert await viewer.take() == b"c"


async def test_a_viewer_that_makes_no_room_in_time_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "SSE_STALL_MS", 10)
    viewer = Viewer(queue_max=1)
    assert await viewer.offer([b"a"])
    assert not await viewer.offer([b"b"])


async def test_more_events_at_once_than_the_bound_reach_a_viewer_that_has_read_everything() -> None:
    viewer = Viewer(queue_max=1)
    assert await viewer.offer([b"a", b"b", b"c"])
    assert await viewer.take() == b"abc"


async def test_a_viewer_that_is_cut_off_ends() -> None:
    viewer = Viewer()
    taking = asyncio.ensure_future(viewer.take())
    await asyncio.sleep(0)
    viewer.cut()
    assert await taking == b""
