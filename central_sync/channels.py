"""The channels whose orders the centre takes: mappings that ship, and shops of a file, each with its secret.

`channels.file` names the shops (docs/channels.md). A shop signs what it sends: base64 of the HMAC-SHA256 of the body,
in the header that its mapping names. Both Shopify and WooCommerce do (their documentation of webhooks).
"""

import base64
import hmac
import re
import tomllib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from edge_core.channels import mapping
from edge_core.errors import InvariantViolated
from edge_core.limits import CHANNEL_SECRET_CHARS_MAX, CHANNEL_SECRET_CHARS_MIN
from holdfast_runtime.config import ConfigError

_KEY: Final = "channels.file"
_PING: Final = re.compile(rb"webhook_id=\d{1,20}")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


class Shop(Struct, frozen=True, forbid_unknown_fields=True):
    """A shop as the file names it: its mapping (one that ships, or a file), its secret, and the values it is given."""

    mapping: Annotated[str, Meta(min_length=1)]
    secret: Annotated[str, Meta(min_length=CHANNEL_SECRET_CHARS_MIN, max_length=CHANNEL_SECRET_CHARS_MAX)] | None = None
    given: dict[str, str] = {}


class Channel(Struct, frozen=True):
    """A channel that orders are taken from. With a `secret` what is sent has to be signed with it."""

    name: str
    mapping: mapping.Mapping
    given: Mapping[str, str] = {}
    secret: bytes | None = None

    def is_signed(self, body: bytes, signature: str | None) -> bool:
        """Whether a signature is that of this body; compared in a time that says nothing about it."""
        if self.secret is None or signature is None:
            return False
        expected = base64.b64encode(hmac.digest(self.secret, body, "sha256"))
        return hmac.compare_digest(expected, signature.strip().encode("latin-1", "replace"))


def shipped() -> dict[str, Traversable]:
    """The mappings that ship, by name."""
    documents = files("edge_core.channels") / "documents"
    return {each.name.removesuffix(".json"): each for each in sorted(documents.iterdir(), key=lambda each: each.name)}


def load_channels(path: Path | None) -> dict[str, Channel]:
    """Every channel by its name: the shops of the file, and what ships under its own name. Raises `ConfigError`."""
    channels = {name: Channel(name, _mapping_that_ships(document)) for name, document in shipped().items()}
    if path is not None:
        channels |= {name: _channel(name, shop, path) for name, shop in _read(path).items()}
    return channels


def is_ping(body: bytes) -> bool:
    """Whether a body is what WooCommerce posts, unsigned, when a webhook is made: it wants to hear 200."""
    return _PING.fullmatch(body) is not None


def _read(path: Path) -> dict[str, Shop]:
    source = f"file {path}"
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), dict[str, Shop])
    except OSError as error:
        raise ConfigError(_KEY, source, f"expected a readable file, found: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(_KEY, source, f"expected valid TOML, found: {error}") from error
    except msgspec.ValidationError as error:
        raise ConfigError(_KEY, source, str(error)) from error


def _channel(name: str, shop: Shop, path: Path) -> Channel:
    source = f"file {path}, [{name}]"
    if not _NAME.fullmatch(name):
        raise ConfigError(_KEY, source, "expected a name of small letters, digits, - and _, at most 32")
    found = mapping.load(_document(shop.mapping, path, source))
    if not isinstance(found, mapping.Mapping):
        raise ConfigError(_KEY, source, "; ".join(f"{each.pointer or '/'}: {each.expected}" for each in found))
    if shop.secret is not None and found.signature is None:
        raise ConfigError(_KEY, source, "expected no secret, since the mapping names no header with a signature")
    missing = [each for each in found.given if each not in shop.given]
    if shop.secret is not None and missing:
        raise ConfigError(_KEY, source, f"expected given values for {_listed(missing)}: a webhook has none to give")
    secret = None if shop.secret is None else shop.secret.encode()
    # Under the shop's own name: two shops of one kind number their orders alike.
    return Channel(name, replace(found, channel=name), shop.given, secret)


def _document(name: str, path: Path, source: str) -> bytes:
    document = shipped().get(name)
    if document is not None:
        return document.read_bytes()
    try:
        return (path.parent / name).read_bytes()
    except OSError as error:
        expected = f"expected a mapping that ships ({_listed(shipped())}) or a file, found: {error.strerror}"
        raise ConfigError(_KEY, source, expected) from error


def _mapping_that_ships(document: Traversable) -> mapping.Mapping:
    found = mapping.load(document.read_bytes())
    if not isinstance(found, mapping.Mapping):
        raise InvariantViolated(f"{document.name}, which ships, is wrong: {found}")
    return found


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
