"""`POST /v1/enrolments`: a machine shows a ticket, and may say hello as its node from then on."""

from secrets import token_bytes
from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from central_sync.api.handlers import answer
from central_sync.store import enrolments, nodes, policies
from central_sync.store.database import Database
from edge_core.errors import UNREADABLE, Rejected
from edge_core.limits import ENROLMENT_BODY_BYTES_MAX
from edge_core.policy.signing import SEED_BYTES, public_key
from edge_core.sync.topics import NODE_ID_PATTERN
from holdfast_runtime.problems import ProblemRaised, validation_rejection
from holdfast_runtime.tokens import digest_of

_SCHEME: Final = "bearer "
_WHY: Final = {
    "unknown": "the ticket is not known for this node; make one with `central-sync enrol {node}`",
    "expired": "the ticket has expired; make another with `central-sync enrol {node}`",
    "used": "the ticket has let another machine in already; make another with `central-sync enrol {node}`",
}


class EnrolmentRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Which node, and which life of it (the incarnation in the store's file)."""

    node_id: Annotated[str, Meta(pattern=NODE_ID_PATTERN)]
    incarnation: UUID


class EnrolmentAnswer(Struct, frozen=True):
    """The machine is the node now. `history_id` names the centre's history.

    `policy_keys` are the public keys in hex with which the centre signs releases of policies: they are to be trusted.
    """

    node_id: str
    incarnation: UUID
    history_id: UUID
    policy_keys: tuple[str, ...] = ()


class Enrolments:
    """The endpoint. Its bearer token is the ticket itself."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def enrol(self, request: Request) -> Response:
        """Let a machine in. Doing it again with the same ticket and incarnation answers the same."""
        ticket = _ticket(request)
        asked = await _body(request)
        async with self._database.transaction() as connection:
            refusal = await enrolments.redeem(connection, asked.node_id, digest_of(ticket), asked.incarnation)
            history_id = await nodes.history_id(connection)
            seed = await policies.signing_seed(connection, token_bytes(SEED_BYTES))
        if refusal is not None:
            raise ProblemRaised(Rejected("enrolment-refused", _WHY[refusal].format(node=asked.node_id)))
        return answer(EnrolmentAnswer(asked.node_id, asked.incarnation, history_id, (public_key(seed).hex(),)), 201)


def _ticket(request: Request) -> str:
    header = request.headers.get("authorization", "")
    if header[: len(_SCHEME)].lower() != _SCHEME:
        raise ProblemRaised(Rejected("token-missing", "send the ticket as `Authorization: Bearer ...`"))
    return header[len(_SCHEME) :].strip()


async def _body(request: Request) -> EnrolmentRequest:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > ENROLMENT_BODY_BYTES_MAX:
            raise ProblemRaised(Rejected("body-too-large", f"the limit is {ENROLMENT_BODY_BYTES_MAX} bytes"))
    try:
        return msgspec.json.decode(body, type=EnrolmentRequest)
    except msgspec.DecodeError as error:
        raise ProblemRaised(validation_rejection(error)) from error
    except UNREADABLE as error:
        raise ProblemRaised(Rejected("malformed-json", "the body is not UTF-8 JSON")) from error
