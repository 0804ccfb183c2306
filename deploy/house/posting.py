"""How a till's program posts to its agent: with a key, and again with the same key until there is an answer."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import httpx
import msgspec
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_delay, wait_random_exponential

from deploy.house.stage import Store
from edge_core.errors import TransientFault

AGAIN: Final = frozenset({408, 503})
"""Answers that decided nothing: the same request under the same key is safe, and wanted."""

_ANSWER_TIMEOUT_S: Final = 5
_GIVE_UP_AFTER_S: Final = 60  # an agent that is away for longer is not coming back
_RETRY_S: Final = 0.1
_RETRY_S_MAX: Final = 1.0


@asynccontextmanager
async def till_client(
    store: Store, who: str, answer_timeout_s: float = _ANSWER_TIMEOUT_S
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the agent with the token of one of those who work there."""
    headers = {"authorization": f"Bearer {store.tokens[who]}", "content-type": "application/json"}
    async with httpx.AsyncClient(
        base_url=store.url, headers=headers, timeout=answer_timeout_s, trust_env=False
    ) as client:
        yield client


async def ask(
    client: httpx.AsyncClient, path: str, document: object, key: str | None, on_retry: Callable[[], None]
) -> httpx.Response:
    """Post a document until there is an answer. Raises `TransientFault` after a minute without one."""

    def retry(_: RetryCallState) -> None:
        on_retry()

    retrying = AsyncRetrying(
        retry=retry_if_exception_type(TransientFault),
        wait=wait_random_exponential(_RETRY_S, _RETRY_S_MAX),
        stop=stop_after_delay(_GIVE_UP_AFTER_S),
        before_sleep=retry,
        reraise=True,
    )
    body = msgspec.json.encode(document)
    answer: httpx.Response = await retrying(_post, client, path, body, key)
    return answer


async def _post(client: httpx.AsyncClient, path: str, body: bytes, key: str | None) -> httpx.Response:
    try:
        answer = await client.post(path, content=body, headers={} if key is None else {"idempotency-key": key})
    except httpx.TransportError as error:
        raise TransientFault(f"{client.base_url} does not answer: {error!r}") from error
    if answer.status_code in AGAIN:
        raise TransientFault(f"{client.base_url} answers {answer.status_code}")
    return answer
