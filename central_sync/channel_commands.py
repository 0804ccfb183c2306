"""`central-sync channels`: check the mapping of a channel, and try it on what the channel sent (docs/channels.md).

Exit codes: 0 fine, 1 mistakes in the mapping or orders that are refused, 2 wrong usage. Needs no database.
"""

import argparse
import sys
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from central_sync.channels import shipped
from central_sync.printing import print_json, print_table, say
from edge_core.channels.adapt import Adapted, Refused, adapt, source_pointer
from edge_core.channels.mapping import Mapping, load
from edge_core.orders.validation import check_order
from edge_core.shapes import json_object

_DONE, _FINDINGS, _USAGE = 0, 1, 2
_EXAMPLES: Final = """\
  central-sync channels                                             the mappings that ship
  central-sync channels shop.json                                   every mistake in a mapping of your own
  central-sync channels shopify --body order.json --give store_id=store-0001
"""


class TriedOrder(Struct, frozen=True):
    """An order that would be taken, under the key that makes a repeated delivery harmless."""

    key: str
    order: Struct


class RefusedOrder(Struct, frozen=True):
    """An order that would not be taken, and why: `pointer` leads into the order that was to be made, `source` into what
    the channel sent."""

    key: str | None
    type: str
    pointer: str | None
    source: str | None
    detail: str


class Trial(Struct, frozen=True):
    """What became of the orders that a channel sent."""

    orders: tuple[TriedOrder, ...]
    refused: tuple[RefusedOrder, ...]


def add_parser(several: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser of `central-sync`."""
    parser = several.add_parser(
        "channels",
        parents=[common],
        help="check how a channel's orders are mapped, and try it",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("mapping", nargs="?", metavar="MAPPING", help="one that ships, by name, or a file")
    parser.add_argument("--body", type=Path, metavar="FILE", help="map what the channel sent, and print the orders")
    parser.add_argument(
        "--give", action="append", default=[], metavar="NAME=VALUE", help="a value that the mapping asks for"
    )


async def channels(_config: object, arguments: argparse.Namespace) -> int:
    """Run the command."""
    if arguments.mapping is None:
        for name in shipped():
            say(name)
        return _DONE
    try:
        mapping = load(_document(arguments.mapping))
        body = None if arguments.body is None else arguments.body.read_bytes()
    except OSError as error:
        return _usage(f"{error.filename}: {error.strerror}")
    if not isinstance(mapping, Mapping):
        print_table("WHERE EXPECTED", [(problem.pointer or "/", problem.expected) for problem in mapping])
        return _FINDINGS
    if body is None:
        say(f"{mapping.channel} can be used; it asks for: {', '.join(mapping.given) or 'nothing'}")
        return _DONE
    given = dict(pair.partition("=")[::2] for pair in arguments.give)
    if missing := [name for name in mapping.given if name not in given]:
        return _usage(f"the mapping asks for {', '.join(missing)}; use --give NAME=VALUE")
    trial = try_out(mapping, body, given)
    print_json(trial)
    return _FINDINGS if trial.refused else _DONE


def try_out(mapping: Mapping, body: bytes, given: dict[str, str]) -> Trial:
    """Map what a channel sent and run the checks that every order passes; nothing is recorded."""
    taken, refused = [], []
    for outcome in adapt(mapping, body, given):
        found = outcome.rejected if isinstance(outcome, Refused) else check_order(outcome.order)
        if found is not None:
            source = source_pointer(mapping, outcome, found.pointer, given)
            refused.append(RefusedOrder(outcome.key, found.code.type_uri, found.pointer, source, found.detail))
        elif isinstance(outcome, Adapted):
            taken.append(TriedOrder(outcome.key, json_object(outcome.order)))
    return Trial(tuple(taken), tuple(refused))


def _document(name: str) -> bytes:
    found = shipped().get(name)
    return Path(name).read_bytes() if found is None else found.read_bytes()


def _usage(text: str) -> int:
    sys.stderr.write(f"central-sync: {text}\n")
    return _USAGE
