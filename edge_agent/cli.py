"""`edge-agent`: run the service, look at it, check its file, take the log out, give tokens to tills."""

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec

from edge_agent.config import AgentConfig, read_config, zone_of
from edge_core.errors import Fault, PermanentFault
from edge_core.limits import TICKET_CHARS_MAX
from holdfast_runtime.config import config_errors_exit

EXIT_OK: Final = 0
EXIT_FINDINGS: Final = 1
EXIT_USAGE: Final = 2

_EPILOG: Final = """\
first steps:
  central-sync enrol store-0001 | ssh store edge-agent enrol --config edge-agent.toml
  edge-agent token add till-1 --scope order,read --config edge-agent.toml
  edge-agent run --config edge-agent.toml
  edge-agent status --config edge-agent.toml

every key of the file can be set from the environment: EDGE_AGENT__BROKER__URL overrides url in [broker].
exit codes: 0 well, 1 something was found (verify) or failed, 2 wrong usage or configuration.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code."""
    options = _parser().parse_args(arguments)
    with config_errors_exit():
        config = read_config(options.config, dict(os.environ))
        try:
            code = options.command(config, options)
        except Fault as fault:
            print(f"edge-agent: {fault}", file=sys.stderr)
            code = EXIT_FINDINGS
        except BrokenPipeError:  # `edge-agent export | head`
            sys.stderr.close()
            code = EXIT_FINDINGS
    raise SystemExit(code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edge-agent",
        description="The order agent of one store: takes tills' orders with or without a network.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--config", type=Path, metavar="FILE", help="edge-agent.toml (default: environment only)")
    common.add_argument("--json", action="store_true", help="write JSON for programs")

    def command(name: str, run: Callable[[AgentConfig, argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, parents=[common], help=text, description=text)
        added.set_defaults(command=run)
        return added

    command("run", _run, "run the service until SIGTERM")
    command("status", _status, "show the books, the backlog and whether orders are taken")
    command("verify", _verify, "walk the whole file: pages, gaps, chain, stock; exits 1 on a finding")
    explain = command("explain", _explain, "say why the goods of an order go as they go")
    explain.add_argument("order", metavar="ORDER", help="the order's id or display number")
    explain.add_argument("--lang", choices=("en", "zh"), default="en", help="in which language (default: en)")
    replay = command("replay", _replay, "take recorded decisions of routing again; exits 1 where one differs")
    which = replay.add_mutually_exclusive_group(required=True)
    which.add_argument("order", nargs="?", metavar="ORDER", help="the order's id or display number")
    which.add_argument("--all", action="store_true", help="every decision in the file")
    export = command("export", _export, "write the log as JSON lines to stdout")
    export.add_argument("--lane", choices=("orders", "bulk"), default="orders", help="which lane (default: orders)")
    export.add_argument("--from", dest="from_seq", type=_positive, default=1, metavar="SEQ", help="first entry")
    enrol = command(
        "enrol", _enrol, "tell the centre that this machine is the node, with a ticket of `central-sync enrol`"
    )
    enrol.add_argument(
        "--ticket-file",
        type=argparse.FileType(encoding="utf-8"),
        default="-",
        metavar="FILE",
        help="where the ticket is written (default: standard input)",
    )
    parked = command("parked", _parked, "instructions of the centre that could not be used: look, try again, give up")
    parked.add_argument("action", choices=("list", "show", "replay", "discard"), nargs="?", default="list")
    parked.add_argument("number", nargs="?", type=_positive, help="which one: the first column of the list")
    command("migrate", _migrate, "bring the file to this software's schema, without starting")
    token = command("token", _token, "add, remove or list the tokens of tills and tools")
    token.add_argument("action", choices=("add", "remove", "list"))
    token.add_argument("name", nargs="?", help="what the token is called: a till, a tool")
    token.add_argument("--scope", default="order,read", help="of order, read, stock, approve, joined by commas")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


def _run(config: AgentConfig, _: argparse.Namespace) -> int:
    from edge_agent.service import run, run_service  # noqa: PLC0415 - the other commands start without HTTP and MQTT
    from holdfast_runtime import log  # noqa: PLC0415

    log.configure()
    run(run_service(config))
    return EXIT_OK


def _status(config: AgentConfig, options: argparse.Namespace) -> int:
    from edge_agent.inspect import FileStatus, file_status  # noqa: PLC0415

    status: FileStatus = _wait(file_status(config))
    if options.json:
        print(msgspec.json.encode(status).decode())
        return EXIT_OK
    print(f"node {status.node_id}   incarnation {status.incarnation}   file {status.path}")
    print(f"agent {status.agent}")
    print(f"{'lane':<8}{'accepted':>12}{'confirmed':>12}{'pending':>12}{'parked':>9}  oldest pending")
    for lane in status.lanes:
        age = "-" if lane.oldest_pending_age_ms is None else f"{lane.oldest_pending_age_ms / 1000:.1f} s"
        counts = f"{lane.accepted:>12}{lane.confirmed:>12}{lane.pending:>12}{lane.parked:>9}"
        print(f"{lane.lane:<8}{counts}  {age}")
    for dataset in status.reference:
        age = "never received" if dataset.age_ms is None else f"{dataset.age_ms / 3_600_000:.1f} h old"
        print(f"{dataset.dataset:<12}version {dataset.version:<8}{dataset.rows:>9} rows  {age}")
    if status.policies_release:
        print(f"policies    release {status.policies_release}")
    if status.parked_instructions:
        print(f"{status.parked_instructions} instructions of the centre are parked: edge-agent parked")
    if status.entries_to_come:
        print(f"{status.entries_to_come} entries of this node's history are still to come from the centre")
    return EXIT_OK


def _parked(config: AgentConfig, options: argparse.Namespace) -> int:
    from edge_agent.inspect import parked_items, wish_for  # noqa: PLC0415

    path = _existing(config.store.path)
    if options.action != "list" and options.number is None:
        print(f"edge-agent: parked {options.action} needs a number; `edge-agent parked` lists them", file=sys.stderr)
        return EXIT_USAGE
    if options.action in {"replay", "discard"}:
        found = _wait(wish_for(path, options.number, options.action))
        if found:
            print(f"the agent will {options.action} it: at once, or when it is connected again")
            return EXIT_OK
    items = [item for item in _wait(parked_items(path)) if options.number in {None, item.number}]
    if options.number is not None and not items:
        print(f"edge-agent: nothing is parked as {options.number}", file=sys.stderr)
        return EXIT_FINDINGS
    if options.json:
        print(msgspec.json.encode(items).decode())
    elif options.action == "show":
        for name in items[0].__struct_fields__:
            print(f"{name:<16}{getattr(items[0], name)}")
    else:
        for item in items:
            wish = f" ({item.wish} is asked for)" if item.wish else ""
            head = f"{item.number:>5}  {item.parked_at}  {item.kind:<16}{item.reason:<18}"
            print(f"{head}{item.subject or '-'}  {item.detail}{wish}")
    return EXIT_OK


def _verify(config: AgentConfig, options: argparse.Namespace) -> int:
    from edge_agent.store.verify import verify_file  # noqa: PLC0415

    verdict = _wait(verify_file(_existing(config.store.path), _progress("entries checked")))
    if options.json:
        print(msgspec.json.encode(verdict).decode())
    else:
        for cut in verdict.cuts:
            became = "still to come from the centre" if cut.is_awaited else "let go of, as the configuration says"
            print(f"{cut.lane} 1 to {cut.pruned_seq} of {cut.incarnation}: {became}")
        for finding in verdict.findings:
            print(f"{finding.where}: {finding.what}")
        print(f"{verdict.entries} entries checked, {len(verdict.findings)} findings")
    return EXIT_OK if verdict.is_sound else EXIT_FINDINGS


def _explain(config: AgentConfig, options: argparse.Namespace) -> int:
    from edge_agent.explaining import explained, order_named  # noqa: PLC0415
    from edge_core.orders.routing_report import RoutingReport  # noqa: PLC0415
    from edge_core.routing.wording import as_text  # noqa: PLC0415
    from edge_core.shapes import json_object  # noqa: PLC0415

    path = _existing(config.store.path)
    order_id: UUID = _wait(order_named(path, options.order))
    report: RoutingReport = _wait(explained(path, order_id, lang=options.lang, zone=zone_of(config)))
    if not report.decisions:
        print(f"edge-agent: no decision of routing about order {options.order} is recorded here", file=sys.stderr)
        return EXIT_FINDINGS
    if options.json:
        print(msgspec.json.encode(json_object(report)).decode())
        return EXIT_OK
    for decision in report.decisions:
        print(f"{decision.decided_at}  {', '.join(group.group_id for group in decision.groups)}  {decision.hash}\n")
        print(f"{as_text(decision.words)}\n")
    return EXIT_OK


def _replay(config: AgentConfig, options: argparse.Namespace) -> int:
    from edge_agent.explaining import Replayed, order_named, replayed  # noqa: PLC0415

    path = _existing(config.store.path)
    order_id: UUID | None = None if options.order is None else _wait(order_named(path, options.order))
    found: Replayed = _wait(replayed(path, order_id, _progress("decisions taken again")))
    if options.order is not None and not found.decisions:
        print(f"edge-agent: no decision of routing about order {options.order} is recorded here", file=sys.stderr)
        return EXIT_FINDINGS
    if options.json:
        print(msgspec.json.encode(found).decode())
    else:
        for each in found.findings:
            print(f"{each.incarnation}/{each.seq} order {each.order_id}: {each.outcome}: {each.what}")
        counts = f"{found.identical} identical, {found.repriced} asked of their policies again"
        print(f"{found.decisions} decisions taken again: {counts}")
    return EXIT_OK if found.is_sound else EXIT_FINDINGS


def _export(config: AgentConfig, options: argparse.Namespace) -> int:
    from edge_agent.inspect import exported_lines  # noqa: PLC0415

    async def write(lines: AsyncIterator[bytes]) -> None:
        async for line in lines:
            sys.stdout.buffer.write(line + b"\n")
        sys.stdout.buffer.flush()

    _wait(write(exported_lines(_existing(config.store.path), options.lane, options.from_seq)))
    return EXIT_OK


def _migrate(config: AgentConfig, options: argparse.Namespace) -> int:
    from edge_agent.inspect import migrate_file  # noqa: PLC0415

    applied: list[str] = _wait(migrate_file(config))
    if options.json:
        print(msgspec.json.encode({"applied": applied}).decode())
    else:
        print("\n".join(f"applied {name}" for name in applied) or "nothing to do")
    return EXIT_OK


def _enrol(config: AgentConfig, options: argparse.Namespace) -> int:
    from edge_agent.enrolment import enrol  # noqa: PLC0415

    ticket = options.ticket_file.readline(TICKET_CHARS_MAX + 1)
    enrolled = _wait(
        enrol(config, ticket, lambda reason: print(f"edge-agent: trying again: {reason}", file=sys.stderr))
    )
    if options.json:
        print(msgspec.json.encode(enrolled).decode())
    else:
        print(f"{enrolled.node_id} is enrolled at {config.centre.url} as incarnation {enrolled.incarnation}")
    return EXIT_OK


def _token(config: AgentConfig, options: argparse.Namespace) -> int:
    from holdfast_runtime.tokens import TokenFile, TokenRefused  # noqa: PLC0415

    tokens = TokenFile(config.api.tokens_file)
    if options.action == "list":
        _print_tokens([(entry.name, entry.scopes) for entry in tokens.entries()], as_json=options.json)
        return EXIT_OK
    if options.name is None:
        print(f"edge-agent: name the token to {options.action}", file=sys.stderr)
        return EXIT_USAGE
    try:
        if options.action == "add":
            secret = tokens.add(options.name, [scope.strip() for scope in options.scope.split(",")])
            print(msgspec.json.encode({"name": options.name, "token": secret}).decode() if options.json else secret)
        else:
            tokens.remove(options.name)
    except TokenRefused as refused:
        print(f"edge-agent: {refused}", file=sys.stderr)
        return EXIT_USAGE
    return EXIT_OK


def _print_tokens(rows: list[tuple[str, Sequence[str]]], *, as_json: bool) -> None:
    if as_json:
        print(msgspec.json.encode([{"name": name, "scopes": scopes} for name, scopes in rows]).decode())
        return
    for name, scopes in rows:
        print(f"{name:<32}{','.join(scopes)}")


def _existing(path: Path) -> Path:
    if not path.exists():
        raise PermanentFault(f"{path}: there is no such file; has the agent ever run with this configuration?")
    return path


def _progress(what: str) -> Callable[[int], None]:
    """A line that counts on a terminal; nothing where a program reads."""

    def show(count: int) -> None:
        sys.stderr.write(f"\r{count:,} {what}")
        sys.stderr.flush()

    return show if sys.stderr.isatty() else lambda _: None


def _wait(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)
