"""Where reference data comes from: the centre's API, read piece by piece (docs/reference.md)."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from edge_core.errors import TYPE_PREFIX, PeerFault, TransientFault
from edge_core.limits import (
    CONNECT_TIMEOUT_MS,
    ERROR_TEXT_CHARS_MAX,
    REFERENCE_READ_TIMEOUT_MS,
    TICKET_CHARS_MAX,
)

_OK: Final = 200
_PARTIAL: Final = 206
_NOT_FOUND: Final = 404
_BEYOND_END: Final = 416
_NO_DELTA: Final = TYPE_PREFIX + "delta-not-available"
_PROBLEM_BYTES_MAX: Final = 16 * ERROR_TEXT_CHARS_MAX


class FileMissing(Exception):  # noqa: N818 - it names what happened
    """The centre has no such file. `is_delta` where only this way to the version is missing."""

    def __init__(self, path: str, *, is_delta: bool) -> None:
        super().__init__(path)
        self.is_delta = is_delta


class Incoming(Struct, frozen=True):
    """A file on its way: the tag of its bytes, the byte with which it begins, and the pieces that come."""

    etag: str
    start: int
    pieces: AsyncIterator[bytes]


class _Problem(Struct, frozen=True):
    """What is read of a problem document."""

    type: str = ""
    detail: str = ""


class Source:
    """The centre's files. The token is read for each download, so that a new one needs no restart."""

    def __init__(self, url: str, *, ca_file: str | None = None, token_file: Path | None = None) -> None:
        self._url = url.rstrip("/")
        self._ca_file = ca_file
        self._token_file = token_file

    @asynccontextmanager
    async def opened(self, path: str, *, start: int = 0, etag: str = "") -> AsyncIterator[Incoming]:
        """A file from a byte on, while it is the one that the tag names; from its beginning where it is another.

        Raises `FileMissing`, `PeerFault` and, while it is read too, `TransientFault`.
        """
        import httpx  # noqa: PLC0415 - 20 MB that a store without reference data never needs

        headers = self._headers(start, etag)
        timeout = httpx.Timeout(REFERENCE_READ_TIMEOUT_MS / 1000, connect=CONNECT_TIMEOUT_MS / 1000)
        try:
            async with (
                httpx.AsyncClient(verify=self._tls(), timeout=timeout, trust_env=False) as client,
                client.stream("GET", self._url + path, headers=headers) as answer,
            ):
                if answer.status_code not in {_OK, _PARTIAL}:
                    await _refused(answer, path)
                begins = start if answer.status_code == _PARTIAL else 0
                yield Incoming(answer.headers.get("etag", ""), begins, answer.aiter_raw())
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:  # an address may be no host's name at all
            raise TransientFault(f"{self._url}{path}: {error or type(error).__name__}") from error

    def _headers(self, start: int, etag: str) -> dict[str, str]:
        headers = {"accept-encoding": "identity"}  # the files are compressed already
        if self._token_file is not None:
            headers["authorization"] = f"Bearer {_token(self._token_file)}"
        if start:
            headers |= {"range": f"bytes={start}-", "if-range": etag}
        return headers

    def _tls(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self._ca_file)
        except OSError as error:  # ssl.SSLError is one; a file may be half renewed
            raise TransientFault(f"centre.ca_file: {error}") from error


def _token(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")[:TICKET_CHARS_MAX].strip()
    except (OSError, UnicodeDecodeError) as error:
        raise TransientFault(f"centre.token_file: {error}") from error


async def _refused(answer: Any, path: str) -> None:
    """Raise what a refusal means: the file is missing, or it is to be asked for again later."""
    content = b""
    async for piece in answer.aiter_raw():
        content += piece
        if len(content) > _PROBLEM_BYTES_MAX:
            break
    try:
        problem = msgspec.json.decode(content, type=_Problem)
    except msgspec.DecodeError:
        problem = _Problem()
    if answer.status_code == _BEYOND_END:
        raise PeerFault("range-invalid", f"{path} ends before its last change")
    if answer.status_code == _NOT_FOUND and problem.type:
        raise FileMissing(path, is_delta=problem.type == _NO_DELTA)
    raise TransientFault(f"{path} was answered {answer.status_code} {problem.detail}".rstrip())
