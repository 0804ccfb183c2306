"""`central-sync`: run the centre, and look at what it holds.

Exit codes: 0 fine, 1 findings or a failure, 2 usage or configuration.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from central_sync import (
    channel_commands,
    commands,
    holds_commands,
    network_commands,
    parking_commands,
    policy_parser,
    reference_commands,
    rights_commands,
    rule_commands,
    signal_commands,
)
from central_sync.config import load
from edge_core.errors import Fault
from edge_core.limits import TICKET_HOURS_DEFAULT, TICKET_HOURS_MAX
from edge_core.routing.terms import Lang
from edge_core.sync.entry import LANES
from holdfast_runtime import log
from holdfast_runtime.config import config_errors_exit
from holdfast_runtime.http_server import run as run_on_uvloop

_EXAMPLES = """\
examples:
  central-sync run --config central-sync.toml        start; Ctrl-C or SIGTERM stops it gracefully
  central-sync nodes --config central-sync.toml      who is there, what waits at each store
  central-sync orders --node store-0001 --json       the newest orders of one store, for programs
  central-sync orders cancel ID --reason fraud       ask the order's store to cancel it; the store decides
  central-sync orders place web-order.json           take an order in; a store that has the goods is found for it
  central-sync orders exceptions                     orders that no store would take: they wait for people
  central-sync orders exceptions assign ID NODE      ask this store
  central-sync orders why ID                         which stores were weighed for an order, and why one was asked
  central-sync holds list                            orders that a check doubts, and who has to answer until when
  central-sync parked show 17                        what could not be used, with its bytes
  central-sync parked replay --all --dry-run         what an upgrade of the centre has made usable
  central-sync reference publish prices prices.csv   a new version of the price book, for every store
  central-sync policy share cheapest-r2 --percent 10 a policy of routing for a tenth of the orders
  central-sync signal tell storm-7 --scope region/CN-HI --hours 12
                                                     stores within the scope use the fallback policies
  central-sync rule say "When ..., then ..."         a rule in plain words, as the row that it becomes
  central-sync rights moves                          which rights to goods were moved, and why
  central-sync verify                                walk every hash chain in the database
  central-sync export --node store-0001              one store's log, as `edge-agent export` says it
  central-sync backup --to /backup                   dump the database, and let the stores know what is covered
  central-sync restore --from /backup/NAME.dump      put a dump into an empty database; the stores send the rest

