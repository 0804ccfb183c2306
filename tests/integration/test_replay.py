"""The replay of a part of the sample through real processes: it accounts for every line, or it fails."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from deploy.demo.records import SAMPLE
from deploy.replay import courier
from deploy.replay.__main__ import main
from deploy.replay.bodies import order_body
from deploy.replay.mapping import Sale

INVOICES = 40

pytestmark = pytest.mark.slow


def replayed(capsys: pytest.CaptureFixture[str]) -> tuple[object, dict[str, Any]]:
    """The exit code of a replay of the sample's first invoices, and its account.

    Its folder is its own, not pytest's: another run of pytest would close that one's parents to PostgreSQL's user.
    """
    with pytest.raises(SystemExit) as ended:
        main(["--data", str(SAMPLE), "--limit", str(INVOICES), "--json"])
    said = capsys.readouterr()
    assert said.out, said.err
    account: dict[str, Any] = json.loads(said.out)["account"]
    return ended.value.code, account


def test_every_line_of_the_sample_is_accounted_for_at_the_stores_and_at_the_centre(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, account = replayed(capsys)
    assert (code, account["differences"]) == (0, [])
    fates = {row["how"]: row["lines"] for row in account["fates"]}
    assert sum(fates.values()) == account["source_lines"]
    assert fates["sold"] > 0
    assert fates["returned"] > 0
    assert account["source_invoices"] == INVOICES
    nets = {row["book"]: row["net_minor"] for row in account["books"]}
    assert nets["all stores' logs"] == nets["the centre's logs"] == account["source_minor"]
    assert min(row["orders"] for row in account["books"] if row["book"].startswith("log of")) > 0


def test_a_line_that_is_lost_on_its_way_to_the_agent_fails_the_replay(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[int] = []

    def without_last_line(sale: Sale, store_id: str) -> dict[str, Any]:
        if not lost and len(sale.lines) > 1:
            lost.append(sale.lines[-1].row)
            return order_body(replace(sale, lines=sale.lines[:-1]), store_id)
        return order_body(sale, store_id)

    monkeypatch.setattr(courier, "order_body", without_last_line)
    code, account = replayed(capsys)
    assert code == 1
    assert f"1 lines missing in the stores' logs, but in the answers: {lost[0]}" in account["differences"]
    assert any("the file less what was refused" in text for text in account["differences"])


@pytest.mark.parametrize("arguments", [["--data", "/nowhere.csv.gz"], ["--limit", "0"]])
def test_wrong_usage_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "replay" in capsys.readouterr().err


def test_the_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    for word in ("DATA=", "--limit", "--json", "exit codes", "docs/replay.md"):
        assert word in text
