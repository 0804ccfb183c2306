"""The rows of the datasets `policies`, `release` and `signals` (docs/policies.md): arrays in files, objects in JSON.

A release names the policies that orders are asked of, and is signed together with them; signals switch to its fallback.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta

from edge_core.limits import (
    IDENTIFIER_CHARS_MAX,
    POLICY_BUCKETS,
    POLICY_DESCRIPTION_CHARS_MAX,
    POLICY_EXPERIMENT_CHARS_MAX,
    POLICY_EXPERIMENTS_MAX,
    POLICY_GRAPH_BYTES_MAX,
    POLICY_LAYERS_MAX,
    POLICY_SCOPES_MAX,
    TEXT_CHARS_MAX,
)
from edge_core.orders.document import Identifier, Part, Text
from edge_core.shapes import Written

Moment = Annotated[int, Meta(ge=0, le=2**53)]
"""Unix time in milliseconds."""
PolicyId = Annotated[
    str, Meta(min_length=1, max_length=POLICY_EXPERIMENT_CHARS_MAX), Written(r"^[a-z][a-z0-9_-]*$(?!\n)")
]
"""Short and plain: it stands in stamps and in addresses."""
Layers = Annotated[tuple[PolicyId, ...], Meta(max_length=POLICY_LAYERS_MAX)]
Hex = Annotated[str, Meta(max_length=128), Written(r"^(?:[0-9a-f]{2})*$(?!\n)")]
Scope = Annotated[
    str,
    Meta(max_length=IDENTIFIER_CHARS_MAX + 8),
    Written(r"^(?:all|(?:region|store|carrier|service)/[!-~](?:[ -~]*[!-~])?)$(?!\n)"),
]
"""Whom a signal is about: `all`, `region/CN-HI`, `store/ID`, `carrier/ID` or `service/ID`."""
Region = Annotated[str, Meta(min_length=2, max_length=6), Written(r"^[A-Z]{2}(?:-[A-Z0-9]{1,3})?$(?!\n)")]
"""A country, or a part of it (ISO 3166)."""


class Policy(Part, frozen=True):
    """One policy: a JDM graph as its editor writes it (gorules JDM, JSON as text), with a title for people."""

    policy_id: PolicyId
    revision: Annotated[int, Meta(ge=1, le=2**31)]
    title_en: Annotated[str, Meta(min_length=1, max_length=TEXT_CHARS_MAX)]
    title_zh: Annotated[str, Meta(min_length=1, max_length=TEXT_CHARS_MAX)]
    graph: Annotated[str, Meta(max_length=POLICY_GRAPH_BYTES_MAX)]
    description: Annotated[str, Meta(max_length=POLICY_DESCRIPTION_CHARS_MAX)] = ""


class Experiment(Part, frozen=True):
    """Other layers for a share of the orders, or beside the default ones for comparison alone (`shadow`).

    `percent` of the buckets, in the regions that goods go to and the stores that ask; none named: everywhere.
    """

    experiment_id: PolicyId
    layers: Layers
    mode: Literal["shadow", "share"] = "shadow"
    percent: Annotated[int, Meta(ge=0, le=POLICY_BUCKETS)] = 0
    regions: Annotated[tuple[Region, ...], Meta(max_length=POLICY_SCOPES_MAX)] = ()
    stores: Annotated[tuple[Identifier, ...], Meta(max_length=POLICY_SCOPES_MAX)] = ()


class Release(Part, frozen=True):
    """Which policies orders are asked of: the single row of its dataset, signed by the centre.

    `layers` in order: each gives some prices, the later one wins. `policies_hash` is of the rows of `policies` that it
    was made for (hex): with others it is not used. `number` is for people; a store uses no release that was made
    before the one that it has. `key_id` and `signature` (Ed25519, hex) are over everything else
    (`edge_core.policy.signing`).
    """

    number: Annotated[int, Meta(ge=1, le=2**53)]
    made_at_ms: Moment
    layers: Layers
    experiments: Annotated[tuple[Experiment, ...], Meta(max_length=POLICY_EXPERIMENTS_MAX)] = ()
    fallback: Layers = ()
    policies_hash: Hex = ""
    key_id: Hex = ""
    signature: Hex = ""


RELEASE_KEY: Final = "release"
"""The key of the single row of `release`."""


class Signal(Part, frozen=True):
    """What somebody outside has seen: an alarm, a carrier that is down. It ends by itself at `until_ms`.

    `scope` is `all`, `region/CN-HI`, `store/ID`, `carrier/ID` or `service/ID`. The effect `fallback` turns orders
    within the scope to the fallback layers; `stop` says that a carrier, service or store does not work; `note` changes
    nothing.
    """

    signal_id: Identifier
    source: Identifier
    scope: Scope
    until_ms: Moment
    severity: Literal["notice", "warning", "severe"] = "warning"
    effect: Literal["fallback", "stop", "note"] = "fallback"
    text: Text = ""
    from_ms: Moment = 0
