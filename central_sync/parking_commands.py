"""`central-sync parked` and `central-sync breaker`: what could not be used, and what people do about it.

Exit codes: 0 done, 1 something that was asked for is still parked or not there, 2 wrong usage.
"""

import argparse
import getpass
import sys
from collections.abc import AsyncIterator
from typing import Final

import msgspec
from msgspec import Struct

from central_sync import parking, times
from central_sync.api.documents import ParkedPage, parked_item
from central_sync.foreign import outline
from central_sync.parking import Verdict
from central_sync.printing import print_json, print_table, printable, say
from central_sync.store import breakers, parked
from central_sync.store.database import Database
from central_sync.store.parked import ParkedRow
from edge_core.errors import Rejected
from edge_core.limits import PAGE_ROWS_MAX

_HEX_COLUMNS: Final = 16
_DONE, _FINDINGS = 0, 1
_EXAMPLES: Final = """\
An entry that the centre could not use keeps its place in the log and waits here; so do later entries of its order.
After an upgrade of the centre, try again:

  central-sync parked list                                    what waits, and why
  central-sync parked show 17                                 one of it, with its bytes
  central-sync parked replay --all --dry-run                  what would become of everything, and nothing is changed
  central-sync parked replay --all --reason unfoldable        try all that is parked for one reason
  central-sync parked discard 17 --why "a till of the fair"   never to be used; the entry stays in the log

Exit codes: 0 done, 1 something that was asked for is still parked or is not there, 2 wrong usage.
"""
_BREAKER_EXAMPLES: Final = """\
A store that was upgraded before its centre writes entries of a version that the centre cannot read. Its stream is held
before the first of them, and nothing is lost. Upgrade the centre: it closes the breaker by itself. To let the stream go
on before that, its entries are parked and replayed later:

  central-sync breaker list
  central-sync breaker close store-0001 2 --why "needed in the fleet view today"
"""


