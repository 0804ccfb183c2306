"""The commands of `edge-agent` beside `run`: what they print, for people and for programs, and their exit codes."""

import json
import subprocess
import sysconfig
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest

from edge_agent.cli import main
from edge_core.sync.chain import genesis
from tests.rigs.agents import NODE_ID, Agent, key, running, sale, slug

SCRIPT: Final = Path(sysconfig.get_path("scripts")) / "edge-agent"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    with running(Agent(tmp_path_factory.mktemp("agent"))) as agent, agent.client() as till:
        for number in range(5):
            assert till.post("/v1/orders", headers=key(), json=sale(f"sku-{number}")).status_code == 201
        yield agent


def ran(agent: Agent, *arguments: str) -> str:
    done = agent.run(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str]:
    """What the command line says in this process, where a process of its own would show nothing more."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    captured = capsys.readouterr()
    return ended.value.code, captured.out + captured.err


def test_the_help_says_what_there_is_and_how_to_begin(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = said(capsys, "--help")
    assert code == 0
    for word in ("run", "status", "verify", "export", "migrate", "token", "first steps", "EDGE_AGENT__", "exit codes"):
        assert word in text
    for command in ("run", "status", "verify", "explain", "replay", "export", "migrate", "token"):
        assert "--config FILE" in said(capsys, command, "--help")[1]


@pytest.mark.parametrize("arguments", [[], ["explode"], ["export", "--from", "0"], ["export", "--lane", "x"]])
def test_wrong_usage_exits_with_2(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    code, text = said(capsys, *arguments)
    assert (code, "usage:" in text) == (2, True)


def test_the_status_shows_the_books_and_whether_the_agent_answers(agent: Agent) -> None:
    status = json.loads(ran(agent, "status", "--json"))
    assert status["node_id"] == NODE_ID
    assert status["agent"] == f"takes orders at 127.0.0.1:{agent.port}"
    books = status["lanes"][0]
    assert (books["lane"], books["accepted"], books["pending"], books["confirmed"]) == ("orders", 5, 5, 0)
    assert books["oldest_pending_age_ms"] >= 0
    spoken = ran(agent, "status")
    assert f"node {NODE_ID}" in spoken
    assert "takes orders" in spoken


def test_the_status_of_a_stopped_agent_comes_from_its_file(tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    with running(agent):
        pass
    status = json.loads(ran(agent, "status", "--json"))
    assert status["agent"].startswith("does not answer")
    assert status["lanes"][0]["accepted"] == 0


def test_the_export_is_the_log_and_its_chain_can_be_checked_from_the_file(agent: Agent) -> None:
    exported = agent.export()
    assert [entry["seq"] for entry in exported] == [1, 2, 3, 4, 5]
    assert {(entry["node_id"], entry["lane"]) for entry in exported} == {(NODE_ID, "orders")}
    previous = genesis(NODE_ID, UUID(exported[0]["incarnation"]), "orders")
    for entry, (body,) in zip(exported, agent.query("SELECT body FROM entry ORDER BY entry_id"), strict=True):
        previous = blake2b(previous + body, digest_size=32).digest()
        assert entry["hash"] == previous.hex()
        assert entry["events"][0]["type"] == "order.placed"
        assert entry["events"][0]["order"]["order_id"] == entry["order_id"]
    assert [entry["hlc"] for entry in exported] == sorted(entry["hlc"] for entry in exported)


def test_the_export_begins_where_it_is_told_to_and_knows_both_lanes(agent: Agent) -> None:
    lines = ran(agent, "export", "--from", "4").splitlines()
    assert [json.loads(line)["seq"] for line in lines] == [4, 5]
    assert ran(agent, "export", "--lane", "bulk") == ""


def test_a_reader_that_leaves_ends_the_export_quietly(agent: Agent) -> None:
    command = f"{SCRIPT} export --config {agent.config} | head -c 10"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=30)
    assert len(done.stdout) == 10
    assert done.stderr == ""


def test_a_token_opens_the_api_at_once_and_closes_it_when_it_is_removed(agent: Agent) -> None:
    token = ran(agent, "token", "add", "till-9", "--scope", "order, read").strip()
    assert token.startswith("hf_")
    assert token not in agent.tokens_file.read_text()
    assert agent.tokens_file.stat().st_mode & 0o077 == 0
    with agent.client(token) as client:
        assert client.post("/v1/orders", headers=key(), json=sale("by-token")).status_code == 201
        assert "order,read" in ran(agent, "token", "list")
        assert ran(agent, "token", "remove", "till-9") == ""
        refused = client.get("/v1/orders")
        while refused.status_code == 200:  # noticed within a second
            refused = client.get("/v1/orders")
        assert (refused.status_code, slug(refused)) == (401, "token-unknown")


def test_tokens_are_listed_for_programs_without_their_secrets(agent: Agent) -> None:
    made = json.loads(ran(agent, "token", "add", "tool", "--scope", "read", "--json"))
    listed: list[Any] = json.loads(ran(agent, "token", "list", "--json"))
    assert {"name": "tool", "scopes": ["read"]} in listed
    assert made["name"] == "tool"
    assert made["token"] not in json.dumps(listed)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["add"], "name the token"),
        (["add", "till"], "exists already"),
        (["add", "new", "--scope", "everything"], "expected scopes of"),
        (["add", "new", "--scope", ""], "expected scopes of"),
        (["add", "x" * 65], "expected a name"),
        (["remove", "nobody"], "there is no token"),
    ],
)
def test_a_token_that_cannot_be_changed_as_asked_says_why(agent: Agent, arguments: list[str], why: str) -> None:
    before = agent.tokens_file.read_bytes()
    refused = agent.run("token", *arguments)
    assert refused.returncode == 2
    assert why in refused.stderr
    assert agent.tokens_file.read_bytes() == before


def test_a_file_is_made_by_migrate_and_left_alone_by_the_next_one(tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    applied = json.loads(ran(agent, "migrate", "--json"))["applied"]
    assert applied
    assert applied[0] == "0001_create_log.sql"
    assert ran(agent, "migrate") == "nothing to do\n"
    begun = agent.run("status")
    assert (begun.returncode, "no agent has begun this file" in begun.stderr) == (1, True)
    with running(agent), agent.client() as till:
        assert till.post("/v1/orders", headers=key(), json=sale()).status_code == 201


@pytest.mark.parametrize("command", ["status", "verify", "export"])
def test_a_command_on_a_file_that_is_not_there_says_so_and_makes_none(tmp_path: Path, command: str) -> None:
    agent = Agent(tmp_path)
    refused = agent.run(command)
    assert refused.returncode == 1
    assert f"{agent.store}: there is no such file" in refused.stderr
    assert not agent.store.exists()
