"""Who has seen a plan: for those who may read the audit, and for the person in plain words."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field

from services.audit.doors.answers import AuditRecords, OwnAccesses
from services.audit.doors.api import (
    OfAPage,
    OrganisationCode,
    Sub,
    Word,
    bounds_in,
    cut,
    must_be_a_cursor_of,
)
from services.audit.doors.asking import ASKED, Questions
from services.audit.queries.own import SHOWN_TO_THE_PERSON, as_told, overrides_in
from services.audit.queries.records import ACCESSES, NONE, UNJUSTIFIED, RecordList, Wanted
from services.audit.store.overrides import Overrides
from shared.chassis.accesses.record import Asked, What
from shared.chassis.http.identity import Identity
from shared.chassis.http.parameters import OF_A_READ, PURPOSES, must_be_a_section, parameter_invalid
from shared.chassis.policy.decide import AUTHN, Action
from shared.chassis.wire.described import Answers, answered
from shared.chassis.wire.problem import Problem
from shared.ledger import Contributor, id_in

_OWN: Final = "own-access"
_PURPOSES: Final = (*PURPOSES, _OWN)
_OVERRIDES: Final = ("break-glass", "objection", "any", NONE, UNJUSTIFIED)


class AccessesQuery(OfAPage):
    """Which accesses to a plan are asked for."""

    section: Word | None = Field(
        default=None, description="Only those that showed something of this section."
    )
    actor: Sub | None = Field(default=None, description="Only theirs: the `sub` of their token.")
    organisation: OrganisationCode | None = Field(
        default=None, description="Only those by this organisation, by its code."
    )
    relationship: Word | None = Field(
        default=None,
        description="Only those that rested on this kind of relationship, or on `none`.",
    )
    purpose: str | None = Field(
        default=None,
        description="Only those for this purpose.",
        json_schema_extra={"enum": [*_PURPOSES]},
    )
    override: str | None = Field(
        default=None,
        description="Only those with this kind of override, with `any`, with `none`, or with one "
        "that is `unjustified` after a day.",
        json_schema_extra={"enum": [*_OVERRIDES]},
    )


class OwnQuery(OfAPage):
    """Which accesses the person asks for."""

    mine: str | None = Field(
        default=None,
        description="`true` for one's own accesses alone; they are left out otherwise.",
        json_schema_extra={"enum": ["true", "false"]},
    )


_NAMES: Final = frozenset(AccessesQuery.model_json_schema()["properties"])
_OWN_NAMES: Final = frozenset(OwnQuery.model_json_schema()["properties"])


_LISTED: Final[Answers] = {200: answered("A page of accesses.", AuditRecords, *ASKED)}
_TOLD: Final[Answers] = {200: answered("A page of accesses, in words.", OwnAccesses, *ASKED)}


def access_routes(
    records: RecordList, overrides: Overrides, identity: Identity, questions: Questions
) -> APIRouter:
    """``GET /v1/audit/plans/{plan_id}/accesses`` and ``GET /v1/audit/me/accesses``."""
    router = APIRouter(tags=["audit"])

    async def officer(
        plan_id: str, request: Request, contributor: Annotated[Contributor, Depends(identity)]
    ) -> Asked:
        return await questions.permitted(
            Action.READ_AUDIT, What.ACCESSES, request, contributor, _NAMES, id_in(plan_id)
        )

    async def oneself(
        request: Request, contributor: Annotated[Contributor, Depends(identity)]
    ) -> Asked:
        plan_id = contributor.plan_id
        return await questions.permitted(
            Action.READ_OWN_ACCESSES, What.ACCESSES, request, contributor, _OWN_NAMES, plan_id
        )

    @router.get(
        "/v1/audit/plans/{plan_id}/accesses",
        openapi_extra={"parameters": [*OF_A_READ]},
        responses=_LISTED,
    )
    async def accesses_to_a_plan(
        plan_id: str,
        query: Annotated[AccessesQuery, Query()],
        asked: Annotated[Asked, Depends(officer)],
    ) -> Response:
        """Who saw something of the plan, or was denied it, newest first."""
        if asked.plan_id is None:
            raise Problem("plan-unknown", "The id of a plan is a UUID in lower case.")
        organisation = await questions.within(asked, query.organisation, query.actor)
        of = ("accesses", plan_id)
        since, until = bounds_in(query)
        wanted = Wanted(
            plan_id=asked.plan_id,
            operations=ACCESSES,
            shown=query.section and must_be_a_section(query.section),
            contributor=query.actor,
            organisation=organisation,
            relationship=query.relationship,
            purpose=_one_of("purpose", query.purpose, _PURPOSES),
            override=_one_of("override", query.override, _OVERRIDES),
            since=since,
            until=until,
            after=must_be_a_cursor_of(query.cursor, *of),
            limit=query.limit + 1,
        )
        found = await records.newest(wanted, shows_authn=AUTHN not in asked.decision.redactions)
        return await questions.answer(asked, cut(found, query.limit, *of))

    @router.get(
        "/v1/audit/me/accesses", openapi_extra={"parameters": [*OF_A_READ]}, responses=_TOLD
    )
    async def own_accesses(
        query: Annotated[OwnQuery, Query()], asked: Annotated[Asked, Depends(oneself)]
    ) -> Response:
        """Who has seen the plan of the person who asks, in plain words, newest first."""
        sub = asked.contributor.sub
        mine = _one_of("mine", query.mine, ("true", "false")) == "true"
        of = ("own-accesses", str(asked.plan_id), str(mine))
        since, until = bounds_in(query)
        wanted = Wanted(
            plan_id=asked.plan_id,
            operations=SHOWN_TO_THE_PERSON,
            contributor=sub if mine else None,
            nobody=None if mine else sub,
            since=since,
            until=until,
            after=must_be_a_cursor_of(query.cursor, *of),
            limit=query.limit + 1,
        )
        page: dict[str, Any] = cut(
            await records.newest(wanted, shows_authn=False), query.limit, *of
        )
        reviewed = await overrides.reviewed(overrides_in(page["items"]))
        page["items"] = [as_told(item, reviewed) for item in page["items"]]
        return await questions.answer(asked, page)

    return router


def _one_of(name: str, given: str | None, known: tuple[str, ...]) -> str | None:
    if given is not None and given not in known:
        raise parameter_invalid(name, f"`{name}` is one of {', '.join(known)}.", "one-of")
    return given
