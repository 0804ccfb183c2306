"""One definition, two shapes: array structs for the log, the same fields as JSON objects for people and tills.

`object_shape(cls)` derives the object twin of an array struct, strictly: unknown fields are refused. `json_reader(cls)`
decodes JSON through the twin into `cls`; `json_object(value)` is the way back.
"""

import types
from collections.abc import Callable, Iterable
from functools import cache
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import NODEFAULT, Meta, Struct
from msgspec.structs import fields

T = TypeVar("T")
S = TypeVar("S", bound=Struct)


class Written(Struct, frozen=True):
    """A pattern that holds for what is written in JSON; the log, which holds only what passed, is read without it."""

    pattern: str


def object_shape(cls: type[Struct], *, is_written: bool = True) -> type[Struct]:
    """The struct with the fields, constraints and defaults of `cls` that is an object in JSON; one for each.

    Patterns are in it where somebody writes by it, and not where it only shows what the log holds.
    """
    return _object_shape(cls, is_written)


@cache  # by position: a keyword that is left out would be another key, and make a second class of the same name
def _object_shape(cls: type[Struct], is_written: bool) -> type[Struct]:  # noqa: FBT001
    hints = get_type_hints(cls, include_extras=True)
    specification: list[Any] = []
    for field in fields(cls):
        twin = _shape_of(hints[field.name], is_written)
        if field.default is not NODEFAULT:
            specification.append((field.name, twin, field.default))
        elif field.default_factory is not NODEFAULT:
            specification.append((field.name, twin, msgspec.field(default_factory=field.default_factory)))
        else:
            specification.append((field.name, twin))
    return msgspec.defstruct(
        cls.__name__,
        specification,
        namespace={"__doc__": cls.__doc__},
        frozen=True,
        kw_only=True,
        gc=cls.__struct_config__.gc,
        forbid_unknown_fields=True,
        tag=cls.__struct_config__.tag,
        tag_field="type" if cls.__struct_config__.tag is not None else None,
        rename={field.name: field.encode_name for field in fields(cls)},
    )


def _shape_of(hint: Any, is_written: bool) -> Any:  # noqa: FBT001 - one private recursion
    """The same annotation with every array struct in it replaced by its twin."""
    origin, arguments = get_origin(hint), get_args(hint)
    if isinstance(hint, type) and issubclass(hint, Struct):
        return object_shape(hint, is_written=is_written)
    if origin is Annotated:
        shape = _shape_of(arguments[0], is_written)
        for each in arguments[1:]:
            if not isinstance(each, Written):
                shape = Annotated[shape, each]
            elif is_written:
                shape = Annotated[shape, Meta(pattern=each.pattern)]
        return shape
    if origin in {Union, types.UnionType}:
        return Union[tuple(_shape_of(arm, is_written) for arm in arguments)]  # noqa: UP007 - built at run time
    if origin in {tuple, dict}:
        return types.GenericAlias(origin, tuple(_shape_of(arm, is_written) for arm in arguments))
    return hint


def json_reader(cls: type[S]) -> Callable[[bytes], S]:
    """A decoder of JSON objects into `cls`. It raises `msgspec.DecodeError` and `msgspec.ValidationError`."""
    decode = msgspec.json.Decoder(object_shape(cls)).decode

    def read(body: bytes) -> S:
        try:
            return msgspec.convert(decode(body), cls, from_attributes=True)
        except UnicodeDecodeError as error:
            raise msgspec.DecodeError(f"JSON is malformed: {error}") from error

    return read


def json_object(value: Struct) -> Struct:
    """The twin of a struct, which encodes as a JSON object."""
    return msgspec.convert(value, object_shape(type(value), is_written=False), from_attributes=True)


def named_part(part: Struct | None) -> dict[str, Any] | None:
    """`named_parts` of one struct, or of none."""
    return None if part is None else named_parts((part,))[0]


def named_parts(parts: Iterable[Struct]) -> tuple[dict[str, Any], ...]:
    """Array structs as JSON objects, by the names that a till would use."""
    return tuple(
        {name: getattr(twin, field) for field, name in _names(type(part))}
        for part in parts
        for twin in (json_object(part),)
    )


def _names(cls: type[Struct]) -> tuple[tuple[str, str], ...]:
    config = object_shape(cls)
    return tuple(zip(config.__struct_fields__, config.__struct_encode_fields__, strict=True))