The commands read the database of the configuration file; any key is overridden by the environment, for instance
CENTRAL_SYNC__DATABASE__DSN=postgresql://... . An embedded database that is not running is started for the command.
"""


def main(argv: Sequence[str] | None = None) -> None:
    """The entry point. Ends the process with the exit code."""
    arguments = _parser().parse_args(argv)
    with config_errors_exit():
        config = load(arguments.config, os.environ)
        log.configure(config.log.level if arguments.command == "run" else "warning")
        try:
            code = run_on_uvloop(commands.COMMANDS[arguments.command](config, arguments))
            sys.stdout.flush()
        except Fault as fault:
            sys.stderr.write(f"central-sync: {fault}\n")
            code = 1
        except BrokenPipeError:  # `central-sync orders | head` has seen enough; nothing more can be written
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = 0
    sys.exit(code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="central-sync",
        description="The centre: takes the stores' logs in, keeps them in PostgreSQL, shows the fleet.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--config", type=Path, metavar="FILE", help="TOML file (default: built-in values)")
    printing = argparse.ArgumentParser(add_help=False)
    printing.add_argument("--json", action="store_true", help="print JSON for programs instead of a table")
    several = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    several.add_parser("run", parents=[common], help="run the centre in the foreground")
    several.add_parser("migrate", parents=[common], help="bring the database's schema up to this version, and end")
    several.add_parser(
        "nodes", parents=[common, printing], help="every node: state, what waits, whether its books add up"
    )
    orders = several.add_parser("orders", parents=[common, printing], help="orders, the newest first")
    orders.add_argument(
        "action",
        choices=["list", "cancel", "place", "exceptions", "why"],
        nargs="?",
        default="list",
        help="list them, cancel one, take one in, look at those that wait for people, or say why one goes as it goes",
    )
    orders.add_argument("id", nargs="?", help="which order to cancel; which FILE to place; list, show, assign, cancel")
    orders.add_argument("more", nargs="*", metavar="WORD", help="of exceptions: ID, or ID NODE")
    orders.add_argument("--lang", choices=get_args(Lang), default="en", help="the language of why (default en)")
    orders.add_argument("--reason", metavar="WORD", help="why it is cancelled")
    orders.add_argument("--key", metavar="KEY", help="an Idempotency-Key, to repeat a cancel (default: a new one)")
    orders.add_argument("--node", metavar="ID", help="only this node's")
    orders.add_argument("--status", metavar="STATE", help="only those in this state")
    orders.add_argument("--limit", type=int, default=50, metavar="N", help="how many (default 50)")
    enrol = several.add_parser(
        "enrol", parents=[common, printing], help="make a ticket that lets one machine in as a node"
    )
    enrol.add_argument("node", nargs="?", metavar="NODE", help="which node; without one, list the enrolments")
    enrol.add_argument(
        "--hours",
        type=int,
        default=TICKET_HOURS_DEFAULT,
        choices=range(1, TICKET_HOURS_MAX + 1),
        metavar="N",
        help=f"how long the ticket is good (default {TICKET_HOURS_DEFAULT}, at most {TICKET_HOURS_MAX})",
    )
    audit = several.add_parser("audit", parents=[common], help="have a node compare its file with what is here, now")
    audit.add_argument("node", metavar="NODE", help="the node's id")
    holds_commands.add_parser(several, common, printing)
    parking_commands.add_parsers(several, common, printing)
    channel_commands.add_parser(several, common)
    rights_commands.add_parser(several, common, printing)
    reference_commands.add_parser(several, common, printing)
    network_commands.add_parser(several, common, printing)
    policy_parser.add_parser(several, common, printing)
    signal_commands.add_parser(several, common, printing)
    rule_commands.add_parser(several, common, printing)
    several.add_parser("verify", parents=[common, printing], help="check every stream's chain and books; 1 on findings")
    export = several.add_parser("export", parents=[common], help="the stores' logs as JSON lines, as they are here")
    export.add_argument("--node", metavar="ID", help="only this node's")
    export.add_argument("--lane", choices=LANES, default="orders", help="which lane (default: orders)")
    _add_backup(several, [common, printing])
    return parser


def _add_backup(several: Any, parents: list[argparse.ArgumentParser]) -> None:
    backup = several.add_parser(
        "backup",
        parents=parents,
        help="dump the database, and record how far each store's log is covered",
        description="Makes FILE with pg_dump, and FILE.json, which says what is in it. What is recorded as covered is"
        " of the dump's own snapshot; stores may then let go of it, once it is old. With another tool (pgBackRest, "
        "WAL archiving): note the time, make the backup, then say --mark --at with the time that you noted.",
    )
    backup.add_argument("--to", type=Path, metavar="DIR|FILE", help="where to; in a folder the file is named after now")
    backup.add_argument("--mark", action="store_true", help="only record what a backup made with another tool covers")
    backup.add_argument("--at", metavar="TIME", help="with --mark: when that backup began, RFC 3339, or `now`")
    restore = several.add_parser(
        "restore",
        parents=parents,
        help="put a backup into an empty database, and make it another history",
        description="Checks FILE against FILE.json, restores it whole or not at all, and begins another history, so"
        " that every store sends again what came after the backup. Stop the centre, and name an empty database.",
    )
    restore.add_argument("--from", dest="source", type=Path, required=True, metavar="FILE", help="a file of `backup`")
    several.add_parser(
        "restore-mark",
        parents=parents,
        help="after a restore with another tool: make the database another history",
        description="Every store then sends again what the database lacks. A centre that nobody told notices by itself,"
        " by the first store that was acked more than there is; this only makes it sooner.",
    )
