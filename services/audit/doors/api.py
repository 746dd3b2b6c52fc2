"""The audit's HTTP door: the list of records, newest first, for whoever may read the audit."""

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
from shared.chassis.http.parameters import (
    DEFAULT_LIMIT,
    HIGHEST_LIMIT,
    PRIVATE,
    cursor_of,
    judge_parameters,
    one_header,
    place_in,
    whole_number,
)
from shared.chassis.policy.decide import Action, Facts, Roles, decide
from shared.chassis.wire.problem import Problem
from shared.ledger import ORGANISATION_CODE, Contributor, Instant, id_in

LIST: Final = ("records",)

_Organisation = Annotated[str, StringConstraints(pattern=f"^{ORGANISATION_CODE}$")]
_Contributor = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f]{1,500}$")]
_Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z-]{0,39}$")]


def _must_be_a_cursor(text: str) -> str:
    place_in(text, *LIST)
    return text


def _must_be_an_id(text: str) -> str:
    if id_in(text) is None:
        raise ValueError("not an id")
    return text


def _must_be_a_whole_number(text: str) -> int:
    number = whole_number(text)
    if number is None:
        raise ValueError("not a whole number")
    return number


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
    limit: Annotated[int, BeforeValidator(_must_be_a_whole_number)] = Field(
        default=DEFAULT_LIMIT, ge=1, le=HIGHEST_LIMIT
    )
    cursor: Annotated[str, AfterValidator(_must_be_a_cursor)] | None = None


_NAMES: Final = frozenset(RecordsQuery.model_json_schema()["properties"])


def record_routes(store: AuditStore, identity: Identity, roles: Roles) -> APIRouter:
    """``GET /v1/audit/records``, for whoever may read the audit."""
    router = APIRouter(tags=["audit"])

    async def auditor(
        request: Request, contributor: Annotated[Contributor, Depends(identity)]
    ) -> Contributor:
        purpose = one_header(request, "Ledger-Purpose")
        decision = decide(contributor, Action.READ_AUDIT, Facts(roles), purpose)
        if decision.code is not None:
            raise Problem(decision.code, decision.detail, policy_version=decision.policy_version)
        return contributor

    @router.get("/v1/audit/records", dependencies=[Depends(auditor), Depends(_judge_parameters)])
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
            below=None if query.cursor is None else place_in(query.cursor, *LIST),
            limit=query.limit + 1,
        )
        found = await store.records(wanted)
        items, more = found[: query.limit], found[query.limit :]
        body = {"items": items, "next": cursor_of(items[-1]["idx"], *LIST) if more else None}
        return Response(orjson.dumps(body), media_type="application/json", headers=PRIVATE)

    return router


async def _judge_parameters(request: Request) -> None:
    judge_parameters(request, _NAMES)
