"""`central-sync policy` and `signal`: what people type, what they are shown, and the exit codes."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from central_sync.cli import _parser
from central_sync.policy_commands import run_policy
from central_sync.policy_parser import mistake
from central_sync.signal_commands import run_signal
from central_sync.store.database import Database
from tests.rigs.centre import greet, migrated, push
from tests.rigs.policies import graph, table
from tests.rigs.routed_orders import routed_log

Run = Callable[..., Awaitable[int]]


@pytest.fixture
async def database(centre_dsn: str) -> AsyncIterator[Database]:
    async with migrated(centre_dsn) as opened:
        yield opened


@pytest.fixture
def run(database: Database) -> Run:
    async def said(*words: str) -> int:
        arguments = _parser().parse_args(words)
        if arguments.command == "signal":
            return await run_signal(database, arguments)
        assert mistake(arguments) == ""
        return await run_policy(database, arguments)

    return said


def file(tmp_path: Path, **row: str) -> str:
    path = tmp_path / "fastest.json"
    path.write_bytes(msgspec.json.encode(graph(table([row]))))
    return str(path)


async def test_a_policy_goes_from_a_file_to_every_order_by_commands(
    run: Run, database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = routed_log(60)
    await greet(database, log)
    for message in log.pushes():
        await push(database, message)
    assert await run("policy", "install") == 0
    path = file(tmp_path, hour_minor="500")
    assert await run("policy", "draft", "fastest", path, "--title", "As fast as can be", "--title-zh", "最快") == 0
    assert "fastest-r1: it may be tried" in capsys.readouterr().out
    assert await run("policy", "try", "fastest-r1") == 0
    told = capsys.readouterr().out
    assert "on 60 orders: 60 would have gone otherwise" in told
    assert "cost-of-an-order" in told
    assert await run("policy", "share", "fastest-r1", "--percent", "10", "--guard", "late:20") == 0
    assert "no figures yet" in capsys.readouterr().out
    assert await run("policy", "show", "fastest-r1", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["policy"]["status"], shown["comparison"]["percent"]) == ("shared", 10)
    assert shown["comparison"]["guards"] == [{"figure": "late", "more_permille_max": 20, "confidence_permille": 990}]
    assert await run("policy", "promote", "fastest-r1") == 0
    assert await run("policy", "rollback", "fastest-r1", "--reason", "too dear") == 0
    assert await run("policy", "log") == 0
    audit = capsys.readouterr().out
    assert [word in audit for word in ("drafted", "tried", "shared", "promoted", "rolled_back", "too dear")] == [
        True
    ] * 6
    assert await run("policy") == 0
    assert "fastest-r1" in capsys.readouterr().out
    assert await run("policy", "key") == 0
    assert len(capsys.readouterr().out.strip()) == 64


async def test_a_file_with_errors_is_refused_with_the_cell_and_exit_code_1(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = file(tmp_path, hour_minor="[1..3]")
    assert await run("policy", "lint", path) == 1
    assert "error: fastest, node 'prices', row 1, column 'hour_minor'" in capsys.readouterr().out
    assert await run("policy", "draft", "fastest", path) == 1
    assert await run("policy", "try", "fastest-r1") == 1
    assert "has errors" in capsys.readouterr().err
    assert await run("policy", "lint", str(tmp_path / "nowhere.json")) == 1
    assert await run("policy", "promote", "nobody-r9") == 1


async def test_a_region_that_no_store_could_read_is_refused_before_it_is_told(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await run("policy", "draft", "fastest", file(tmp_path, hour_minor="5"))
    await run("policy", "try", "fastest-r1")
    assert await run("policy", "share", "fastest-r1", "--percent", "10", "--region", "Guangdong") == 1
    assert "not a row of release" in capsys.readouterr().err
    assert await run("policy", "share", "fastest-r1", "--percent", "10", "--region", "CN-GD") == 0


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("share",), "needs the NAME"),
        (("draft", "fastest"), "needs an ID and a FILE"),
        (("share", "a-r1", "--percent", "0"), "--percent"),
        (("share", "a-r1", "--guard", "speed:3"), "--guard"),
        (("rollback", "a-r1"), "--reason"),
        (("try", "a-r1", "--orders", "0"), "--orders"),
    ],
)
def test_wrong_usage_is_told(words: tuple[str, ...], what: str) -> None:
    assert what in mistake(_parser().parse_args(["policy", *words]))


async def test_a_signal_is_told_shown_and_ended_by_commands(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("signal", "tell", "storm-7", "--scope", "region/CN-HI", "--hours", "12") == 0
    assert "told to every store, until" in capsys.readouterr().out
    assert await run("signal", "tell", "storm-8", "--scope", "planet/mars") == 2
    assert await run("signal", "--json") == 0
    assert [each["signal_id"] for each in json.loads(capsys.readouterr().out)["signals"]] == ["storm-7"]
    assert await run("signal", "end", "storm-7") == 0
    assert await run("signal", "end", "storm-7") == 1
