"""What every play in the house needs at the command line: a folder, a console, and the faults that it ended with."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.console import Console

from edge_core.errors import Fault

_PLAIN_COLUMNS: Final = 120  # where there is no terminal to say its width


class UsageError(Exception):
    """An argument that cannot be used."""


@contextmanager
def opened_folder(keep: Path | None, prefix: str) -> Iterator[Path]:
    """A folder that is removed at the end, or the one to keep, which is new or empty. Raises `UsageError`."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix=prefix) as name:
            yield Path(name)
        return
    keep.mkdir(parents=True, exist_ok=True)
    if any(keep.iterdir()):
        raise UsageError(f"--keep: expected a new or an empty folder, {keep} holds something")
    yield keep.resolve()


def faults_in(group: BaseExceptionGroup[Fault]) -> Iterator[Fault]:
    """The faults of a group, and of the groups in it."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from faults_in(error)
        else:
            yield error


def make_console(*, to_stderr: bool) -> Console:
    """A console on stdout, or on stderr where stdout is for a program; of a fixed width where it is no terminal."""
    console = Console(stderr=to_stderr, highlight=False)
    return console if console.is_terminal else Console(stderr=to_stderr, highlight=False, width=_PLAIN_COLUMNS)
