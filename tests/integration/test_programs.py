"""A program that is forked from a warm process, as tests do it, behaves as the one that an operator starts."""

import subprocess
from pathlib import Path

import pytest

from tests.rigs.agents import Agent, key, running, sale
from tests.rigs.processes import Program, run
from tests.rigs.warm import is_warm

COLD, WARM = "cold", "warm"
Ended = tuple[int, str, str]


@pytest.fixture
def as_operators_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs are started from their files."""
    monkeypatch.setenv("HOLDFAST_PROGRAMS", COLD)
    assert not is_warm()


def ended(program: Program, *arguments: str, stdin: str | None = None) -> Ended:
    """How it ended and what it said."""
    found = run(program, *arguments, stdin=stdin)
    return found.returncode, found.stdout, found.stderr


@pytest.mark.parametrize("program", ["edge-agent", "central-sync"])
def test_a_forked_program_says_and_ends_as_the_installed_one(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[colour]\nred = 1\n")
    found: dict[str, list[Ended]] = {}
    for way in (COLD, WARM):
        monkeypatch.setenv("HOLDFAST_PROGRAMS", way)
        assert is_warm() == (way == WARM)
        found[way] = [
            ended(program, "--help"),
            ended(program, "sell-tea"),
            ended(program, "run", "--config", str(config)),
            ended(program, "enrol", "store-0001", "--config", str(tmp_path / "none.toml"), stdin="not a ticket\n"),
        ]
    assert found[COLD] == found[WARM]
    assert {code for code, _, _ in found[COLD]} == {0, 2}


@pytest.mark.slow
@pytest.mark.usefixtures("as_operators_do")
def test_an_installed_agent_that_is_started_from_its_file_sells_and_stops(tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    with running(agent), agent.client() as till:
        assert _command_line(agent.service.child.pid)[1].endswith("/edge-agent")
        assert till.post("/v1/orders", headers=key(), json=sale("tea")).status_code == 201
        assert agent.stop() == 0
    assert agent.verify()["entries"] == 1


@pytest.mark.slow
def test_a_forked_agent_is_a_process_that_can_be_killed_and_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_PROGRAMS", WARM)
    agent = Agent(tmp_path)
    with running(agent), agent.client() as till:
        assert till.post("/v1/orders", headers=key("a"), json=sale("tea")).status_code == 201
        first = agent.service.child.pid
        agent.service.kill()
        assert agent.service.child.wait() == -9
        agent.start()
        with pytest.raises(subprocess.TimeoutExpired):
            agent.service.child.wait(0)
        assert agent.service.child.pid != first
        assert till.post("/v1/orders", headers=key("a"), json=sale("tea")).headers["idempotency-replayed"] == "true"


def _command_line(process_id: int) -> list[str]:
    return Path(f"/proc/{process_id}/cmdline").read_text().split("\0")
