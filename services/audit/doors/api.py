"""The audit's HTTP door: the list of records, newest first, for whoever may read the audit."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import Counter
from collections.abc import Collection
from typing import Annotated, Final
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from services.audit.store.records import AuditStore, Wanted
from shared.chassis.http.identity import Identity
from shared.chassis.wire.problem import Problem
from shared.ledger import ORGANISATION_CODE, Contributor, Instant, id_in

LIST_LIMIT: Final = 200
_DIGITS: Final = re.compile(r"[0-9]{1,9}")

_Organisation = Annotated[str, StringConstraints(pattern=f"^{ORGANISATION_CODE}$")]
_Contributor = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f]{1,500}$")]
_Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z-]{0,39}$")]


def cursor_of(idx: int) -> str:
    """The place below a record, as callers are given it."""
    return urlsafe_b64encode(orjson.dumps([idx])).decode().rstrip("=")


def idx_of(cursor: str) -> int:
    """The reverse; ``ValueError`` for anything that ``cursor_of`` did not make."""
    try:
        told = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError as error:
        raise ValueError("not a cursor") from error
    is_place = isinstance(told, list) and len(told) == 1 and type(told[0]) is int
    if not is_place or not 0 <= told[0] < 2**63 or cursor_of(told[0]) != cursor:
        raise ValueError("not a cursor")
    idx: int = told[0]
    return idx


def _must_be_a_cursor(text: str) -> str:
    idx_of(text)
    return text


def _must_be_an_id(text: str) -> str:
    if id_in(text) is None:
        raise ValueError("not an id")
    return text


def _must_be_digits(text: str) -> str:
    if not _DIGITS.fullmatch(text):
        raise ValueError("not a whole number")
    return text


class RecordsQuery(BaseModel):
    """Which records are asked for; ``from`` counts in, ``to`` does not."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    plan_id: Annotated[UUID, BeforeValidator(_must_be_an_id)] | None = None
    organisation: _Organisation | None = None
    contributor: _Contributor | None = None
    section: _Word | None = None
    operation: _Word | None = None
    since: Instant | None = Field(default=None, alias="from")
    until: Instant | None = Field(default=None, alias="to")
    limit: Annotated[int, BeforeValidator(_must_be_digits)] = Field(default=50, ge=1, le=LIST_LIMIT)
    cursor: Annotated[str, AfterValidator(_must_be_a_cursor)] | None = None


def record_routes(store: AuditStore, identity: Identity, roles: Collection[str]) -> APIRouter:
    """``GET /v1/audit/records``, for these roles and nobody else."""
    router = APIRouter(tags=["audit"])

    async def auditor(contributor: Annotated[Contributor, Depends(identity)]) -> Contributor:
        if contributor.role not in roles:
            raise Problem("not-permitted", "This role may not read the audit.")
        return contributor

    @router.get("/v1/audit/records", dependencies=[Depends(auditor), Depends(_each_once)])
    async def records(query: Annotated[RecordsQuery, Query()]) -> Response:
        """Audit records, newest first; ``next`` goes on below the last one."""
        wanted = Wanted(
            plan_id=query.plan_id,
            organisation=query.organisation,
            contributor=query.contributor,
            section=query.section,
            operation=query.operation,
            since=query.since,
            until=query.until,
            below=None if query.cursor is None else idx_of(query.cursor),
            limit=query.limit + 1,
        )
        found = await store.records(wanted)
        items, more = found[: query.limit], found[query.limit :]
        body = {"items": items, "next": cursor_of(items[-1]["idx"]) if more else None}
        return Response(
            orjson.dumps(body),
            media_type="application/json",
            headers={"Cache-Control": "private, no-cache", "Vary": "Authorization, Accept"},
        )

    return router


async def _each_once(request: Request) -> None:
    """Two values of one parameter would leave it open which of them counts."""
    given = Counter(name for name, _ in request.query_params.multi_items())
    for name in RecordsQuery.model_json_schema()["properties"]:
        if given[name] > 1:
            raise Problem(
                "parameter-invalid",
                f"The parameter {name} is given twice.",
                errors=[{"pointer": f"/{name}", "rule": "once", "message": "Give it once."}],
                parameter=name,
            )
