"""Hypothesis strategies drawn from the product's own types: whatever a declaration allows, and nothing else."""

import re
import types
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from hypothesis import strategies as st
from msgspec import Meta, Struct
from msgspec.structs import fields

from edge_core.shapes import Written

_INT_MAX = 1 << 53  # what every JSON reader takes
_LENGTH_MAX = 2  # long lists make slow examples and find nothing that short ones do not
# Texts for declarations with a pattern: each takes those that match.
_TEXTS = (
    *("1", "a b", "~!", "store-0001", "x" * 64, "H87", "KGM", "DE", "DE-BE", "CN-1"),
    *("2026-11-21", "2028-02-29", "2026-11-21T09:30:00.000Z", "2099-12-31T23:59:59.999Z"),
)


@cache
def values(hint: Any) -> st.SearchStrategy[Any]:
    """Values of an annotation, within its `Meta` and `Written` constraints."""
    if get_origin(hint) is Annotated:
        inner, *metadata = get_args(hint)
        return _constrained(inner, metadata)
    return _constrained(hint, ())


def structs(cls: Any) -> st.SearchStrategy[Any]:
    """Instances of a struct, or of any arm of a union of structs."""
    return values(cls)


def _of_fields(cls: type[Struct]) -> st.SearchStrategy[Any]:
    hints = get_type_hints(cls, include_extras=True)
    return st.builds(cls, **{field.name: values(hints[field.name]) for field in fields(cls)})


def _constrained(hint: Any, metadata: Sequence[Any]) -> st.SearchStrategy[Any]:
    metas = [each for each in metadata if isinstance(each, Meta)]
    patterns = [each.pattern for each in metadata if isinstance(each, Written | Meta) and each.pattern]

    def bound(name: str, otherwise: Any) -> Any:
        return next((getattr(meta, name) for meta in metas if getattr(meta, name) is not None), otherwise)

    low, high = bound("min_length", 0), bound("max_length", 20)
    short = min(high, max(low, _LENGTH_MAX))
    if hint is int:
        above, below = bound("gt", None), bound("lt", None)
        least = bound("ge", -_INT_MAX) if above is None else above + 1
        return st.integers(least, bound("le", _INT_MAX) if below is None else below - 1)
    if hint is str and patterns:
        return st.sampled_from([text for text in _TEXTS if all(re.search(pattern, text) for pattern in patterns)])
    if hint is str:
        return st.text(min_size=low, max_size=max(low, min(high, 4)))
    if hint is bytes:
        return st.binary(min_size=low, max_size=max(low, min(high, 40)))
    if hint is float:
        return st.floats(bound("ge", None), bound("le", None), allow_nan=False)
    return _composed(hint, low, short)


def _composed(hint: Any, low: int, high: int) -> st.SearchStrategy[Any]:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(values(arguments[0]), min_size=low, max_size=high).map(tuple)
    if origin is tuple:
        return st.tuples(*map(values, arguments))
    if origin is dict:
        return st.dictionaries(values(arguments[0]), values(arguments[1]), min_size=low, max_size=high)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in {Union, types.UnionType}:
        return st.one_of(*map(values, arguments))
    if hint is UUID:
        return st.uuids()
    if hint is bool:
        return st.booleans()
    if hint is type(None):
        return st.none()
    if isinstance(hint, type) and issubclass(hint, Struct):
        return _of_fields(hint)
    raise TypeError(f"no strategy for {hint!r}")
