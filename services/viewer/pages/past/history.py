"""Who changed what: the contributions to a plan, and those to one of its entries."""

from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.viewer.clients import OF_A_PAGE, Answer
from services.viewer.pages.plan import PlanScreens, plan_in
from services.viewer.sessions import Session
from services.viewer.shown.entries import titles_of
from services.viewer.shown.past.history import contributions
from services.viewer.shown.values import Showing
from shared.chassis.wire.problem import Problem
from shared.ledger.names import id_in

_MOST_PAGES: Final = 20
"""Pages of a plan's history that are looked through for one entry, at a time."""


def history_routes(of: PlanScreens) -> APIRouter:
    """``/plans/{plan_id}/history`` and ``…/entries/{entry_id}``."""
    router = APIRouter(include_in_schema=False)

    @router.get("/plans/{plan_id}/history")
    async def history(request: Request, plan_id: str, cursor: str = "") -> Response:
        """Every contribution to the plan, newest first."""
        session, asked = of.screens.session(request), plan_in(plan_id)
        answer, _ = await of.current(session, asked)
        listed = await of.apis.history(session.token, asked, cursor) if answer.is_good else answer
        if not listed.is_good:
            return of.screens.problem(request, listed)
        items = listed.body.get("items") or []
        return _page(request, answer, items, following=listed.body.get("next"), entry=None)

    @router.get("/plans/{plan_id}/entries/{entry_id}")
    async def entry(
        request: Request, plan_id: str, entry_id: str, section: str = "", cursor: str = ""
    ) -> Response:
        """How one entry came to say what it says, from the newest contributions on."""
        session, asked = of.screens.session(request), plan_in(plan_id)
        if id_in(entry_id) is None:
            raise Problem("not-found", "There is no such page.")
        answer, _ = await of.current(session, asked)
        if not answer.is_good:
            return of.screens.problem(request, answer)
        items, listed = await _of_an_entry(of, session, answer, (section, entry_id), cursor)
        if not listed.is_good:
            return of.screens.problem(request, listed)
        following = listed.body.get("next")
        if not (items or cursor or following):
            raise Problem("not-found", "Nothing was contributed there that you can see.")
        key = str(items[0]["section"]) if items else section, entry_id
        return _page(request, answer, items, following=following, entry=key)

    def _page(
        request: Request,
        answer: Answer,
        items: list[dict[str, Any]],
        *,
        following: str | None,
        entry: tuple[str, str] | None,
    ) -> Response:
        plan, clock = of.laid_out(answer), of.clock()
        titles = titles_of(answer.body.get("sections") or {}, of.words, clock)
        showing = Showing(clock, titles, may_telephone=False, may_link=False)
        return of.page(
            request,
            "history.html",
            plan,
            "history",
            contributed=tuple(contributions(items, of.words, showing)),
            following=following,
            entry=entry,
            looked_through=_MOST_PAGES * OF_A_PAGE,
            title=titles.get(entry, "An entry that is no longer in the plan") if entry else "",
            access_id=answer.headers.get("ledger-access-id", ""),
        )

    return router


async def _of_an_entry(
    of: PlanScreens, session: Session, answer: Answer, key: tuple[str, str], cursor: str
) -> tuple[list[dict[str, Any]], Answer]:
    """Its contributions among so many of the plan, newest first, and the last page of these."""
    found: list[dict[str, Any]] = []
    plan_id = plan_in(str(answer.body["plan_id"]))
    for _ in range(_MOST_PAGES):
        listed = await of.apis.history(session.token, plan_id, cursor)
        found += [
            item
            for item in listed.body.get("items") or ()
            if item.get("entry_id") == key[1] and key[0] in ("", item.get("section"))
        ]
        cursor = str(listed.body.get("next") or "")
        if not cursor:
            break
    return found, listed
