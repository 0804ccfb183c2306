"""Configuration: one TOML file, overridden key by key from the environment, validated once into frozen structs.

`EDGE_AGENT__BROKER__URL=mqtt://b` overrides `url` in `[broker]`. Every failure is a `ConfigError` that names the key,
where it was read, what was expected and what was found; the command line exits with 2 on it.
"""

import difflib
import ipaddress
import re
import sys
import tomllib
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar, Union, get_args, get_origin

import msgspec

T = TypeVar("T", bound=msgspec.Struct)

EXIT_CODE: Final = 2  # the shell's own convention for wrong usage
_SEPARATOR: Final = "__"
_SHOWN_CHARS_MAX: Final = 60
_AT: Final = re.compile(r"^(?P<what>.*?)(?: - at `\$(?P<where>.*)`)?$", re.DOTALL)
_MISSING: Final = re.compile(r"^Object missing required field `(?P<name>[^`]+)`$")
_UNKNOWN: Final = re.compile(r"^Object contains unknown field `(?P<name>[^`]+)`$")
_SEQUENCES: Final = (list, tuple, set, frozenset)


class ConfigError(Exception):
    """The configuration cannot be used: `key` (`broker.url`), its `source` (file, variable), what was `expected`."""

    def __init__(self, key: str, source: str, expected: str) -> None:
        super().__init__(f"{key}: {expected} (from {source})" if key else f"{source}: {expected}")
        self.key = key
        self.source = source
        self.expected = expected


def load_config(cls: type[T], *, path: Path | None, env_prefix: str, environ: Mapping[str, str]) -> T:
    """Read `path` (none: only the environment and the defaults), override from `environ`, validate as `cls`.

    `cls` is a frozen struct of structs. Strings of the environment become the field's type; a list is separated by
    commas. Raises `ConfigError`.
    """
    file = f"file {path}" if path else f"environment {env_prefix}{_SEPARATOR}*"
    document = _read_toml(path) if path else {}
    _refuse_unknown(cls, document, (), file)
    sources = _override(cls, document, env_prefix, environ)
    try:
        return msgspec.convert(document, cls, dec_hook=_decode_path)
    except msgspec.ValidationError as error:
        raise _explained(error, document, sources, file) from error


@contextmanager
def config_errors_exit() -> Iterator[None]:
    """Turn a `ConfigError` inside the block into one line on stderr and exit code 2. For the command lines."""
    try:
        yield
    except ConfigError as error:
        sys.stderr.write(f"configuration error: {error}\n")
        raise SystemExit(EXIT_CODE) from error


