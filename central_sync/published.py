"""What the centre itself looks up in what it has published for every store: the network, goods, signals, policies.

Each dataset is read when it has a new version, and kept as it is until then. What is published for a region or a group
of stores alone is theirs: orders of the centre may go to any.
"""

import asyncio
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import structlog

from central_sync.store import reference
from central_sync.store.database import Connection
from central_sync.store.reference import VersionRow
from edge_core.errors import Fault
from edge_core.limits import ASSIGNMENT_ITEMS_MAX
from edge_core.policy.documents import RELEASE_KEY
from edge_core.policy.faults import PolicyFault
from edge_core.policy.pricing import Policies
from edge_core.reference.datasets import NETWORK, RULES_KEY, decode_row
from edge_core.reference.documents import Rules
from edge_core.reference.files import read_file
from edge_core.reference.lookup import Edition, Reference
from edge_core.routing.network import NO_NETWORK, Network
from edge_core.routing.question import Stamp

_GOODS: Final = ("catalogue", "compliance")
"""Large: kept as bytes, of which an order wants some rows."""
_WHOLE: Final = (*NETWORK, "rules", "signals", "policies", "release")
_EMPTY: Final[Mapping[str, Any]] = MappingProxyType({})
_log = structlog.get_logger("assignment")


class _Held(NamedTuple):
    row: VersionRow
    rows: Mapping[str, Any]


class Published:
    """Each process of the centre has one; `refresh` it, and ask it for an order's goods."""

    def __init__(self) -> None:
        self._held: dict[str, _Held] = {}
        self.policies: Policies | None = None

    async def refresh(self, connection: Connection) -> None:
        """Read what has been published since. Raises `TransientFault`."""
        newest = {row.dataset: row for row in await reference.newest_for_all(connection, (*_WHOLE, *_GOODS))}
        before = self._mark()
        for dataset, row in newest.items():
            held = self._held.get(dataset)
            if held is None or (held.row.version, held.row.hash) != (row.version, row.hash):
                self._held[dataset] = _Held(row, await _rows(connection, row))
        self._held = {name: held for name, held in self._held.items() if name in newest}
        if self._mark() != before:
            self.policies = self._loaded()

    def reference(self, skus: Iterable[str]) -> Reference:
        """What is known for an order of these goods."""
        wanted = sorted(set(skus))
        found = {name: self._some(name, wanted) for name in _GOODS}
        return Reference(
            editions={name: Edition(name, held.row.version, _ms(held.row)) for name, held in self._held.items()},
            items=found["catalogue"],
            compliances=found["compliance"],
            rules=self._of("rules").get(RULES_KEY) or Rules(),
            signals=tuple(self._of("signals").values()),
            network=self._network(),
        )

    def _network(self) -> Network:
        """Without rows of `locations` there is none."""
        if not self._of("locations"):
            return NO_NETWORK
        held = [self._held[name] for name in NETWORK if name in self._held]
        sources = tuple(Stamp(f"{each.row.dataset}@{each.row.version}", _ms(each.row)) for each in held)
        return Network(
            self._of("locations"),
            self._of("services"),
            self._of("tariffs"),
            self._of("carbon"),
            self._of("suppliers"),
            sources,
        )

    def _of(self, dataset: str) -> Mapping[str, Any]:
        held = self._held.get(dataset)
        return _EMPTY if held is None else held.rows

    def _some(self, dataset: str, keys: Iterable[str]) -> dict[str, Any]:
        rows = self._of(dataset)
        return {key: decode_row(dataset, rows[key]) for key in keys if key in rows}

    def _mark(self) -> tuple[VersionRow | None, ...]:
        return tuple(held.row if (held := self._held.get(name)) else None for name in ("policies", "release"))

    def _loaded(self) -> Policies | None:
        """The released policies; without a release, or with one that cannot be used, prices are the built-in ones."""
        release = self._of("release").get(RELEASE_KEY)
        if release is None:
            return None
        try:
            return Policies(release, self._of("policies").values())
        except PolicyFault as fault:
            _log.error("assignment.policies_unusable", number=release.number, error=str(fault))
            return None


async def _rows(connection: Connection, row: VersionRow) -> Mapping[str, Any]:
    """The rows of a version, decoded where all of them are looked at. A version that cannot be read has none."""
    if row.dataset in _GOODS and row.row_count > ASSIGNMENT_ITEMS_MAX:
        _log.warning("assignment.goods_not_held", dataset=row.dataset, rows=row.row_count)
        return _EMPTY
    file = await reference.whole(connection, row.dataset, row.version)
    try:
        return await asyncio.to_thread(_decoded, row.dataset, file)
    except Fault as fault:
        _log.error("assignment.reference_unreadable", dataset=row.dataset, version=row.version, error=str(fault))
        return _EMPTY


def _decoded(dataset: str, file: bytes) -> Mapping[str, Any]:
    changes = read_file(file)[1]
    rows = {change.key: change.body for change in changes if change.body is not None}
    return rows if dataset in _GOODS else {key: decode_row(dataset, body) for key, body in rows.items()}


def _ms(row: VersionRow) -> int:
    return int(row.made_at.timestamp() * 1000)
