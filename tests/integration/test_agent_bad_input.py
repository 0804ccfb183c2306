"""Bad input to a running agent: a problem of a stable type, nothing half-written, and the next good order is taken."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx
import pytest

from edge_core.limits import BODY_BYTES_MAX, HEADERS_MAX
from tests.rigs.agents import Agent, key, line, receipt, running, sale, slug, totals

pytestmark = pytest.mark.slow

JSON: Final = {"content-type": "application/json"}
DEADLINE_S: Final = 20


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    with running(Agent(tmp_path_factory.mktemp("agent"))) as agent:
        yield agent


@pytest.fixture
def till(agent: Agent) -> Iterator[httpx.Client]:
    with agent.client() as client:
        yield client


@pytest.fixture(autouse=True)
def _nothing_is_half_written(agent: Agent) -> Iterator[None]:
    """After every test: what it sent has left nothing, the agent is well, and an order is taken."""
    rows = _rows(agent)
    yield
    assert _rows(agent) == rows, "a refused request has left something"
    assert "request_failed" not in agent.service.log_text()
    with agent.client() as client:
        assert client.post("/v1/orders", headers=key(), json=sale(f"after-{rows}")).status_code == 201


def _rows(agent: Agent) -> tuple[int, ...]:
    tables = ("entry", "order_head", "stock", "idempotency")
    return tuple(agent.query(f"SELECT count(*) FROM {table}")[0][0] for table in tables)


def _changed(path: str, value: object) -> dict[str, Any]:
    """A good order with one value changed, by its pointer."""
    order = sale()
    *above, last = path.strip("/").split("/")
    part: Any = order
    for step in above:
        part = part[int(step)] if isinstance(part, list) else part[step]
    part[int(last) if isinstance(part, list) else last] = value
    return order


# --- the body --------------------------------------------------------------------------------------------------------

GOOD: Final = json.dumps(sale()).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        GOOD[:-1],
        GOOD + b"x",
        GOOD + GOOD,
        b"\xef\xbb\xbf" + GOOD,
        GOOD.decode().encode("utf-16"),
        GOOD.replace(b'"pos"', b'"p\xff\xfes"'),
        GOOD.replace(b'"pos"', b'"p\xed\xa0\x80s"'),
        GOOD.replace(b'"pos"', b'"\\ud800"'),
        GOOD.replace(b'"pos"', b'"\\ud800\\u0041"'),
        GOOD.replace(b'"pos"', b'"\\udc00"'),
        GOOD.replace(b'"pos"', b'"p\x00s"'),
        GOOD.replace(b'"pos"', b'"\\x41"'),
        GOOD.replace(b'"pos"', b"'pos'"),
        GOOD.replace(b'"unit_price_minor": 100', b'"unit_price_minor": NaN'),
        GOOD.replace(b'"unit_price_minor": 100', b'"unit_price_minor": -Infinity'),
        GOOD.replace(b'"unit_price_minor": 100', b'"unit_price_minor": 0100'),
        GOOD.replace(b'"unit_price_minor": 100', b'"unit_price_minor": 0x64'),
        b"\x1f\x8b\x08\x00" + b"\x00" * 100,
        b"\x00" * 1000,
    ],
)
def test_what_is_not_json_is_malformed(till: httpx.Client, body: bytes) -> None:
    refused = till.post("/v1/orders", headers=key() | JSON, content=body)
    assert (refused.status_code, slug(refused)) == (400, "malformed-json")


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"lines":[', b'{"customer":{"ref":'], ids=repr)
def test_endless_nesting_is_refused(till: httpx.Client, opening: bytes) -> None:
    refused = till.post("/v1/orders", headers=key() | JSON, content=opening * (BODY_BYTES_MAX // len(opening)))
    assert slug(refused) in {"malformed-json", "invalid-document"}


def test_nesting_in_a_value_that_is_skipped_is_refused_too(till: httpx.Client) -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    refused = till.post("/v1/orders", headers=key() | JSON, content=GOOD[:-1] + b', "extra": ' + deep + b"}")
    assert slug(refused) in {"malformed-json", "invalid-document"}


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("/lines/0/quantity_milli", 0),
        ("/lines/0/quantity_milli", -1_000),
        ("/lines/0/quantity_milli", 10**9 + 1),
        ("/lines/0/quantity_milli", 10**30),
        ("/lines/0/quantity_milli", "1000"),
        ("/lines/0/quantity_milli", 1000.5),
        ("/lines/0/quantity_milli", True),
        ("/lines/0/quantity_milli", None),
        ("/lines/0/unit_price_minor", -1),
        ("/lines/0/unit_price_minor", 2**63),
        ("/lines/0/discount_minor", -1),
        ("/lines/0/unit", "piece"),
        ("/lines/0/unit", "H87\n"),
        ("/lines/0/sku", ""),
        ("/lines/0/sku", "x" * 65),
        ("/lines/0/sku", "a\x00b"),
        ("/lines/0/sku", "a\nb"),
        ("/lines/0/sku", " a"),
        ("/lines/0/sku", "é"),
        ("/lines/0/sku", 6901234567892),
        ("/lines/0/description", "x" * 201),
        ("/lines/0/traits", ["explosive"]),
        ("/lines/0/traits", ["cold"] * 9),
        ("/lines/0/line_number", 1),
        ("/lines/0", None),
        ("/lines", []),
        ("/lines", {}),
        ("/lines", [line(str(number), "sku") for number in range(501)]),
        ("/payments", [{**sale()["payments"][0], "payment_id": str(number)} for number in range(21)]),
        ("/payments/0/tender", "cheque"),
        ("/payments/0/status", "refunded"),
        ("/totals/grand_total_minor", "100"),
        ("/placed_at", "2026-11-21T09:30:00Z"),
        ("/placed_at", "2026-11-21T09:30:00.000+08:00"),
        ("/placed_at", 1_795_000_000_000),
        ("/order_type", "gift"),
        ("/currency", "YUAN"),
        ("/prices_include_tax", 1),
        ("/fulfillment/method", "drone"),
        ("/attribution", {f"k{number}": "v" for number in range(21)}),
        ("/customer", {"ref": ""}),
        ("/order_id", "01920000-0000-7000-8000-000000000000"),
    ],
)
def test_what_the_schema_does_not_allow_is_refused_with_its_place(
    till: httpx.Client, pointer: str, value: object
) -> None:
    refused = till.post("/v1/orders", headers=key(), json=_changed(pointer, value))
    assert (refused.status_code, slug(refused)) == (422, "invalid-document")
    assert refused.json()["pointer"].startswith(pointer) or refused.json()["pointer"] == pointer


@pytest.mark.parametrize("name", [name for name, value in sale().items() if value and name != "confirmations"])
def test_a_missing_member_is_named(till: httpx.Client, name: str) -> None:
    order = {member: value for member, value in sale().items() if member != name}
    refused = till.post("/v1/orders", headers=key(), json=order)
    problem = "payment-mismatch" if name == "payments" else "invalid-document"
    assert (refused.status_code, slug(refused), refused.json()["pointer"]) == (422, problem, f"/{name}")


@pytest.mark.parametrize("body", ["null", "1", '"order"', "[]", "true", "{}"])
def test_another_kind_of_json_is_not_an_order(till: httpx.Client, body: str) -> None:
    refused = till.post("/v1/orders", headers=key() | JSON, content=body)
    assert (refused.status_code, slug(refused)) == (422, "invalid-document")


@pytest.mark.parametrize(
    ("pointer", "value", "problem"),
    [
        ("/lines/0/gross_minor", 101, "totals-mismatch"),
        ("/lines/0/net_minor", 99, "totals-mismatch"),
        ("/totals/gross_minor", 101, "totals-mismatch"),
        ("/totals/tax_minor", 1, "totals-mismatch"),
        ("/totals/grand_total_minor", 99, "totals-mismatch"),
        ("/payments/0/amount_minor", 99, "payment-mismatch"),
        ("/payments", [], "payment-mismatch"),
        ("/payments/0/token_ref", "4111 1111 1111 1111", "card-number-refused"),
        ("/currency", "XXX", "unknown-currency"),
        ("/currency", "eur", "unknown-currency"),
        ("/placed_at", "2026-02-30T09:30:00.000Z", "invalid-time"),
        ("/placed_at", "2026-11-21T25:30:00.000Z", "invalid-time"),
        ("/placed_at", "2026-11-21T23:59:60.000Z", "invalid-time"),
        ("/business_date", "2026-13-01", "invalid-time"),
        ("/lines", [line("1", "a"), line("1", "b")], "duplicate-identifier"),
        ("/lines/0/parent_line_id", "9", "unknown-reference"),
        ("/order_type", "exchange", "flow-not-available"),
        ("/fulfillment/method", "ship", "flow-not-available"),
    ],
)
def test_what_does_not_add_up_is_refused_with_its_own_type(
    till: httpx.Client, pointer: str, value: object, problem: str
) -> None:
    refused = till.post("/v1/orders", headers=key(), json=_changed(pointer, value))
    assert (refused.status_code, slug(refused)) == (422, problem)
    assert refused.json()["pointer"]


def test_of_a_member_that_is_written_twice_the_last_one_counts_and_stays_counted(till: httpx.Client) -> None:
    twice = GOOD.replace(b'"currency": "CNY"', b'"currency": "CNY", "currency": "XXX"')
    refused = till.post("/v1/orders", headers=key() | JSON, content=twice)
    assert slug(refused) == "unknown-currency"


@pytest.mark.parametrize("number", [b"1e2", b"100.0", b"1e400", b"1" + b"0" * 5_000], ids=repr)
def test_a_number_that_is_no_integer_of_its_range_is_refused(till: httpx.Client, number: bytes) -> None:
    body = GOOD.replace(b'"unit_price_minor": 100', b'"unit_price_minor": ' + number)
    refused = till.post("/v1/orders", headers=key() | JSON, content=body)
    assert (refused.status_code, slug(refused)) == (422, "invalid-document")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"movement": "theft", "lines": [{"sku": "a", "quantity_milli": 1, "unit": "H87"}]}, "invalid-document"),
        ({"movement": "receipt", "lines": []}, "invalid-document"),
        (receipt("a", 0), "invalid-document"),
        (receipt("a", -5), "invalid-document"),
        (receipt("a\x00", 5), "invalid-document"),
        ({**receipt("a", 5), "reference": "x" * 65}, "invalid-document"),
        ({"movement": "receipt", "lines": receipt("a", 5)["lines"] * 501}, "invalid-document"),
    ],
)
def test_a_bad_stock_movement_is_refused(till: httpx.Client, body: object, problem: str) -> None:
    refused = till.post("/v1/stock/movements", headers=key(), json=body)
    assert (refused.status_code, slug(refused)) == (422, problem)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"reason": ""},
        {"reason": 1},
        {"reason": "x", "expected_revision": 0},
        {"reason": "x", "expected_revision": 2**63},
        {"reason": "x", "expected_revision": 2**64},
        [],
        None,
    ],
)
def test_a_bad_cancel_is_refused(till: httpx.Client, body: object) -> None:
    path = "/v1/orders/01920000-0000-7000-8000-000000000000/cancel"
    refused = till.post(path, headers=key() | JSON, content=json.dumps(body))
    assert (refused.status_code, slug(refused)) == (422, "invalid-document")


# --- size and kind ---------------------------------------------------------------------------------------------------


def test_a_body_over_the_limit_is_refused_whether_its_length_is_said_or_not(till: httpx.Client) -> None:
    big = GOOD + b" " * (BODY_BYTES_MAX + 1 - len(GOOD))
    said = till.post("/v1/orders", headers=key() | JSON, content=big)
    assert (said.status_code, slug(said)) == (413, "body-too-large")
    pieces = (big[start : start + 10_000] for start in range(0, len(big), 10_000))
    streamed = till.post("/v1/orders", headers=key() | JSON, content=pieces)
    assert (streamed.status_code, slug(streamed)) == (413, "body-too-large")


@pytest.mark.parametrize("kind", [None, "", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
def test_another_media_type_is_refused(till: httpx.Client, kind: str | None) -> None:
    headers = key() | ({"content-type": kind} if kind is not None else {})
    refused = till.post("/v1/orders", headers=headers, content=GOOD)
    assert (refused.status_code, slug(refused)) == (415, "unsupported-media-type")


# --- headers ---------------------------------------------------------------------------------------------------------


def test_an_order_without_a_key_is_refused(till: httpx.Client) -> None:
    refused = till.post("/v1/orders", json=sale())
    assert (refused.status_code, slug(refused)) == (400, "idempotency-key-missing")


@pytest.mark.parametrize("value", [b"", b"a b", b"x" * 129, b"\xc3\xa9", b'""', b"a\tb"], ids=repr)
def test_a_key_that_is_no_token_is_refused(till: httpx.Client, value: bytes) -> None:
    refused = till.post("/v1/orders", headers={b"idempotency-key": value}, json=sale())
    assert (refused.status_code, slug(refused)) == (400, "idempotency-key-invalid")


@pytest.mark.parametrize(
    ("authorization", "problem"),
    [
        (b"", "token-missing"),
        (b"Basic dXNlcjpwYXNz", "token-missing"),
        (b"Bearer", "token-missing"),
        (b"Bearer hf_wrong", "token-unknown"),
        (b"Bearer \xff\xfe", "token-unknown"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nobody_gets_in_without_a_token(agent: Agent, method: str, authorization: bytes, problem: str) -> None:
    headers = {b"authorization": authorization, b"content-type": b"application/json"}
    refused = httpx.request(method, f"{agent.url}/v1/orders", headers=headers, verify=False, trust_env=False)
    assert (refused.status_code, slug(refused)) == (401, problem)
    assert refused.headers["www-authenticate"] == "Bearer"


def test_a_token_opens_only_what_its_scopes_say(agent: Agent) -> None:
    bodies = {"/v1/orders": sale(), "/v1/stock/movements": receipt("scoped", 1_000)}
    needed = {"/v1/orders": "order", "/v1/stock/movements": "stock"}
    for scope in ("order", "read", "stock"):
        with agent.client(agent.add_token(f"only-{scope}", scope)) as client:
            for path, body in bodies.items():
                if needed[path] != scope:
                    refused = client.post(path, headers=key(), json=body)
                    assert (refused.status_code, slug(refused)) == (403, "scope-missing")
            for path in ("/v1/orders", "/v1/status", "/v1/stock/scoped"):
                assert (client.get(path).status_code == 403) is (scope != "read")


# --- addresses -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/v1", 404),
        ("GET", "/v1/orders/", 404),
        ("POST", "/v1/orders/", 404),
        ("GET", "/v1/nothing", 404),
        ("GET", "/V1/ORDERS", 404),
        ("GET", "/v1/orders/../../etc/passwd", 404),
        ("GET", "/v1/orders/%2e%2e%2f%2e%2e%2fetc%2fpasswd", 404),
        ("GET", "//other.example/v1/orders/", 404),
        ("GET", "/docs/../tokens.json", 404),
        ("PUT", "/v1/orders", 405),
        ("DELETE", "/v1/orders", 405),
        ("PATCH", "/v1/orders/01920000-0000-7000-8000-000000000000", 405),
        ("POST", "/v1/status", 405),
        ("TRACE", "/v1/orders", 405),
    ],
)
def test_an_address_that_is_not_there_is_a_problem_and_never_a_redirect(
    agent: Agent, method: str, path: str, status: int
) -> None:
    """Sent raw: a client library would tidy the path up."""
    with _connection(agent) as connection:
        head = f"{method} {path} HTTP/1.1\r\nHost: [\r\nAuthorization: Bearer {agent.token}\r\n"
        connection.sendall(f"{head}Content-Type: application/json\r\nConnection: close\r\n\r\n".encode())
        answer = _answer(connection)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"application/problem+json" in answer
    assert (b"not-found" if status == 404 else b"method-not-allowed") in answer


@pytest.mark.parametrize(
    "order_id", ["x", "0", "%00", "01920000-0000-7000-8000-00000000000g", "' OR 1=1 --", "9" * 5_000, "%F0%9F%98%80"]
)
def test_an_order_id_that_is_none_is_refused(till: httpx.Client, order_id: str) -> None:
    refused = till.get(f"/v1/orders/{order_id}")
    assert (refused.status_code, slug(refused)) == (400, "invalid-parameter")


# --- raw connections -------------------------------------------------------------------------------------------------


@contextmanager
def _connection(agent: Agent) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", agent.port), timeout=DEADLINE_S) as connection:
        yield connection


def _answer(connection: socket.socket) -> bytes:
    """Everything until the agent closes."""
    pieces = []
    while piece := connection.recv(65_536):
        pieces.append(piece)
    return b"".join(pieces)


def _head(agent: Agent, *headers: str, key_name: str = "raw") -> bytes:
    lines = [
        "POST /v1/orders HTTP/1.1",
        "Host: till",
        f"Authorization: Bearer {agent.token}",
        "Content-Type: application/json",
        f"Idempotency-Key: {key_name}",
        *headers,
    ]
    return "".join(f"{one}\r\n" for one in lines).encode()


@pytest.mark.parametrize(
    "headers",
    [[f"X-{number}: 1" for number in range(HEADERS_MAX)], [f"X-{number}: {'x' * 1_000}" for number in range(20)]],
    ids=["count", "bytes"],
)
def test_a_flood_of_headers_is_cut_off(agent: Agent, headers: list[str]) -> None:
    with _connection(agent) as connection:
        connection.sendall(_head(agent, *headers) + b"\r\n")
        assert re.match(rb"HTTP/1.1 431 .*header-too-large", _answer(connection), re.DOTALL)


def test_a_client_that_sends_its_header_or_its_body_too_slowly_is_told_so(agent: Agent) -> None:
    with _connection(agent) as slow_header, _connection(agent) as slow_body:
        slow_header.sendall(_head(agent))
        slow_body.sendall(_head(agent, f"Content-Length: {len(GOOD)}", key_name="slow") + b"\r\n" + GOOD[:50])
        for connection in (slow_header, slow_body):
            assert re.match(rb"HTTP/1.1 408 .*request-timeout", _answer_once(connection), re.DOTALL)


def _answer_once(connection: socket.socket) -> bytes:
    """One answer, after which the connection may stay open."""
    received = b""
    while not received.endswith(b"}"):
        piece = connection.recv(65_536)
        assert piece, received
        received += piece
    return received


def test_a_client_that_leaves_in_the_middle_of_its_body_has_ordered_nothing(agent: Agent) -> None:
    for cut in (0, 1, len(GOOD) // 2, len(GOOD) - 1):
        with _connection(agent) as connection:
            connection.sendall(_head(agent, f"Content-Length: {len(GOOD)}", key_name="left") + b"\r\n" + GOOD[:cut])
    with _connection(agent) as connection:
        connection.sendall(_head(agent, "Transfer-Encoding: chunked", key_name="left") + b"\r\n")
        connection.sendall(b"%x\r\n%s\r\n" % (len(GOOD), GOOD))  # the whole order, but not the end of the body
    with agent.client() as client:
        assert client.get("/v1/orders?limit=1").status_code == 200


def test_a_header_that_smuggles_a_second_length_is_no_http(agent: Agent) -> None:
    with _connection(agent) as connection:
        body = GOOD + b"POST /v1/orders HTTP/1.1\r\n"
        lengths = (f"Content-Length: {len(GOOD)}", "Transfer-Encoding: chunked")
        connection.sendall(_head(agent, *lengths) + b"\r\n" + body)
        assert re.match(rb"HTTP/1.1 400 .*malformed-request", _answer(connection), re.DOTALL)


# --- large but good --------------------------------------------------------------------------------------------------


def test_the_totals_of_the_largest_numbers_are_exact(agent: Agent, till: httpx.Client) -> None:
    huge = line("1", "huge", 10**9) | {"unit_price_minor": 10**6, "gross_minor": 10**12, "net_minor": 10**12 + 1}
    order = {**sale(), "lines": [huge], "totals": totals(10**12)}
    refused = till.post("/v1/orders", headers=key(), json=order)
    assert slug(refused) == "invalid-document"
    order["lines"] = [{**huge, "net_minor": 10**12, "unit_price_minor": 10**6 - 1}]
    refused = till.post("/v1/orders", headers=key(), json=order)
    assert slug(refused) == "totals-mismatch"
