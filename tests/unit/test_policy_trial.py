"""What a bundle has to pass before it is used, and the process in which it is tried."""

import asyncio
import os
import resource
import sys
import time
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from edge_agent import policy_sandbox
from edge_agent.policy_sandbox import run_trial
from edge_core.policy.bundle import Bundle, decode_bundle, encode_bundle
from edge_core.policy.lint import look_at
from edge_core.policy.outcome import Outcome, Trial
from edge_core.policy.samples import samples
from edge_core.policy.trial import hold
from holdfast_runtime.policies import bundled_policies, bundled_release
from tests.rigs.bundles import GOOD, HOSTILE, KEYS, bundle, trial
from tests.rigs.policies import ELSE, policy, table


def test_a_good_bundle_passes_and_says_how_often_it_was_asked() -> None:
    found = hold(trial(bundle(GOOD, number=3), newest=2))
    assert (found.number, found.faults) == (3, ())
    assert found.evaluations > 30


def test_the_bundle_that_comes_with_the_product_passes() -> None:
    made = bundled_release(number=1, made_at_ms=1)
    given = bundle(*bundled_policies(), fallback=made.fallback)
    assert hold(trial(given)).faults == ()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_bundle_does_not_pass(name: str) -> None:
    found = hold(trial(HOSTILE[name], newest=2))
    assert found.faults
    assert {
        "a function node": "hostile, node 'clever': a functionNode is not allowed",
        "a huge range": "hostile, node 'prices', row 1, column 'hour': '.'",
        "an expression without an end": "hostile, node 'prices', row 1, column 'hour': map() is not allowed",
        "a cell of a hundred thousand brackets": "hostile, node 'prices', row 1, column 'hour': 80001 characters",
        "another key": "release: it is signed with the key",
        "an older release": "release: its number 1 is not above 2",
    }[name] in found.faults[0]


def test_bytes_that_are_no_bundle_do_not_pass() -> None:
    whole = encode_bundle(bundle(GOOD))
    for body in (b"", whole[:-5], b"\x93" * 90_000):
        assert hold(Trial(body, KEYS)).faults[0].startswith("no bundle: ")


def test_a_bundle_has_one_form_whatever_the_order_of_its_policies() -> None:
    one, other = bundle(GOOD, policy("a", table([ELSE]))), bundle(policy("a", table([ELSE])), GOOD)
    assert encode_bundle(one) == encode_bundle(Bundle(one.release, other.policies))
    assert {each.policy_id for each in decode_bundle(encode_bundle(one)).policies} == {"a", "good"}


def test_samples_stand_on_both_sides_of_what_a_policy_compares_with() -> None:
    rows = [{"if units": ">= 3", "if tier": "'gold'", "if margin_ppm": "> 5", "if is_offline": "true", **ELSE}, ELSE]
    found = samples(look_at(policy("p", table(rows)))[1])
    assert {2, 3, 4} <= {sample["units"] for sample in found}
    assert {"", "gold"} <= {sample["tier"] for sample in found}
    assert None in {sample["margin_ppm"] for sample in found}
    assert {True, False} == {sample["is_offline"] for sample in found}


def test_a_policy_that_fails_on_a_sample_alone_does_not_pass() -> None:
    too_much = policy("p", table([{"if units": ">= 3", "parcels_max": "units * 4"}, {"parcels_max": "2"}]))
    found = hold(trial(bundle(too_much)))
    assert found.faults == ("p, column 'parcels_max': 12 is not within 1 and 10",)


# --- the process -----------------------------------------------------------------------------------------------------


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
    began_s = time.monotonic()
    found = await run_trial(trial(bundle(GOOD)), wall_ms=30_000)
    assert "its trial ended with -" in found.faults[0]
    assert time.monotonic() - began_s < 25


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


def test_an_outcome_is_small_and_has_one_form() -> None:
    told = Outcome(7, ("a", "b"), 1, 2)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(told), type=Outcome) == told
    assert replace(told, faults=()).faults == ()
