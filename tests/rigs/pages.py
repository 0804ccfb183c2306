"""Pages of a SQLite file, for tests that destroy one."""

import sqlite3
from contextlib import closing
from pathlib import Path

_PAGE_BYTES = 4_096


def leaf_of(store: Path, number: int) -> int:
    """The page of one leaf of the log's tree, counted from its first, by dbstat."""
    with closing(sqlite3.connect(store)) as connection:
        sql = "SELECT pageno FROM dbstat WHERE name = 'entry' AND pagetype = 'leaf' ORDER BY path"
        pages = [page for (page,) in connection.execute(sql)]
    assert len(pages) > number
    return int(pages[number])


def overwrite(store: Path, page: int) -> None:
    """Put rubbish in the place of a page, as a disk that mixed up its sectors would."""
    with store.open("r+b") as file:
        file.seek((page - 1) * _PAGE_BYTES)
        file.write(b"\xa5" * _PAGE_BYTES)
