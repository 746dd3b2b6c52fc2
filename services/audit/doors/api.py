"""The audit's HTTP door: the list of records, newest first, for whoever may read the audit."""

import re
from collections.abc import Callable, Collection, Coroutine
from datetime import date, datetime
from typing import Annotated, Any, Final
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
    TypeAdapter,
    ValidationError,
)

from services.audit.doors.answers import AuditRecords
from services.audit.queries.records import RecordList, Wanted
from services.audit.record.model import Operation
from shared.chassis.http.identity import Identity
from shared.chassis.http.parameters import (
    DEFAULT_LIMIT,
    HIGHEST_LIMIT,
    OF_A_READ,
    PRIVATE,
    PURPOSES,
    cursor_of,
    judge_parameters,
    judge_purpose,
    one_header,
    parameter_invalid,
    place_in,
    whole_number,
)
from shared.chassis.policy.decide import AUTHN, Action, Decision, Facts, Roles, decide
from shared.chassis.wire.described import Answers, answered
from shared.chassis.wire.problem import Problem
from shared.ledger import ORGANISATION_CODE, Contributor, Instant, id_in

LIST: Final = ("records",)
OPERATIONS: Final = tuple(word for word in Operation if word is not Operation.UNKNOWN)

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_instant: Final = TypeAdapter[datetime](Instant)

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


_Id = Annotated[UUID, BeforeValidator(_must_be_an_id)]


class RecordsQuery(BaseModel):
    """Which records are asked for; ``from`` and ``to`` are instants or days, both included."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    plan_id: _Id | None = Field(default=None, description="Only records about this plan.")
    organisation: _Organisation | None = Field(
        default=None, description="Only what this organisation did, by its code."
    )
    contributor: _Contributor | None = Field(
        default=None, description="Only what this contributor did: the `sub` of their token."
    )
    contribution_id: _Id | None = Field(
        default=None, description="Only what became of this contribution."
    )
    section: _Word | None = Field(default=None, description="Only what this section did.")
    operation: str | None = Field(
        default=None,
        description="Only what was done in this way.",
        json_schema_extra={"enum": [*OPERATIONS]},
    )
    since: str | None = Field(
        default=None,
        alias="from",
        description="From this instant, or from the beginning of this day.",
    )
    until: str | None = Field(
        default=None, alias="to", description="Until this instant, or until the end of this day."
    )
    limit: Annotated[int, BeforeValidator(_must_be_a_whole_number)] = Field(
        default=DEFAULT_LIMIT,
        ge=1,
        le=HIGHEST_LIMIT,
        description="How many records a page may have.",
    )
    cursor: Annotated[str, AfterValidator(_must_be_a_cursor)] | None = Field(
        default=None, description="The `next` of the page before."
    )


_ANSWERED: Final[Answers] = {200: answered("A page of records.", AuditRecords, "Ledger-Policy")}
_NAMES: Final = frozenset(RecordsQuery.model_json_schema()["properties"])


def who_reads(
    identity: Identity, roles: Roles, names: Collection[str]
) -> Callable[..., Coroutine[Any, Any, Decision]]:
    """Whether the caller may read the audit, for ``Depends``; raises ``Problem``.

    ``names`` are the parameters that the address takes.
    """

    async def reader(
        request: Request, contributor: Annotated[Contributor, Depends(identity)]
    ) -> Decision:
        purpose = one_header(request, "Ledger-Purpose")
        known = purpose if purpose in PURPOSES else None
        decision = decide(contributor, Action.READ_AUDIT, Facts(roles), known)
        if decision.code is not None:
            raise Problem(decision.code, decision.detail, policy_version=decision.policy_version)
        judge_purpose(request, purpose)
        judge_parameters(request, names)
        return decision

    return reader


def record_routes(records: RecordList, identity: Identity, roles: Roles) -> APIRouter:
    """``GET /v1/audit/records``, for whoever may read the audit."""
    router = APIRouter(tags=["audit"])
    reader = who_reads(identity, roles, _NAMES)

    @router.get(
        "/v1/audit/records", openapi_extra={"parameters": [*OF_A_READ]}, responses=_ANSWERED
    )
    async def list_of_records(
        query: Annotated[RecordsQuery, Query()],
        decision: Annotated[Decision, Depends(reader)],
    ) -> Response:
        """Audit records, newest first; ``next`` goes on below the last one."""
        wanted = Wanted(
            plan_id=query.plan_id,
            organisation=query.organisation,
            contributor=query.contributor,
            contribution_id=query.contribution_id,
            section=query.section,
            operation=_operation_in(query.operation),
            since=_bound_in(query.since, "from"),
            until=_bound_in(query.until, "to"),
            after=None if query.cursor is None else place_in(query.cursor, *LIST),
            limit=query.limit + 1,
        )
        found = await records.newest(wanted, shows_authn=AUTHN not in decision.redactions)
        items, more = found[: query.limit], found[query.limit :]
        body = {"items": items, "next": cursor_of(items[-1]["idx"], *LIST) if more else None}
        headers = {**PRIVATE, "Ledger-Policy": decision.policy_version}
        return Response(orjson.dumps(body), media_type="application/json", headers=headers)

    return router


def _operation_in(text: str | None) -> Operation | None:
    if text is None:
        return None
    if text not in OPERATIONS:
        allowed = ", ".join(OPERATIONS)
        raise parameter_invalid("operation", f"`operation` is one of {allowed}.", "one-of")
    return Operation(text)


def _bound_in(text: str | None, name: str) -> date | datetime | None:
    """A day or an instant, told apart by how it is written."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else _instant.validate_python(text)
    except (ValueError, ValidationError):
        detail = (
            f"`{name}` must be a day, as 2026-03-10, or a time with its offset from UTC, as "
            "2026-03-10T14:00:00Z."
        )
        raise parameter_invalid(name, detail) from None
