"""Who has looked at my plan: one plain page for the person alone."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.viewer.pages.plan import PlanScreens, plan_in
from services.viewer.shown.accesses import looks
from shared.chassis.wire.problem import Problem


def access_routes(of: PlanScreens) -> APIRouter:
    """``/me/access``."""
    router = APIRouter(include_in_schema=False)

    @router.get("/me/access")
    async def own_accesses(request: Request, cursor: str = "") -> Response:
        """Who has looked, newest first; one's own looks are left out."""
        session = of.screens.session(request)
        if session.kind != "person":
            raise Problem("not-permitted", "Only the person sees who has looked at their plan.")
        answer, _ = await of.current(session, plan_in(session.own_plan))
        listed = await of.apis.own_accesses(session.token, cursor) if answer.is_good else answer
        if not listed.is_good:
            return of.screens.problem(request, listed)
        return of.page(
            request,
            "accesses.html",
            of.laid_out(answer),
            "accesses",
            months=tuple(looks(listed.body.get("items") or (), of.clock())),
            following=listed.body.get("next"),
            access_id="",
        )

    return router
