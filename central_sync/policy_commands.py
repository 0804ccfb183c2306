"""`central-sync policy`: draft, lint, try, compare, promote and take back policies of routing (docs/policies.md).

Exit codes: 0 done, 1 a policy with errors, a refusal, or nothing of the kind, 2 wrong usage.
"""

import argparse
import getpass
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeVar

import msgspec

from central_sync import policy_trial, times
from central_sync.api.policies import comparison_of, detail_of
from central_sync.api.policy_documents import (
    PolicyAudit,
    PolicyLinted,
    PolicyList,
    PolicyMoved,
    action_shown,
    finding_shown,
    linted_shown,
    plan_shown,
    revision_named,
    revision_shown,
)
from central_sync.policy_desk import PolicyDesk, findings_in
from central_sync.policy_parser import guard_said
from central_sync.policy_printing import print_comparison, print_findings, print_trial, progress_shown
from central_sync.printing import print_json, print_table, say
from central_sync.store import policies
from central_sync.store.database import Connection, Database
from edge_core.errors import UNREADABLE, Rejected
from edge_core.limits import (
    PAGE_ROWS_MAX,
    POLICY_GRAPH_BYTES_MAX,
)
from edge_core.policy.bundle import Bundle
from edge_core.policy.documents import Policy
from edge_core.policy.life import Plan, Revision, Running
from edge_core.policy.signing import public_key
from edge_core.shapes import json_reader
from holdfast_runtime.policies import bundled_policies, bundled_release
from holdfast_runtime.problems import ProblemRaised

_DONE, _FINDINGS = 0, 1
_READ: Final = json_reader(Policy)
T = TypeVar("T")
Run = Callable[[Database, argparse.Namespace], Awaitable[int]]


async def run_policy(database: Database, arguments: argparse.Namespace) -> int:
    """Run the command."""
    try:
        return await _ACTIONS[arguments.action](database, arguments)
    except ProblemRaised as problem:
        sys.stderr.write(f"central-sync: {problem.rejected.detail}\n")
        return _FINDINGS


async def _list(database: Database, arguments: argparse.Namespace) -> int:
    async with database.reading() as connection:
        rows = await policies.page(connection, rows_max=PAGE_ROWS_MAX)
        plan = await policies.read_plan(connection)
    document = PolicyList(plan_shown(plan), tuple(map(revision_shown, rows)))
    if arguments.json:
        print_json(document)
        return _DONE
    print_table(
        "NAME STATUS SINCE BY TITLE",
        ((each.name, each.status, each.changed_at, each.made_by, each.title_en) for each in document.policies),
    )
    say(f"release {plan.number}: {', '.join(document.plan.layers) or 'nothing, so prices are the built-in ones'}")
    say(f"during a signal: {', '.join(document.plan.fallback) or 'the same'}")
    return _DONE


async def _show(database: Database, arguments: argparse.Namespace) -> int:
    revision = revision_named(arguments.words[0])
    async with database.reading() as connection:
        detail = await detail_of(connection, revision)
        row = await policies.one(connection, revision)
    if arguments.json:
        print_json(detail)
        return _DONE
    shown = detail.policy
    say(f"{shown.name}: {shown.status} since {shown.changed_at}; {shown.title_en} ({shown.title_zh})")
    say(shown.description or shown.note)
    if row is not None:
        print_findings(map(finding_shown, findings_in(row.policy)))
    if detail.trial is not None:
        print_trial(detail.trial)
    if detail.comparison is not None:
        print_comparison(detail.comparison)
    return _DONE


async def _lint(_: Database, arguments: argparse.Namespace) -> int:
    path = Path(arguments.words[0])
    policy = _read(path, path.stem, arguments, None)
    findings = findings_in(policy)
    is_clean = all(finding.severity != "error" for finding in findings)
    shown = PolicyLinted(path.name, "linted" if is_clean else "draft", tuple(map(finding_shown, findings)))
    return _told(shown, arguments)


async def _draft(database: Database, arguments: argparse.Namespace) -> int:
    policy_id, path = arguments.words[0], Path(arguments.words[1])
    async with database.transaction() as connection:
        before = await policies.page(connection, policy_id=policy_id, rows_max=1)
        policy = _read(path, policy_id, arguments, before[0].policy if before else None)
        done = await _desk().draft(connection, policy, note=arguments.note, who=_who(arguments))
        linted = linted_shown(_done(done))
    return _told(linted, arguments)


async def _try(database: Database, arguments: argparse.Namespace) -> int:
    revision = revision_named(arguments.words[0])
    async with database.reading() as connection:
        prepared = _done(await policy_trial.prepare(connection, revision, arguments.orders))
    trial = await policy_trial.run(prepared, progress_shown)
    body = msgspec.json.encode(trial).decode()
    async with database.transaction() as connection:
        _done(await _desk().tried(connection, revision, body, _who(arguments)))
    if arguments.json:
        print_json(trial)
    else:
        print_trial(msgspec.json.decode(body))
    return _FINDINGS if trial.faulty else _DONE


