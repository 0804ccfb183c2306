"""`make demo`: the whole house on one machine, with failures, and a check at the end."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console

from deploy.demo.audit import Result
from deploy.demo.report import show_result
from deploy.demo.show import Plan, run
from deploy.house.playing import UsageError, faults_in, make_console, opened_folder
from deploy.house.services import HOST, free_port, is_free
from edge_core.errors import Fault

_PAGE_PORT: Final = 7080
_RATE: Final = 16.0
_ONCE_TIMEOUT_S: Final = 240.0  # four times what it takes; a loaded machine gets there too
_EXIT_FAILED: Final = 1
_EXIT_USAGE: Final = 2
_EXIT_INTERRUPTED: Final = 130  # 128 + SIGINT, as shells say it

_EPILOG: Final = """\
Three stores sell real invoices of a year (deploy/demo/README.md) through their own agents. Meanwhile one store is cut
off, the agent of another is killed with -9, and the broker is stopped; then all is healed. In the end the tills'
answers, the stores' logs and the centre's database are compared: every accepted order must be at the centre once.

examples:
  make demo                               watch it; open the page that it names; Ctrl-C ends with the check
  make demo ARGS=--once                   unattended, about a minute; exit code 0 only when everything adds up
  make demo ARGS="--once --json"          the result as JSON on stdout, what happens on stderr
  make demo ARGS="--keep /tmp/holdfast"   keep the databases, configurations and logs, and look around afterwards:
                                          .venv/bin/edge-agent verify --config /tmp/holdfast/store-0001/edge-agent.toml

exit codes: 0 all adds up, 1 something differs or failed, 2 wrong usage, 130 interrupted before the script's end.
"""


def main() -> None:
    """Run, and exit with the code."""
    arguments = _parser().parse_args()
    try:
        with opened_folder(arguments.keep, "holdfast-demo-") as folder:
            code = _run(folder, arguments)
    except UsageError as error:
        print(f"demo: {error}", file=sys.stderr)
        code = _EXIT_USAGE
    except asyncio.CancelledError:
        code = _EXIT_INTERRUPTED
    sys.exit(code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make demo ARGS=...",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--once", action="store_true", help="end after the script, unattended, with the check")
    parser.add_argument("--json", action="store_true", help="print the result as JSON; everything else goes to stderr")
    parser.add_argument(
        "--port", type=int, help=f"where the page listens (default: {_PAGE_PORT}, or the next free one)"
    )
    parser.add_argument("--rate", type=_rate, default=_RATE, help=f"orders a second, in all (default: {_RATE:.0f})")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep all files in this new or empty folder")
    return parser


def _rate(text: str) -> float:
    rate = float(text)
    if not 1 <= rate <= 1000:
        raise argparse.ArgumentTypeError("expected 1 to 1000 orders a second")
    return rate


def _run(folder: Path, arguments: argparse.Namespace) -> int:
    if arguments.port is not None and not is_free(arguments.port):
        raise UsageError(f"--port: {arguments.port} of {HOST} is taken")
    plan = Plan(folder, arguments.port or free_port(_PAGE_PORT), arguments.rate, arguments.once)
    console = make_console(to_stderr=arguments.json)
    failures: list[str] = []
    result: Result | None = None
    try:
        result = asyncio.run(_interruptible(plan, console))
    except* Fault as group:
        failures = [str(fault) for fault in faults_in(group)]
    except* TimeoutError:
        failures = [f"not done in {_ONCE_TIMEOUT_S:.0f} seconds"]
    for failure in failures:
        console.print(f"The demo failed: {failure}", style="bold red", markup=False, soft_wrap=True)
    if result is None:
        return _EXIT_FAILED
    show_result(console, result)
    if arguments.json:
        print(msgspec.json.format(msgspec.json.encode(result), indent=2).decode())
    return 0 if result.ok else _EXIT_FAILED


async def _interruptible(plan: Plan, console: Console) -> Result:
    """Run the demo. An interrupt ends it at once; while it only sells on, the first one asks for the check instead."""
    enough = asyncio.Event()
    loop = asyncio.get_running_loop()
    demo = asyncio.create_task(run(plan, console, enough, lambda: interrupts.append(enough.set)))
    interrupts: list[Callable[[], object]] = [demo.cancel]

    def interrupt() -> None:
        (interrupts.pop() if len(interrupts) > 1 else interrupts[0])()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt)
    async with asyncio.timeout(_ONCE_TIMEOUT_S if plan.once else None):
        return await demo


if __name__ == "__main__":
    main()
