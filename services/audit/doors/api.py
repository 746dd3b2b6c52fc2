"""The audit's HTTP door: the list of records, newest first, for whoever may read the audit."""

from datetime import date, datetime, time
from typing import Annotated, Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from services.audit.doors.answers import AuditRecords, RecordLine
from services.audit.doors.asking import ASKED, Questions
from services.audit.doors.searching.formats import CSV, NDJSON, ZIP
from services.audit.doors.searching.search import SearchDoor
from services.audit.queries.records import UNJUSTIFIED, RecordList, Wanted
from services.audit.queries.search.finding import USUAL_DAYS
from services.audit.queries.search.language import LONGEST
from services.audit.queries.search.moments import moment_of
from services.audit.queries.search.qualifiers import QUALIFIERS
from services.audit.record.model import Operation
from shared.chassis.accesses.record import Asked, What
from shared.chassis.http.identity import Identity
from shared.chassis.http.parameters import (
    DEFAULT_LIMIT,
    HIGHEST_LIMIT,
    OF_A_READ,
    cursor_of,
    must_be_a_section,
    parameter_invalid,
    place_in,
    whole_number,
)
from shared.chassis.policy.decide import AUTHN
from shared.chassis.wire.described import Answers, answered
from shared.ledger import ORGANISATION_CODE, Misshapen, id_in

LIST: Final = ("records",)
OPERATIONS: Final = tuple(word for word in Operation if word is not Operation.UNKNOWN)

_AN_ID: Final = "must be a UUID in lower case, as 0199c0de-0000-7000-8000-000000000001"

OrganisationCode = Annotated[str, StringConstraints(pattern=f"^{ORGANISATION_CODE}$")]
Sub = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f]{1,500}$")]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z-]{0,39}$")]


def _must_be_an_id(text: str) -> str:
    if id_in(text) is None:
        raise Misshapen(_AN_ID)
    return text


def _must_be_a_limit(text: str) -> int:
    number = whole_number(text)
    if number is None or number > HIGHEST_LIMIT:
        raise Misshapen(f"must be a whole number from 1 to {HIGHEST_LIMIT}")
    return number


AnId = Annotated[UUID, BeforeValidator(_must_be_an_id)]


