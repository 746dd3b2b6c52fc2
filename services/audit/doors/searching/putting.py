"""Reads a named question as somebody puts it, or says what would be right."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import orjson
from starlette.requests import Request

from services.audit.queries.questions.catalogue import BY_NAME
from services.audit.queries.questions.question import Given, Question
from services.audit.queries.questions.reading import Unanswerable, given_in
from shared.chassis.http.body import read_body
from shared.chassis.http.parameters import DEFAULT_LIMIT, HIGHEST_LIMIT
from shared.chassis.wire.problem import Problem
from shared.chassis.wire.strict_json import read
from shared.chassis.wire.validation_errors import error_at, pointer

LONGEST_CASE: Final = 100
"""How many characters the reference of a case may have."""

_MEMBERS: Final = ("params", "case", "limit", "cursor")
_LIST: Final = "question"
TAKEN: Final = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {
                    "params": {"type": "object"},
                    "case": {"type": ["string", "null"], "maxLength": LONGEST_CASE},
                    "limit": {"type": "integer", "minimum": 1, "maximum": HIGHEST_LIMIT},
                    "cursor": {"type": ["string", "null"]},
                },
                "additionalProperties": False,
            }
        }
    },
}
"""The body as OpenAPI describes it."""


@dataclass(frozen=True)
class Put:
    """A question as somebody put it."""

    question: Question
    given: Given
    case: str | None
    limit: int
    cursor: str | None

    @property
    def of(self) -> tuple[str, str]:
        """What its cursors belong to."""
        told = orjson.dumps([self.question.id, dict(self.given)], option=orjson.OPT_SORT_KEYS)
        return _LIST, sha256(told).hexdigest()[:16]

    @property
    def told(self) -> str:
        """The question as it is recorded, in base64: it can be erased."""
        said = {"query": self.question.id, "params": dict(self.given)}
        return b64encode(orjson.dumps(said)).decode()


async def put_in(request: Request, query_id: str) -> Put:
    """The question of a request; raises ``Problem``."""
    question = BY_NAME.get(query_id)
    if question is None:
        detail = "`GET /v1/audit/queries` lists what may be asked."
        raise Problem("query-unknown", detail)
    told = read(await read_body(request))
    if not isinstance(told, dict):
        raise Problem("content-invalid", "Send an object with `params`.")
    unknown = [
        error_at(pointer(name), "unknown-key", f"Known are {', '.join(_MEMBERS)}.")
        for name in sorted(told.keys() - {*_MEMBERS})
    ]
    if unknown:
        raise Problem("content-invalid", errors=unknown)
    params = {} if told.get("params") is None else told["params"]
    if not isinstance(params, dict):
        raise content_invalid("params", "It has to be an object of parameters.")
    try:
        given = given_in(question, params)
    except Unanswerable as wrong:
        errors = [
            error_at(pointer("params", name), "parameter", right)
            for name, right in wrong.wrong.items()
        ]
        raise Problem("content-invalid", errors=errors) from None
    return Put(question, given, _case_in(told), _limit_in(told), _cursor_in(told))


def _case_in(told: Mapping[str, Any]) -> str | None:
    case = told.get("case")
    if case is None:
        return None
    if not isinstance(case, str) or not 0 < len(case) <= LONGEST_CASE or not case.isprintable():
        detail = f"It has to be a reference of at most {LONGEST_CASE} characters, on one line."
        raise content_invalid("case", detail)
    return case


def _limit_in(told: Mapping[str, Any]) -> int:
    limit = told.get("limit")
    if limit is None:
        return DEFAULT_LIMIT
    if type(limit) is not int or not 1 <= limit <= HIGHEST_LIMIT:
        raise content_invalid("limit", f"It has to be a whole number from 1 to {HIGHEST_LIMIT}.")
    return limit


def _cursor_in(told: Mapping[str, Any]) -> str | None:
    cursor = told.get("cursor")
    if cursor is not None and not isinstance(cursor, str):
        raise content_invalid("cursor", "It has to be the `next` of an earlier page.")
    return cursor


def content_invalid(name: str, detail: str) -> Problem:
    """The problem of one member of the body; ``detail`` is a whole sentence."""
    return Problem("content-invalid", errors=[error_at(pointer(name), "parameter", detail)])
