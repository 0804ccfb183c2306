"""`/openapi.json` and `/docs`: the contract for programs, and the same as one page for people, without the internet.

The page is made here, from the document: the Swagger UI that PyPI packages without a framework (4.15) cannot show
OpenAPI 3.1. One page of plain HTML needs no script, so that the content security policy can forbid every one.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from html import escape
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Document = Mapping[str, Any]

_METHODS: Final = ("get", "post", "put", "patch", "delete")
_REF_PREFIX: Final = "#/components/schemas/"
_LIMITS: Final = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "pattern": "pattern {}",
    "format": "{}",
    "default": "default {}",
}
_STYLE: Final = """
:root{color-scheme:light dark;--line:#8884;--soft:#8882}
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
nav ul{columns:20rem;padding-left:1.2rem}
article{border:1px solid var(--line);border-radius:6px;padding:.2rem 1rem 1rem;margin:1rem 0;overflow-x:auto}
code{font:13px ui-monospace,monospace;background:var(--soft);padding:.1em .3em;border-radius:3px}
table{border-collapse:collapse;width:100%}
caption{text-align:left;font-weight:600;padding:.6rem 0 .2rem}
th,td{text-align:left;vertical-align:top;padding:.25rem .6rem .25rem 0;border-top:1px solid var(--line)}
.method{text-transform:uppercase;font-weight:700}
"""
_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


def docs_routes(openapi: Callable[[], Document]) -> list[Route]:
    """The two routes of an application. `openapi` is asked once, at the first request; both need no token."""

    @cache
    def contract() -> bytes:
        return msgspec.json.encode(openapi())

    @cache
    def page() -> str:
        return docs_html(openapi())

    async def openapi_json(_: Request) -> Response:
        return Response(contract(), media_type="application/json")

    async def docs(_: Request) -> Response:
        return Response(page(), media_type="text/html", headers=_HEADERS)

    return [Route("/openapi.json", openapi_json, methods=["GET"]), Route("/docs", docs, methods=["GET"])]


def docs_html(document: Document) -> str:
    """The whole page of an OpenAPI 3.1 document: contents, operations, schemas. Every text in it is escaped."""
    info = document["info"]
    title = f"{info['title']} {info['version']}"
    operations = [
        (method, path, item[method])
        for path, item in document.get("paths", {}).items()
        for method in _METHODS
        if method in item
    ]
    schemas = document.get("components", {}).get("schemas", {})
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f"<header><h1>{escape(title)}</h1>{_text(info.get('description'))}"
        f'<p><a href="openapi.json">openapi.json</a></p></header><nav aria-label="Contents"><ul>'
        + "".join(f'<li><a href="#{_anchor(m, p)}">{_call(m, p)}</a></li>' for m, p, _ in operations)
        + "</ul></nav><main><h2>Operations</h2>"
        + "".join(_operation(*found) for found in operations)
        + "<h2>Schemas</h2>"
        + "".join(_schema(name, schema) for name, schema in sorted(schemas.items()))
        + "</main></body></html>"
    )


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    parameters = [
        [f"<code>{escape(p['name'])}</code>", escape(p["in"]), _type(p.get("schema", {})), _need(p), _note(p)]
        for p in operation.get("parameters", ())
    ]
    responses = [
        [f"<code>{escape(status)}</code>", _content(answer), _note(answer)]
        for status, answer in operation.get("responses", {}).items()
    ]
    scopes = [scope for need in operation.get("security", ()) for found in need.values() for scope in found]
    body = operation.get("requestBody")
    return (
        f'<article id="{_anchor(method, path)}"><h3>{_call(method, path)}</h3>'
        + _text(operation.get("summary"))
        + _text(operation.get("description"))
        + (f"<p>Needs a token with the scope <code>{escape(', '.join(scopes))}</code>.</p>" if scopes else "")
        + (f"<p>Body: {_content(body)}</p>" if body else "")
        + _table("Parameters", ("Name", "In", "Type", "", "Meaning"), parameters)
        + _table("Answers", ("Status", "Body", "Meaning"), responses)
        + "</article>"
    )


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    required = schema.get("required", ())
    rows = [
        [f"<code>{escape(field)}</code>", _type(kind), "required" if field in required else "", _note(kind)]
        for field, kind in schema.get("properties", {}).items()
    ]
    head = f'<article id="schema-{escape(name)}"><h3>{escape(name)}</h3>{_text(schema.get("description"))}'
    plain = "" if rows else f"<p>{_type(schema)}</p>"
    return f"{head}{plain}{_table('Fields', ('Name', 'Type', '', 'Meaning'), rows)}</article>"


def _type(schema: Mapping[str, Any]) -> str:
    """A JSON Schema in a few words: a link, a union, an array of, a type; then its limits."""
    if "$ref" in schema:
        name = escape(str(schema["$ref"]).removeprefix(_REF_PREFIX))
        return f'<a href="#schema-{name}">{name}</a>'
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(_type(member) for member in schema[key])
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return " or ".join(f"<code>{_json(value)}</code>" for value in values)
    kind = schema.get("type", "anything")
    words = escape(" or ".join(kind) if isinstance(kind, list) else str(kind))
    if kind == "array" and "items" in schema:
        words = f"array of {_type(schema['items']) if isinstance(schema['items'], Mapping) else 'anything'}"
    limits = [escape(text.format(schema[key])) for key, text in _LIMITS.items() if key in schema]
    return ", ".join([words, *limits])


def _content(part: Mapping[str, Any]) -> str:
    return ", ".join(
        f"<code>{escape(media)}</code> {_type(held.get('schema', {}))}"
        for media, held in part.get("content", {}).items()
    )


def _table(caption: str, head: tuple[str, ...], rows: list[list[str]]) -> str:
    if not rows:
        return ""
    titles = "".join(f'<th scope="col">{title}</th>' if title else "<td></td>" for title in head)
    lines = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><caption>{caption}</caption><thead><tr>{titles}</tr></thead><tbody>{lines}</tbody></table>"


def _text(text: str | None) -> str:
    return "".join(f"<p>{_marked(part)}</p>" for part in text.split("\n\n")) if text else ""


def _note(part: Mapping[str, Any]) -> str:
    return _marked(str(part.get("description", "")))


def _marked(text: str) -> str:
    """Escaped text in which `back quotes` become code."""
    pieces = escape(text).split("`")
    if len(pieces) % 2 == 0:  # an odd one out: leave them all as they are
        return "`".join(pieces)
    return "".join(f"<code>{piece}</code>" if number % 2 else piece for number, piece in enumerate(pieces))


def _need(part: Mapping[str, Any]) -> str:
    return "required" if part.get("required") else ""


def _json(value: Any) -> str:
    return escape(msgspec.json.encode(value).decode())


def _call(method: str, path: str) -> str:
    return f'<span class="method">{method}</span> <code>{escape(path)}</code>'


def _anchor(method: str, path: str) -> str:
    return method + "".join(letter if letter.isalnum() else "-" for letter in path)
