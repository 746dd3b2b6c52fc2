"""The HTTP door to what of a plan somebody needs in an emergency."""

from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response

from services.plan.doors.answers import Plan
from services.plan.doors.readers import OF_A_READER, Readers
from services.plan.doors.release import Release
from services.plan.reads.emergency import EmergencyPlans
from services.plan.reads.view import Beside
from shared.chassis.accesses.record import What
from shared.chassis.accesses.recording import OVERRIDE_ENDS
from shared.chassis.http.identity import Identity
from shared.chassis.policy.decide import Action
from shared.chassis.wire.described import Answers, answered, unchanged
from shared.chassis.wire.problem import Problem
from shared.ledger import Contributor

_HEADERS: Final = (
    *("ETag", "Ledger-Position", "Ledger-Version", "Ledger-Access-Id", "Ledger-Lag"),
    *("Ledger-Policy", OVERRIDE_ENDS),
)
_ANSWERED: Final[Answers] = {
    200: answered("What an emergency needs.", Plan, *_HEADERS),
    304: unchanged(*_HEADERS),
}
_DERIVED: Final = frozenset({"derived"})


def emergency_routes(
    identity: Identity, readers: Readers, release: Release, plans: EmergencyPlans, derived: Beside
) -> APIRouter:
    """``GET /v1/plans/{plan_id}/emergency``."""
    router = APIRouter(tags=["plans"])

    @router.get(
        "/v1/plans/{plan_id}/emergency",
        openapi_extra={"parameters": [*OF_A_READER]},
        responses=_ANSWERED,
    )
    async def emergency(
        plan_id: str, request: Request, contributor: Annotated[Contributor, Depends(identity)]
    ) -> Response:
        """The fields that the contracts mark for an emergency, with who said each of them.

        A professional without a live relationship, or against an objection, is shown them for the
        purpose `emergency` and one of its reasons. That is recorded as an override, raises an
        alert, and is to be explained within a day.
        """
        reading = await readers.permitted(
            What.EMERGENCY, plan_id, request, contributor, action=Action.READ_EMERGENCY
        )
        async with readers.answering(reading):
            view = await plans.of(reading.plan_id, reading.sees)
            if view is None:
                raise Problem("plan-unknown")
            view = await derived.beside(view, _DERIVED, datetime.now(UTC))
            return await release.plan(request, reading.asked, view)

    return router
