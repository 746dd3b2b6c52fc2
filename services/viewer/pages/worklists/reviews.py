"""The reviews of the plans of the reader's own organisation, the most urgent first."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.viewer.pages.plan import PlanScreens
from services.viewer.shown.reviews import STATES, reviews_due
from shared.chassis.wire.problem import Problem
from shared.ledger import PROFESSIONAL


def review_routes(of: PlanScreens) -> APIRouter:
    """``/reviews``."""
    router = APIRouter(include_in_schema=False)

    @router.get("/reviews")
    async def reviews(request: Request, state: str = "", cursor: str = "") -> Response:
        """What is due, a page at a time; all of it, or what is in one state."""
        session = of.screens.session(request)
        if session.kind != PROFESSIONAL:
            raise Problem("not-permitted", "Only professionals see what is due on several plans.")
        if state and state not in STATES:
            raise Problem("parameter-invalid", "Choose one of the states.")
        listed = await of.apis.reviews(session.token, state, cursor)
        if not listed.is_good:
            return of.screens.problem(request, listed)
        return of.screens.page(
            request,
            "reviews.html",
            reviews=tuple(reviews_due(listed.body.get("items") or (), of.words, of.clock())),
            states=STATES,
            chosen=state,
            is_first=not cursor,
            following=listed.body.get("next"),
        )

    return router
