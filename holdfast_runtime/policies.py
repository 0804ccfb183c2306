"""The policies that come with the product, read from the files beside the core, which reads none."""

from importlib.resources import files
from typing import Final

import msgspec
from msgspec import Struct

from edge_core.policy.documents import Policy, Release

_PACKAGE: Final = "edge_core.policy.bundled"


class _Title(Struct, frozen=True, forbid_unknown_fields=True):
    policy_id: str
    revision: int
    title_en: str
    title_zh: str
    description: str


class _Layers(Struct, frozen=True, forbid_unknown_fields=True):
    layers: tuple[str, ...]
    fallback: tuple[str, ...]


class _Bundle(Struct, frozen=True, forbid_unknown_fields=True):
    release: _Layers
    policies: tuple[_Title, ...]


def bundled_policies() -> tuple[Policy, ...]:
    """Every policy that comes with the product, the graph of each as it stands in its file."""
    folder = files(_PACKAGE)
    return tuple(
        Policy(
            title.policy_id,
            title.revision,
            title.title_en,
            title.title_zh,
            folder.joinpath(f"{title.policy_id}.json").read_text("utf-8"),
            title.description,
        )
        for title in _read().policies
    )


def bundled_release(*, number: int, made_at_ms: int) -> Release:
    """The release that comes with them, not signed yet."""
    made = _read().release
    return Release(number, made_at_ms, made.layers, fallback=made.fallback)


def _read() -> _Bundle:
    return msgspec.json.decode(files(_PACKAGE).joinpath("bundle.json").read_bytes(), type=_Bundle)
