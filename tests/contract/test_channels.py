"""Each mapping that ships loads, has a fixture, and uses nothing that docs/channels.md does not describe."""

import re
from pathlib import Path

import msgspec
import pytest

from edge_core import limits
from edge_core.channels.functions import OWN
from edge_core.channels.mapping import Document, Mapping, load

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted((ROOT / "edge_core/channels/documents").iterdir())
PAGE = (ROOT / "docs/channels.md").read_text()


def rows(heading: str) -> list[str]:
    """What stands in code type in the first column under a heading."""
    _, _, rest = PAGE.partition(f"\n## {heading}\n")
    part = re.split(r"^## ", rest, maxsplit=1, flags=re.MULTILINE)[0]
    return re.findall(r"^\| `([^`]+)` \|", part, flags=re.MULTILINE)


def test_every_function_is_described_with_its_arguments() -> None:
    described = {name.partition("(")[0]: name for name in rows("Functions")}
    assert set(described) == set(OWN)
    for name, written in described.items():
        arguments = written[len(name) + 1 : -1]
        assert len(arguments.split(",") if arguments else []) == OWN[name][1], name


def test_every_key_of_a_mapping_is_described() -> None:
    assert set(rows("A mapping")) == {field.encode_name for field in msgspec.structs.fields(Document)}


def test_the_bounds_are_those_of_the_code() -> None:
    found = re.findall(r"^\| `(CHANNEL_\w+)` \| (\d+) \|", PAGE, flags=re.MULTILINE)
    assert {name: int(value) for name, value in found} == {
        name: value for name, value in vars(limits).items() if name.startswith("CHANNEL_")
    }


def test_every_mapping_that_ships_is_described() -> None:
    assert sorted(rows("Those that ship")) == [document.stem for document in DOCUMENTS]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.stem)
def test_a_mapping_that_ships_loads_under_its_own_name_and_has_a_fixture(document: Path) -> None:
    mapping = load(document.read_bytes())
    assert isinstance(mapping, Mapping), mapping
    assert mapping.channel == document.stem
    assert len(list((ROOT / "tests/fixtures/channels").glob(f"{document.stem}.*"))) == 1
