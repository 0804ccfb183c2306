"""Fetches the reference data of which the centre says that it is new, and puts it into use (docs/reference.md).

A task of its own, for which no till waits: a file comes block by block, each in a small transaction of the intake's,
and what has come is not fetched again after a cut or a restart. The version is put into use in one transaction, once
the hash of the whole is the one that the centre named; until then, and after anything that goes wrong, the store works
with what it has.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

import structlog

from edge_agent.intake import Intake
from edge_agent.reference_download import AnotherVersion, Downloads
from edge_agent.reference_source import FileMissing, Source
from edge_agent.store import reference
from edge_agent.store.connection import Connection
from edge_agent.store.file import StoreFile
from edge_agent.store.reference import DatasetRow
from edge_agent.store.reference_lookup import Lookup
from edge_agent.surroundings import Surroundings
from edge_core.errors import PeerFault, TransientFault
from edge_core.limits import REFERENCE_RETRY_MS, REFERENCE_RETRY_MS_MAX, REFERENCE_STEP_PAUSE_MS
from edge_core.reference.datasets import KINDS
from edge_core.reference.lookup import Needs, Reference
from edge_core.sync.chain import HASH_BYTES
from edge_core.sync.reference_messages import Held, Published, Version
from holdfast_runtime.log import bounded
from holdfast_runtime.waiting import wait_for_word

_LOG: Final = structlog.get_logger()
_NOTHING: Final = bytes(HASH_BYTES)


class ReferenceKeeper:
    """The reference data of one store. Without a `source` nothing is ever fetched."""

    def __init__(self, file: StoreFile, intake: Intake, here: Surroundings, source: Source | None) -> None:
        self._file = file
        self._intake = intake
        self._here = here
        self._source = source
        self._downloads = Downloads(file, intake, here)
        self._lookup = Lookup(file.node_id, self.suspect)
        self._wanted: dict[str, Version] = {}
        self._damaged: set[str] = set()
        self._attempts = 0
        self._begin_ms = 0
        self._wake = asyncio.Event()
        self.used: dict[str, DatasetRow] = {}
        self.on_applied: Callable[[str], None] = lambda _dataset: None
        self.applied = 0
        self.failures = 0
        self.last_error: str | None = None

    @property
    def is_configured(self) -> bool:
        """Whether there is a centre to fetch from."""
        return self._source is not None

    def held(self) -> tuple[Held, ...]:
        """What the centre is told: every dataset that is taken here, or nothing where none can be fetched."""
        return tuple(map(self._held, KINDS)) if self.is_configured else ()

    def fetching(self, dataset: str) -> int:
        """Which version of a dataset is being fetched; 0 for none."""
        wanted = self._wanted.get(dataset)
        return 0 if wanted is None else wanted.version

    def heard(self, news: Published) -> None:
        """The centre has named versions. The first download begins at a random moment within the time that it said."""
        versions = {version.dataset: version for version in news.versions if version.dataset in KINDS}
        if versions and self.is_configured:
            self._wanted |= versions
            self._attempts = 0
            self._begin_ms = self._here.monotonic_ms() + int(max(0, news.within_ms) * self._here.jitter())
            self._wake.set()

    async def look_up(self, connection: Connection, needs: Callable[[], Needs]) -> Reference | None:
        """What decisions need, read in their own transaction; None where nothing was ever received, at no cost."""
        return await self._lookup.read(connection, needs()) if self.used else None

    def suspect(self, dataset: str) -> None:
        """A dataset cannot be read: it is used no more, so that the centre sends it anew."""
        self._damaged.add(dataset)
        self._wake.set()

    async def run(self) -> None:
        """Fetch for ever, after `load`. A disk that fails is the intake's to mend."""
        while True:
            await self._wait()
            await self._drop_damaged()
            if self._wanted and self._here.monotonic_ms() >= self._begin_ms:
                await self._fetch_all()
            await self._sweep()

    async def load(self) -> None:
        """Read what is used, and what was being fetched when the agent stopped, before the first order is taken."""
        with self._noted("*"):
            self.used = {row.dataset: row for row in await reference.read_datasets(self._file.reader)}
            for version in await self._downloads.load():
                if self.is_configured:
                    self._wanted.setdefault(version.dataset, version)
        self._wake.set()

    async def _wait(self) -> None:
        """Until there is something to do, and the time of the next download has come."""
        if not self._wanted:
            await self._wake.wait()
        await wait_for_word(self._wake, max(0, self._begin_ms - self._here.monotonic_ms()) / 1000)

    async def _fetch_all(self) -> None:
        blocks = self._downloads.blocks
        for version in sorted(self._wanted.values(), key=lambda each: each.dataset):
            if self._wanted.get(version.dataset) != version:
                continue  # something newer was named meanwhile
            with self._noted(version.dataset):
                await self._fetch(version)
        if self._wanted:
            if blocks != self._downloads.blocks:
                self._attempts = 0  # a bad line that lets some through
            bound_ms = min(REFERENCE_RETRY_MS << min(self._attempts, 16), REFERENCE_RETRY_MS_MAX)
            self._attempts += 1
            self._begin_ms = self._here.monotonic_ms() + int(bound_ms * self._here.jitter())

    async def _fetch(self, version: Version) -> None:
        if self._source is None:
            return
        try:
            row = await self._downloads.fetch(self._source, version, self.used.get(version.dataset))
        except FileMissing as missing:  # the centre names the newest with its next answer
            self._done(version)
            raise TransientFault(f"the centre has no {missing}") from missing
        except AnotherVersion:  # as after a restore of the centre, which gives a number twice
            self._done(version)
            raise
        self.used[row.dataset] = row
        self.applied += 1
        self.last_error = None
        self._done(version)
        self.on_applied(row.dataset)

    def _done(self, version: Version) -> None:
        if self._wanted.get(version.dataset) == version:
            del self._wanted[version.dataset]

    async def _drop_damaged(self) -> None:
        while self._damaged:
            dataset = self._damaged.pop()
            with self._noted(dataset):
                await self._intake.write(partial(reference.forget, dataset=dataset))
                self.used.pop(dataset, None)
                _LOG.error("reference.damaged", dataset=dataset)

    async def _sweep(self) -> None:
        """Delete what former versions have left, a few rows at a time."""
        with self._noted("*"):
            while await reference.has_unused(self._file.reader):
                await self._intake.write(reference.sweep)
                await asyncio.sleep(REFERENCE_STEP_PAUSE_MS / 1000)

    @contextmanager
    def _noted(self, dataset: str) -> Iterator[None]:
        """What goes wrong is said, and tried again later; the store works with what it has."""
        try:
            yield
        except (TransientFault, PeerFault) as fault:
            self.failures += 1
            self.last_error = bounded(f"{dataset}: {fault}")
            _LOG.warning("reference.postponed", dataset=dataset, error=bounded(fault))

    def _held(self, dataset: str) -> Held:
        row = self.used.get(dataset)
        version, content_hash = (0, _NOTHING) if row is None else (row.version, row.hash)
        return Held(dataset, version, content_hash, self.fetching(dataset))
