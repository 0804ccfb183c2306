"""What the commands print: tables for people, JSON for programs."""

import sys
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct


def print_json(document: Struct) -> None:
    """A document, indented."""
    say(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def print_table(head: str, rows: Iterable[Sequence[str]]) -> None:
    """Aligned columns, two blanks between them."""
    lines: list[Sequence[str]] = [head.split(), *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        say("  ".join(printable(cell).ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def printable(text: str) -> str:
    """Foreign text as a terminal may show it: without control characters."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def say(line: str) -> None:
    """One line."""
    sys.stdout.write(line + "\n")
