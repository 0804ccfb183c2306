"""What the bare parts do on this machine, in the same minutes: the disk, and a group commit without an agent."""

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from bench.backlog import Stamped
from bench.results import percentile, say
from edge_agent.store.schema import migrations
from edge_core.limits import SQLITE_CACHE_KIB, WAL_PAGES_MAX

SYNC_P99_MS_MAX: Final = 2.0  # a round on a disk that paused says nothing of the software
BATCH_ORDERS: Final = 64
_DISCARDS_MAX: Final = 4  # in one run; a disk that is always slow is measured all the same
_SYNC_BYTES: Final = 4096
_SYNC_FILE_BYTES: Final = 1024 * _SYNC_BYTES
_SYNC_SAMPLES: Final = 400
_SYNC_SECONDS_MAX: Final = 2.0
_INSERT_ENTRY: Final = "INSERT INTO entry VALUES (?, ?, ?, ?)"
_INSERT_HEAD: Final = """
    INSERT INTO order_head (order_id, last_entry, revision, order_type, status, terminal_id, business_date, currency,
        grand_total_minor)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_INSERT_ANSWERED: Final = "INSERT INTO idempotency VALUES (?, ?, ?, ?, ?)"


class Syncs:
    """fdatasync of 4 KB, sampled around every round; a round whose samples are bad is to be repeated."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "sync"
        self._path.write_bytes(bytes(_SYNC_FILE_BYTES))
        self.samples_ms: list[float] = []
        self.discarded = 0

    def sample(self) -> list[float]:
        """Times of single syncs in ms, of a file that has all its blocks already, as a write-ahead log has."""
        found: list[float] = []
        deadline = time.monotonic() + _SYNC_SECONDS_MAX
        handle = os.open(self._path, os.O_WRONLY)
        try:
            while len(found) < _SYNC_SAMPLES and time.monotonic() < deadline:
                os.pwrite(handle, os.urandom(_SYNC_BYTES), len(found) * _SYNC_BYTES % _SYNC_FILE_BYTES)
                began_ns = time.monotonic_ns()
                os.fdatasync(handle)
                found.append((time.monotonic_ns() - began_ns) / 1e6)
        finally:
            os.close(handle)
        return found

    def is_kept(self, samples_ms: Sequence[float]) -> bool:
        """Whether a round with these samples counts."""
        if percentile(samples_ms, 99) > SYNC_P99_MS_MAX and self.discarded < _DISCARDS_MAX:
            self.discarded += 1
            say(f"  round discarded: fdatasync p99 {percentile(samples_ms, 99):.1f} ms")
            return False
        self.samples_ms += samples_ms
        return True


class CommitFloor:
    """One thread, WAL, `synchronous=FULL`: a log row, an order row and a key row for each order, 64 orders a commit."""

    def __init__(self, folder: Path, rows: Sequence[Stamped]) -> None:
        self._folder = folder
        self._batches = [_parameters(rows[at : at + BATCH_ORDERS]) for at in range(0, len(rows), BATCH_ORDERS)]
        self._orders = len(rows)
        self._round = 0

    def measure(self) -> float:
        """Orders per second into a new file."""
        self._round += 1
        path = self._folder / f"floor-{self._round}.db"
        return self._orders / _timed_in_thread(lambda: self._commit_all(path))

    def _commit_all(self, path: Path) -> float:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES_MAX}")
        connection.execute(f"PRAGMA cache_size = -{SQLITE_CACHE_KIB}")
        for step in migrations():
            connection.executescript(step.sql)
        began = time.perf_counter()
        for batch in self._batches:
            connection.execute("BEGIN IMMEDIATE")
            for sql, parameters in batch:
                connection.executemany(sql, parameters)
            connection.execute("COMMIT")
        took_s = time.perf_counter() - began
        connection.close()
        path.unlink()
        return took_s


def _parameters(rows: Sequence[Stamped]) -> list[tuple[str, list[tuple[object, ...]]]]:
    """Three statements with their values, ready for `executemany`."""
    entries: list[tuple[object, ...]] = [(r.entry.entry_id, r.entry.order_id, r.entry.hash, r.entry.body) for r in rows]
    heads: list[tuple[object, ...]] = [
        (
            r.head.order_id.bytes,
            r.head.last_entry,
            r.head.revision,
            r.head.order_type,
            r.head.status,
            r.head.terminal_id,
            r.head.business_date,
            r.head.currency,
            r.head.grand_total_minor,
        )
        for r in rows
    ]
    answered: list[tuple[object, ...]] = [
        (1, r.answered.key, r.answered.payload_hash, r.answered.entry_id, None) for r in rows
    ]
    return [(_INSERT_ENTRY, entries), (_INSERT_HEAD, heads), (_INSERT_ANSWERED, answered)]


def _timed_in_thread(work: Callable[[], float]) -> float:
    took: list[float] = []
    thread = threading.Thread(target=lambda: took.append(work()))
    thread.start()
    thread.join()
    return took[0]
