"""What a policy answered, checked and counted in whole numbers, and several answers as one set of prices."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from edge_core.limits import IDENTIFIER_CHARS_MAX
from edge_core.policy.documents import Policy
from edge_core.policy.faults import Cell, PolicyFault
from edge_core.policy.schema import ANY, INPUTS, MODES, OUTPUTS, TRAITS, Output
from edge_core.routing.question import Bar, Prices, Requirement

NONE: Final = "none"
"""The answer "there is no such bound": the engine drops a null, so that it would look as if nothing had been said."""

_REGION: Final = re.compile(r"[A-Z]{2}(?:-[A-Z0-9]{1,3})?")

Priced = int | bool | None


class Verdict(Struct, frozen=True):
    """What one policy gave: some fields of `Prices`, and what it bars and requires besides."""

    prices: Mapping[str, Priced]
    bars: tuple[Bar, ...] = ()
    requires: tuple[Requirement, ...] = ()


def read_verdict(policy: Policy, answer: Any) -> Verdict:
    """Check what the engine returned. Facts that a node passed through are no answer.

    Raises `PolicyFault`, which names the column, for a name, a type or a number that a policy may not answer with.
    """
    if not isinstance(answer, dict):
        raise PolicyFault(
            Cell(policy.policy_id), "the answer is a list: a table has to take the first row that matches"
        )
    prices: dict[str, Priced] = {}
    bars: tuple[Bar, ...] = ()
    requires: tuple[Requirement, ...] = ()
    for name, value in answer.items():
        output = OUTPUTS.get(name)
        if output is None:
            if name in INPUTS:
                continue
            raise PolicyFault(
                Cell(policy.policy_id, column=name), "no policy may answer with this name", tuple(OUTPUTS)
            )
        cell = Cell(policy.policy_id, column=name)
        if output.type != "words":
            prices[output.field] = _value(cell, output, value)
            continue
        source, words = f"{policy.policy_id}@{policy.revision}", _words(cell, output, value)
        if name == "bars":
            bars = tuple([read_bar(cell, word, source) for word in words])
        else:
            requires = tuple([read_requirement(cell, word, source) for word in words])
    return Verdict(prices, bars, requires)


def check_answer(output: Output, value: Any) -> None:
    """Raise `PolicyFault` for what a policy may not give as this answer."""
    cell = Cell("", column=output.name)
    if output.type != "words":
        _value(cell, output, value)
        return
    for word in _words(cell, output, value):
        _ = read_bar(cell, word, "") if output.name == "bars" else read_requirement(cell, word, "")


def merged(base: Prices, verdicts: Iterable[Verdict]) -> Prices:
    """The prices of several policies in order: the later one wins; what they bar and require is united.

    The length of a cell and the number of layers keep that below `ROUTING_BARS_MAX`.
    """
    prices: dict[str, Any] = {}
    bars = dict.fromkeys(base.bars)
    requires = dict.fromkeys(base.requires)
    for verdict in verdicts:
        prices |= verdict.prices
        bars |= dict.fromkeys(verdict.bars)
        requires |= dict.fromkeys(verdict.requires)
    return replace(base, **prices, bars=tuple(bars), requires=tuple(requires))


def read_bar(cell: Cell, word: str, source: str) -> Bar:
    """`fragile:air`, `liquid:sea:CN-HI`, `*:air`, `cold`: a trait, a mode and a region, `*` for any of them."""
    trait, mode, region, *more = [*word.split(":"), "", "", ""][: max(3, word.count(":") + 1)]
    if more:
        raise PolicyFault(cell, f"{word!r} has more parts than a trait, a mode and a region")
    _one_of(cell, word, trait, (*TRAITS, ANY))
    if mode:
        _one_of(cell, word, mode, (*MODES, ANY))
    if region not in {"", ANY} and not _REGION.fullmatch(region):
        raise PolicyFault(cell, f"{word!r}: {region!r} is no region of ISO 3166", ("CN-HI", "DE", ANY))
    return Bar(_any(trait), _any(mode), _any(region), source[:IDENTIFIER_CHARS_MAX])


def read_requirement(cell: Cell, word: str, source: str) -> Requirement:
    """`liquid:cold`: goods of a trait go by what carries another; `*:cold`: all goods."""
    trait, separator, carries = word.partition(":")
    if not separator:
        raise PolicyFault(cell, f"{word!r}: expected the goods' trait and what has to be carried", ("liquid:cold",))
    _one_of(cell, word, trait, (*TRAITS, ANY))
    _one_of(cell, word, carries, TRAITS)
    return Requirement(_any(trait), carries, source[:IDENTIFIER_CHARS_MAX])  # type: ignore[arg-type] # is one of them


def _one_of(cell: Cell, word: str, part: str, allowed: tuple[str, ...]) -> None:
    if part not in allowed:
        raise PolicyFault(cell, f"{word!r}: {part!r} is not known", allowed)


def _any(part: str) -> Any:
    return None if part in {"", ANY} else part


def _words(cell: Cell, output: Output, value: Any) -> list[str]:
    """A list of words, or one word."""
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise PolicyFault(cell, f"expected words in quotes, found {value!r}", ("['fragile:air']",))
    if len(words) > output.most:
        raise PolicyFault(cell, f"{len(words)} words, the limit is {output.most}")
    return words


def _value(cell: Cell, output: Output, value: Any) -> Priced:
    if output.type == "yesno":
        if not isinstance(value, bool):
            raise PolicyFault(cell, f"expected true or false, found {value!r}", ("true", "false"))
        return value
    if output.may_be_null and value == NONE:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PolicyFault(cell, f"expected a number, found {value!r}")
    if not output.least <= value <= output.most:  # also what is no number at all: every comparison with it is False
        raise PolicyFault(cell, f"{value} is not within {output.least} and {output.most}")
    # A floating-point number is the nearest one to a decimal, so that rounding to the price's unit finds the decimal.
    counted = round(value * output.per_unit)
    if output.per_unit == 1 and counted != value:
        raise PolicyFault(cell, f"expected a whole number, found {value}")
    return counted