def _read_toml(path: Path) -> dict[str, Any]:
    source = f"file {path}"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError("", source, "expected a TOML file, found no such file") from None
    except OSError as error:
        raise ConfigError("", source, f"expected a readable file, found: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError("", source, f"expected UTF-8 text, found another byte at {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("", source, f"expected valid TOML, found: {error}") from error


def _override(cls: type, document: dict[str, Any], env_prefix: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Put the variables under the prefix into the document in place. Returns the variable of each key that it set."""
    sources: dict[str, str] = {}
    for variable in sorted(environ):
        if not variable.startswith(env_prefix + _SEPARATOR):
            continue
        keys = tuple(variable[len(env_prefix) + len(_SEPARATOR) :].lower().split(_SEPARATOR))
        source = f"environment variable {variable}"
        wanted = _type_at(cls, keys, source)
        table = document
        for key in keys[:-1]:
            table = table.setdefault(key, {})
            if not isinstance(table, dict):
                raise ConfigError(key, source, f"expected a table to override, found {_shown(table)}")
        table[keys[-1]] = _from_text(environ[variable], wanted, ".".join(keys), source)
        sources[".".join(keys)] = source
    return sources


def _type_at(cls: type, keys: tuple[str, ...], source: str) -> Any:
    """The declared type of a dotted key; anything that is not one value of the struct is an error."""
    wanted: Any = cls
    for depth, key in enumerate(keys):
        struct = _struct_in(wanted)
        if struct is None:
            raise ConfigError(".".join(keys), source, f"expected a key, but {'.'.join(keys[:depth])} holds one value")
        fields = _field_types(struct)
        if key not in fields:
            raise _unknown(key, fields, keys[:depth], source)
        wanted = fields[key]
    if _struct_in(wanted) is not None:
        raise ConfigError(".".join(keys), source, "expected the name of one key of this table")
    return wanted


def _from_text(text: str, wanted: Any, key: str, source: str) -> Any:
    """One variable as plain data of the wanted type."""
    value: Any = text
    if any(get_origin(kind) in _SEQUENCES or kind in _SEQUENCES for kind in _alternatives(wanted)):
        value = [part.strip() for part in text.split(",") if part.strip()]
    try:
        return msgspec.to_builtins(msgspec.convert(value, wanted, strict=False, dec_hook=_decode_path), enc_hook=str)
    except msgspec.ValidationError as error:
        raise ConfigError(key, source, f"{_lowered(str(error))}, found {_shown(text)}") from error


def _refuse_unknown(struct: type, table: dict[str, Any], above: tuple[str, ...], source: str) -> None:
    fields = _field_types(struct)
    for key, value in table.items():
        if key not in fields:
            raise _unknown(key, fields, above, source)
        inner = _struct_in(fields[key])
        if inner is not None and isinstance(value, dict):
            _refuse_unknown(inner, value, (*above, key), source)


def _unknown(key: str, known: Mapping[str, Any], above: tuple[str, ...], source: str) -> ConfigError:
    near = difflib.get_close_matches(key, known, n=1)
    nearest = f"did you mean {'.'.join((*above, near[0]))}?" if near else f"known here: {', '.join(sorted(known))}"
    return ConfigError(".".join((*above, key)), source, f"expected a known key, found another; {nearest}")


def _explained(
    error: msgspec.ValidationError, document: dict[str, Any], sources: Mapping[str, str], file: str
) -> ConfigError:
    """Turn msgspec's "... - at `$.broker.url`" into a key, its source and what was found there."""
    parts = _AT.match(str(error))
    what, where = (parts["what"], parts["where"] or "") if parts else (str(error), "")
    key = where.removeprefix(".")
    named = _MISSING.match(what) or _UNKNOWN.match(what)
    if named:
        key = f"{key}.{named['name']}".removeprefix(".")
        expected = "expected a value, found none" if _MISSING.match(what) else "expected a known key, found another"
        return ConfigError(key, sources.get(key, file), expected)
    found: Any = document
    for step in key.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    shown = "" if found is None or isinstance(found, dict) else f", found {_shown(found)}"
    return ConfigError(key, sources.get(key, file), _lowered(what) + shown)


def _field_types(struct: type) -> dict[str, Any]:
    return {field.encode_name: field.type for field in msgspec.structs.fields(struct)}


def _alternatives(kind: Any) -> tuple[Any, ...]:
    """The members of a union, or the type alone; `Annotated` is looked through."""
    if get_origin(kind) in (Union, types.UnionType):
        return tuple(inner for member in get_args(kind) for inner in _alternatives(member))
    if hasattr(kind, "__metadata__"):
        return _alternatives(get_args(kind)[0])
    return (kind,)


def _struct_in(kind: Any) -> type[msgspec.Struct] | None:
    for member in _alternatives(kind):
        if isinstance(member, type) and issubclass(member, msgspec.Struct):
            return member
    return None


def _decode_path(kind: type, value: Any) -> Any:
    """Let a struct declare a `Path`: msgspec has no rule of its own for one."""
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise ValueError(f"Expected `{kind.__name__}`, got `{type(value).__name__}`")


def _lowered(message: str) -> str:
    return message[:1].lower() + message[1:]


def _shown(value: Any) -> str:
    """A value as an error may show it: cut, and never one that could hold a password (`user:secret@host`)."""
    if isinstance(value, str) and "@" in value:
        return f"a text of {len(value)} characters"
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARS_MAX else text[:_SHOWN_CHARS_MAX] + "..."


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
