"""The plan on a page, today's and that of a version."""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.viewer.clients import ALL, LAST_LOOK, Answer, Apis
from services.viewer.pages.screens import Screens
from services.viewer.sessions import Session
from services.viewer.shown.entries import titles_of
from services.viewer.shown.past.differences import Since, since_looked
from services.viewer.shown.plan import Asked, PlanPage, plan_page
from services.viewer.shown.times import Clock
from services.viewer.shown.words import Words
from shared.chassis.wire.problem import Problem
from shared.ledger.names import id_in

_BEHIND: Final = "projection-behind"


class PlanScreens:
    """What the pages about one plan have in common."""

    def __init__(self, screens: Screens, apis: Apis, words: Words, zone: ZoneInfo) -> None:
        self.screens = screens
        self.apis = apis
        self.words = words
        self._zone = zone

    def clock(self) -> Clock:
        """The time at which a page is made."""
        return Clock(self._zone, datetime.now(UTC))

    async def current(
        self, session: Session, plan_id: UUID, include: str = ALL
    ) -> tuple[Answer, bool]:
        """The plan, with what this reader has just contributed; True where it has not come yet."""
        position = session.positions.get(str(plan_id), "")
        answer = await self.apis.plan(session.token, plan_id, position, include)
        if answer.code != _BEHIND:
            return answer, False
        return await self.apis.plan(session.token, plan_id, include=include), True

    def page(
        self, request: Request, template: str, plan: PlanPage, tab: str, **said: Any
    ) -> Response:
        """A page about a plan, below the banner of whose it is."""
        return self.screens.page(
            request,
            template,
            plan=plan,
            banner=plan.banner,
            tab=tab,
            tabs=tabs(plan, self.screens.session(request)),
            **said,
        )

    def laid_out(self, answer: Answer, *, is_past: bool = False) -> PlanPage:
        """An answer of the plan's API, laid out."""
        return plan_page(self.asked(answer), self.words, self.clock(), is_past=is_past)

    def asked(self, answer: Answer) -> Asked:
        """A plan with how far it is behind, where anybody can tell."""
        return Asked(answer.body, answer.headers.get("ledger-lag", "unknown"))

    def request_shown(self, path: str) -> str:
        """The request behind a page, to paste."""
        return f"curl -s -H \"Authorization: Bearer $TOKEN\" \\\n  '{self.apis.plan_address}{path}'"


def plan_routes(of: PlanScreens) -> APIRouter:
    """``/plans/{plan_id}``."""
    router = APIRouter(include_in_schema=False)

    @router.get("/plans/{plan_id}")
    async def plan(request: Request, plan_id: str, sent: str = "") -> Response:
        """The plan on a page."""
        session, asked = of.screens.session(request), plan_in(plan_id)
        answer, not_yet = await of.current(session, asked)
        if not answer.is_good:
            return of.screens.problem(request, answer)
        return of.page(
            request,
            "plan.html",
            of.laid_out(answer),
            "plan",
            past=None,
            since=await _since(of, session, asked, answer),
            is_whole=True,
            sent=_SENT.get(sent, ""),
            not_yet=not_yet,
            may_write=session.kind == "person",
            may_comment=session.kind != "system",
            access_id=answer.headers.get("ledger-access-id", ""),
            request_shown=of.request_shown(
                f"/v1/plans/{asked}?include=authorship,derived,findings,reviews"
            ),
        )

    return router


async def _since(of: PlanScreens, session: Session, plan_id: UUID, now: Answer) -> Since | None:
    """What has changed since this reader looked; ``None`` where they never did, or none can say."""
    told = await of.apis.difference(session.token, plan_id, LAST_LOOK)
    if not told.is_good:
        return None
    titles = titles_of(now.body.get("sections") or {}, of.words, of.clock())
    return since_looked(told.body, of.words, titles, of.clock())


_SENT: Final = {
    "about-me": "Your words are in your plan, and everybody who reads it sees them.",
    "stewardship": "Your comment is in the plan.",
}


def plan_in(text: str) -> UUID:
    """The id of a plan in a path."""
    found = id_in(text)
    if found is None:
        raise Problem("not-found", "There is no such page.")
    return found


def tabs(plan: PlanPage, session: Session) -> list[tuple[str, str, str]]:
    """The pages about one plan: name, words and path."""
    here = f"/plans/{plan.plan_id}"
    own = [("accesses", "Who has looked", "/me/access")] if session.kind == "person" else []
    return [
        ("plan", "Plan", here),
        ("emergency", "Emergency", f"{here}/emergency"),
        ("versions", "Earlier versions", f"{here}/versions"),
        ("history", "Who changed what", f"{here}/history"),
        *own,
    ]
