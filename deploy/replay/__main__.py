"""`make replay`: a year of real sales through three agents and a centre; every line is accounted for, or it fails."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from deploy.demo.records import SAMPLE
from deploy.house.playing import UsageError, faults_in, make_console, opened_folder
from deploy.replay.progress import Progress
from deploy.replay.report import show_result
from deploy.replay.run import Plan, Result, replay
from deploy.replay.source import Unreadable
from edge_core.errors import Fault

WHOLE: Final = Path("../shared/data/online_retail/online_retail.csv.gz")
_EXIT_FAILED: Final = 1
_EXIT_USAGE: Final = 2
_EXIT_INTERRUPTED: Final = 130  # 128 + SIGINT, as shells say it

_EPILOG: Final = f"""\
Every line of a sales ledger (docs/replay.md) is sent to one of three stores' agents as what it was: a line of an order,
a return with or without its order, a write-off; or it is refused, with the reason. Then the stores' logs and the
centre's are read back, and held against the file line by line and penny by penny.

The file is --data, else the whole ledger where it is ({WHOLE}),
else the sample that the demo sells from.

examples:
  make replay                                       all of it: some minutes
  make replay DATA=ledger.csv.gz                    another file with the same columns
  make replay ARGS="--limit 500"                    its first 500 invoices
  make replay ARGS="--json"                         the account as JSON on stdout, what happens on stderr
  make replay ARGS="--keep /tmp/replayed"           keep databases, configurations and logs, and look around afterwards

exit codes: 0 every line is accounted for and the totals are the file's, 1 something differs or failed, 2 wrong usage or
a file that cannot be read, 130 interrupted.
"""


def main(words: Sequence[str] | None = None) -> None:
    """Run, and exit with the code."""
    arguments = _parser().parse_args(words)
    try:
        with opened_folder(arguments.keep, "holdfast-replay-") as folder:
            code = _run(folder, arguments)
    except (UsageError, Unreadable) as error:
        print(f"replay: {error}", file=sys.stderr)
        code = _EXIT_USAGE
    except KeyboardInterrupt:
        code = _EXIT_INTERRUPTED
    sys.exit(code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make replay ARGS=...",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, metavar="FILE", help="a gzipped CSV file; DATA= of make")
    parser.add_argument("--limit", type=_count, metavar="N", help="only the first N invoices of the file")
    parser.add_argument("--json", action="store_true", help="print the result as JSON; everything else goes to stderr")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep all files in this new or empty folder")
    return parser


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("expected 1 or more")
    return count


def _run(folder: Path, arguments: argparse.Namespace) -> int:
    plan = Plan(folder, arguments.data or (WHOLE if WHOLE.exists() else SAMPLE), arguments.limit)
    console = make_console(to_stderr=arguments.json)
    result: Result | None = None
    try:
        result = asyncio.run(replay(plan, Progress(console)))
    except* Fault as group:
        for fault in faults_in(group):
            console.print(f"The replay failed: {fault}", style="bold red", markup=False, soft_wrap=True)
    if result is None:
        return _EXIT_FAILED
    show_result(console, result)
    if arguments.json:
        print(msgspec.json.format(msgspec.json.encode(result), indent=2).decode())
    return 0 if result.account.ok else _EXIT_FAILED


if __name__ == "__main__":
    main()
