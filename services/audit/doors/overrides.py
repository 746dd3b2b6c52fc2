"""Who read in an emergency, for those who review it, and what they find."""

from dataclasses import replace
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field
from uuid_utils.compat import uuid7

from services.audit.doors.answers import OverrideReviewed, OverridesListed
from services.audit.doors.api import AnId, OrganisationCode, Page, cut, must_be_a_cursor_of
from services.audit.doors.asking import ASKED, Questions
from services.audit.queries.overrides import OverrideList, State, WantedOverrides
from services.audit.record.alerts import told_of
from services.audit.store.overrides import OUTCOMES, Overrides, Review, ToReview
from shared.chassis.accesses.record import Asked, Did, What, access_record, who_of
from shared.chassis.accesses.recording import ACCESS_ID, AccessRecords, troubles_as_problems
from shared.chassis.http.accesses.reasons import described_reasons, reasons_of
from shared.chassis.http.identity import Identity
from shared.chassis.http.parameters import OF_A_READ, PRIVATE, parameter_invalid
from shared.chassis.policy.decide import Action
from shared.chassis.telemetry import inject
from shared.chassis.wire.described import Answers, answered
from shared.chassis.wire.problem import Problem
from shared.ledger import Contributor, id_in
from shared.ledger.names import trace_of

_LIST: Final = ("overrides",)
_OF_THEMSELVES: Final = "Whoever read the plan does not review it: that is for another officer."
_NOT_YET: Final = (
    "Until it is overdue, an officer of the organisation that read the plan reviews this."
)


class OverridesQuery(Page):
    """Which overrides are asked for."""

    state: str = Field(
        default=State.AWAITING,
        description="`awaiting`: nobody has decided yet; `overdue`: not even in time; `reviewed`.",
        json_schema_extra={"enum": [*State]},
    )
    plan_id: AnId | None = Field(default=None, description="Only those of this plan.")
    organisation: OrganisationCode | None = Field(
        default=None, description="Only those by which this organisation read, by its code."
    )


_NAMES: Final = frozenset(OverridesQuery.model_json_schema()["properties"])
_LISTED: Final[Answers] = {200: answered("A page of overrides.", OverridesListed, *ASKED)}
_REVIEWED: Final[Answers] = {201: answered("Kept.", OverrideReviewed, *ASKED)}


def override_routes(
    listed: OverrideList,
    overrides: Overrides,
    accesses: AccessRecords,
    identity: Identity,
    questions: Questions,
) -> APIRouter:
    """``GET /v1/audit/overrides``, and ``POST`` with ``:review`` behind the id of one."""
    router = APIRouter(prefix="/v1/audit/overrides", tags=["audit"])
    reader = questions.reader(identity, What.OVERRIDES, _NAMES)

    async def reviewer(
        request: Request, contributor: Annotated[Contributor, Depends(identity)]
    ) -> Asked:
        return await questions.permitted(
            Action.REVIEW_OVERRIDE, What.OVERRIDES, request, contributor, ()
        )

    @router.get("", openapi_extra={"parameters": [*OF_A_READ]}, responses=_LISTED)
    async def list_of_overrides(
        query: Annotated[OverridesQuery, Query()], asked: Annotated[Asked, Depends(reader)]
    ) -> Response:
        """Reads in an emergency that somebody has to review, oldest first.

        An override begins with the first read of a plan without a relationship, or against an
        objection. One whose last review was unclear still waits.
        """
        wanted = WantedOverrides(
            state=_state_in(query.state),
            within=asked.decision.within,
            organisation=query.organisation,
            plan_id=query.plan_id,
            after=must_be_a_cursor_of(query.cursor, *_LIST),
            limit=query.limit + 1,
        )
        return await questions.answer(asked, cut(await listed.oldest(wanted), query.limit, *_LIST))

    @router.post(
        "/{override_id}:review",
        status_code=201,
        openapi_extra={
            "requestBody": described_reasons("outcome", OUTCOMES),
            "parameters": [*OF_A_READ],
        },
        responses=_REVIEWED,
    )
    async def review(
        override_id: str, request: Request, asked: Annotated[Asked, Depends(reviewer)]
    ) -> Response:
        """Say what you found; `appropriate` and `not-appropriate` decide it, once.

        It is for an officer of the organisation that read the plan, and once it is overdue also
        for one of an organisation that looks after the person; never for whoever read.
        """
        outcome, text = await reasons_of(request, "outcome", OUTCOMES)
        found = await _found(override_id, asked)
        kept = _review_of(found, asked, outcome, text)
        with troubles_as_problems():
            is_first = await overrides.review(kept)
        if not is_first:
            raise Problem("override-already-reviewed")
        accesses.committed()
        return Response(
            orjson.dumps({"override_id": override_id, "outcome": outcome}),
            201,
            {
                **PRIVATE,
                ACCESS_ID: str(kept.record_id),
                "Ledger-Policy": asked.decision.policy_version,
            },
            "application/json",
        )

    async def _found(override_id: str, asked: Asked) -> ToReview:
        known = id_in(override_id)
        found = None if known is None else await overrides.find(known)
        if found is None or not await questions.shows(asked, found.plan_id, found.organisation):
            raise Problem("override-unknown")
        asked = replace(asked, plan_id=found.plan_id)
        if found.sub == asked.contributor.sub:
            raise await questions.denied(asked, "second-person-needed", _OF_THEMSELVES)
        if not (found.is_overdue or found.organisation == asked.decision.within):
            raise await questions.denied(asked, "not-permitted", _NOT_YET)
        return found

    return router


def _state_in(text: str) -> State:
    if text not in [*State]:
        raise parameter_invalid("state", f"`state` is one of {', '.join(State)}.", "one-of")
    return State(text)


def _review_of(found: ToReview, asked: Asked, outcome: str, text: str) -> Review:
    record_id = uuid7()
    override: dict[str, Any] = told_of(found.groups).get("why", {}).get("override") or {}
    more = {"status": None, "override": {**override, "outcome": outcome}}
    reviewed = replace(asked, plan_id=found.plan_id, more=more)
    # What they say may tell of somebody: it stands with who they are, and can be erased.
    who = {**orjson.loads(who_of(asked.contributor)), "reason": text}
    return Review(
        found,
        outcome,
        str(asked.decision.within),
        record_id,
        access_record(record_id, reviewed, None, trace_of(inject()), Did.REVIEW),
        orjson.dumps(who),
    )
