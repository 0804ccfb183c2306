"""How the agent is told where the centre is, and what `edge-agent enrol` does before it goes there."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from edge_agent import surroundings
from edge_agent.config import AgentConfig, read_config
from edge_agent.enrolment import enrol
from edge_agent.store import log
from edge_agent.store.connection import open_reader
from edge_core import ids
from edge_core.errors import TransientFault
from holdfast_runtime.config import ConfigError
from tests.rigs.ports import free_port


def config(tmp_path: Path, url: str, ca_file: Path | None = None) -> AgentConfig:
    environ = {"EDGE_AGENT__NODE__ID": "store-0001", "EDGE_AGENT__STORE__PATH": str(tmp_path / "store.db")}
    found = read_config(None, environ | {"EDGE_AGENT__CENTRE__URL": url})
    return replace(found, centre=replace(found.centre, ca_file=ca_file))


@pytest.mark.parametrize("url", ["https://[x", "https://centre:port", "http://centre", "https://", "centre"])
def test_an_address_that_is_none_is_a_fault_of_the_configuration(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match=r"centre\.url: expected an https:// address"):
        config(tmp_path, url)


@pytest.mark.parametrize("content", [None, b"no certificate"])
async def test_certificates_that_cannot_be_used_are_a_fault_of_the_configuration_and_no_file_is_begun(
    tmp_path: Path, content: bytes | None
) -> None:
    ca_file = tmp_path / "ca.pem"
    if content is not None:
        ca_file.write_bytes(content)
    found = config(tmp_path, "https://localhost", ca_file)
    with pytest.raises(ConfigError, match=r"centre\.ca_file"):
        await enrol(found, "hf_ticket", lambda _reason: None)
    assert not found.store.path.exists()


async def test_a_file_that_is_begun_to_be_enrolled_bears_the_machines_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surroundings, "_machine_id", lambda: "this machine")
    found = config(tmp_path, f"http://localhost:{free_port()}")
    with pytest.raises(TransientFault):
        await enrol(found, "hf_ticket", lambda _reason: None, patience_ms=1)
    reader = await open_reader(found.store.path)
    try:
        assert (await log.present_incarnation(reader)).bytes[-3:] == ids.machine_mark("this machine")
    finally:
        await reader.close()
