"""What both ends say of the reference data; the data itself goes over HTTP (docs/reference.md)."""

from collections.abc import Iterable
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from edge_core.limits import IDENTIFIER_CHARS_MAX, REFERENCE_DATASETS_MAX
from edge_core.sync.fields import Hash, Millis, Seq

DatasetName = Annotated[str, Meta(pattern=r"^[a-z][a-z_-]*\Z", max_length=IDENTIFIER_CHARS_MAX)]


class Held(Struct, frozen=True, array_like=True):
    """A dataset that a node takes: the version that it uses with its hash, and the one that it fetches; 0 for none."""

    dataset: DatasetName
    version: Seq
    hash: Hash
    awaited: Seq = 0


class Version(Struct, frozen=True, array_like=True):
    """A version of a dataset at the centre, and the hash of its content."""

    dataset: DatasetName
    version: Seq
    hash: Hash


class Published(Struct, frozen=True, array_like=True, tag="published"):
    """The centre names the newest versions that a node does not have; it fetches them at a moment `within_ms`."""

    incarnation: UUID
    versions: Annotated[tuple[Version, ...], Meta(max_length=REFERENCE_DATASETS_MAX)]
    within_ms: Millis


def news_for(held: Iterable[Held], newest: Iterable[Version]) -> tuple[Version, ...]:
    """Which of the newest versions a node neither has nor is fetching. It names every dataset that it takes.

    The hash decides, not the number: a centre that came back from a backup gives numbers a second time.
    """
    taken = {each.dataset: each for each in held}
    return tuple(v for v in newest if v.dataset in taken and _is_news(taken[v.dataset], v))


def _is_news(held: Held, version: Version) -> bool:
    has = (held.version, held.hash) == (version.version, version.hash)
    return not has and held.awaited != version.version
