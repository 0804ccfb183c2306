"""Reference data for tests: datasets that are published, and what a store has of them."""

import json
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from tests.rigs.house import CentreProcess
from tests.rigs.processes import run
from tests.rigs.stores import Json, Store
from tests.rigs.waiting import eventually

PATIENCE_S: Final = 60


def items(count: int, **changes: Any) -> list[dict[str, Any]]:
    """So many items of a catalogue, of some 200 bytes that hardly compress."""
    return [
        {"sku": f"sku-{number:06}", "description": _noise(number), "unit": "H87", **changes} for number in range(count)
    ]


def publish(
    centre: CentreProcess, folder: Path, rows: list[dict[str, Any]], dataset: str = "catalogue", *more: str
) -> Json:
    """Publish with the command line; what it printed."""
    path = folder / f"{dataset}.json"
    path.write_text(json.dumps(rows))
    found: Json = json.loads(office(centre, "publish", dataset, str(path), "--json", *more))
    return found


def office(centre: CentreProcess, *arguments: str) -> str:
    """Run `central-sync reference`; what it printed."""
    done = run("central-sync", "reference", *arguments, "--config", centre.config)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def dataset_of(store: Store, dataset: str = "catalogue") -> Json:
    """How the store says that it has a dataset."""
    reference = (await store.get("/v1/status"))["reference"]
    found: Json = next(each for each in reference["datasets"] if each["dataset"] == dataset)
    return found


async def received(store: Store, version: int, dataset: str = "catalogue") -> Json:
    """Wait until the store uses a version."""

    async def look() -> Json:
        found = await dataset_of(store, dataset)
        assert (found["version"], found["fetching"]) == (version, 0), await store.get("/v1/status")
        return found

    return await eventually(look, PATIENCE_S)


def rows_of(store: Store, dataset: str = "catalogue") -> dict[str, bytes]:
    """The rows that the store's file has of the version that it uses."""
    sql = "SELECT key, body FROM reference_row JOIN reference_dataset USING (set_no) WHERE dataset = ?"
    return dict(store.agent.query(sql, dataset))


def sets_of(store: Store) -> int:
    """How many sets of rows the file has, those of former versions and unfinished downloads included."""
    return int(store.agent.query("SELECT count(DISTINCT set_no) FROM reference_row")[0][0])


def _noise(number: int) -> str:
    return blake2b(str(number).encode(), digest_size=64).hexdigest()
