"""`central-sync policy`: the row is shown, in words and in cells, and is written only where it was asked for."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from central_sync.cli import _parser
from central_sync.rule_commands import rule
from central_sync.rule_language import describing
from central_sync.rule_language.aloud import aloud
from central_sync.rule_language.graph import graph_of
from central_sync.rule_language.table import Row
from holdfast_runtime.config import ConfigError
from tests.rigs.rules import WORDS

PAGE = Path(__file__).parents[2] / "docs" / "rules-language.md"
SENTENCE = "When the store is offline, then keep the promise"


async def run(*words: str) -> int:
    return await rule(None, _parser().parse_args(["rule", *words]))


async def test_the_examples_of_the_page_are_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    said = 0
    for block in PAGE.read_text().split("```")[1::2]:
        for session in block.split("$ central-sync rule ")[1:]:
            command, _, expected = session.partition("\n")
            await run(*shlex.split(command))
            printed = capsys.readouterr()
            assert printed.out + printed.err == expected
            said += 1
    assert said == 3


async def test_a_row_is_shown_as_a_table_and_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("say", SENTENCE) == 0
    assert "1    if    is_offline     true" in capsys.readouterr().out
    assert await run("say", SENTENCE, "--json") == 0
    (sentence,) = json.loads(capsys.readouterr().out)["sentences"]
    row = sentence["row"]
    assert row["zh"] == "当门店离线，则必须按承诺送达。"
    assert (row["inputs"], row["outputs"]) == ({"is_offline": "true"}, {"keeps_promise": "true"})


async def test_a_table_is_written_only_where_it_was_asked_for(tmp_path: Path) -> None:
    out = tmp_path / "rule.json"
    assert await run("say", SENTENCE, "Always pick it first", "--name", "storm", "--out", str(out)) == 0
    table = next(node for node in json.loads(out.read_text())["nodes"] if node["type"] == "decisionTableNode")
    assert table["name"] == "storm"
    assert [row["out-keeps_promise"] for row in table["content"]["rules"]] == ["true", ""]


async def test_a_mistake_ends_with_1_and_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "rule.json"
    assert await run("say", "When it rains, then pick it first", "--out", str(out)) == 1
    assert "column 6" in capsys.readouterr().err
    assert not out.exists()


async def test_the_chains_own_names_are_read_from_its_file(tmp_path: Path) -> None:
    names = tmp_path / "chain.toml"
    names.write_text('[[tier]]\nvalue = "emerald"\nen = ["emerald"]\nzh = ["翡翠"]\n')
    own = "When the customer is an emerald member, then keep the promise"
    assert await run("say", own) == 1
    assert await run("say", own, "--names", str(names)) == 0
    assert await rule(names, _parser().parse_args(["rule", "say", own])) == 0
    names.write_text("[[tier]]\n")
    with pytest.raises(ConfigError, match="missing required field"):
        await run("say", own, "--names", str(names))
    with pytest.raises(ConfigError, match="readable file"):
        await run("say", own, "--names", str(tmp_path / "none"))


@pytest.mark.parametrize("words", [["say"], ["tell"], ["tell", "/none"], ["say", SENTENCE, "--out", "/none/rule.json"]])
async def test_wrong_usage_ends_with_2(words: list[str]) -> None:
    assert await run(*words) == 2


async def test_every_word_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("words") == 0
    printed: Any = capsys.readouterr().out
    for lang in ("en", "zh"):
        assert all(way in printed for kind in WORDS.words for way in WORDS.ways(kind, lang))


# --- rows told back --------------------------------------------------------------------------------------------------


def document(inputs: dict[str, str], outputs: dict[str, str]) -> bytes:
    return json.dumps(graph_of([(Row(inputs, outputs), "")], "rules")).encode()


async def test_the_rows_of_a_table_are_told_whoever_made_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rule.json"
    path.write_bytes(document({"liquid_units": ">=3", "region": "'x y'"}, {"sorts_first": "true"}))
    assert await run("tell", str(path)) == 0
    assert capsys.readouterr().out.startswith("(no sentence gives this row)\nROW")
    path.write_bytes(document({"hour": ">=8 and <18", "tier": '"gold","vip"'}, {"requires": '["liquid:cold"]'}))
    assert await run("tell", str(path), "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert row["en"] == (
        "When the hour is at least 8 o'clock and the hour is less than 18 o'clock and the customer's tier is gold or "
        "VIP, then use cold carriers for liquid goods."
    )
    assert row["zh"] == "当时刻至少8点且时刻不足18点且客户为金卡或VIP会员，则液体商品使用冷运。"


def sentences(printed: str) -> list[str]:
    return [line for line in printed.splitlines() if line.endswith((".", "。"))]


async def test_a_table_that_was_said_is_told_in_the_same_sentences(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "rules.json"
    await run("say", *describing.EXAMPLES, "--out", str(out))
    said = sentences(capsys.readouterr().out)
    await run("tell", str(out))
    assert sentences(capsys.readouterr().out) == said
    assert len(said) == 2 * len(describing.EXAMPLES)


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        ({"color": '"red"'}, {"sorts_first": "true"}),
        ({"tier": '"unheard-of"'}, {"sorts_first": "true"}),
        ({"hour": "6, 7"}, {"sorts_first": "true"}),
        ({"hour": '"six"'}, {"sorts_first": "true"}),
        ({"tier": "true"}, {"sorts_first": "true"}),
        ({"wants_install": "false"}, {"sorts_first": "true"}),
        ({"is_offline": "> 1"}, {"sorts_first": "true"}),
        ({"value_minor": "> 100.5"}, {"sorts_first": "true"}),
        ({"liquid_units": ">= max(1, 2)"}, {"sorts_first": "true"}),
        ({}, {"parcels_max": '"none"'}),
        ({}, {"bars": '["cold"]'}),
        ({}, {"bars": "[liquid_units]"}),
        ({}, {"requires": '["a:b:c"]'}),
        ({}, {"color": '"red"'}),
        ({"tier": '"gold"'}, {}),
    ],
)
def test_a_row_that_no_sentence_gives_is_not_told(inputs: dict[str, str], outputs: dict[str, str]) -> None:
    assert aloud(Row(inputs, outputs), WORDS) is None


@pytest.mark.parametrize("content", [b"", b"[]", b'{"nodes": [{"type": "decisionTableNode", "content": 1}]}'])
async def test_what_is_no_document_is_told_as_that(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rule.json"
    path.write_bytes(content)
    assert await run("tell", str(path)) == 2
