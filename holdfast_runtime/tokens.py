"""Bearer tokens of tills and tools (RFC 6750): 256 random bits each, of which the file keeps only the SHA-256.

A digest without salt is enough: there is nothing to guess in 256 bits. The command line writes the file (`TokenFile`);
the service reads it again when it changes (`TokenCheck`).
"""

import fcntl
import hashlib
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, Literal, get_args

import msgspec
import structlog
from msgspec import Meta, Struct

from edge_core.errors import Rejected
from edge_core.limits import IDENTIFIER_CHARS_MAX, TOKENS_MAX
from holdfast_runtime.config import ConfigError
from holdfast_runtime.problems import ProblemRaised

Scope = Literal["order", "read", "stock", "approve", "operate"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
"""`order` places and changes orders, `read` looks, `stock` moves stock, `operate` settles what is parked.

`approve` beside `order` answers holds that wait for the back office."""

_PREFIX: Final = "hf_"
_RANDOM_BYTES: Final = 32
_FILE_MODE: Final = 0o600
_SCHEME: Final = b"bearer "
_STAT_INTERVAL_S: Final = 1.0

_log = structlog.get_logger("tokens")


def new_secret() -> str:
    """A new secret, to be shown once. The prefix lets a secret scanner and a person see what it is."""
    return _PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def digest_of(secret: str) -> bytes:
    """What is kept of a secret: its SHA-256, 32 bytes."""
    return hashlib.sha256(secret.encode()).digest()


class TokenEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """One token as the file keeps it: everything but the token. `digest` is its SHA-256 in hex."""

    name: Annotated[str, Meta(min_length=1, max_length=IDENTIFIER_CHARS_MAX)]
    digest: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    scopes: tuple[Scope, ...]
    created_at: datetime


class _Document(Struct, frozen=True, forbid_unknown_fields=True):
    tokens: Annotated[tuple[TokenEntry, ...], Meta(max_length=TOKENS_MAX)]


class TokenRefused(Exception):  # noqa: N818 - it names what happened
    """The tokens file cannot be changed as asked: the name is taken, not known or not usable, or the file is full."""


class TokenFile:
    """The tokens file as the command line edits it: under a lock, and replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, name: str, scopes: Sequence[Scope]) -> str:
        """Make a token and return it: the only time that it is seen. Raises `TokenRefused` and `ConfigError`."""
        token = new_secret()
        with self._locked():
            tokens = self.entries()
            if any(entry.name == name for entry in tokens):
                raise TokenRefused(f"a token named {name!r} exists already")
            if not scopes or not set(scopes) <= set(SCOPES):
                raise TokenRefused(f"expected scopes of {', '.join(SCOPES)}, found {', '.join(scopes) or 'none'}")
            if not 0 < len(name) <= IDENTIFIER_CHARS_MAX or not name.isprintable():
                raise TokenRefused(f"expected a name of 1 to {IDENTIFIER_CHARS_MAX} printable characters")
            if len(tokens) >= TOKENS_MAX:
                raise TokenRefused(f"the file holds {TOKENS_MAX} tokens already")
            digest = digest_of(token).hex()
            self._replace((*tokens, TokenEntry(name, digest, tuple(dict.fromkeys(scopes)), datetime.now(UTC))))
        return token

    def remove(self, name: str) -> None:
        """Take a token away; the service notices within a second. Raises `TokenRefused` and `ConfigError`."""
        with self._locked():
            tokens = self.entries()
            rest = tuple(entry for entry in tokens if entry.name != name)
            if len(rest) == len(tokens):
                raise TokenRefused(f"there is no token named {name!r}")
            self._replace(rest)

    def entries(self) -> tuple[TokenEntry, ...]:
        """What the file holds, in the order of adding; nothing when there is no file. Raises `ConfigError`."""
        return _read(self._path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One editor at a time, by a lock on the folder: the file itself is replaced under it."""
        try:
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise ConfigError("api.tokens_file", f"file {self._path}", f"expected a folder: {error}") from error
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
            os.fsync(folder)
        finally:
            os.close(folder)

    def _replace(self, tokens: tuple[TokenEntry, ...]) -> None:
        """Write beside, sync, rename: a reader sees the old file or the new one."""
        content = msgspec.json.format(msgspec.json.encode(_Document(tokens)), indent=2)
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=self._path.name)
        try:
            with os.fdopen(handle, "wb") as file:
                os.fchmod(file.fileno(), _FILE_MODE)
                self._keep_owner(file.fileno())
                file.write(content + b"\n")
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self._path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def _keep_owner(self, handle: int) -> None:
        """Root edits the file of a service that is not root: it must stay readable for that one."""
        if os.geteuid() == 0:
            owned = (self._path if self._path.exists() else self._path.parent).stat()
            os.fchown(handle, owned.st_uid, owned.st_gid)


