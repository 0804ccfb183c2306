"""The process in which a bundle is tried before it is used: it has limits, and is killed (docs/policies.md, "Sandbox").

`python -m edge_agent.policy_sandbox` reads a trial from its input and writes the outcome. Whatever a bundle does to it,
the agent sells on: it waits for no longer than it wants to, and takes silence for a no.
"""

import asyncio
import os
import resource
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from edge_core.errors import UNREADABLE
from edge_core.limits import (
    POLICY_TRIAL_ANSWER_BYTES_MAX,
    POLICY_TRIAL_CPU_S,
    POLICY_TRIAL_MEMORY_BYTES,
    POLICY_TRIAL_WALL_MS,
)
from edge_core.policy.outcome import Outcome, Trial

_ENCODER: Final = msgspec.msgpack.Encoder()
_TRIAL: Final = msgspec.msgpack.Decoder(Trial)
_OUTCOME: Final = msgspec.msgpack.Decoder(Outcome)
_LIMITS: Final = (
    (resource.RLIMIT_CPU, POLICY_TRIAL_CPU_S),
    (resource.RLIMIT_AS, POLICY_TRIAL_MEMORY_BYTES),
    (resource.RLIMIT_FSIZE, 0),
    (resource.RLIMIT_CORE, 0),
)
_OOM_SCORE: Final = "900"
"""Of -1000 to 1000: where memory is short the trial ends, and not the agent."""
_NICE: Final = 10


async def run_trial(trial: Trial, *, wall_ms: int = POLICY_TRIAL_WALL_MS) -> Outcome:
    """Try a bundle in a process of its own. An outcome without a number is one that the process did not come to."""
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-I", "-B", "-m", "edge_agent.policy_sandbox"),  # isolated: nothing from the folder that the agent is in
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={},  # it needs nothing of the agent's, and is to know nothing of it
            start_new_session=True,
        )
    except OSError as error:  # no memory, process or file descriptor to be had: till the next time the agent sells on
        return Outcome(0, (f"its trial could not be started: {error}",))
    try:
        async with asyncio.timeout(wall_ms / 1000):
            answer, _ = await process.communicate(_ENCODER.encode(trial))
    except TimeoutError:
        return Outcome(0, (f"its trial was not over after {wall_ms} ms",))
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0:
        return Outcome(0, (f"its trial ended with {process.returncode}: it took more than it may have",))
    try:
        return _OUTCOME.decode(answer[:POLICY_TRIAL_ANSWER_BYTES_MAX])
    except UNREADABLE as error:
        return Outcome(0, (f"its trial gave no answer: {error}",))


def confine() -> None:
    """Take from this process what a trial does not need; where the service manager forbids it, it limits us itself."""
    for kind, most in _LIMITS:
        with suppress(OSError, ValueError):  # ValueError: the limit is lower already
            resource.setrlimit(kind, (most, most))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)
    with suppress(OSError):
        os.nice(_NICE)


def main() -> None:
    """Try what comes in."""
    confine()
    # Only now: what a library does while it is loaded is within the limits too.
    from edge_core.policy.trial import hold  # noqa: PLC0415

    outcome = hold(_TRIAL.decode(sys.stdin.buffer.read()))
    sys.stdout.buffer.write(_ENCODER.encode(outcome))


if __name__ == "__main__":
    main()
