"""Parameters and problems that operations of the centre's API share."""

from typing import Final

from edge_core.limits import PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX
from holdfast_runtime.openapi import Parameter

TEXT: Final = {"type": "string"}
LIMIT: Final = Parameter(
    "limit",
    "query",
    "Rows in a page.",
    {"type": "integer", "minimum": 1, "maximum": PAGE_ROWS_MAX, "default": PAGE_ROWS_DEFAULT},
)
CURSOR: Final = Parameter("cursor", "query", "The `next_cursor` of the page before.", TEXT)
AUTH: Final = ("token-missing", "token-unknown", "scope-missing", "database-unavailable")
KEY: Final = Parameter(
    "Idempotency-Key", "header", "New for each request, the same for its repetitions.", TEXT, is_required=True
)
COMMAND: Final = (
    *("malformed-json", "invalid-document", "idempotency-key-missing", "idempotency-key-invalid"),
    *("idempotency-key-reused", "body-too-large", "unsupported-media-type"),
)
LIST: Final = ("invalid-parameter", *AUTH)
