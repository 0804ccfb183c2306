"""problem+json: one shape for every "no", with a pointer to what was wrong."""

import asyncio
from contextlib import nullcontext, suppress
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta, Struct
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from edge_core.errors import CODES, InvariantViolated, Rejected
from edge_core.limits import ERROR_TEXT_CHARS_MAX
from holdfast_runtime.problems import (
    EXCEPTION_HANDLERS,
    ProblemRaised,
    problem_body,
    problem_response,
    validation_rejection,
)


class Line(Struct, forbid_unknown_fields=True):
    quantity_milli: Annotated[int, Meta(gt=0)]


class Order(Struct, forbid_unknown_fields=True):
    lines: list[Line]
    labels: dict[str, int] = {}


async def get(path: str, method: str = "GET") -> tuple[int, dict[str, str], dict[str, Any]]:
    """One request through a small Starlette application, without a server."""

    async def refuse(_: Request) -> Response:
        raise ProblemRaised(Rejected("out-of-stock", "2 wanted, 1 free", pointer="/lines/0"))

    async def bug(_: Request) -> Response:
        raise InvariantViolated("cannot be")

    app = Starlette(routes=[Route("/no", refuse), Route("/bug", bug)], exception_handlers=EXCEPTION_HANDLERS)
    scope = {"type": "http", "method": method, "path": path, "headers": [], "query_string": b"", "root_path": ""}
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.Future()

    async def send(message: Any) -> None:
        sent.append(message)

    with suppress(InvariantViolated) if path == "/bug" else nullcontext():
        await app(scope, receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, msgspec.json.decode(sent[1]["body"])


def test_a_problem_says_what_the_table_says_and_leaves_out_what_is_not_known() -> None:
    assert msgspec.json.decode(problem_body(Rejected("totals-mismatch", "10 is not 11"))) == {
        "type": "urn:holdfast:problem:totals-mismatch",
        "title": "The amounts of the order do not add up",
        "status": 422,
        "detail": "10 is not 11",
        "code": "HF2001",
    }


def test_a_problem_names_the_place_the_state_and_what_is_allowed() -> None:
    rejected = Rejected("command-not-allowed", "no", pointer="", state="delivered", allowed=("return",))
    document = msgspec.json.decode(problem_body(rejected, instance="/v1/orders/1"))
    assert document["pointer"] == ""
    assert (document["state"], document["allowed"], document["instance"]) == ("delivered", ["return"], "/v1/orders/1")


@pytest.mark.parametrize("slug", CODES)
def test_every_row_of_the_table_can_be_answered(slug: str) -> None:
    response = problem_response(Rejected(slug, "x"))
    assert response.status_code == CODES[slug].status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers.get("retry-after") == ("1" if CODES[slug].status == 503 else None)
    assert response.headers.get("www-authenticate") == ("Bearer" if CODES[slug].status == 401 else None)


async def test_a_raised_problem_becomes_the_answer_with_the_path_as_instance() -> None:
    status, headers, document = await get("/no")
    assert (status, headers["content-type"]) == (409, "application/problem+json")
    assert (document["instance"], document["pointer"]) == ("/no", "/lines/0")


async def test_an_unknown_path_is_a_problem() -> None:
    status, _, document = await get("/nowhere")
    assert (status, document["code"]) == (404, "HF1011")


async def test_a_wrong_method_is_a_problem_that_names_the_right_ones() -> None:
    status, headers, document = await get("/no", method="DELETE")
    assert (status, headers["allow"], document["allowed"]) == (405, "GET, HEAD", ["GET", "HEAD"])


async def test_a_bug_is_answered_without_its_text() -> None:
    status, headers, document = await get("/bug")
    assert (status, headers["content-type"], document["code"]) == (500, "application/problem+json", "HF4006")
    assert "cannot be" not in str(document)


@pytest.mark.parametrize(
    ("body", "slug", "pointer"),
    [
        (b"{", "malformed-json", None),
        (b'{"lines": []} x', "malformed-json", None),
        (b"\xff", "malformed-json", None),
        (b"[]", "invalid-document", ""),
        (b"{}", "invalid-document", "/lines"),
        (b'{"lines": [], "x": 1}', "invalid-document", "/x"),
        (b'{"lines": [], "a/b~c": 1}', "invalid-document", "/a~1b~0c"),
        (b'{"lines": [{"quantity_milli": 1}, {"quantity_milli": "1"}]}', "invalid-document", "/lines/1/quantity_milli"),
        (b'{"lines": [{"quantity_milli": 0}]}', "invalid-document", "/lines/0/quantity_milli"),
        (b'{"lines": [{}]}', "invalid-document", "/lines/0/quantity_milli"),
        (b'{"lines": [], "labels": {"a": "b"}}', "invalid-document", "/labels"),
        (b'{"lines": [], "labels": {"' + b"a" * 10 + b'": {}}}', "invalid-document", "/labels"),
    ],
)
def test_a_body_that_cannot_be_decoded_is_pointed_at(body: bytes, slug: str, pointer: str | None) -> None:
    with pytest.raises(msgspec.DecodeError) as caught:
        msgspec.json.decode(body, type=Order)
    rejected = validation_rejection(caught.value)
    assert (rejected.slug, rejected.pointer) == (slug, pointer)
    assert "`$" not in rejected.detail


def test_the_detail_of_a_foreign_body_is_cut() -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(b'{"' + b"k" * 5000 + b'": 1}', type=Order)
    assert len(validation_rejection(caught.value).detail) == ERROR_TEXT_CHARS_MAX
