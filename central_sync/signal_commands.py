"""`central-sync signal`: tell every store of something outside, until when, and what it is to change.

Exit codes: 0 done, 1 refused, or no such signal, 2 wrong usage.
"""

import argparse
import getpass
import sys
from datetime import timedelta
from typing import Any, Final

import msgspec

from central_sync import signals, times
from central_sync.api.signals import SignalAsked, SignalList, signal_in, signal_shown
from central_sync.printing import print_json, print_table, say
from central_sync.store.database import Database
from edge_core.errors import UNREADABLE, Rejected
from edge_core.limits import SIGNAL_MS_MAX
from edge_core.shapes import json_reader

_DONE, _FINDINGS, _USAGE = 0, 1, 2
_HOURS_MAX: Final = SIGNAL_MS_MAX // 3_600_000
_READ: Final = json_reader(SignalAsked)
_EXAMPLES: Final = """\
  central-sync signal                                          what is not over
  central-sync signal tell storm-7 --scope region/CN-HI --hours 12 --text "typhoon warning"
                                                               orders to there use the fallback policies
  central-sync signal tell strike --scope carrier/acme --hours 48 --effect stop    nothing goes by this carrier
  central-sync signal end strike                               it is over before its time
"""


def add_parser(several: Any, common: argparse.ArgumentParser, printing: argparse.ArgumentParser) -> None:
    """Add the command to the parser of `central-sync`."""
    parser = several.add_parser(
        "signal",
        parents=[common, printing],
        help="tell the stores of an alarm, or of a carrier that is down",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("action", choices=["list", "tell", "end"], nargs="?", default="list", help="default: list")
    parser.add_argument("id", nargs="?", metavar="ID", help="which signal; one that is there is replaced")
    parser.add_argument("--scope", default="all", metavar="SCOPE", help="all, region/X, store/X, carrier/X, service/X")
    parser.add_argument("--hours", type=int, default=4, metavar="N", help="until when it holds, from now (default 4)")
    parser.add_argument("--severity", default="warning", choices=["notice", "warning", "severe"])
    parser.add_argument("--effect", default="fallback", choices=["fallback", "stop", "note"])
    parser.add_argument("--text", default="", metavar="TEXT", help="what people are told")
    parser.add_argument("--source", default="operator", metavar="NAME", help="who has seen it (default: operator)")


def mistake(arguments: argparse.Namespace) -> str:
    """What is wrong with the usage; empty when nothing is."""
    if arguments.action != "list" and arguments.id is None:
        return f"signal {arguments.action} needs an ID"
    return "" if 1 <= arguments.hours <= _HOURS_MAX else f"--hours is 1 to {_HOURS_MAX}"


async def run_signal(database: Database, arguments: argparse.Namespace) -> int:
    """Run the command."""
    match arguments.action:
        case "list":
            return await _list(database, arguments)
        case "tell":
            return await _tell(database, arguments)
        case _:
            async with database.transaction() as connection:
                refused = await signals.end(connection, arguments.id, who=getpass.getuser(), now=times.now())
            return _refused(refused) if refused is not None else _DONE


async def _list(database: Database, arguments: argparse.Namespace) -> int:
    async with database.reading() as connection:
        found = await signals.current(connection, times.now())
    shown = tuple(map(signal_shown, found.values()))
    if arguments.json:
        print_json(SignalList(shown))
    else:
        cells = ((s.signal_id, s.scope, s.effect, s.severity, s.until, s.source, s.text or "-") for s in shown)
        print_table("ID SCOPE EFFECT SEVERITY UNTIL SOURCE TEXT", cells)
    return _DONE


async def _tell(database: Database, arguments: argparse.Namespace) -> int:
    now = times.now()
    until = now + timedelta(hours=arguments.hours)
    named = {name: getattr(arguments, name) for name in ("source", "scope", "severity", "effect", "text")}
    try:
        asked = _READ(msgspec.json.encode({"signal_id": arguments.id, "until": until, **named}))
    except UNREADABLE as error:
        sys.stderr.write(f"central-sync: {error}\n")
        return _USAGE
    signal = signal_in(asked, now)
    async with database.transaction() as connection:
        refused = await signals.tell(connection, signal, who=getpass.getuser(), now=now)
    if refused is not None:
        return _refused(refused)
    if arguments.json:
        print_json(signal_shown(signal))
    else:
        say(f"{signal.signal_id}: told to every store, until {signal_shown(signal).until}")
    return _DONE


def _refused(refused: Rejected) -> int:
    sys.stderr.write(f"central-sync: {refused.detail}\n")
    return _FINDINGS