class TokenCheck:
    """Who may do what, for each request: one digest and one lookup.

    `now` is a monotonic clock in seconds. The file is looked at once a second, and when a token is not known (it may
    have been added just now). A file that became unreadable leaves the old tokens in force and is logged.
    """

    def __init__(self, path: Path, now: Callable[[], float] = time.monotonic) -> None:
        """Raises `ConfigError` for a malformed file; a missing one knows no token."""
        self._path = path
        self._now = now
        self._stamp = self._look()
        self._known = _by_digest(_read(path))
        self._look_again_at = now() + _STAT_INTERVAL_S
        if not self._known:
            _log.warning("tokens_none", path=str(path))

    def authorize(self, header: bytes | None, scope: Scope) -> str:
        """The name of the token in an `Authorization` header.

        Raises `ProblemRaised` with `token-missing`, `token-unknown` or `scope-missing`.
        """
        if header is None or header[: len(_SCHEME)].lower() != _SCHEME:
            raise ProblemRaised(Rejected("token-missing", "expected the header Authorization: Bearer hf_..."))
        if self._now() >= self._look_again_at:
            self._reload()
        digest = hashlib.sha256(header[len(_SCHEME) :]).digest()
        known = self._known.get(digest)
        if known is None:
            self._reload()
            known = self._known.get(digest)
        if known is None:
            raise ProblemRaised(Rejected("token-unknown", "the token was never added, or was removed"))
        name, scopes = known
        if scope not in scopes:
            raise ProblemRaised(
                Rejected("scope-missing", f"the scope {scope!r} is needed", allowed=tuple(sorted(scopes)))
            )
        return name

    def allows(self, header: bytes | None, scope: Scope) -> bool:
        """Whether the token in the header of a request that was authorized has another scope as well."""
        known = None if header is None else self._known.get(hashlib.sha256(header[len(_SCHEME) :]).digest())
        return known is not None and scope in known[1]

    def _reload(self) -> None:
        self._look_again_at = self._now() + _STAT_INTERVAL_S
        stamp = self._look()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._known = _by_digest(_read(self._path))
        except ConfigError as error:
            _log.error("tokens_unreadable", error=str(error))
        else:
            _log.info("tokens_reloaded", count=len(self._known))

    def _look(self) -> tuple[int, int, int] | None:
        """What changes when the file does: a rename changes the inode, an editor the time or the size."""
        with suppress(OSError):
            found = self._path.stat()
            return found.st_mtime_ns, found.st_ino, found.st_size
        return None


def _by_digest(tokens: tuple[TokenEntry, ...]) -> dict[bytes, tuple[str, frozenset[Scope]]]:
    return {bytes.fromhex(entry.digest): (entry.name, frozenset(entry.scopes)) for entry in tokens}


def _read(path: Path) -> tuple[TokenEntry, ...]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Document).tokens
    except FileNotFoundError:
        return ()
    except OSError as error:
        expected = f"expected a readable file, found: {error.strerror}"
        raise ConfigError("api.tokens_file", f"file {path}", expected) from error
    except msgspec.DecodeError as error:
        raise ConfigError("api.tokens_file", f"file {path}", f"expected a tokens file, found: {error}") from error
