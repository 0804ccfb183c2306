"""A decision is recorded in the lowest version of the entry that can say it, and nobody can forget that.

What is new in an event belongs to the open version by itself. Frozen tables and golden files say what the others hold.
"""

import ast
import hashlib
from typing import Literal, get_args

import pytest
from msgspec import Struct, inspect
from msgspec.structs import fields, replace

from edge_core.orders.events import Event, OrderValidated, name_of
from edge_core.sync.entry import ENTRY_VERSION, decode_entry, encode_entry
from edge_core.sync.versions import VERSION_1, VERSIONS, Table, beyond, lowest_version
from tests.contract.test_house import SOURCES, tree_of
from tests.contract.test_house import name_of as path_of
from tests.rigs import golden
from tests.rigs.orders import placed

FROZEN = {1: "de3d21c0f82295b3"}


def digest(table: Table) -> str:
    return hashlib.blake2b(repr(sorted(table.items())).encode(), digest_size=8).hexdigest()


def names(words: str) -> list[str]:
    return [word.partition("=")[0] for word in words.split()]


def structs(kind: type[Struct]) -> dict[str, type[Struct]]:
    """A struct and all structs in it, by the names that the tables use."""
    found: dict[str, type[Struct]] = {}

    def walk(shape: inspect.Type) -> None:
        if isinstance(shape, inspect.StructType):
            found[str(shape.tag or shape.cls.__name__)] = shape.cls
            for field in shape.fields:
                walk(field.type)
        for inner in getattr(shape, "types", getattr(shape, "item_types", ())):
            walk(inner)
        if isinstance(shape, inspect.VarTupleType):
            walk(shape.item_type)

    walk(inspect.type_info(kind))
    return found


TODAY = {name: kind for event in get_args(Event) for name, kind in structs(event).items()}


# --- the tables ------------------------------------------------------------------------------------------------------


def test_the_newest_version_is_the_one_after_the_frozen_ones() -> None:
    assert len(VERSIONS) + 1 == ENTRY_VERSION
    assert {version: digest(table) for version, table in enumerate(VERSIONS, 1)} == FROZEN


@pytest.mark.parametrize("name", VERSION_1)
def test_what_a_version_holds_is_still_there_in_its_order(name: str) -> None:
    for table in VERSIONS:
        frozen = names(table[name])
        assert [field.name for field in fields(TODAY[name])][: len(frozen)] == frozen


def test_every_event_and_every_field_of_one_is_in_the_golden_file_of_its_version() -> None:
    later = {name_of(event): event for event in golden.EVENTS}
    assert set(later) == {str(kind.__struct_config__.tag) for kind in get_args(Event)}
    for name, event in later.items():
        known = names(VERSION_1.get(name, ""))
        for field in fields(type(event)):
            if field.name not in known and not field.required:
                assert getattr(event, field.name) != field.default, f"{name}.{field.name} stands nowhere but empty"


# --- the choice ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", golden.EVENTS, ids=name_of)
def test_an_event_or_a_field_that_version_1_lacks_is_of_a_later_version(event: Event) -> None:
    known = names(VERSION_1.get(name_of(event), ""))
    if not known:
        assert lowest_version((event,)) > 1
        return
    later = [field for field in fields(type(event)) if field.name not in known]
    plain = replace(event, **{field.name: field.default for field in later})
    assert lowest_version((plain,)) == 1
    for field in later:
        assert lowest_version((plain, replace(plain, **{field.name: getattr(event, field.name)}))) > 1


def test_a_sale_that_no_rules_judged_is_of_version_1() -> None:
    assert lowest_version(placed(1)) == 1


class Part(Struct, frozen=True, array_like=True):
    word: Literal["a", "b"]
    later: int = 0


class Strict(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    first: int
    later: int = 0


class Whole(Struct, frozen=True, array_like=True, tag="whole"):
    parts: tuple[Part, ...] = ()
    one: Part | None = None
    strict: Strict | None = None


@pytest.mark.parametrize(
    ("value", "is_beyond"),
    [
        (Whole(), False),
        (Whole((Part("a"),), Part("a")), False),
        (Whole((Part("a"), Part("b"))), True),
        (Whole((), Part("b")), True),
        (Whole((), Part("a", 1)), True),
        (Whole((), None, Strict(1)), True),
    ],
)
def test_what_is_new_in_a_part_of_an_event_counts_too(value: Whole, *, is_beyond: bool) -> None:
    """A new word, a new field, and any field that a part which forbids unknown ones gained: there even nothing is."""
    check = beyond(Whole, {"whole": "parts one strict", "Part": "word=a", "Strict": "first"})
    assert check is not None
    assert check(value) == is_beyond


def test_where_nothing_is_new_nothing_is_looked_at() -> None:
    assert beyond(Whole, {"whole": "parts one strict", "Part": "word=a|b later", "Strict": "first later"}) is None
    assert beyond(OrderValidated, {}) is not None


# --- who writes and who reads ----------------------------------------------------------------------------------------


def test_nothing_but_new_entry_makes_an_entry() -> None:
    """A version that is written by hand would be forgotten when an event gains something."""
    makers = [
        path_of(path)
        for path in SOURCES
        if "edge_core.sync.entry" in path.read_text() or path_of(path) == "edge_core/sync/entry.py"
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Entry"
    ]
    assert makers == ["edge_core/sync/entry.py"]


@pytest.mark.parametrize("name", [name for name, entry in golden.ENTRIES.items() if entry.version > 1])
def test_what_software_before_the_second_version_wrote_as_the_first_is_read(name: str) -> None:
    earlier = replace(golden.ENTRIES[name], version=1)
    assert decode_entry(encode_entry(earlier)) == earlier
