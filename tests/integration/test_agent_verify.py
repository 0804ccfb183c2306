"""`edge-agent verify` finds what was done to a file behind the agent's back, names it, and exits with 1."""

import asyncio
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from edge_agent.store.verify import verify_file
from tests.rigs.agents import Agent, key, receipt, running, sale

ENTRIES: Final = 12

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Agent:
    """An agent that was stopped, with a file of `ENTRIES` decisions."""
    agent = Agent(tmp_path_factory.mktemp("sound"))
    with running(agent), agent.client() as till:
        moved = till.post("/v1/stock/movements", headers=key(), json=receipt("kept", 100_000))
        assert moved.status_code == 201
        for number in range(ENTRIES - 3):
            assert till.post("/v1/orders", headers=key(), json=sale(f"sold-{number}")).status_code == 201
        pickup = sale("kept", 2_000, order_type="pickup", fulfillment={"method": "pickup"})
        waiting = till.post("/v1/orders", headers=key(), json=pickup)
        assert till.post(f"{waiting.headers['location']}/cancel", headers=key(), json={"reason": "x"}).is_success
    return agent


@pytest.fixture
def copy(sound: Agent, tmp_path: Path) -> Agent:
    """The same file, to be damaged."""
    agent = Agent(tmp_path)
    for file in sound.folder.glob("store.db*"):
        shutil.copy(file, tmp_path)
    return agent


def damage(agent: Agent, *statements: str) -> None:
    with closing(sqlite3.connect(agent.store)) as connection, connection:
        connection.create_function("flip", 2, _flip)
        changed = [connection.execute(statement).rowcount for statement in statements]
    assert all(changed), "the damage missed"


def _flip(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :]


def test_a_sound_file_is_called_sound(sound: Agent) -> None:
    assert sound.verify() == {"entries": ENTRIES, "findings": [], "cuts": []}
    spoken = sound.run("verify")
    assert (spoken.returncode, spoken.stdout) == (0, f"{ENTRIES} entries checked, 0 findings\n")


FLIP: Final = "UPDATE entry SET {column} = flip({column}, {at}) WHERE entry_id & 1023 = {seq}"


@pytest.mark.parametrize(
    ("statement", "where", "what"),
    [
        (FLIP.format(column="body", at=60, seq=5), "orders 5", "its bytes are not those"),
        (FLIP.format(column="body", at=0, seq=5), "orders 5", "not an entry"),
        (FLIP.format(column="body", at=60, seq=ENTRIES), f"orders {ENTRIES}", "its bytes are not"),
        (FLIP.format(column="hash", at=7, seq=5), "orders 5", "its bytes are not those"),
        (FLIP.format(column="hash", at=7, seq=ENTRIES), f"orders {ENTRIES}", "its bytes are not"),
        ("DELETE FROM entry WHERE entry_id & 1023 = 1", "orders 1", "missing from the log"),
        ("DELETE FROM entry WHERE entry_id & 1023 = 6", "orders 6", "missing from the log"),
        ("DELETE FROM entry WHERE entry_id & 1023 IN (6, 7)", "orders 6 to 7", "missing from the log"),
        (f"DELETE FROM entry WHERE entry_id & 1023 = {ENTRIES}", f"orders {ENTRIES}", "answered to a client"),
        ("UPDATE stream SET durable_seq = 99 WHERE lane = 'orders'", "orders 13 to 99", "the centre has confirmed"),
        ("UPDATE stock SET on_hand_milli = on_hand_milli + 1 WHERE sku = 'kept'", "stock kept", "the log says"),
        ("UPDATE stock SET reserved_milli = 1 WHERE sku = 'kept'", "stock kept", "the log says"),
        ("DELETE FROM stock WHERE sku = 'kept'", "stock kept", "the log says"),
        ("INSERT INTO stock VALUES ('new', '', 'H87', NULL, 5, 0, 0, 0)", "stock new", "the log says"),
        ("DELETE FROM order_head WHERE rowid = 3", "orders", "in the list"),
        ("UPDATE order_head SET status = 'held' WHERE rowid = 3", "order ", "the list says held"),
        ("UPDATE order_head SET revision = 99 WHERE rowid = 3", "order ", "the list says completed at revision 99"),
    ],
)
def test_damage_is_found_and_named(copy: Agent, statement: str, where: str, what: str) -> None:
    damage(copy, statement)
    verdict = asyncio.run(verify_file(copy.store))
    assert any(finding.where.startswith(where) and what in finding.what for finding in verdict.findings), verdict


def test_a_finding_is_written_for_people_too(copy: Agent) -> None:
    damage(copy, "DELETE FROM entry WHERE entry_id & 1023 = 6")
    spoken = copy.run("verify")
    assert spoken.returncode == 1
    first, *_, last = spoken.stdout.splitlines()
    assert first == "orders 6: missing from the log"
    assert last.startswith(f"{ENTRIES - 1} entries checked, ")


def test_a_damaged_page_is_found_and_the_rest_is_still_looked_at(copy: Agent) -> None:
    damage(copy, "PRAGMA journal_mode = DELETE")
    size = copy.query("PRAGMA page_size")[0][0]
    root = copy.query("SELECT rootpage FROM sqlite_schema WHERE name = 'entry_by_order'")[0][0]
    content = bytearray(copy.store.read_bytes())
    content[(root - 1) * size : (root - 1) * size + 64] = b"\xff" * 64
    copy.store.write_bytes(content)
    verdict = copy.verify()
    assert any(finding["where"] in {"pages", "file"} for finding in verdict["findings"])
    assert verdict["entries"] == ENTRIES


@pytest.mark.parametrize("content", [b"", b"this is no database" * 100], ids=["empty", "text"])
def test_what_is_no_store_is_a_finding_too(tmp_path: Path, content: bytes) -> None:
    agent = Agent(tmp_path)
    agent.store.write_bytes(content)
    checked = agent.run("verify", "--json")
    assert checked.returncode == 1
    assert json.loads(checked.stdout)["findings"]
