"""The units of `systemd/`: taken by systemd without a word, shut in as tightly as stated, in step with the code."""

import os
import re
import shutil
import subprocess
import sys
from configparser import RawConfigParser
from pathlib import Path

import pytest

from central_sync import config as centre_config
from edge_agent import config as edge_config
from edge_core.limits import DATABASE_PING_TIMEOUT_MS, SHUTDOWN_TIMEOUT_MS, WATCHDOG_INTERVAL_DIVISOR

SYSTEMD = Path(__file__).parents[2] / "systemd"
SERVICES = ("holdfast-edge", "holdfast-centre")
# Tenths, as `systemd-analyze security --threshold` counts. What remains: IP sockets without a fixed list of peers, unix
# sockets, the host's own root folder, the rtc that ProtectClock names, /proc/stat.
EXPOSURE_TENTHS_MAX = 11
# What the units refer to and any system has.
_STUBS = ("sysinit", "basic", "shutdown", "multi-user", "local-fs", "time-sync", "network-online")

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="folders are given to users, which needs root")


def run(*command: str | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60, check=False
    )


def settings(service: str) -> dict[str, str]:
    """[Service] with the last value of each key."""
    parser = RawConfigParser(strict=False, comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(SYSTEMD / f"{service}.service")
    return dict(parser["Service"])


def seconds(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(min|)", text).groups()  # type: ignore[union-attr]
    return int(number) * (60 if unit else 1)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder that looks to systemd like a machine on which Holdfast is installed."""
    units = tmp_path / "etc/systemd/system"
    units.mkdir(parents=True)
    for stub in _STUBS:
        (units / f"{stub}.target").write_text(f"[Unit]\nDescription={stub}\n")
    programs = tmp_path / "opt/holdfast/bin"
    programs.mkdir(parents=True)
    for program in ("edge-agent", "central-sync"):
        (programs / program).write_text("#!/bin/sh\n")
        (programs / program).chmod(0o755)
    for service in SERVICES:
        shutil.copy(SYSTEMD / f"{service}.service", units)
    return tmp_path


@needs_systemd
@pytest.mark.parametrize("service", SERVICES)
def test_systemd_accepts_the_unit_without_a_word(tree: Path, service: str) -> None:
    verified = run("systemd-analyze", "verify", f"--root={tree}", f"{service}.service")
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")


@needs_systemd
def test_the_check_sees_a_misspelt_key(tree: Path) -> None:
    """`verify` exits with 0 on unknown keys: only its words tell."""
    unit = tree / "etc/systemd/system/holdfast-edge.service"
    unit.write_text(unit.read_text().replace("WatchdogSec", "WatchdogSecs"))
    verified = run("systemd-analyze", "verify", f"--root={tree}", "holdfast-edge.service")
    assert "WatchdogSecs" in verified.stderr


@needs_systemd
@pytest.mark.parametrize("service", SERVICES)
def test_the_sandbox_is_as_tight_as_stated(service: str) -> None:
    scored = run(
        "systemd-analyze",
        "security",
        "--offline=true",
        f"--threshold={EXPOSURE_TENTHS_MAX}",
        "--no-pager",
        SYSTEMD / f"{service}.service",
    )
    assert scored.returncode == 0, scored.stdout[-400:]


@pytest.mark.parametrize("service", SERVICES)
def test_a_graceful_stop_fits_into_the_time_that_systemd_gives(service: str) -> None:
    assert seconds(settings(service)["TimeoutStopSec"]) * 1000 > SHUTDOWN_TIMEOUT_MS


def test_a_database_that_hangs_does_not_restart_the_centre() -> None:
    watchdog_ms = seconds(settings("holdfast-centre")["WatchdogSec"]) * 1000
    assert watchdog_ms // WATCHDOG_INTERVAL_DIVISOR + DATABASE_PING_TIMEOUT_MS < watchdog_ms


def test_a_trial_of_policies_that_is_killed_for_its_memory_does_not_stop_the_agent() -> None:
    assert settings("holdfast-edge")["OOMPolicy"] == "continue"


@pytest.mark.parametrize("service", SERVICES)
def test_the_service_is_watched_and_always_comes_back(service: str) -> None:
    found = settings(service)
    assert (found["Type"], found["Restart"]) == ("notify", "always")
    assert "StartLimitIntervalSec=0" in (SYSTEMD / f"{service}.service").read_text()


def test_the_agents_files_are_where_its_unit_lets_it_write() -> None:
    state = Path("/var/lib") / settings("holdfast-edge")["StateDirectory"]
    assert edge_config.StoreSection().path.parent == state
    assert edge_config.ApiSection().tokens_file.parent == state


@pytest.mark.parametrize("service", SERVICES)
def test_the_unit_starts_a_command_that_the_project_installs(service: str) -> None:
    program, command, option, config = settings(service)["ExecStart"].split()
    installed = run(Path(sys.executable).parent / Path(program).name, command, "--help")
    assert installed.returncode == 0
    assert option in installed.stdout
    assert (SYSTEMD / Path(config).name).exists()


def test_the_first_configurations_are_valid(tmp_path: Path) -> None:
    edge = tmp_path / "edge-agent.toml"
    edge.write_text((SYSTEMD / "edge-agent.toml").read_text().replace("@HOSTNAME@", "store-0001"))
    assert edge_config.read_config(edge, {}).node.id == "store-0001"
    assert centre_config.load(SYSTEMD / "central-sync.toml", {}) == centre_config.CentreConfig()


@needs_systemd
@needs_root
@pytest.mark.parametrize(
    ("which", "config", "state"),
    [
        ("edge", "edge-agent.toml", "holdfast-edge"),
        ("centre", "central-sync.toml", "holdfast-centre"),
    ],
)
def test_installing_twice_keeps_what_the_operator_wrote(tmp_path: Path, which: str, config: str, state: str) -> None:
    (tmp_path / "etc").mkdir()
    install = SYSTEMD / "install"
    assert run(install, which, DESTDIR=str(tmp_path)).returncode == 0
    written = tmp_path / "etc/holdfast" / config
    assert written.exists()
    assert "@HOSTNAME@" not in written.read_text()
    written.write_text("# mine\n")
    again = run(install, which, DESTDIR=str(tmp_path))
    assert again.returncode == 0, again.stderr
    assert written.read_text() == "# mine\n"
    folder = (tmp_path / "var/lib" / state).stat()
    assert (folder.st_mode & 0o777, folder.st_uid != 0) == (0o700, True)
    assert written.stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "etc/systemd/system" / f"{state}.service").exists()


def test_the_installer_says_what_it_takes() -> None:
    asked = run(SYSTEMD / "install", "everything")
    assert asked.returncode == 2
    assert "edge | centre" in asked.stderr
