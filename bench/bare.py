"""The HTTP floor: an application that reads the body and answers 201 with fixed bytes, on the product's own server.

`python -m bench.bare PORT BODY_BYTES`. Whatever the agent costs above this is its own.
"""

import asyncio
import signal
import sys

from starlette.types import ASGIApp, Receive, Scope, Send

from holdfast_runtime.http_server import run, serve


def bare_app(body_bytes: int) -> ASGIApp:
    """Answers every request alike, with the headers that the agent gives."""
    body = b"x" * body_bytes
    headers = [
        (b"content-length", str(body_bytes).encode()),
        (b"content-type", b"application/json"),
        (b"location", b"/v1/orders/019aa4b2-0000-7000-8000-000000000000"),
    ]

    async def app(_: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body", False):
            continue
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


async def _main(port: int, body_bytes: int) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await serve(bare_app(body_bytes), "127.0.0.1", port, stop=stop)


if __name__ == "__main__":
    run(_main(int(sys.argv[1]), int(sys.argv[2])))
