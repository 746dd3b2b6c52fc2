"""The emergency view, and the way in for whoever has no relationship and says why."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.viewer.clients import Answer
from services.viewer.pages.plan import PlanScreens, plan_in
from services.viewer.pages.screens import NO_RELATIONSHIP
from services.viewer.shown.emergency import emergency_page
from shared.chassis.wire.problem import Problem
from shared.ledger import PROFESSIONAL

REASONS: Final = {
    "cannot-ask": "The person cannot be asked",
    "life-at-risk": "A life is at risk",
    "others-at-risk": "Others are at risk",
}
"""Why somebody may see it without a relationship, in words."""


def emergency_routes(of: PlanScreens) -> APIRouter:
    """``/plans/{plan_id}/emergency``."""
    router = APIRouter(include_in_schema=False)

    @router.get("/plans/{plan_id}/emergency")
    async def emergency(request: Request, plan_id: str) -> Response:
        """What matters now, on one screen; or the question why it is an emergency."""
        session, asked = of.screens.session(request), plan_in(plan_id)
        answer = await of.apis.emergency(session.token, asked)
        if answer.code == NO_RELATIONSHIP and session.kind == PROFESSIONAL:
            return of.screens.page(
                request, "break_glass.html", status=answer.status, plan_id=asked, reasons=REASONS
            )
        return _page(of, request, answer)

    @router.post("/plans/{plan_id}/emergency")
    async def broken(request: Request, plan_id: str) -> Response:
        """The same for whoever says why; that is recorded, and raises an alert."""
        session, asked = of.screens.session(request), plan_in(plan_id)
        reason = (await of.screens.form(request)).get("reason", "")
        if reason not in REASONS:
            raise Problem("bad-request", "Say why you need it: choose one of the reasons.")
        return _page(of, request, await of.apis.emergency(session.token, asked, reason))

    return router


def _page(of: PlanScreens, request: Request, answer: Answer) -> Response:
    if not answer.is_good:
        return of.screens.problem(request, answer)
    clock = of.clock()
    ends = answer.headers.get("ledger-override-ends", "")
    return of.screens.page(
        request,
        "emergency.html",
        page=emergency_page(of.asked(answer), of.words, clock),
        shown_at=clock.instant(clock.now.isoformat()),
        override_ends=clock.instant(ends) if ends else None,
    )
