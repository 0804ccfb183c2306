"""One download of reference data: from the centre's file into a set of rows, checked, and put into use as a whole."""

import asyncio
import shutil
from bisect import bisect_right
from collections.abc import Iterable
from functools import partial
from typing import Final

import structlog
from msgspec.structs import replace

from edge_agent.intake import Intake
from edge_agent.reference_source import FileMissing, Incoming, Source
from edge_agent.store import reference
from edge_agent.store.file import StoreFile
from edge_agent.store.reference import DatasetRow, Download
from edge_agent.surroundings import Surroundings
from edge_core.errors import PeerFault, PermanentFault, TransientFault
from edge_core.limits import (
    REFERENCE_CHECK_ROWS,
    REFERENCE_DELTA_CHANGES_MAX,
    REFERENCE_FREE_BYTES_MIN,
    REFERENCE_STEP_PAUSE_MS,
)
from edge_core.reference.datasets import decode_row, key_of
from edge_core.reference.files import Block, Header, Reading
from edge_core.reference.versions import Change, ContentHash, merged
from edge_core.sync.reference_messages import Version

_LOG: Final = structlog.get_logger()


class AnotherVersion(PeerFault):
    """Under the number that was named the centre has something else by now: it is to be asked what is new."""

    def __init__(self, version: Version) -> None:
        super().__init__("fork", f"{version.dataset}: the file leads to another version than was named")


class Downloads:
    """The downloads under way, one for each dataset."""

    def __init__(self, file: StoreFile, intake: Intake, here: Surroundings) -> None:
        self._file = file
        self._intake = intake
        self._here = here
        self._begun: dict[str, Download] = {}
        self._snapshots_only: set[str] = set()
        self.blocks = 0

    async def load(self) -> list[Version]:
        """Read from the file what was begun, and name it. Raises `StorageFault`."""
        self._begun = {each.header.dataset: each for each in await reference.read_downloads(self._file.reader)}
        return [Version(h.dataset, h.version, h.hash) for h in (each.header for each in self._begun.values())]

    async def fetch(self, source: Source, version: Version, used: DatasetRow | None) -> DatasetRow:
        """Fetch a version and put it into use.

        Raises `FileMissing` where the centre has it no more, `TransientFault` for what is to be tried again, and
        `PeerFault` for what is not the version that was named: nothing of that is kept.
        """
        self._check_room()
        dataset = version.dataset
        try:
            await self._receive(source, version, used)
            return await self._use(self._begun[dataset])
        except PeerFault:
            self._snapshots_only.add(dataset)  # whatever was wrong, a snapshot needs nothing that is here
            await self._drop(dataset)
            raise
        except FileMissing:
            await self._drop(dataset)
            raise

    def _check_room(self) -> None:
        try:
            free_bytes = shutil.disk_usage(self._file.path.parent).free
        except OSError as error:
            raise TransientFault(f"the disk cannot be asked: {error}") from error
        if free_bytes < REFERENCE_FREE_BYTES_MIN:
            raise TransientFault(f"{free_bytes} bytes of the disk are free, too few for reference data")

    async def _receive(self, source: Source, version: Version, used: DatasetRow | None) -> None:
        begun = self._begun.get(version.dataset)
        if begun is not None and not _goes_on(begun.header, version, used):
            await self._drop(version.dataset)
            begun = None
        if begun is not None and begun.is_whole:
            return
        path = f"/v1/reference/{version.dataset}/{version.version}"
        delta = _delta_of(begun, used, is_snapshot_only=version.dataset in self._snapshots_only)
        if delta:
            try:
                await self._take_from(source, f"{path}?from={delta}", version, used)
            except FileMissing as missing:
                if not missing.is_delta:
                    raise
                await self._drop(version.dataset)
            else:
                return
        await self._take_from(source, path, version, used)

    async def _take_from(self, source: Source, path: str, version: Version, used: DatasetRow | None) -> None:
        begun = self._begun.get(version.dataset)
        start, etag = (0, "") if begun is None else (begun.taken_bytes, begun.etag)
        async with source.opened(path, start=start, etag=etag) as incoming:
            if incoming.start != start:  # another file now: what was taken of the one before is of no use
                await self._drop(version.dataset)
            reading = Reading(incoming.start)
            async for piece in incoming.pieces:
                for block in reading.feed(piece):
                    await self._take(block, incoming, version, used)
                    await asyncio.sleep(REFERENCE_STEP_PAUSE_MS / 1000)
        begun = self._begun.get(version.dataset)
        if begun is None or not begun.is_whole:
            raise TransientFault(f"{path} was cut after {reading.position} bytes")

    async def _take(self, block: Block, incoming: Incoming, version: Version, used: DatasetRow | None) -> None:
        """One block in one transaction, with how far the download is now."""
        self._check_room()
        begun = self._begun.get(version.dataset)
        if block.header is not None:
            if not _goes_on(block.header, version, used):
                raise AnotherVersion(version)
            set_no = await reference.next_set_no(self._file.reader)
            begun = Download(set_no, incoming.etag, 0, 0, block.header)
        if begun is None:
            raise PeerFault("range-invalid", f"{version.dataset}: the file does not begin with a header")
        _check(begun.header, block.changes)
        taken = begun.taken_changes + len(block.changes)
        if taken > begun.header.changes:
            raise PeerFault("range-invalid", f"{version.dataset}: more changes than the header counts")
        begun = replace(begun, taken_bytes=block.end, taken_changes=taken)
        await self._intake.write(partial(reference.take, download=begun, changes=block.changes))
        self._begun[version.dataset] = begun
        self.blocks += 1

    async def _use(self, download: Download) -> DatasetRow:
        """Check the hash of the whole, and put it into use in one transaction. Raises `PeerFault`."""
        header = download.header
        found = await self._content_hash(download)
        if (found.digest(), found.rows) != (header.hash, header.rows):
            raise PeerFault("fork", f"{header.dataset} {header.version} has not the hash that the centre named")
        now_ms = self._here.now_ms()
        await self._intake.write(partial(reference.use, download=download, now_ms=now_ms))
        del self._begun[header.dataset]
        self._snapshots_only.discard(header.dataset)
        _LOG.info(
            "reference.applied",
            dataset=header.dataset,
            version=header.version,
            rows=header.rows,
            kind=header.kind,
            changes=header.changes,
        )
        datasets = await reference.read_datasets(self._file.reader)
        return next(row for row in datasets if row.dataset == header.dataset)

    async def _content_hash(self, download: Download) -> ContentHash:
        """The hash of what would be used: the rows of a snapshot, or those that are used with a delta's changes."""
        found = ContentHash()
        changes: list[Change] = []
        set_no = download.set_no
        if download.header.kind == "delta":
            changes = await reference.read_changes(self._file.reader, set_no)
            datasets = await reference.read_datasets(self._file.reader)
            set_no = next(row.set_no for row in datasets if row.dataset == download.header.dataset)
        after = ""
        while rows := await reference.read_rows(self._file.scrub_reader, set_no, after, REFERENCE_CHECK_ROWS):
            after = rows[-1][0]
            count = bisect_right(changes, after, key=lambda change: change.key)
            for key, body in merged(rows, changes[:count]):
                found.add(key, body)
            changes = changes[count:]
            await asyncio.sleep(0)
        for key, body in merged((), changes):
            found.add(key, body)
        return found

    async def _drop(self, dataset: str) -> None:
        if self._begun.pop(dataset, None) is not None:
            await self._intake.write(partial(reference.drop_download, dataset=dataset))


