"""Refuses every policy in which something would fail in silence, and names the cell (docs/policies.md, "The linter").

The engine takes a malformed cell for one that does not match, a name that it does not know for null, and drops what is
null from the answer. So nothing is left to it: what a policy may be is said here, and all else is an error.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from edge_core.errors import UNREADABLE
from edge_core.limits import (
    POLICIES_MAX,
    POLICY_BUCKETS,
    POLICY_BUNDLE_BYTES_MAX,
    POLICY_FINDINGS_MAX,
    POLICY_GRAPH_BYTES_MAX,
)
from edge_core.policy.cells import Checker, Use
from edge_core.policy.choosing import DEFAULT, FALLBACK
from edge_core.policy.documents import Policy, Release
from edge_core.policy.engine import Engine
from edge_core.policy.faults import Cell, Finding, PolicyFault
from edge_core.policy.lint_graph import check_flow, read_nodes
from edge_core.policy.lint_nodes import NodeLinter, unknown_words
from edge_core.policy.notes import Notes
from edge_core.policy.pricing import check_layers
from edge_core.routing.asking import BUILT_IN

RESERVED: Final = (DEFAULT, FALLBACK, BUILT_IN.source)
"""Names of arms that an experiment may not take."""


class Report(Struct, frozen=True):
    """What was found in a bundle: the first findings, and how many there are. Without errors it may be used."""

    errors: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    errors_found: int

    @property
    def is_clean(self) -> bool:
        """Whether nothing keeps the bundle from being used."""
        return not self.errors_found


class _TwiceError(ValueError):
    """A key that stands twice in one object."""


def lint(policy: Policy) -> list[Finding]:
    """What is wrong with one policy."""
    return look_at(policy)[0]


def look_at(policy: Policy) -> tuple[list[Finding], list[Use]]:
    """What is wrong with one policy, and what its cells compare facts with."""
    notes, checker = Notes(policy.policy_id), Checker()
    graph = _read(notes, policy.graph)
    if graph is not None:
        linter = NodeLinter(notes, checker)
        nodes = read_nodes(notes, graph)
        ways: dict[str, list[str]] = {}
        for node in nodes:
            match node.kind:
                case "decisionTableNode":
                    linter.table(node.name, node.content)
                case "expressionNode":
                    linter.expressions(node.name, node.content)
                case "switchNode":
                    ways[node.node_id] = linter.switch(node.name, node.content)
                case _:
                    pass  # ends have nothing in them, and others are refused already
        if nodes:
            check_flow(notes, graph, nodes, ways)
        unknown_words(notes, checker)
        _load(notes, policy)
    return notes.findings, checker.uses


def lint_bundle(release: Release, policies: Sequence[Policy]) -> Report:
    """What is wrong with a release and the policies that come with it."""
    findings: list[Finding] = []
    if len(policies) > POLICIES_MAX:
        return report([_of_release(f"{len(policies)} policies, the limit is {POLICIES_MAX}")])
    if (size := sum(len(policy.graph.encode()) for policy in policies)) > POLICY_BUNDLE_BYTES_MAX:
        return report([_of_release(f"{size} bytes of graphs, the limit is {POLICY_BUNDLE_BYTES_MAX}")])
    for policy in policies:
        findings += lint(policy)
    return report([*findings, *_release_findings(release, policies)])


def report(findings: Iterable[Finding]) -> Report:
    """The findings by what they mean."""
    found = list(findings)
    errors = [finding for finding in found if finding.severity == "error"]
    warnings = [finding for finding in found if finding.severity == "warning"]
    return Report(tuple(errors[:POLICY_FINDINGS_MAX]), tuple(warnings[:POLICY_FINDINGS_MAX]), len(errors))


def _load(notes: Notes, policy: Policy) -> None:
    """Whatever was overlooked: the engine has to take it."""
    if any(finding.severity == "error" for finding in notes.findings):
        return
    try:
        Engine([policy])
    except PolicyFault as fault:
        notes.findings.append(fault.finding)


def _release_findings(release: Release, policies: Sequence[Policy]) -> list[Finding]:
    findings: list[Finding] = []
    try:
        check_layers(release, policies)
    except PolicyFault as fault:
        findings.append(fault.finding)
    names = [experiment.experiment_id for experiment in release.experiments]
    if len(set(names)) != len(names):
        findings.append(_of_release("two experiments have the same name"))
    findings += [_of_release(f"no experiment may be called {name!r}") for name in names if name in RESERVED]
    shared = sum(
        each.percent for each in release.experiments if each.mode == "share" and not each.stores and not each.regions
    )
    if shared > POLICY_BUCKETS:
        findings.append(_of_release(f"its experiments take {shared} per cent of the orders"))
    return findings


def _of_release(what: str) -> Finding:
    return Finding("error", Cell("release"), what)


def _read(notes: Notes, graph: str) -> Mapping[str, Any] | None:
    """The graph, where it is a JSON object in which no key stands twice: readers differ in which one they take."""
    if (size := len(graph.encode())) > POLICY_GRAPH_BYTES_MAX:
        notes.refuse(f"{size} bytes, the limit is {POLICY_GRAPH_BYTES_MAX}")
        return None
    try:
        read = json.loads(graph, object_pairs_hook=_object, parse_constant=_refused)
    except _TwiceError as error:
        notes.refuse(str(error))
        return None
    except (*UNREADABLE, ValueError) as error:
        notes.refuse(f"no JSON: {error}")
        return None
    if not isinstance(read, dict):
        notes.refuse("no JSON object")
        return None
    return read


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        keys = [key for key, _ in pairs]
        raise _TwiceError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} stands twice in one object")
    return made


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is no number of JSON")
