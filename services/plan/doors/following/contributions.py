"""The HTTP door that tells a contributor how far one contribution has come."""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Request, Response
from typing_extensions import TypedDict

from services.plan.doors.answers import (
    ContributionId,
    EntryId,
    EntryVersion,
    EventType,
    PlanVersion,
    RecordedAt,
    SectionName,
)
from services.plan.doors.readers import OF_A_READER, Readers
from services.plan.doors.release import Release
from services.plan.reads.history import History, OnThePlan
from services.plan.reads.redaction import MarksOfToday
from services.plan.reads.view import ListView
from services.plan.store.values import dumps
from shared.chassis.accesses.record import What
from shared.chassis.database.database import Database
from shared.chassis.http.identity import Identity
from shared.chassis.wire.described import Answers, answered
from shared.chassis.wire.problem import Problem
from shared.ledger import Contributor, id_in, instant, titled
from shared.ledger.values.parties import Organisation

_NOT_HERE: Final = (
    "You, or your organisation, have no contribution of this id on this plan. It may be on its way."
)


class EventOnThePlan(TypedDict):
    """One event of the contribution, as the plan has it."""

    type: EventType
    entry_version: EntryVersion
    plan_version: PlanVersion
    projected_at: Annotated[datetime, titled("Projected", "When readers could first see it.")]


class FirstRead(TypedDict):
    """The first time that somebody else was shown it."""

    at: Annotated[datetime, titled("At", "When, in UTC.")]
    organisation: Annotated[
        Organisation | None, titled("Organisation", "For which organisation; null for a person.")
    ]


class ContributionOnThePlan(TypedDict):
    """How far a contribution has come."""

    contribution_id: ContributionId
    section: SectionName
    entry_id: EntryId
    recorded_at: RecordedAt
    events: Annotated[list[EventOnThePlan], titled("Events", "What came of it, oldest first.")]
    first_read: Annotated[
        FirstRead | None,
        titled(
            "First read", "By somebody outside the organisation that contributed; null: not yet."
        ),
    ]


_ANSWERED: Final[Answers] = {
    200: answered(
        "How far it has come.",
        ContributionOnThePlan,
        *("Ledger-Access-Id", "Ledger-Lag", "Ledger-Policy"),
    )
}


def contribution_routes(
    database: Database, identity: Identity, readers: Readers, release: Release
) -> APIRouter:
    """``GET /v1/plans/{plan_id}/contributions/{contribution_id}``, for whoever contributed it."""
    history = History(database, MarksOfToday(database))
    router = APIRouter(tags=["plans"])

    @router.get(
        "/v1/plans/{plan_id}/contributions/{contribution_id}",
        openapi_extra={"parameters": [*OF_A_READER]},
        responses=_ANSWERED,
    )
    async def contribution_on_the_plan(
        plan_id: str,
        contribution_id: str,
        request: Request,
        contributor: Annotated[Contributor, Depends(identity)],
    ) -> Response:
        """Which versions of the plan it made, since when, and who was shown them first."""
        reading = await readers.permitted(What.CONTRIBUTION, plan_id, request, contributor)
        named = id_in(contribution_id)
        whose = contributor.key
        found = named and await history.contribution(reading.plan_id, named, whose)
        if not named or not found:
            raise Problem("contribution-unknown", _NOT_HERE)
        return await release.list(reading.asked, ListView(dumps(_told(named, found))))

    return router


def _told(contribution_id: UUID, found: OnThePlan) -> dict[str, Any]:
    last, read = found.rows[-1], found.first_read
    return {
        "contribution_id": contribution_id,
        "section": last["section"],
        "entry_id": last["entry_id"],
        "recorded_at": last["recorded_at"],
        "events": [
            {name: row[name] for name in ("type", "entry_version", "plan_version", "projected_at")}
            for row in found.rows
        ],
        "first_read": None
        if read is None
        else {
            "at": instant(read["recorded_at"]),
            "organisation": orjson.loads(read["organisation"] or b"null"),
        },
    }
