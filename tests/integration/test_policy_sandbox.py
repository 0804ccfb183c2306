"""The process in which a bundle is tried: whatever happens to it, the agent has an answer and goes on."""

import asyncio
import os
import resource
import sys
from typing import Any

import pytest

from edge_agent import policy_sandbox
from edge_agent.policy_sandbox import run_trial
from edge_core.policy.outcome import Outcome
from edge_core.policy.trial import hold
from tests.rigs.bundles import GOOD, HOSTILE, bundle, trial


async def test_the_sandbox_says_what_the_trial_says() -> None:
    given = trial(bundle(GOOD, number=3))
    assert await run_trial(given) == hold(given)
    hostile = trial(HOSTILE["a function node"])
    assert await run_trial(hostile) == hold(hostile)


def as_child(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """Have the sandbox run another program, after it has confined itself."""
    real = asyncio.create_subprocess_exec

    async def start(python: str, *_: str, **options: Any) -> Any:
        lines = f"from edge_agent.policy_sandbox import confine\nconfine()\n{program}"
        return await real(python, "-c", lines, **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", start)


@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("while True: pass", "was not over after 300 ms"),
        ("import time; time.sleep(60)", "was not over after 300 ms"),
        ("x = bytearray(1 << 30)", "its trial ended with 1"),
        ("import os; os._exit(3)", "its trial ended with 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "its trial ended with -11"),
        ("print('ok')", "its trial gave no answer"),
        ("import sys; sys.stdout.buffer.write(bytes(9_000_000))", "its trial gave no answer"),
    ],
)
async def test_a_trial_that_takes_too_much_or_dies_is_a_no(
    monkeypatch: pytest.MonkeyPatch, program: str, says: str
) -> None:
    as_child(monkeypatch, program)
    wall_ms = 300 if "300 ms" in says else 20_000
    found = await run_trial(trial(bundle(GOOD)), wall_ms=wall_ms)
    assert found.number == 0
    assert says in found.faults[0]


async def test_a_trial_that_computes_for_ever_is_ended_by_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_sandbox, "_LIMITS", ((resource.RLIMIT_CPU, 1),))
    as_child(monkeypatch, "import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 1))\nwhile True: pass")
    found = await run_trial(trial(bundle(GOOD)), wall_ms=30_000)
    assert "its trial ended with -" in found.faults[0]


async def test_a_trial_that_cannot_be_started_is_a_no() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    given = trial(bundle(GOOD))
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))  # what is open stays open
    try:
        found = await run_trial(given)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert found.number == 0
    assert "its trial could not be started" in found.faults[0]


async def test_a_trial_that_is_given_up_leaves_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    pids: list[int] = []
    real = asyncio.create_subprocess_exec

    async def start(*arguments: Any, **options: Any) -> Any:
        process = await real(sys.executable, "-c", "import time; time.sleep(60)", **options)
        pids.append(process.pid)
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", start)
    task = asyncio.create_task(run_trial(trial(bundle(GOOD))))
    while not pids:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


async def test_a_confined_process_cannot_write_files_and_knows_nothing_of_the_agents_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("EDGE_AGENT__SECRET", "x")
    as_child(
        monkeypatch,
        f"""
import os, sys, msgspec
try:
    with open({str(tmp_path / "f")!r}, "w") as file:
        file.write("x")
    told = "it wrote"
except OSError as error:
    told = error.strerror
from edge_core.policy.outcome import Outcome
environment = [name for name in os.environ if "EDGE" in name]
sys.stdout.buffer.write(msgspec.msgpack.encode(Outcome(0, (told, str(environment), str(os.nice(0) >= 10)))))
""",
    )
    found = await run_trial(trial(bundle(GOOD)))
    assert found == Outcome(0, ("File too large", "[]", "True"))
