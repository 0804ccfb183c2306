"""OpenAPI 3.1 from the types that the code itself decodes and encodes: the contract cannot drift from the product."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
from msgspec import Struct

from edge_core.errors import code
from holdfast_runtime.problems import MEDIA_TYPE, Problem

_REF: Final = "#/components/schemas/{name}"


class Parameter(Struct, frozen=True):
    """A parameter in a path, a query or a header."""

    name: str
    place: str
    description: str
    schema: dict[str, Any]
    is_required: bool = False


class Operation(Struct, frozen=True):
    """One method of one path. `responses` maps a status to its type (None: no JSON), `problems` are slugs.

    Where `batch_of` is given, the body may also be an array of it.
    """

    method: str
    path: str
    name: str
    summary: str
    responses: dict[int, type[Struct] | None]
    body: type[Struct] | None = None
    parameters: tuple[Parameter, ...] = ()
    problems: tuple[str, ...] = ()
    scope: str | None = None
    media_type: str = "application/json"
    tag: str = ""
    batch_of: type[Struct] | None = None


def openapi(*, title: str, description: str, version: str, operations: Sequence[Operation]) -> dict[str, Any]:
    """The whole document."""
    types: list[type[Struct]] = [Problem]
    for operation in operations:
        kinds = (operation.body, operation.batch_of, *operation.responses.values())
        types += [kind for kind in kinds if kind is not None]
    _, schemas = msgspec.json.schema_components(list(dict.fromkeys(types)), ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    bearer = {"type": "http", "scheme": "bearer", "description": "A token made with `token add`; scopes in brackets."}
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "description": description, "version": version, "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"token": bearer}},
    }


def _operation(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "responses": _responses(operation),
    }
    if operation.tag:
        found["tags"] = [operation.tag]
    if operation.parameters:
        found["parameters"] = [_parameter(parameter) for parameter in operation.parameters]
    if operation.body is not None:
        found["requestBody"] = {"required": True, "content": _content("application/json", operation.body)}
    if operation.body is not None and operation.batch_of is not None:
        batch = {"type": "array", "items": {"$ref": _REF.format(name=operation.batch_of.__name__)}}
        media = found["requestBody"]["content"]["application/json"]
        media["schema"] = {"oneOf": [media["schema"], batch]}
    if operation.scope is not None:
        found["security"] = [{"token": [operation.scope]}]
    return found


def _responses(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for status, kind in operation.responses.items():
        found[str(status)] = {"description": HTTPStatus(status).phrase}
        if kind is not None:
            found[str(status)]["content"] = _content(operation.media_type, kind)
    by_status: dict[int, list[str]] = {}
    for slug in operation.problems:
        by_status.setdefault(code(slug).status, []).append(slug)
    for status, slugs in sorted(by_status.items()):
        types = ", ".join(f"`{code(slug).type_uri}`" for slug in slugs)
        found[str(status)] = {"description": types, "content": _content(MEDIA_TYPE, Problem)}
    return found


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.description,
        "required": parameter.is_required or parameter.place == "path",
        "schema": parameter.schema,
    }


def _content(media_type: str, kind: type[Struct]) -> dict[str, Any]:
    return {media_type: {"schema": {"$ref": _REF.format(name=kind.__name__)}}}
