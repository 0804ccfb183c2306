"""`central-sync`: run the centre, and look at what it holds.

Exit codes: 0 fine, 1 findings or a failure, 2 usage or configuration.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from central_sync import commands
from central_sync.config import load
from edge_core.errors import Fault
from edge_core.limits import TICKET_HOURS_DEFAULT, TICKET_HOURS_MAX
from holdfast_runtime import log
from holdfast_runtime.config import config_errors_exit
from holdfast_runtime.http_server import run as run_on_uvloop

_EXAMPLES = """\
examples:
  central-sync run --config central-sync.toml        start; Ctrl-C or SIGTERM stops it gracefully
  central-sync nodes --config central-sync.toml      who is there, what waits at each store
  central-sync orders --node store-0001 --json       the newest orders of one store, for programs
  central-sync parked show 17                        what could not be used, with its bytes
  central-sync verify                                walk every hash chain in the database

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
    orders.add_argument("--node", metavar="ID", help="only this node's")
    orders.add_argument("--status", metavar="STATE", help="only those in this state")
    orders.add_argument("--limit", type=int, default=50, metavar="N", help="how many (default 50)")
    parked = several.add_parser("parked", parents=[common, printing], help="what could not be used, and why")
    parked.add_argument("action", choices=["list", "show"], nargs="?", default="list", help="show one, or list all")
    parked.add_argument("id", type=int, nargs="?", help="which one to show")
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
    several.add_parser("verify", parents=[common, printing], help="check every stream's chain and books; 1 on findings")
    return parser
