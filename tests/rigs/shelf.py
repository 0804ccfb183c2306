"""A store's file that fetches reference data from a shelf in memory, cut where a test says."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from edge_agent.intake import Intake
from edge_agent.reference import ReferenceKeeper
from edge_agent.reference_download import Downloads
from edge_agent.reference_source import FileMissing, Incoming, Source
from edge_agent.store import reference
from edge_agent.store.file import StoreFile
from edge_agent.store.reference import DatasetRow
from edge_agent.surroundings import real_surroundings
from edge_core import ids
from edge_core.reference.files import Header, encode_file
from edge_core.reference.versions import content_hash, diff, snapshot
from edge_core.sync.reference_messages import Version

HERE: Final = real_surroundings(ZoneInfo("UTC"))
MADE_AT_MS: Final = 1_795_000_000_000
Rows = Mapping[str, bytes]


class Shelf(Source):
    """A source that has files at hand. `cut_after` ends each answer after so many bytes."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1")
        self.files: dict[str, bytes] = {}
        self.cut_after = 1 << 40
        self.asked: list[tuple[str, int]] = []

    @asynccontextmanager
    async def opened(self, path: str, *, start: int = 0, etag: str = "") -> AsyncIterator[Incoming]:
        self.asked.append((path, start))
        if path not in self.files:
            raise FileMissing(path, is_delta="from" in path)
        file = self.files[path]
        start = start if etag == str(hash(file)) else 0

        async def pieces() -> AsyncIterator[bytes]:
            yield file[start : start + self.cut_after]

        yield Incoming(str(hash(file)), start, pieces())

    def publish(self, dataset: str, version: int, rows: Rows, *, old: tuple[int, Rows] | None = None) -> Version:
        """Put a snapshot on the shelf, and a delta from an old version."""
        header = Header("snapshot", dataset, version, content_hash(rows), len(rows), len(rows), MADE_AT_MS)
        path = f"/v1/reference/{dataset}/{version}"
        self.files[path] = encode_file(header, snapshot(rows))
        if old is not None:
            changes = diff(old[1], rows)
            delta = Header(
                "delta",
                dataset,
                version,
                header.hash,
                len(rows),
                len(changes),
                MADE_AT_MS,
                old[0],
                content_hash(old[1]),
            )
            self.files[f"{path}?from={old[0]}"] = encode_file(delta, changes)
        return Version(dataset, version, header.hash)


class Parts(Struct):
    """An open file with its writer, a shelf, and the downloads from it."""

    file: StoreFile
    intake: Intake
    shelf: Shelf
    downloads: Downloads
    keeper: ReferenceKeeper

    async def fetch(self, version: Version) -> DatasetRow:
        """Fetch a version, as the keeper does."""
        used = {row.dataset: row for row in await reference.read_datasets(self.file.reader)}
        row = await self.downloads.fetch(self.shelf, version, used.get(version.dataset))
        await self.keeper.load()
        return row

    async def rows(self, dataset: str) -> Rows:
        """The rows that are used."""
        row = next(row for row in await reference.read_datasets(self.file.reader) if row.dataset == dataset)
        return dict(await reference.read_rows(self.file.reader, row.set_no, "", 100_000))


@asynccontextmanager
async def opened_parts(folder: Path) -> AsyncIterator[Parts]:
    """A file of `node-1` that never received anything, with its writer, until the test is over."""
    file = StoreFile(folder / "store.db", "node-1")
    await file.open(incarnation=ids.uuid7(1, 1), now_ms=1)
    intake = Intake(file, HERE, is_offline=lambda: True)
    writer = asyncio.create_task(intake.run())
    shelf = Shelf()
    yield Parts(file, intake, shelf, Downloads(file, intake, HERE), ReferenceKeeper(file, intake, HERE, shelf))
    intake.close()
    await writer
    await file.close()
