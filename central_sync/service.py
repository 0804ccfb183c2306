"""The centre as a service: signals, readiness, the watchdog, and a stop that finishes what was begun."""

import asyncio
import gc
import os
import signal
from contextlib import AsyncExitStack
from typing import Any, Final

import structlog

from central_sync.app import VERSION, Centre, opened_centre
from central_sync.config import CentreConfig
from edge_core.errors import TransientFault
from edge_core.limits import INGEST_STALL_MS_MAX, SHUTDOWN_TIMEOUT_MS
from holdfast_runtime.http_server import serve
from holdfast_runtime.systemd_notify import Notifier, watchdog_interval_s

_COLLECT_AFTER_OBJECTS: Final = 100_000
_log = structlog.get_logger("centre")


async def run_service(config: CentreConfig) -> None:
    """Run until SIGTERM or SIGINT. Whatever ends a part of the centre ends it whole: systemd starts it again.

    Raises what ended it: a `ConfigError`, a `Fault` of the start, or a bug.
    """
    # What is alive now stays; and what an entry is made of lives for a batch and has no cycles. With the defaults the
    # collector took a third of the time of a backlog's ingest.
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER_OBJECTS)
    stop = asyncio.Event()
    service = asyncio.ensure_future(_serve_until(stop, config))

    def on_signal() -> None:
        if stop.is_set():
            service.cancel()  # asked twice: whoever asks will not wait
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    try:
        await service
    except asyncio.CancelledError:
        _log.warning("centre.stop_hurried")
    except BaseExceptionGroup as group:
        raise _first_of(group) from group
    _log.info("centre.stopped")


async def _serve_until(stop: asyncio.Event, config: CentreConfig) -> None:
    async with AsyncExitStack() as stack:
        opening = asyncio.ensure_future(stack.enter_async_context(opened_centre(config)))
        stopping = asyncio.ensure_future(stop.wait())
        await asyncio.wait({opening, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not opening.done():  # a start that still waits for the database is given up
            opening.cancel()
            await asyncio.wait({opening})
            return
        await _run_parts(config, opening.result(), stop)


async def _run_parts(config: CentreConfig, centre: Centre, stop: asyncio.Event) -> None:
    notifier = Notifier(os.environ)
    http_stop = asyncio.Event()

    def listening(port: int) -> None:
        _log.info("centre.listening", host=config.api.host, port=port, version=VERSION)
        notifier.ready(f"listening on {config.api.host}:{port}")

    http = asyncio.create_task(
        serve(centre.app, config.api.host, config.api.port, stop=http_stop, on_listening=listening), name="http"
    )
    workers = [
        asyncio.create_task(centre.ingester.run(), name="ingest"),
        asyncio.create_task(centre.live.run(), name="live"),
        asyncio.create_task(centre.housekeeper.run(), name="housekeeping"),
        asyncio.create_task(centre.assigner.run(), name="assignment"),
        asyncio.create_task(centre.rebalancer.run(), name="rights"),
        asyncio.create_task(centre.policy_watch.run(), name="policies"),
        asyncio.create_task(_beat(centre, notifier), name="watchdog"),
    ]
    stopping = asyncio.create_task(stop.wait(), name="stop")
    try:
        await asyncio.wait({http, stopping, *workers}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        notifier.stopping("closing connections")
        centre.live.close()
        http_stop.set()
        await asyncio.wait({http}, timeout=SHUTDOWN_TIMEOUT_MS / 1000)
        await _end(http, stopping, *workers)
        await centre.leases.release()
        await centre.link.close()
    _raise_first(http, *workers)


async def _beat(centre: Centre, notifier: Notifier) -> None:
    """Tell systemd that the loop turns and that the ingester gets on; else systemd starts the centre again.

    A database that is away is waited for: starting again would not bring it.
    """
    interval_s = watchdog_interval_s(os.environ)
    while interval_s is not None:
        await asyncio.sleep(interval_s)
        stalled_ms = centre.ingester.progress.stalled_ms()
        if stalled_ms > INGEST_STALL_MS_MAX:
            _log.error("centre.ingest_stalled", stalled_ms=stalled_ms)
            notifier.status(f"a batch has not got on for {stalled_ms // 1000} s")
            continue
        try:
            await centre.database.ping()
            notifier.status("taking what the nodes send")
        except TransientFault as fault:
            notifier.status(f"the database is away: {fault}")
        notifier.watchdog()
    await asyncio.Event().wait()


async def _end(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel, and wait: a batch under way is rolled back whole, and the edges send it again."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def _raise_first(*tasks: "asyncio.Task[Any]") -> None:
    for task in tasks:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            raise error


def _first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What ended a group of tasks: the others were cancelled for it."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
