"""`central-sync holds`: the orders of all stores that wait for an answer, and the centre's answer.

Exit codes: 0 done, 1 nothing of the kind is there, or the order's store was not known, 2 wrong usage.
"""

import argparse
import getpass
import sys
from typing import Final
from uuid import UUID, uuid4

from central_sync import holds, times
from central_sync.api.commands import ask_about, instruction_status
from central_sync.api.holds import HeldItem, HeldList, held_item
from central_sync.printing import print_json, print_table, say
from central_sync.store import instructions
from central_sync.store.database import Database
from edge_core.limits import IDENTIFIER_CHARS_MAX, PAGE_ROWS_MAX
from edge_core.sync.hold_tasks import ApproveTask, RefuseTask
from holdfast_runtime.problems import ProblemRaised

_DONE, _FINDINGS, _USAGE = 0, 1, 2
_EXAMPLES: Final = """\
An order that a check doubts waits at its store until somebody of the right rank has answered. The centre stands above
everybody at a store; its answer is asked of the store, which is told when it is there.

  central-sync holds list --node store-0001           who has to answer, until when, and what is proposed
  central-sync holds show ID                          why, with the version and the age of the data that was asked
  central-sync holds approve ID --reason called-back  the order goes on
  central-sync holds refuse ID --reason fraud         what has not left is called off

Exit codes: 0 done, 1 there is no such hold, 2 wrong usage.
"""


def add_parser(
    several: "argparse._SubParsersAction[argparse.ArgumentParser]",
    common: argparse.ArgumentParser,
    printing: argparse.ArgumentParser,
) -> None:
    """Add the command to the command line."""
    command = several.add_parser(
        "holds",
        help="orders that wait for an answer: list, show, approve, refuse",
        epilog=_EXAMPLES,
        parents=[common, printing],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("action", choices=["list", "show", "approve", "refuse"], nargs="?", default="list")
    command.add_argument("id", nargs="?", help="which order to show, approve or refuse")
    command.add_argument("--node", metavar="ID", help="only this node's")
    command.add_argument("--limit", type=int, default=50, metavar="N", help="how many orders (default 50)")
    command.add_argument("--hold", metavar="ID", help="which of the order's holds, where it has several")
    command.add_argument("--reason", metavar="WORD", help="why; a refusal needs one")
    command.add_argument("--who", metavar="NAME", default=None, help="who does it (default: your login name)")
    command.add_argument("--key", metavar="KEY", help="an Idempotency-Key, to repeat an answer (default: a new one)")


def mistake(arguments: argparse.Namespace) -> str:
    """What is wrong with the usage; empty when nothing is."""
    if arguments.action == "list":
        return ""
    if arguments.id is None or _order_id(arguments.id) is None:
        return f"holds {arguments.action} needs the ID of an order; `holds list` prints them"
    if arguments.action == "refuse" and not arguments.reason:
        return "holds refuse needs a --reason WORD"
    words = (arguments.reason, arguments.hold, arguments.who)
    if any(word is not None and not 0 < len(word) <= IDENTIFIER_CHARS_MAX for word in words):
        return f"a reason, a hold and a name have 1 to {IDENTIFIER_CHARS_MAX} characters"
    return ""


async def run_holds(database: Database, arguments: argparse.Namespace) -> int:
    """The command. Returns the exit code."""
    match arguments.action:
        case "list":
            return await _list(database, arguments)
        case "show":
            return await _show(database, UUID(arguments.id))
        case _:
            return await _answer(database, arguments)


async def _list(database: Database, arguments: argparse.Namespace) -> int:
    limit = min(max(arguments.limit, 1), PAGE_ROWS_MAX)
    async with database.reading() as connection:
        found = await holds.page(connection, node_id=arguments.node, before=None, rows_max=limit)
    shown = tuple(map(held_item, found.held))
    if arguments.json:
        print_json(HeldList(shown, None if found.following is None else str(found.following)))
    else:
        cells = (row for item in shown for row in _rows(item))
        print_table("ORDER NODE HOLD OWNER DUE REASONS PROPOSED", cells)
    return _DONE


async def _show(database: Database, order_id: UUID) -> int:
    async with database.reading() as connection:
        found = await holds.one(connection, order_id)
    if found is None:
        return _missing(f"order {order_id} is not held")
    print_json(held_item(found))
    return _DONE


async def _answer(database: Database, arguments: argparse.Namespace) -> int:
    """Ask the order's store to take the centre's answer. Whether the hold is there is the store's to say."""
    who = arguments.who or getpass.getuser()[:IDENTIFIER_CHARS_MAX]
    approves = arguments.action == "approve"
    hold, reason = arguments.hold, arguments.reason
    task = ApproveTask(hold, reason, who) if approves else RefuseTask(reason, hold, who)
    key = arguments.key or str(uuid4())
    try:
        async with database.transaction() as connection:
            issued = await ask_about(connection, UUID(arguments.id), task, key=key, now_ms=times.now_ms())
            row = await instructions.one(connection, issued.instruction_id)
    except ProblemRaised as problem:
        return _missing(problem.rejected.detail)
    if row is not None and arguments.json:
        print_json(instruction_status(row))
    elif row is not None:
        say(f"asked of {row.node_id} as {row.instruction_id}; its answer will stand at /v1/instructions")
    return _DONE


def _rows(item: HeldItem) -> list[tuple[str, ...]]:
    return [
        (
            str(item.order_id),
            item.node_id,
            hold.hold_id,
            hold.owner,
            hold.due_at,
            ",".join(hold.reasons),
            "-" if hold.proposal is None else hold.proposal.answer,
        )
        for hold in item.holds
    ]


def _order_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _missing(text: str) -> int:
    sys.stderr.write(f"central-sync: {text}\n")
    return _FINDINGS