class Page(BaseModel):
    """Which part of a list."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: Annotated[int, BeforeValidator(_must_be_a_limit)] = Field(
        default=DEFAULT_LIMIT,
        ge=1,
        le=HIGHEST_LIMIT,
        description="How many records a page may have.",
    )
    cursor: str | None = Field(default=None, description="The `next` of the page before.")


class OfAPage(Page):
    """The same, between ``from`` and ``to``: instants or days, both included."""

    since: str | None = Field(
        default=None,
        alias="from",
        description="From this instant, or from the beginning of this day.",
    )
    until: str | None = Field(
        default=None, alias="to", description="Until this instant, or until the end of this day."
    )


class RecordsQuery(OfAPage):
    """Which records are asked for."""

    plan_id: AnId | None = Field(default=None, description="Only records about this plan.")
    organisation: OrganisationCode | None = Field(
        default=None, description="Only what this organisation did, by its code."
    )
    contributor: Sub | None = Field(
        default=None, description="Only what this contributor did: the `sub` of their token."
    )
    contribution_id: AnId | None = Field(
        default=None, description="Only what became of this contribution."
    )
    section: Word | None = Field(default=None, description="Only what this section did.")
    operation: str | None = Field(
        default=None,
        description="Only what was done in this way.",
        json_schema_extra={"enum": [*OPERATIONS]},
    )
    q: str | None = Field(
        default=None,
        max_length=LONGEST,
        description="A search, as `operation:read created:>=2026-03-01`: the qualifiers are "
        f"{', '.join(f'`{name}:`' for name in QUALIFIERS)}. Only `limit` and `cursor` may stand "
        f"beside it. Without `created:` and `logged:` it looks back {USUAL_DAYS} days.",
    )
    groups: str | None = Field(
        default=None,
        description="Of a search as a bundle (`application/zip`): show only these groups of each "
        "record, with commas; others as hashes.",
    )
    override: str | None = Field(
        default=None,
        description="Only accesses by an override that nobody has given reasons for within a day.",
        json_schema_extra={"enum": [UNJUSTIFIED]},
    )


_ANSWERED: Final[Answers] = {
    200: answered(
        "A page of records; of a search, in lines or as a table, all that it finds.",
        AuditRecords,
        *ASKED,
        "Ledger-Log-Size",
        "Ledger-Result-Count",
        also={NDJSON: RecordLine, CSV: str, ZIP: str},
    )
}
_BESIDE_A_SEARCH: Final = frozenset({"q", "limit", "cursor", "groups"})
_NAMES: Final = frozenset(RecordsQuery.model_json_schema()["properties"])


def record_routes(
    records: RecordList, search: SearchDoor, identity: Identity, questions: Questions
) -> APIRouter:
    """``GET /v1/audit/records``, for whoever may read the audit."""
    router = APIRouter(tags=["audit"])

    reader = questions.reader(identity, What.RECORDS, _NAMES)

    @router.get(
        "/v1/audit/records", openapi_extra={"parameters": [*OF_A_READ]}, responses=_ANSWERED
    )
    async def list_of_records(
        request: Request,
        query: Annotated[RecordsQuery, Query()],
        asked: Annotated[Asked, Depends(reader)],
    ) -> Response:
        """Audit records, newest first; ``next`` goes on below the last one."""
        if query.q is not None:
            _judge_beside_a_search(request)
            return await search.answer(request, asked, query.q, query.limit, query.cursor)
        since, until = bounds_in(query)
        organisation = await questions.within(asked, query.organisation, query.contributor)
        wanted = Wanted(
            plan_id=query.plan_id,
            organisation=organisation,
            contributor=query.contributor,
            contribution_id=query.contribution_id,
            section=query.section and must_be_a_section(query.section),
            operation=_operation_in(query.operation),
            override=_override_in(query.override),
            since=since,
            until=until,
            after=must_be_a_cursor_of(query.cursor, *LIST),
            limit=query.limit + 1,
        )
        if query.groups is not None:
            raise parameter_invalid("groups", "`groups` is for bundles of a search (`q`).")
        found = await records.newest(wanted, shows_authn=AUTHN not in asked.decision.redactions)
        return await questions.answer(asked, cut(found, query.limit, *LIST))

    return router


def _judge_beside_a_search(request: Request) -> None:
    for name in request.query_params:
        if name not in _BESIDE_A_SEARCH:
            detail = "Beside `q` only `limit` and `cursor` may stand: the search says the rest."
            raise parameter_invalid(name, detail)


def cut(found: list[dict[str, Any]], limit: int, *of: str) -> dict[str, Any]:
    """A page of what was found, and where the next one begins if there is more."""
    items = found[:limit]
    return {"items": items, "next": cursor_of(items[-1]["idx"], *of) if found[limit:] else None}


def must_be_a_cursor_of(cursor: str | None, *of: str) -> int | None:
    """The place where a page begins; ``None`` for the first one."""
    if cursor is None:
        return None
    try:
        return place_in(cursor, *of)
    except ValueError:
        detail = "`cursor` must be the `next` of an earlier page of this list."
        raise parameter_invalid("cursor", detail) from None


def _override_in(text: str | None) -> str | None:
    if text not in (None, UNJUSTIFIED):
        raise parameter_invalid("override", f"`override` may be `{UNJUSTIFIED}`.", "one-of")
    return text


def _operation_in(text: str | None) -> Operation | None:
    if text is None:
        return None
    if text not in OPERATIONS:
        allowed = ", ".join(OPERATIONS)
        raise parameter_invalid("operation", f"`operation` is one of {allowed}.", "one-of")
    return Operation(text)


def bounds_in(query: OfAPage) -> tuple[date | datetime | None, date | datetime | None]:
    """``from`` and ``to``; refused where nothing can lie between them."""
    since, until = _bound_in(query.since, "from"), _bound_in(query.until, "to")
    if since and until and _moment(since, time.min) > _moment(until, time.max):
        raise parameter_invalid("from", "`from` must not be later than `to`.")
    return since, until


def _moment(bound: date | datetime, of_the_day: time) -> datetime:
    if isinstance(bound, datetime):
        return bound
    return datetime.combine(bound, of_the_day, ZoneInfo(Wanted.zone))


def _bound_in(text: str | None, name: str) -> date | datetime | None:
    """A day or an instant, told apart by how it is written."""
    if text is None:
        return None
    try:
        return moment_of(text)
    except ValueError:
        detail = (
            f"`{name}` must be a day, as 2026-03-10, or a time with its offset from UTC, as "
            "2026-03-10T14:00:00Z."
        )
        raise parameter_invalid(name, detail) from None