def _goes_on(header: Header, version: Version, used: DatasetRow | None) -> bool:
    """Whether a file leads to a version, and from nothing or from what is used."""
    if (header.dataset, header.version, header.hash) != (version.dataset, version.version, version.hash):
        return False
    if header.kind == "snapshot":
        return True
    is_from_here = used is not None and (used.version, used.hash) == (header.from_version, header.from_hash)
    return is_from_here and header.changes <= REFERENCE_DELTA_CHANGES_MAX


def _delta_of(begun: Download | None, used: DatasetRow | None, *, is_snapshot_only: bool) -> int:
    """The version from which a delta is asked for; 0 for a snapshot. What was begun is gone on with."""
    if begun is not None:
        return begun.header.from_version
    return 0 if used is None or is_snapshot_only else used.version


def _check(header: Header, changes: Iterable[Change]) -> None:
    """Rows that this software can read, each under its own key. Raises `PeerFault`."""
    for change in changes:
        if change.body is None:
            if header.kind == "snapshot":
                raise PeerFault("undecodable", f"{header.dataset}: a snapshot removes {change.key!r}")
            continue
        try:
            document = decode_row(header.dataset, change.body)
        except PermanentFault as fault:
            raise PeerFault("undecodable", f"{change.key!r}: {fault}") from fault
        if key_of(header.dataset, document) != change.key:
            raise PeerFault("undecodable", f"{header.dataset}: {change.key!r} is the key of another row")