def add_parsers(
    several: "argparse._SubParsersAction[argparse.ArgumentParser]",
    common: argparse.ArgumentParser,
    printing: argparse.ArgumentParser,
) -> None:
    """Add both commands to the command line."""
    command = several.add_parser(
        "parked",
        help="what could not be used: list, show, replay, discard",
        epilog=_EXAMPLES,
        parents=[common, printing],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("action", choices=["list", "show", "replay", "discard"], nargs="?", default="list")
    command.add_argument("id", type=int, nargs="?", help="which one to show, replay or discard")
    command.add_argument("--all", action="store_true", help="replay or discard everything that the filters leave")
    command.add_argument("--node", metavar="ID", help="only this node's")
    command.add_argument("--reason", metavar="WORD", help="only what is parked for this reason")
    command.add_argument("--why", metavar="TEXT", default="", help="the reason that is kept; a discard needs one")
    command.add_argument("--who", metavar="NAME", default=None, help="who does it (default: your login name)")
    command.add_argument("--dry-run", action="store_true", help="say what would become of it, and change nothing")
    held = several.add_parser(
        "breaker",
        help="streams held for an entry version: list, close",
        epilog=_BREAKER_EXAMPLES,
        parents=[common, printing],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    held.add_argument("action", choices=["list", "close"], nargs="?", default="list")
    held.add_argument("node", nargs="?", help="whose entries of that version go on, to be parked")
    held.add_argument("version", type=int, nargs="?")
    held.add_argument("--why", metavar="TEXT", default="", help="the reason that is kept")
    held.add_argument("--who", metavar="NAME", default=None, help="who does it (default: your login name)")


def mistake(arguments: argparse.Namespace) -> str:
    """What is wrong with the usage; empty when nothing is."""
    match arguments.action:
        case "show" if arguments.id is None:
            return "parked show needs the ID of a row; `parked list` prints them"
        case "replay" | "discard" if (arguments.id is None) != arguments.all:
            return f"parked {arguments.action} needs the ID of a row, or --all"
        case "discard" if not arguments.why:
            return "parked discard needs --why TEXT: it is kept with your name"
        case "close" if arguments.version is None or not arguments.why:
            return "breaker close needs NODE, VERSION and --why TEXT"
        case _:
            return ""


async def run_parked(database: Database, arguments: argparse.Namespace) -> int:
    """The command `parked`. Returns the exit code."""
    match arguments.action:
        case "list":
            return await _list(database, arguments)
        case "show":
            return await _show(database, arguments)
        case _:
            return await _settle(database, arguments)


async def run_breaker(database: Database, arguments: argparse.Namespace) -> int:
    """The command `breaker`. Returns the exit code."""
    async with database.transaction() as connection:
        if arguments.action == "close":
            who, node, version = arguments.who or getpass.getuser(), arguments.node, arguments.version
            if await breakers.let_park(connection, node, version, who=who, why=arguments.why):
                say(f"entries of version {version} of {node} are parked from now on")
                return _DONE
            sys.stderr.write(f"central-sync: nothing of {node} is held for version {version}\n")
            return _FINDINGS
        found = await breakers.page(connection)
    if arguments.json:
        say(msgspec.json.format(msgspec.json.encode([each._asdict() for each in found]), indent=2).decode())
        return _DONE
    cells = (
        (b.node_id, str(b.version), b.state, b.lane, str(b.seq), times.rfc3339(b.opened_at), b.who or "-", b.why)
        for b in found
    )
    print_table("NODE VERSION STATE LANE SEQ OPENED WHO WHY", cells)
    return _DONE


async def _list(database: Database, arguments: argparse.Namespace) -> int:
    async with database.reading() as connection:
        rows = await parked.page(
            connection, node_id=arguments.node, parked_id=None, before=None, rows_max=PAGE_ROWS_MAX
        )
    rows = [row for row in rows if arguments.reason in {None, row.reason}]
    if arguments.json:
        print_json(ParkedPage(tuple(map(parked_item, rows)), None))
        return _DONE
    cells = (
        (
            str(r.id),
            times.rfc3339(r.received_at),
            r.node_id or "-",
            r.lane or "-",
            str(r.seq or "-"),
            r.reason,
            r.detail,
        )
        for r in rows
    )
    print_table("ID RECEIVED NODE LANE SEQ REASON DETAIL", cells)
    return _DONE


async def _show(database: Database, arguments: argparse.Namespace) -> int:
    async with database.reading() as connection:
        rows = await parked.page(connection, node_id=None, parked_id=arguments.id, before=None, rows_max=1)
    if not rows:
        sys.stderr.write(f"central-sync: nothing is parked as {arguments.id}\n")
        return _FINDINGS
    if arguments.json:
        print_json(ParkedPage(tuple(map(parked_item, rows)), None))
    else:
        _print_parked(rows[0])
    return _DONE


class _Settled(Struct, frozen=True):
    """What became of what was asked for."""

    dry_run: bool
    verdicts: tuple[Verdict, ...]


async def _settle(database: Database, arguments: argparse.Namespace) -> int:
    """Replay or discard, an order at a time, each in a transaction of its own: what was done stays done."""
    verdicts: dict[int, Verdict] = {}
    missing = False
    async for parked_id in _asked_for(database, arguments):
        if parked_id in verdicts:
            continue
        answer = await _settle_one(database, arguments, parked_id)
        if isinstance(answer, Rejected):
            sys.stderr.write(f"central-sync: {parked_id}: {answer.detail}\n")
            missing = True
            continue
        verdicts |= {verdict.id: verdict for verdict in answer}
        if not arguments.json:
            for verdict in answer:
                say(_line(verdict, is_trial=arguments.dry_run))
    if arguments.json:
        print_json(_Settled(arguments.dry_run, tuple(verdicts.values())))
    left = sum(verdict.outcome == "parked" for verdict in verdicts.values())
    if not arguments.json:
        say(
            f"{len(verdicts) - left} settled, {left} still parked{', nothing was changed' if arguments.dry_run else ''}"
        )
    return _FINDINGS if left or missing else _DONE


async def _settle_one(database: Database, arguments: argparse.Namespace, parked_id: int) -> list[Verdict] | Rejected:
    act = parking.replay if arguments.action == "replay" else parking.discard
    who = arguments.who or getpass.getuser()
    return await act(database, parked_id, who=who, why=arguments.why, is_trial=arguments.dry_run)


async def _asked_for(database: Database, arguments: argparse.Namespace) -> AsyncIterator[int]:
    """The ids, the oldest first, a page in memory at a time."""
    if not arguments.all:
        yield arguments.id
        return
    last = 0
    while True:
        async with database.reading() as connection:
            page = await parked.ids_after(
                connection,
                last,
                node_id=arguments.node,
                reason=arguments.reason,
                only_entries=arguments.action == "replay",
                rows_max=PAGE_ROWS_MAX,
            )
        for parked_id in page:
            yield parked_id
        if len(page) < PAGE_ROWS_MAX:
            return
        last = page[-1]


def _line(verdict: Verdict, *, is_trial: bool) -> str:
    where = f"{verdict.id}  {verdict.node_id or '-'} {verdict.lane or '-'} {verdict.seq or '-'}"
    what = f"would be {verdict.outcome}" if is_trial else verdict.outcome
    why = f": {verdict.reason}, {verdict.detail}" if verdict.outcome == "parked" else ""
    return printable(f"{where}  {what}{why}")


def _print_parked(row: ParkedRow) -> None:
    for name in ("id", "node_id", "received_at", "topic", "incarnation", "lane", "seq", "reason", "detail"):
        say(f"{name:12} {printable(str(getattr(row, name)))}")
    say(f"{'reads':12} {printable(outline(row.payload))}")
    for start in range(0, len(row.payload), _HEX_COLUMNS):
        part = row.payload[start : start + _HEX_COLUMNS]
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        say(f"{start:08x}  {part.hex(' '):{_HEX_COLUMNS * 3}} {shown}")
