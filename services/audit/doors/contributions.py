"""The HTTP door that tells a contributor what the audit has of one contribution."""

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from typing_extensions import TypedDict

from services.audit.doors.asking import ASKED, Questions
from services.audit.queries.contributions import ContributionRecords
from services.audit.record.model import Operation
from shared.chassis.accesses.record import Asked, What
from shared.chassis.http.identity import Identity
from shared.chassis.http.parameters import judge_parameters
from shared.chassis.policy.decide import Action, Facts, Roles, decide
from shared.chassis.wire.described import Answers, answered
from shared.chassis.wire.problem import Problem
from shared.ledger import Contributor, id_in, titled

_NOT_HERE: Final = (
    "You, or your organisation, have no contribution of this id here. It may be on its way."
)


class Seal(TypedDict):
    """The first signed head of the log that proves the record."""

    size: Annotated[int, titled("Size", "How many records that log has.")]
    at: Annotated[datetime, titled("At", "When it was signed, in UTC.")]


class RecordOfContribution(TypedDict):
    """One record of what came of the contribution."""

    section: Annotated[str | None, titled("Section", "Who decided: a section, or intake.")]
    idx: Annotated[int, titled("Place", "Its place in the log, from 0.")]
    record_id: Annotated[str, titled("Record", "What it is known by.")]
    operation: Annotated[Operation, titled("Operation", "Recorded, refused, or not readable.")]
    code: Annotated[str | None, titled("Code", "Why it was refused, or could not be read.")]
    logged_at: Annotated[datetime, titled("Logged", "When it was added to the log, in UTC.")]
    sealed: Annotated[Seal | None, titled("Sealed", "Since when it is proved; null: not yet.")]


class RecordsOfContribution(TypedDict):
    """What the audit has of a contribution, oldest first."""

    items: Annotated[list[RecordOfContribution], titled("Items", "The records.")]


_ANSWERED: Final[Answers] = {
    200: answered("What the audit has of it.", RecordsOfContribution, *ASKED)
}


def contribution_routes(
    records: ContributionRecords, identity: Identity, questions: Questions, roles: Roles
) -> APIRouter:
    """``GET /v1/audit/contributions/{contribution_id}``, for whoever contributed it."""
    router = APIRouter(tags=["audit"])

    @router.get("/v1/audit/contributions/{contribution_id}", responses=_ANSWERED)
    async def audited_contribution(
        contribution_id: str,
        request: Request,
        contributor: Annotated[Contributor, Depends(identity)],
    ) -> Response:
        """Where the audit log has what came of a contribution, for whoever contributed it."""
        judge_parameters(request)
        named = id_in(contribution_id)
        found = [] if named is None else await records.of(named)
        # A record of another contributor under the same id is theirs, and not told.
        allowed = {
            key: decide(contributor, Action.READ_RECEIPT, Facts(roles, contributed_by=key))
            for key, _ in found
        }
        items = [item for key, item in found if allowed[key].allowed]
        if not items:
            raise Problem("contribution-unknown", _NOT_HERE)
        decision = next(one for one in allowed.values() if one.allowed)
        asked = Asked(contributor, decision, What.CONTRIBUTION, purpose="audit")
        return await questions.answer(asked, {"items": items})

    return router
