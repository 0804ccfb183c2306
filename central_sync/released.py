"""The policies that the centre has released, loaded to price its own choices (docs/policies.md)."""

from typing import Any

import structlog

from central_sync.store import reference
from central_sync.store.database import Connection
from edge_core.errors import PeerFault, PermanentFault
from edge_core.policy.documents import RELEASE_KEY
from edge_core.policy.faults import PolicyFault
from edge_core.policy.pricing import Policies
from edge_core.reference.datasets import decode_row
from edge_core.reference.files import read_file

_log = structlog.get_logger("assignment")


class ReleasedPolicies:
    """Each process of the centre has one. They are loaded once for each version that is published for all stores."""

    def __init__(self) -> None:
        self._mark: tuple[str, ...] = ()
        self._policies: Policies | None = None

    async def read(self, connection: Connection) -> Policies | None:
        """The policies in use; None without a release, or with one that cannot be used: prices are built in then."""
        newest = {row.dataset: row for row in await reference.newest_for_all(connection, ("policies", "release"))}
        mark = tuple(f"{row.dataset}@{row.version} {row.hash.hex()}" for row in newest.values())
        if mark != self._mark:
            files = {name: await reference.whole(connection, name, row.version) for name, row in newest.items()}
            self._mark, self._policies = mark, _loaded(files)
        return self._policies


def _loaded(files: dict[str, bytes]) -> Policies | None:
    try:
        rows = {name: _rows(name, file) for name, file in files.items()}
        release = rows.get("release", {}).get(RELEASE_KEY)
        return None if release is None else Policies(release, rows.get("policies", {}).values())
    except (PolicyFault, PeerFault, PermanentFault) as fault:
        _log.error("assignment.policies_unusable", error=str(fault))
        return None


def _rows(dataset: str, file: bytes) -> dict[str, Any]:
    return {change.key: decode_row(dataset, change.body) for change in read_file(file)[1] if change.body is not None}
