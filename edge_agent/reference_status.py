"""How a dataset of the reference data is shown, by the agent that runs and by the command line alike."""

from msgspec import Struct

from edge_agent.store.reference import DatasetRow
from edge_agent.surroundings import wall_ms
from edge_core.orders.rendering import rfc3339


class DatasetStatus(Struct, frozen=True):
    """A dataset of the reference data: the version that decisions use, its age, and the one that is being fetched.

    Version 0 was never received, and fetching 0 is nothing.
    """

    dataset: str
    version: int
    rows: int
    made_at: str | None
    applied_at: str | None
    age_ms: int | None
    fetching: int


def dataset_status(dataset: str, row: DatasetRow | None, fetching: int = 0) -> DatasetStatus:
    """How a dataset is shown."""
    if row is None:
        return DatasetStatus(dataset, 0, 0, None, None, None, fetching)
    age_ms = max(0, wall_ms() - row.made_at_ms)
    made_at, applied_at = rfc3339(row.made_at_ms), rfc3339(row.applied_at_ms)
    return DatasetStatus(dataset, row.version, row.rows, made_at, applied_at, age_ms, fetching)
