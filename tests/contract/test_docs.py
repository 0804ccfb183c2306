"""The documents say what the code does: keys, events, metrics, limits, messages, links, and both READMEs."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from central_sync.config import CentreConfig
from central_sync.telemetry import Telemetry
from edge_agent.config import AgentConfig
from edge_core import limits
from edge_core.orders.events import LIFECYCLE_NAMES, Event
from edge_core.sync.messages import DownMessage, UpMessage

ROOT = Path(__file__).parents[2]
PACKAGES = ("edge_core", "holdfast_runtime", "edge_agent", "central_sync")
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
OPERATIONS = (ROOT / "docs/operations.md").read_text()
_LEVELS = frozenset({"debug", "info", "warning", "error", "exception", "critical"})
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def sources() -> list[Path]:
    return sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))


def part(text: str, heading: str) -> str:
    """What stands under a heading, to the next one of its level or above."""
    level = heading.split(maxsplit=1)[0]
    _, _, rest = text.partition(f"\n{heading}\n")
    return re.split(rf"^#{{1,{len(level)}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def first_cells(text: str) -> list[str]:
    """What stands in code type in the first column of its tables."""
    return re.findall(r"^\| `([^`]+)` \|", text, flags=re.MULTILINE)


def keys_of(config: type[msgspec.Struct]) -> list[str]:
    return [
        f"{section.encode_name}.{field.encode_name}"
        for section in msgspec.structs.fields(config)
        for field in msgspec.structs.fields(section.type)
    ]


@pytest.mark.parametrize(
    ("heading", "config"), [("### edge-agent.toml", AgentConfig), ("### central-sync.toml", CentreConfig)]
)
def test_every_key_of_the_configuration_is_described(heading: str, config: type[msgspec.Struct]) -> None:
    assert first_cells(part(OPERATIONS, heading)) == keys_of(config)


def logged() -> Iterator[str]:
    """The name of every event that the code logs."""
    for file in sources():
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            name = node.args[0]
            if (called in _LEVELS or called == "_log_retry") and isinstance(name, ast.Constant):
                yield str(name.value)


def test_every_event_that_is_logged_is_in_the_catalogue_and_the_other_way_round() -> None:
    described = first_cells(part(OPERATIONS, "## Log events"))
    assert len(described) == len(set(described))
    assert set(described) == set(logged())


def test_every_metric_of_the_centre_is_described() -> None:
    registry = CollectorRegistry()
    Telemetry(registry)
    made = {f"{family.name}_total" if family.type == "counter" else family.name for family in registry.collect()}
    assert set(first_cells(part(part(OPERATIONS, "## Metrics"), "### Centre"))) == made


def test_every_metric_of_the_agent_is_described() -> None:
    source = (ROOT / "edge_agent/metrics.py").read_text()
    counters = {f"{name}_total" for name in re.findall(r'_counter\(\s*"(holdfast_\w+)"', source)}
    gauges = set(re.findall(r'GaugeMetricFamily\(\s*"(holdfast_\w+)"', source))
    histograms = set(re.findall(r'HistogramMetricFamily\(\s*"(holdfast_\w+)"', source))
    assert counters
    assert set(first_cells(part(part(OPERATIONS, "## Metrics"), "### Agent"))) == counters | gauges | histograms


def test_the_limits_that_the_protocol_prints_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (\d+)", (ROOT / "docs/protocol.md").read_text(), flags=re.MULTILINE)
    assert len(rows) > 20
    assert [(name, getattr(limits, name)) for name, _ in rows] == [(name, int(value)) for name, value in rows]


def test_every_constant_that_a_page_names_exists() -> None:
    """Words in capitals with a unit or a bound in them are constants of `limits.py`."""
    named = {
        (page.name, name)
        for page in PAGES
        for name in re.findall(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*_(?:MAX|MS|S|BYTES|ROWS)(?:_MAX)?)`", page.read_text())
    }
    assert named
    assert [pair for pair in sorted(named) if not hasattr(limits, pair[1])] == []


def test_every_message_is_specified_with_all_its_fields() -> None:
    messages = part((ROOT / "docs/protocol.md").read_text(), "## Messages")
    for message in (*get_args(UpMessage), *get_args(DownMessage)):
        tag = message.__struct_config__.tag
        _, found, rest = messages.partition(f"**`{tag}`**")
        assert found, tag
        section = re.split(r"^\*\*`|^### ", rest, maxsplit=1, flags=re.MULTILINE)[0]
        missing = [name for name in message.__struct_encode_fields__ if not re.search(rf"\b{name}\b", section)]
        assert missing == [], tag


def test_every_event_is_described_with_its_fields() -> None:
    text = (ROOT / "docs/events.md").read_text()
    assert first_cells(part(text, "## The 17 events of an order's life")) == list(LIFECYCLE_NAMES)
    for event in get_args(Event):
        name = event.__struct_config__.tag
        row = next(line for line in text.splitlines() if line.startswith(f"| `{name}` |"))
        assert [field for field in event.__struct_encode_fields__ if f"`{field}`" not in row] == [], name


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_inside_the_project_lead_somewhere(page: Path) -> None:
    broken = []
    for target in _LINK.findall(page.read_text()):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = page if not path else (page.parent / path)
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


def test_the_pages_that_the_code_refers_to_exist() -> None:
    named = {(file.name, page) for file in sources() for page in re.findall(r"\bdocs/[\w/]+\.md\b", file.read_text())}
    assert named
    assert [pair for pair in sorted(named) if not (ROOT / pair[1]).exists()] == []


def test_both_readmes_say_the_same() -> None:
    """As far as a program can tell: the same parts, commands, links and rows."""
    english, chinese = (ROOT / "README.md").read_text(), (ROOT / "README.zh-CN.md").read_text()

    def shape(text: str) -> list[str]:
        return [re.match(r"#+|\|", line)[0] for line in text.splitlines() if re.match(r"#+ |\|", line)]  # type: ignore[index]

    def commands(text: str) -> list[str]:
        blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
        return [line.split("  #")[0].rstrip() for kind, block in blocks if not kind for line in block.splitlines()]

    def links(text: str) -> list[str]:
        return [link for link in _LINK.findall(text) if not link.startswith("README")]

    assert shape(english) == shape(chinese)
    assert commands(english) == commands(chinese)
    assert sorted(links(english)) == sorted(links(chinese))
