"""A whole agent as a store has it: a folder with its configuration, its tokens and its file, and a process on it."""

import asyncio
import json
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx

from holdfast_runtime.tokens import SCOPES, Scope, TokenFile
from tests.rigs.ports import free_port
from tests.rigs.processes import Service, run, write_config

NODE_ID: Final = "store-0001"
TIMEOUT_S: Final = 30

Sections = Mapping[str, Mapping[str, str | int | float | bool]]


class Agent:
    """`edge-agent` in a folder of its own, by default without a broker. `sections` adds to the configuration."""

    def __init__(self, folder: Path, sections: Sections | None = None, *, store: Path | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.store = store or folder / "store.db"
        self.tokens_file = folder / "tokens.json"
        config: dict[str, dict[str, str | int | float | bool]] = {
            "node": {"id": NODE_ID},
            "api": {"port": self.port, "tokens_file": str(self.tokens_file)},
            "store": {"path": str(self.store), "reserve_bytes": 0},
            "policies": {"keys_file": str(folder / "policy-keys")},
        }
        for name, values in (sections or {}).items():
            config[name] = {**config.get(name, {}), **values}
        self.config = write_config(folder / "edge-agent.toml", config)
        self.service = Service("edge-agent", self.config, url=self.url)
        self.token = self.add_token("till", *SCOPES)

    def start(self) -> None:
        """Start it and wait until it takes orders."""
        self.service.child.start()
        self.service.child.wait_until(self.service.is_ready)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.service.child.stop()
        return self.service.child.wait()

    def restart(self) -> None:
        """Stop it as systemd does, and start it again on the same file."""
        assert self.stop() == 0, self.service.log_text()
        self.start()

    def run(self, *arguments: str, stdin: str | None = None) -> "subprocess.CompletedProcess[str]":
        """Another command of `edge-agent` with this configuration."""
        return run("edge-agent", *arguments, "--config", self.config, stdin=stdin)

    def add_token(self, name: str, *scopes: Scope) -> str:
        """A new token."""
        return TokenFile(self.tokens_file).add(name, scopes)

    def client(self, token: str | None = None) -> httpx.Client:
        """One till's connection."""
        return httpx.Client(
            base_url=self.url, headers=self._headers(token), timeout=TIMEOUT_S, trust_env=False, verify=False
        )

    def tills(self, connections: int = 64) -> httpx.AsyncClient:
        """Many tills at once."""
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        return httpx.AsyncClient(
            base_url=self.url,
            headers=self._headers(None),
            timeout=TIMEOUT_S,
            limits=limits,
            trust_env=False,
            verify=False,
        )

    def entries(self) -> int:
        """How many decisions the file holds."""
        return int(self.query("SELECT count(*) FROM entry")[0][0])

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Look into the file."""
        with closing(sqlite3.connect(f"file:{self.store}?mode=ro", uri=True)) as connection:
            return connection.execute(sql, parameters).fetchall()

    def verify(self) -> Any:
        """The verdict of `edge-agent verify`, with its exit code checked against it."""
        checked = self.run("verify", "--json")
        verdict = json.loads(checked.stdout)
        assert checked.returncode == (1 if verdict["findings"] else 0), checked.stderr
        return verdict

    def export(self) -> list[Any]:
        """The log as `edge-agent export` writes it."""
        exported = self.run("export")
        assert exported.returncode == 0, exported.stderr
        return [json.loads(line) for line in exported.stdout.splitlines()]

    def _headers(self, token: str | None) -> dict[str, str]:
        return {"authorization": f"Bearer {token or self.token}"}


@contextmanager
def running(agent: Agent) -> Iterator[Agent]:
    """A started agent, stopped at the end."""
    agent.start()
    try:
        yield agent
    finally:
        agent.service.child.stop()


def key(name: str | None = None) -> dict[str, str]:
    """The header of a request of its own, or of the one named."""
    return {"idempotency-key": name or str(uuid4())}


def sale(sku: str = "06901234567892", quantity_milli: int = 1_000, **changes: object) -> dict[str, Any]:
    """A carry-out sale of one line at 1.00 a piece, as a till posts it that was asked whether a second one is meant.

    Without the confirmation the next equal sale would be asked back as sent twice (docs/checks.md).
    """
    amount = quantity_milli // 10
    return {
        "order_type": "sale",
        "channel": "pos",
        "store_id": NODE_ID,
        "terminal_id": "till-1",
        "placed_at": "2026-11-21T09:30:00.000Z",
        "currency": "CNY",
        "prices_include_tax": True,
        "lines": [line("1", sku, quantity_milli)],
        "totals": totals(amount),
        "payments": [
            {
                "payment_id": "p1",
                "tender": "cash",
                "amount_minor": amount,
                "status": "captured",
                "authorization": "offline",
            }
        ],
        "fulfillment": {"method": "carry_out"},
        "confirmations": {"duplicate": True},
        **changes,
    }


def line(line_id: str, sku: str, quantity_milli: int = 1_000) -> dict[str, Any]:
    """One line at 1.00 a piece, without tax."""
    amount = quantity_milli // 10
    return {
        "line_id": line_id,
        "sku": sku,
        "quantity_milli": quantity_milli,
        "unit": "H87",
        "unit_price_minor": 100,
        "gross_minor": amount,
        "discount_minor": 0,
        "net_minor": amount,
        "tax_minor": 0,
    }


def totals(amount_minor: int) -> dict[str, int]:
    """Totals without tax, discount or shipping."""
    zero = dict.fromkeys(("discount_minor", "tax_minor", "shipping_minor"), 0)
    return {"gross_minor": amount_minor, "net_minor": amount_minor, "grand_total_minor": amount_minor, **zero}


def receipt(sku: str, quantity_milli: int, **changes: object) -> dict[str, Any]:
    """A delivery of one SKU."""
    lines = [{"sku": sku, "quantity_milli": quantity_milli, "unit": "H87", **changes}]
    return {"movement": "receipt", "lines": lines}


def slug(response: httpx.Response) -> str:
    """The problem that a response names; it must be one of RFC 9457."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    problem = response.json()
    assert problem["status"] == response.status_code
    return str(problem["type"]).removeprefix("urn:holdfast:problem:")


Posted = tuple[str, dict[str, str], Any]
"""A path, the headers of its own, and a JSON body."""


async def at_once(agent: Agent, requests: Sequence[Posted], *, connections: int = 100) -> list[httpx.Response]:
    """Post all of them over so many connections, each as soon as it has its last answer.

    Written on plain sockets: httpx's pool takes minutes for a thousand requests at once.
    """
    answers: list[httpx.Response | None] = [None] * len(requests)
    waiting = iter(enumerate(requests))

    async def till() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", agent.port)
        try:
            for index, (path, headers, body) in waiting:
                writer.write(request_bytes(agent, path, headers, json.dumps(body).encode()))
                answers[index] = await asyncio.wait_for(_response(reader), TIMEOUT_S)
        finally:
            writer.close()

    await asyncio.gather(*(till() for _ in range(min(connections, len(requests)))))
    return [answer for answer in answers if answer is not None]


def request_bytes(agent: Agent, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """A till's POST as it goes over the wire."""
    fields = {
        "host": "till",
        "authorization": f"Bearer {agent.token}",
        "content-type": "application/json",
        "content-length": str(len(body)),
        **headers,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


async def _response(reader: asyncio.StreamReader) -> httpx.Response:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines if line)
    content = await reader.readexactly(int(headers["content-length"]))
    return httpx.Response(int(first.split()[1]), headers=headers, content=content)
