"""Past plans: the list of versions, one version, and the plan as at a day and a time."""

from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.viewer.clients import Answer
from services.viewer.pages.past.days import instant_in, number_in
from services.viewer.pages.plan import PlanScreens, plan_in
from services.viewer.shown.entries import titles_of
from services.viewer.shown.past.versions import BASES, past_of, versions
from shared.chassis.wire.problem import Problem


def past_routes(of: PlanScreens) -> APIRouter:
    """``/plans/{plan_id}/versions``, one of them, and ``…/as-at``."""
    router = APIRouter(include_in_schema=False)

    @router.get("/plans/{plan_id}/versions")
    async def list_of_versions(request: Request, plan_id: str, cursor: str = "") -> Response:
        """Every version of the plan, newest first, and the way to any past day."""
        session, asked = of.screens.session(request), plan_in(plan_id)
        answer, _ = await of.current(session, asked)
        if not answer.is_good:
            return of.screens.problem(request, answer)
        listed = await of.apis.versions(session.token, asked, cursor)
        if not listed.is_good:
            return of.screens.problem(request, listed)
        plan, clock = of.laid_out(answer), of.clock()
        titles = titles_of(answer.body.get("sections") or {}, of.words, clock)
        return of.page(
            request,
            "versions.html",
            plan,
            "versions",
            versions=tuple(versions(listed.body.get("items") or (), of.words, titles, clock)),
            following=listed.body.get("next"),
            bases=BASES,
            today=clock.now.astimezone(clock.zone).date().isoformat(),
            access_id=listed.headers.get("ledger-access-id", ""),
        )

    @router.get("/plans/{plan_id}/versions/{version}")
    async def version(request: Request, plan_id: str, version: str) -> Response:
        """The plan of a version."""
        session, asked = of.screens.session(request), plan_in(plan_id)
        number = number_in(version)
        if number is None:
            raise Problem("not-found", "There is no such page.")
        answer = await of.apis.version(session.token, asked, number)
        return _past(request, answer, f"/v1/plans/{asked}/versions/{version}")

    @router.get("/plans/{plan_id}/as-at")
    async def as_at(
        request: Request, plan_id: str, day: str = "", at: str = "", basis: str = "recorded"
    ) -> Response:
        """The plan as it was on a day at a time, by one of three meanings."""
        session, asked = of.screens.session(request), plan_in(plan_id)
        instant = instant_in(day, at, of.clock())
        if basis not in BASES:
            raise Problem("parameter-invalid", "Choose one of the three meanings.")
        answer, is_whole = await of.apis.as_at(session.token, asked, instant, basis)
        path = f"/v1/plans/{asked}?as_at={quote(instant.isoformat())}&basis={basis}"
        return _past(request, answer, path, is_whole=is_whole)

    def _past(request: Request, answer: Answer, path: str, *, is_whole: bool = True) -> Response:
        if not answer.is_good:
            return of.screens.problem(request, answer)
        newest = answer.headers.get("ledger-current-version", "")
        clock = of.clock()
        return of.page(
            request,
            "plan.html",
            of.laid_out(answer, is_past=True),
            "versions",
            past=past_of(answer.body, int(newest) if newest.isdigit() else None, clock),
            since=None,
            is_whole=is_whole,
            sent="",
            not_yet=False,
            may_write=False,
            may_comment=False,
            access_id=answer.headers.get("ledger-access-id", ""),
            request_shown=of.request_shown(path),
        )

    return router
