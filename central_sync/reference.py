"""Publish a version of a dataset: number it, make its snapshot and the deltas to it (docs/reference.md).

The same content again is a version too: a store's copy is as old as what the centre said last, and that is said anew.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Final, NamedTuple

import structlog
from msgspec import Struct
from msgspec.structs import replace

from central_sync.store import reference
from central_sync.store.database import Connection, Database
from central_sync.store.reference import ALL, VersionRow
from edge_core.errors import Rejected
from edge_core.limits import REFERENCE_DELTA_CHANGES_MAX, REFERENCE_SCOPES_MAX, REFERENCE_VERSIONS_MAX
from edge_core.reference.datasets import Row
from edge_core.reference.files import Header, encode_file, read_file
from edge_core.reference.network_documents import Location
from edge_core.reference.publication import rows_max_of
from edge_core.reference.versions import applied, content_hash, diff, snapshot
from holdfast_runtime.zones import find_zone

_ETAG_BYTES: Final = 16
_SCOPE: Final = re.compile(r"(?:region|group)/[!-~](?:[ -~]{0,62}[!-~])?")
_log: Final = structlog.get_logger("reference")


def fault_in(row: Row) -> str | None:
    """What is wrong with a row by what this machine knows; None where nothing is."""
    if isinstance(row, Location) and find_zone(row.time_zone) is None:
        return f"there is no time zone {row.time_zone!r}"
    return None


class PublishedVersion(Struct, frozen=True):
    """What became of a publication: the version, and from which earlier ones deltas lead to it."""

    row: VersionRow
    deltas_from: tuple[int, ...]


class _Wanted(NamedTuple):
    """What is to be published for whom, and who does it when."""

    dataset: str
    scope: str
    who: str
    now: datetime


def read_scope(text: str | None) -> str | Rejected:
    """Whom a version is for, as somebody writes it: `all` or nothing, `region/NAME`, `group/NAME`."""
    if text is None or text == ALL or _SCOPE.fullmatch(text):
        return text or ALL
    return Rejected("invalid-parameter", f"expected all, region/NAME or group/NAME, found {text[:80]!r}", "for")


async def publish(
    database: Database,
    dataset: str,
    rows: Mapping[str, bytes],
    *,
    who: str,
    now: datetime,
    scope: str = ALL,
    keeps: Callable[[str], bool] | None = None,
) -> PublishedVersion | Rejected:
    """Make the rows the newest version of their dataset for a scope, in one transaction.

    With `keeps`, the rows of the version before go on whose keys it says yes to, unless they are among the new ones.

    Without rows the dataset is withdrawn: a region or group takes what is for all again, a store without that is as if
    it had never received it. What was withdrawn from a region or group makes room for others.
    """
    async with database.transaction() as connection:
        return await publish_in(connection, dataset, rows, who=who, now=now, scope=scope, keeps=keeps)


async def publish_in(
    connection: Connection,
    dataset: str,
    rows: Mapping[str, bytes],
    *,
    who: str,
    now: datetime,
    scope: str = ALL,
    keeps: Callable[[str], bool] | None = None,
) -> PublishedVersion | Rejected:
    """The same in the caller's transaction: what else is written in it is true together with the version."""
    await reference.lock(connection, dataset)
    kept = await reference.kept(connection, dataset)
    if len(_scopes_in_use(kept) | {scope, ALL}) > REFERENCE_SCOPES_MAX:
        return Rejected("reference-invalid", f"{dataset} is published for {REFERENCE_SCOPES_MAX} scopes already")
    if keeps is not None:
        before = await _rows_before(connection, kept, scope)
        rows = {**{key: row for key, row in before.items() if keeps(key)}, **rows}
        if len(rows) > rows_max_of(dataset):
            return Rejected("reference-invalid", f"{dataset} would have more than {rows_max_of(dataset)} rows")
    if scope != ALL and all(row.scope != ALL for row in kept):
        # What a store is told once this is withdrawn, or once it leaves the group: that there is nothing for it.
        kept = [(await _make(connection, kept, _Wanted(dataset, ALL, who, now), {})).row, *kept]
    made = await _make(connection, kept, _Wanted(dataset, scope, who, now), rows)
    await reference.forget_withdrawn(connection, dataset, made.row.version)
    row = made.row
    _log.info("reference.published", dataset=dataset, version=row.version, rows=len(rows), who=who, scope=scope)
    return made


async def _make(
    connection: Connection, kept: list[VersionRow], wanted: _Wanted, rows: Mapping[str, bytes]
) -> PublishedVersion:
    dataset, scope, who, now = wanted
    version = 1 + max((row.version for row in kept), default=0)
    published_hash = await asyncio.to_thread(content_hash, rows)
    header = Header("snapshot", dataset, version, published_hash, len(rows), len(rows), int(now.timestamp() * 1000))
    file = await asyncio.to_thread(_snapshot, header, rows)
    row = VersionRow(dataset, version, published_hash, len(rows), now, who, len(file), scope)
    await reference.add(connection, row, file, _etag(file))
    await reference.forget_old(connection, dataset, scope, REFERENCE_VERSIONS_MAX)
    return PublishedVersion(row, await _add_deltas(connection, header, rows, _before(kept, scope)))


async def _rows_before(connection: Connection, kept: list[VersionRow], scope: str) -> dict[str, bytes]:
    """What a scope has; `kept` has the newest version first."""
    newest = next((row for row in kept if row.scope == scope), None)
    if newest is None:
        return {}
    _, changes = read_file(await reference.whole(connection, newest.dataset, newest.version))
    return applied({}, changes)


def _scopes_in_use(kept: list[VersionRow]) -> set[str]:
    """The scopes from which the dataset was not withdrawn; `kept` has the newest version first."""
    newest = {row.scope: row for row in reversed(kept)}
    return {scope for scope, row in newest.items() if row.row_count}


def _before(kept: list[VersionRow], scope: str) -> list[VersionRow]:
    """What nodes of a scope may have: its earlier versions, and what is for all, which they had before its first."""
    own = [row for row in kept if row.scope == scope][: REFERENCE_VERSIONS_MAX - 1]
    return own if scope == ALL else [*own, *[row for row in kept if row.scope == ALL][:1]]


async def _add_deltas(
    connection: Connection, header: Header, rows: Mapping[str, bytes], before: list[VersionRow]
) -> tuple[int, ...]:
    """The ways from the versions that are kept, as far as they are short."""
    made = []
    for old in before:
        file = await reference.whole(connection, old.dataset, old.version)
        delta = await asyncio.to_thread(_delta, header, file, rows)
        if delta is not None:
            await reference.add_delta(connection, old.dataset, old.version, header.version, delta, _etag(delta))
            made.append(old.version)
    return tuple(made)


def _snapshot(header: Header, rows: Mapping[str, bytes]) -> bytes:
    return encode_file(header, snapshot(rows))


def _delta(header: Header, old_file: bytes, rows: Mapping[str, bytes]) -> bytes | None:
    old_header, old_changes = read_file(old_file)
    changes = diff(applied({}, old_changes), rows)
    if len(changes) > REFERENCE_DELTA_CHANGES_MAX:
        return None
    delta = replace(
        header, kind="delta", changes=len(changes), from_version=old_header.version, from_hash=old_header.hash
    )
    return encode_file(delta, changes)


def _etag(file: bytes) -> str:
    """A strong entity tag (RFC 9110 section 8.8.3) of the bytes."""
    return f'"{blake2b(file, digest_size=_ETAG_BYTES).hexdigest()}"'
