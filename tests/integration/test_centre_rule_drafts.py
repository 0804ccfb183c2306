"""`central-sync rule accept`: a sentence becomes a draft of a policy, with its row before those that there are."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from central_sync.cli import _parser
from central_sync.policy_commands import run_policy
from central_sync.rule_commands import accept
from central_sync.rules import tell
from central_sync.store import policies
from central_sync.store.database import Database
from central_sync.store.policies import RevisionRow
from edge_core.errors import Rejected
from tests.rigs.centre import migrated
from tests.rigs.policies import graph, table
from tests.rigs.rules import WORDS

FIRST = "When the goods go to Hainan, then use cold carriers for liquid goods."
SECOND = "When the goods go to Hainan and the order has at least 3 units of liquid goods, then pick it first."
Run = Callable[..., Awaitable[int]]


@pytest.fixture
async def database(centre_dsn: str) -> AsyncIterator[Database]:
    async with migrated(centre_dsn) as opened:
        yield opened


@pytest.fixture
def run(database: Database) -> Run:
    async def said(*words: str) -> int:
        return await accept(database, None, _parser().parse_args(["rule", "accept", *words]))

    return said


async def newest(database: Database, policy_id: str) -> RevisionRow | None:
    async with database.reading() as connection:
        found = await policies.page(connection, policy_id=policy_id, rows_max=1)
    return found[0] if found else None


async def sentences(database: Database, policy_id: str) -> list[str | None]:
    row = await newest(database, policy_id)
    assert row is not None
    told = tell(row.policy.graph.encode(), WORDS)
    assert not isinstance(told, Rejected)
    return [each.en for each in told.rows]


async def test_a_sentence_that_was_shown_is_a_draft_and_the_next_one_is_asked_before_it(
    run: Run, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run("island", FIRST) == 0
    shown = capsys.readouterr().out
    assert shown.index('1    if    region    "CN-HI"') < shown.index("island-r1 is linted")
    assert await run("island", SECOND) == 0
    assert await sentences(database, "island") == [SECOND, FIRST]
    row = await newest(database, "island")
    assert row is not None
    assert (row.policy.revision, row.status, row.note) == (2, "linted", SECOND)


async def test_a_sentence_that_is_no_rule_drafts_nothing(
    run: Run, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run("island", FIRST, "When it rains, then pick it first") == 1
    assert "column 6" in capsys.readouterr().err
    assert await newest(database, "island") is None
    assert await run("island") == 2


async def test_a_row_that_no_order_would_reach_stays_a_draft_and_says_why(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run("island", "For every order, pick it first", FIRST, "--json") == 1
    shown = json.loads(capsys.readouterr().out)
    assert shown["status"] == "draft"
    assert [each["severity"] for each in shown["findings"]] == ["error"]


async def test_the_columns_and_the_title_of_a_policy_that_was_edited_by_hand_stay(
    run: Run, database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "fast.json"
    path.write_text(json.dumps(graph(table([{"hour_minor": "500"}]))))
    drafted = ["policy", "draft", "fast", str(path), "--title", "Fast", "--title-zh", "快"]
    assert await run_policy(database, _parser().parse_args(drafted)) == 0
    assert await run("fast", "When the store is offline, then count an hour on the way as 3 minor units.") == 0
    row = await newest(database, "fast")
    assert row is not None
    assert (row.policy.title_en, row.status) == ("Fast", "linted")
    assert await sentences(database, "fast") == [
        "When the store is offline, then count an hour on the way as 3 minor units.",
        "For every order, count an hour on the way as 500 minor units.",
    ]


async def test_rows_are_not_added_where_it_is_not_plain_which_one_answers(
    run: Run, database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "all.json"
    every = graph(table([{"hour_minor": "500"}]))
    for node in every["nodes"]:
        if node["type"] == "decisionTableNode":
            node["content"]["hitPolicy"] = "collect"
    path.write_text(json.dumps(every))
    await run_policy(database, _parser().parse_args(["policy", "draft", "all", str(path)]))
    assert await run("all", FIRST) == 1
    assert "whose first row that matches answers" in capsys.readouterr().err
    assert await run("No Name", FIRST) == 1
