"""How `central-sync policy` is called: its words, its options, and what is wrong with them."""

import argparse
import re
from typing import Any, Final

from edge_core.limits import POLICY_TRIAL_ORDERS_DEFAULT, POLICY_TRIAL_ORDERS_MAX
from edge_core.policy.figures import FIGURES, Guard

_EXAMPLES: Final = """\
A policy is a graph of decision tables (JDM). A revision of it goes from draft to every order, or back:

  central-sync policy install                          the policies that come with the software, where none is in use
  central-sync policy                                  every revision, and where it is in its life
  central-sync policy lint cheapest.json               what is wrong with a graph, cell by cell
  central-sync policy draft cheapest cheapest.json --title "Cheapest" --title-zh 最低成本
  central-sync policy try cheapest-r2                  on what was routed last: the difference it would have made
  central-sync policy shadow cheapest-r2               beside what is in use, for every new order, changing nothing
  central-sync policy share cheapest-r2 --percent 10 --guard late:20 --guard cost:50
                                                       for a tenth of the orders; back by itself once 20 in 1,000 more
                                                       are late, or an order costs 5% more, surely
  central-sync policy show cheapest-r2                 its figures beside those of the others
  central-sync policy promote cheapest-r2              for every order
  central-sync policy rollback cheapest-r2 --reason "complaints"
  central-sync policy arrange ordinary-r1 cheapest-r2 --fallback ordinary-r1
  central-sync policy log                              who did what, and when
  central-sync policy key                              what stores trust: their policy.trusted_keys

Exit codes: 0 done, 1 errors in a policy, or refused, 2 wrong usage.
"""
ACTIONS: Final = (
    *("list", "show", "lint", "draft", "try", "shadow", "share", "stop", "promote", "rollback", "discard", "arrange"),
    *("install", "log", "key"),
)
_GUARD: Final = re.compile(r"(cost|parcels|carbon|late|manual):([0-9]{1,5})")
_FIGURES_SAID: Final = {name.partition("_")[0]: name for name in FIGURES}


_NEEDS: Final = {
    **dict.fromkeys(("list", "install", "log", "key"), "no words"),
    "draft": "an ID and a FILE",
    "lint": "a FILE",
    "arrange": "the NAMES of revisions",
}


def add_parser(several: Any, common: argparse.ArgumentParser, printing: argparse.ArgumentParser) -> None:
    """Add the command to the parser of `central-sync`."""
    parser = several.add_parser(
        "policy",
        parents=[common, printing],
        help="draft, lint, try, compare, promote and take back policies of routing",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "action",
        choices=ACTIONS,
        nargs="?",
        default="list",
        metavar="ACTION",
        help=f"{', '.join(ACTIONS)} (default: list)",
    )
    parser.add_argument("words", nargs="*", metavar="WORD", help="NAME of a revision; ID FILE to draft; FILE to lint")
    parser.add_argument("--title", metavar="TEXT", help="of a draft, in English (default: that of the revision before)")
    parser.add_argument("--title-zh", metavar="TEXT", help="of a draft, in Chinese (default: likewise)")
    parser.add_argument("--description", metavar="TEXT", help="of a draft: what it is for (default: likewise)")
    parser.add_argument("--note", metavar="TEXT", default="", help="why it is drafted")
    parser.add_argument("--percent", type=int, default=100, metavar="N", help="of the orders (default 100)")
    parser.add_argument("--region", action="append", default=[], metavar="REGION", help="only orders that go there")
    parser.add_argument("--store", action="append", default=[], metavar="ID", help="only orders of this store")
    parser.add_argument(
        "--guard", action="append", default=[], metavar="FIGURE:PERMILLE", help="take it back by itself"
    )
    parser.add_argument("--reason", metavar="TEXT", help="why it is taken back")
    parser.add_argument("--fallback", action="append", default=[], metavar="NAME", help="of arrange: during a signal")
    parser.add_argument("--orders", type=int, default=POLICY_TRIAL_ORDERS_DEFAULT, metavar="N", help="of try (1000)")
    parser.add_argument("--limit", type=int, default=50, metavar="N", help="of log: how many (default 50)")
    parser.add_argument("--who", metavar="NAME", default=None, help="who does it (default: your login name)")


def mistake(arguments: argparse.Namespace) -> str:
    """What is wrong with the usage; empty when nothing is."""
    wanted = {"list": 0, "install": 0, "log": 0, "key": 0, "draft": 2}.get(arguments.action, 1)
    if arguments.action == "arrange":
        wanted = max(1, len(arguments.words))
    if len(arguments.words) != wanted:
        return f"policy {arguments.action} needs {_NEEDS.get(arguments.action, 'the NAME of a revision')}"
    if not 1 <= arguments.percent <= 100:
        return "--percent is 1 to 100"
    if not 1 <= arguments.orders <= POLICY_TRIAL_ORDERS_MAX:
        return f"--orders is 1 to {POLICY_TRIAL_ORDERS_MAX}"
    if arguments.action == "rollback" and not arguments.reason:
        return "policy rollback needs a --reason"
    wrong = [each for each in arguments.guard if _GUARD.fullmatch(each) is None]
    return f"--guard is one of {', '.join(_FIGURES_SAID)} with a number, such as late:20" if wrong else ""


def guard_said(text: str) -> Guard:
    """A guard as `mistake` has let it through: `late:20`."""
    figure, _, permille = text.partition(":")
    return Guard(_FIGURES_SAID[figure], int(permille))