async def _compare(database: Database, arguments: argparse.Namespace) -> int:
    running = Running(
        revision_named(arguments.words[0]),
        arguments.action,
        arguments.percent,
        tuple(arguments.region),
        tuple(arguments.store),
        tuple(map(guard_said, arguments.guard)),
    )
    code = await _move(database, arguments, lambda c, _: _desk().compare(c, running, _who(arguments)))
    async with database.reading() as connection:
        plan = await policies.read_plan(connection)
        now = plan.running_of(running.revision)
        if now is not None and not arguments.json:
            print_comparison(await comparison_of(connection, plan, now))
    return code


async def _step(database: Database, arguments: argparse.Namespace) -> int:
    desk, who, why = _desk(), _who(arguments), arguments.reason
    steps: Mapping[str, Callable[[Connection, Revision], Awaitable[str | Rejected]]] = {
        "stop": lambda connection, revision: desk.stop(connection, revision, who),
        "promote": lambda connection, revision: desk.promote(connection, revision, who),
        "discard": lambda connection, revision: desk.discard(connection, revision, who),
        "rollback": lambda connection, revision: desk.roll_back(connection, revision, who=who, why=why),
    }
    return await _move(database, arguments, steps[arguments.action])


async def _arrange(database: Database, arguments: argparse.Namespace) -> int:
    layers, fallback = (tuple(map(revision_named, some)) for some in (arguments.words, arguments.fallback))
    async with database.transaction() as connection:
        plan = _done(await _desk().arrange(connection, layers, fallback, _who(arguments)))
    return _told_plan(plan, arguments)


async def _install(database: Database, arguments: argparse.Namespace) -> int:
    release = bundled_release(number=1, made_at_ms=times.now_ms())
    async with database.transaction() as connection:
        plan = _done(await _desk().install(connection, Bundle(release, bundled_policies()), _who(arguments)))
    return _told_plan(plan, arguments)


async def _log(database: Database, arguments: argparse.Namespace) -> int:
    limit = min(max(arguments.limit, 1), PAGE_ROWS_MAX)
    async with database.reading() as connection:
        rows = await policies.audit(connection, policy_id=None, before=None, rows_max=limit)
    actions = tuple(map(action_shown, rows))
    if arguments.json:
        print_json(PolicyAudit(actions, None))
        return _DONE
    cells = (
        (each.at, each.who, each.action, _name(each.policy_id, each.revision), each.detail or "-") for each in actions
    )
    print_table("AT WHO DID POLICY DETAIL", cells)
    return _DONE


async def _key(database: Database, _: argparse.Namespace) -> int:
    async with database.transaction() as connection:
        say(public_key(await _desk().seed(connection)).hex())
    return _DONE


_ACTIONS: Final[Mapping[str, Run]] = MappingProxyType(
    {
        "list": _list,
        "show": _show,
        "lint": _lint,
        "draft": _draft,
        "try": _try,
        "shadow": _compare,
        "share": _compare,
        "stop": _step,
        "promote": _step,
        "rollback": _step,
        "discard": _step,
        "arrange": _arrange,
        "install": _install,
        "log": _log,
        "key": _key,
    }
)


def _desk() -> PolicyDesk:
    return PolicyDesk(times.now)


def _who(arguments: argparse.Namespace) -> str:
    return str(arguments.who or getpass.getuser())


def _name(policy_id: str | None, revision: int | None) -> str:
    return "-" if policy_id is None or revision is None else Revision(policy_id, revision).name


async def _move(
    database: Database,
    arguments: argparse.Namespace,
    step: Callable[[Connection, Revision], Awaitable[str | Rejected]],
) -> int:
    revision = revision_named(arguments.words[0])
    async with database.transaction() as connection:
        moved = PolicyMoved(revision.name, _done(await step(connection, revision)))
    if arguments.json:
        print_json(moved)
    else:
        say(f"{moved.name} is {moved.status}")
    return _DONE


def _done(done: T | Rejected) -> T:
    """What was done. A refusal leaves the transaction by the exception, so that nothing of it stays."""
    if isinstance(done, Rejected):
        raise ProblemRaised(done)
    return done


def _told(linted: PolicyLinted, arguments: argparse.Namespace) -> int:
    if arguments.json:
        print_json(linted)
    else:
        print_findings(linted.findings)
        say(f"{linted.name}: {'it may be tried' if linted.status == 'linted' else 'with errors it stays a draft'}")
    return _DONE if linted.status == "linted" else _FINDINGS


def _told_plan(plan: Plan, arguments: argparse.Namespace) -> int:
    shown = plan_shown(plan)
    if arguments.json:
        print_json(shown)
    else:
        beside = ", ".join(shown.fallback) or "the same"
        say(f"release {shown.number}: {', '.join(shown.layers)}; during a signal: {beside}")
    return _DONE


def _read(path: Path, policy_id: str, arguments: argparse.Namespace, before: Policy | None) -> Policy:
    """A graph from its file, with the words of the revision before where none are given. Raises `ProblemRaised`."""
    try:
        with path.open("rb") as file:
            graph = file.read(POLICY_GRAPH_BYTES_MAX + 1).decode()
        words = {
            "title_en": arguments.title or (before.title_en if before else policy_id),
            "title_zh": arguments.title_zh or (before.title_zh if before else policy_id),
            "description": arguments.description or (before.description if before else ""),
        }
        return _READ(msgspec.json.encode({"policy_id": policy_id, "revision": 1, "graph": graph, **words}))
    except (OSError, *UNREADABLE) as error:
        raise ProblemRaised(Rejected("policy-invalid", f"{path}: {error}")) from error
