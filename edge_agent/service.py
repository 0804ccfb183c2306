"""The agent as a service: signals, readiness, the watchdog, and a stop that finishes what was accepted."""

import asyncio
import gc
import os
import signal
from collections.abc import Coroutine
from typing import Any, Final

import structlog

from edge_agent.app import Agent, build_agent
from edge_agent.config import AgentConfig
from edge_core.limits import CHECKPOINT_INTERVAL_MS, GC_ALLOCATIONS, SHUTDOWN_TIMEOUT_MS
from holdfast_runtime.http_server import serve
from holdfast_runtime.systemd_notify import Notifier, watchdog_interval_s

_LOG: Final = structlog.get_logger()


async def run_service(config: AgentConfig) -> None:
    """Run until SIGTERM or SIGINT. Whatever ends a part of the agent ends it whole: systemd starts it again."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    notifier = Notifier(os.environ)
    agent = await build_agent(config)
    try:
        await _run_parts(config, agent, notifier, stop)
    finally:
        await agent.file.close()
        _LOG.info("agent.stopped")


async def _run_parts(config: AgentConfig, agent: Agent, notifier: Notifier, stop: asyncio.Event) -> None:
    """The intake outlives everything that feeds it: HTTP first, then the link, then the intake."""
    intake = asyncio.create_task(agent.intake.run(), name="intake")
    link = asyncio.create_task(agent.session.run() if agent.session else stop.wait(), name="link")
    http_stop = asyncio.Event()

    def listening(port: int) -> None:
        _LOG.info("agent.listening", host=config.api.host, port=port, node_id=config.node.id)
        notifier.ready(f"taking orders on {config.api.host}:{port}")

    http = asyncio.create_task(
        serve(agent.app, config.api.host, config.api.port, stop=http_stop, on_listening=listening), name="http"
    )
    chores = [
        asyncio.create_task(_checkpoint(agent), name="checkpoint"),
        asyncio.create_task(_beat(agent, notifier), name="watchdog"),
        asyncio.create_task(agent.scrub.run(), name="scrub"),
        asyncio.create_task(agent.overdue.run(), name="overdue"),
        asyncio.create_task(agent.reference.run(), name="reference"),
        asyncio.create_task(agent.policies.run(), name="policies"),
        asyncio.create_task(agent.hold_expiry.run(), name="hold expiry"),
        asyncio.create_task(agent.last_word.run(), name="last word"),
        asyncio.create_task(agent.retention.run() if agent.retention else stop.wait(), name="retention"),
    ]
    stopping = asyncio.create_task(stop.wait(), name="stop")
    try:
        await asyncio.wait({intake, link, http, stopping, *chores}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        notifier.stopping("finishing what was accepted")
        http_stop.set()
        deadline_s = asyncio.get_running_loop().time() + SHUTDOWN_TIMEOUT_MS / 1000
        await _finish(http, deadline_s)
        if agent.session is not None:
            agent.session.stop()
        stop.set()
        await _finish(link, deadline_s)
        agent.intake.close()
        await _finish(intake, deadline_s)
        for chore in (*chores, stopping):
            chore.cancel()
        await asyncio.gather(*chores, stopping, return_exceptions=True)
    for task in (intake, link, http, *chores):
        if task.done() and not task.cancelled() and task.exception() is not None:
            raise task.exception()  # type: ignore[misc]


async def _finish(task: "asyncio.Task[Any]", deadline_s: float) -> None:
    """Wait for a part to end by itself, all parts within one deadline; its error is raised later, in one place."""
    _, late = await asyncio.wait({task}, timeout=max(0.1, deadline_s - asyncio.get_running_loop().time()))
    if late:
        _LOG.error("agent.part_hangs", part=task.get_name())
        task.cancel()
        await asyncio.wait({task})


async def _checkpoint(agent: Agent) -> None:
    """Move commits into the file in small steps, so that no till waits for a large one."""
    while True:
        await asyncio.sleep(CHECKPOINT_INTERVAL_MS / 1000)
        await agent.checkpoint()


async def _beat(agent: Agent, notifier: Notifier) -> None:
    """Tell systemd that the loop turns and the writer answers; a writer that hangs is a reason to start again."""
    interval_s = watchdog_interval_s(os.environ)
    while True:
        await asyncio.sleep(interval_s or 60.0)
        await agent.is_alive()
        if interval_s is not None:
            notifier.watchdog()


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run on uvloop.

    What was imported is never garbage, and requests make no cycles: the collector looks rarely, and not at the former.
    """
    from holdfast_runtime.http_server import run as run_on_uvloop  # noqa: PLC0415 - the commands without HTTP skip it

    gc.freeze()
    gc.set_threshold(GC_ALLOCATIONS, *gc.get_threshold()[1:])
    run_on_uvloop(work)
