"""Orders that a policy is tried on before it is used: every fact by itself at what its cells compare it with."""

from collections.abc import Iterable, Iterator

from edge_core.limits import POLICY_SAMPLES_MAX
from edge_core.policy.cells import Use
from edge_core.policy.schema import INPUTS, Input, Value, named
from edge_core.routing.facts import Facts

Sample = dict[str, Value]


def samples(uses: Iterable[Use]) -> list[Sample]:
    """An order of which nothing is known, that order with one fact changed, and orders that have many facts at once."""
    compared: dict[str, list[Value]] = {}
    for use in dict.fromkeys(uses):
        if use.fact in INPUTS:
            compared.setdefault(use.fact, []).extend(_around(use.value))
    plain = named(Facts())
    found = [plain]
    for name, one in INPUTS.items():
        found += [plain | {name: value} for value in _values(one, compared.get(name, ()))]
    rounds = max(map(len, compared.values()), default=0)
    for at in range(rounds):
        found.append(plain | {name: values[at % len(values)] for name, values in compared.items()})
    return found[:POLICY_SAMPLES_MAX]


def _values(one: Input, compared: Iterable[Value]) -> Iterator[Value]:
    yield from compared
    if one.type == "yesno":
        yield True
    elif one.type == "number":
        yield from (1, 3, 10**6)
        if not one.is_known:
            yield None


def _around(value: str | float) -> list[Value]:
    """A word as it is, a number with those beside it."""
    if isinstance(value, str):
        return [value]
    return [value, value + 1, max(0, value - 1)]
