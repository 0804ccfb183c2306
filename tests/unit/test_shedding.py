"""When bulk rests: below the floor, until there is a quarter more than that."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from edge_agent.link import books as books_module
from edge_agent.link.books import Books
from edge_agent.shedding import Shedding
from edge_agent.store.file import StoreFile


@pytest.fixture
def books(tmp_path: Path) -> Books:
    return Books(StoreFile(tmp_path / "store.db", "store-0001"), lambda: 0, "1.0")


def look(monkeypatch: pytest.MonkeyPatch, shedding: Shedding, free: int) -> bool:
    """Whether it sheds with so many bytes left."""
    disk = SimpleNamespace(disk_usage=lambda _path: SimpleNamespace(free=free))
    monkeypatch.setattr(books_module, "shutil", disk)
    return shedding.is_on()


def test_it_begins_below_the_floor_and_ends_with_a_quarter_more(monkeypatch: pytest.MonkeyPatch, books: Books) -> None:
    shedding = Shedding(books, 100)
    seen = [look(monkeypatch, shedding, free) for free in (1_000, 100, 99, 100, 124, 125, 100, 99)]
    assert seen == [False, False, True, True, True, False, False, True]
    assert books.last_error is not None
    assert "99 bytes" in books.last_error


def test_a_floor_of_nothing_never_sheds(monkeypatch: pytest.MonkeyPatch, books: Books) -> None:
    assert not look(monkeypatch, Shedding(books, 0), 0)
