"""Contributions over time: how much each organisation, and the person, contributed when."""

from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.viewer.clients import ENTRIES, Answer
from services.viewer.pages.plan import PlanScreens, plan_in
from services.viewer.sessions import Session
from services.viewer.shown.past.lanes import lanes_of

_MOST_PAGES: Final = 20
"""Pages of what was counted that are asked for: enough for 4,000 months of contributors."""


def over_time_routes(of: PlanScreens) -> APIRouter:
    """``/plans/{plan_id}/contributions``."""
    router = APIRouter(include_in_schema=False)

    @router.get("/plans/{plan_id}/contributions")
    async def over_time(request: Request, plan_id: str) -> Response:
        """A lane for each contributor, and the same as a table."""
        session, asked = of.screens.session(request), plan_in(plan_id)
        answer, _ = await of.current(session, asked, ENTRIES)
        if not answer.is_good:
            return of.screens.problem(request, answer)
        by_month, months = await _counted(of, session, asked, "organisation,month")
        by_all, contributors = await _counted(of, session, asked, "organisation")
        for listed in (by_month, by_all):
            if not listed.is_good:
                return of.screens.problem(request, listed)
        withheld = int(by_all.body.get("withheld") or 0)
        return of.page(
            request,
            "over_time.html",
            of.laid_out(answer),
            "history",
            found=lanes_of(months, contributors, withheld, of.clock()),
            access_id=answer.headers.get("ledger-access-id", ""),
            request_shown=of.request_shown(
                f"/v1/plans/{asked}/contributions?group_by=organisation,month"
            ),
        )

    return router


async def _counted(
    of: PlanScreens, session: Session, plan_id: UUID, group_by: str
) -> tuple[Answer, list[dict[str, Any]]]:
    """The last answer, and the items of all pages."""
    items: list[dict[str, Any]] = []
    cursor = ""
    for _ in range(_MOST_PAGES):
        answer = await of.apis.contributions(session.token, plan_id, group_by, cursor)
        items += answer.body.get("items") or ()
        cursor = str(answer.body.get("next") or "")
        if not (answer.is_good and cursor):
            break
    return answer, items
