"""What happened, in order: a digest for machines, and words for people who ask for them."""

from collections.abc import Callable, Mapping, MutableMapping
from hashlib import blake2b
from typing import Any

import structlog

_DIGEST_BYTES = 8


class Story:
    """Collects what happens. `lines` are kept only where somebody wants to read them."""

    def __init__(self, now_ms: Callable[[], int], *, keep: bool) -> None:
        self._now_ms = now_ms
        self._keep = keep
        self._hash = blake2b(digest_size=_DIGEST_BYTES)
        self.who: Callable[[], str] = lambda: ""
        self.steps = 0
        self.lines: list[str] = []
        self.heard: set[tuple[str, str]] = set()  # what the product logged, and of which node or machine

    def tell(self, who: str, what: str, **details: object) -> None:
        """One thing that happened to somebody."""
        self.steps += 1
        now_ms = self._now_ms()
        self._hash.update(repr((now_ms, who, what, *details.items())).encode())
        if self._keep:
            words = " ".join(f"{name}={_short(value)}" for name, value in details.items())
            self.lines.append(f"{now_ms / 1000:9.3f} s  {who:10} {what} {words}".rstrip())

    def digest(self) -> str:
        """Sixteen digits that stand for everything told so far."""
        return self._hash.hexdigest()

    def hear(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
        """What the product logs belongs to the story; a processor of structlog."""
        what = event.pop("event")
        self.heard.add((what, event.get("node_id", self.who())))
        self.tell(self.who(), what, **{k: v for k, v in event.items() if k not in _UNTOLD})
        raise structlog.DropEvent


_UNTOLD = frozenset({"path"})  # where this run keeps its files


def _short(value: object) -> str:
    return value.hex()[:12] if isinstance(value, bytes) else str(value)
