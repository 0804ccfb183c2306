"""Rules in plain words over HTTP: say them, have them told, and draft a policy with them (docs/rules-language.md).

Whoever edits sees what was understood before anything is kept: only `accept` changes something.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from central_sync import rule_drafts
from central_sync.api.access import Access
from central_sync.api.handlers import answer, read_json
from central_sync.api.policy_documents import linted_shown
from central_sync.rule_language.vocabulary import Vocabulary
from central_sync.rules import SaidRow, SaidTable, say, tell
from central_sync.store.database import Database
from edge_core.errors import Rejected
from edge_core.limits import IDENTIFIER_CHARS_MAX, RULE_SENTENCES_MAX
from edge_core.routing.terms import Lang
from edge_core.shapes import json_reader
from holdfast_runtime.problems import ProblemRaised

Sentences = Annotated[tuple[str, ...], Meta(min_length=1, max_length=RULE_SENTENCES_MAX)]


class SayRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Sentences, one for each row; each in the language of its characters where `lang` names none."""

    sentences: Sentences
    lang: Lang | None = None
    name: Annotated[str, Meta(min_length=1, max_length=IDENTIFIER_CHARS_MAX)] = "rules"


class AcceptRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The policy of which a revision is drafted, and the sentences of the rows that come before its own."""

    policy_id: str
    sentences: Sentences
    lang: Lang | None = None


class TellRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A JDM document."""

    graph: dict[str, Any]


_SAYS: Final = json_reader(SayRequest)
_ACCEPTS: Final = json_reader(AcceptRequest)
_TELLS: Final = json_reader(TellRequest)


class RuleDesk:
    """The endpoints under /v1/rules. Sentences are read beside what else goes on: some milliseconds each."""

    def __init__(self, database: Database, access: Access, vocabulary: Vocabulary, now: Callable[[], datetime]) -> None:
        self._database = database
        self._access = access
        self._vocabulary = vocabulary
        self._now = now

    async def say(self, request: Request) -> Response:
        """POST /v1/rules/say: what was understood, sentence by sentence."""
        asked = await read_json(request, _SAYS)
        return answer(await self._said(asked.sentences, asked.lang, asked.name))

    async def tell(self, request: Request) -> Response:
        """POST /v1/rules/tell: the rows of a document's tables as sentences."""
        asked = await read_json(request, _TELLS)
        told = await asyncio.to_thread(tell, msgspec.json.encode(asked.graph), self._vocabulary)
        if isinstance(told, Rejected):
            raise ProblemRaised(told)
        return answer(told)

    async def accept(self, request: Request) -> Response:
        """POST /v1/rules/accept: a draft with the rows of all sentences, or of none."""
        who = self._access.who(request, "operate")
        asked = await read_json(request, _ACCEPTS)
        rows = _rows(await self._said(asked.sentences, asked.lang, asked.policy_id))
        async with self._database.transaction() as connection:
            drafted = await rule_drafts.accept(connection, asked.policy_id, rows, now=self._now, who=who)
        if isinstance(drafted, Rejected):
            raise ProblemRaised(drafted)
        return answer(linted_shown(drafted), 201)

    async def _said(self, sentences: Sequence[str], lang: Lang | None, name: str) -> SaidTable:
        return await asyncio.to_thread(say, sentences, lang, self._vocabulary, name)


def _rows(table: SaidTable) -> list[SaidRow]:
    """The rows, where every sentence gave one. Raises `ProblemRaised` with the first mistake."""
    for number, each in enumerate(table.sentences):
        if each.mistake is not None:
            problem = Rejected(
                "rule-not-understood", each.mistake.told, f"/sentences/{number}", allowed=each.mistake.allowed
            )
            raise ProblemRaised(problem)
    return [each.row for each in table.sentences if each.row is not None]
