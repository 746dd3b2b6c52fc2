"""Where everybody begins: signing in and out, and which plan to open."""

import re
from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.viewer.pages.screens import Screens
from services.viewer.pages.worklists.people import FIELDS
from services.viewer.people import Example, ExamplePerson
from services.viewer.sessions import COOKIE, VISITOR, Session
from shared.chassis.wire.problem import Problem

_OF_OURS: Final = re.compile(r"/[A-Za-z0-9/_.?=&-]{0,300}")


def start_routes(screens: Screens, examples: Sequence[Example]) -> APIRouter:
    """``/``, ``/sign-in``, ``/sign-out`` and the files of the pages."""
    router = APIRouter(include_in_schema=False)
    people = {who.id: who for example in examples for who in example.people}

    @router.get("/")
    async def home(request: Request) -> Response:
        """The plans that this reader can open."""
        session = screens.session(request)
        if session.own_plan:
            return screens.see(f"/plans/{session.own_plan}")
        plans = [(one.plan_id, one.people[0].name, one.about) for one in examples]
        return screens.page(request, "home.html", plans=plans, sought=dict.fromkeys(FIELDS, ""))

    @router.get("/sign-in")
    async def sign_in_page(request: Request, to: str = "") -> Response:
        """Asks who is there."""
        return screens.page(request, "sign_in.html", examples=examples, to=_ours(to))

    @router.post("/sign-in")
    async def sign_in(request: Request) -> Response:
        """Sign in as one of the example people."""
        written = await screens.form(request)
        who = people.get(written.get("who", ""))
        if who is None:
            raise Problem("not-permitted", "There is nobody of that name here.")
        name = screens.sessions.begin(_session_of(who))
        # A professional who signs in beside a plan opens that plan.
        to = _ours(written.get("to", "")) or f"/plans/{who.plan_id}"
        answer = screens.see(to)
        screens.set_cookie(answer, COOKIE, name)
        answer.delete_cookie(VISITOR, path="/")
        return answer

    @router.post("/sign-out")
    async def sign_out(request: Request) -> Response:
        """Sign out."""
        await screens.form(request)
        screens.sessions.end(request.cookies.get(COOKIE, ""))
        answer = screens.see("/sign-in")
        answer.delete_cookie(COOKIE, path="/")
        return answer

    @router.get("/static/{name}")
    async def static(name: str) -> Response:
        """A file of the pages themselves."""
        return screens.static(name)

    return router


def _session_of(who: ExamplePerson) -> Session:
    is_what = ", ".join(part for part in (who.is_what, who.organisation) if part)
    own = who.plan_id if who.kind in ("person", "related-person") else ""
    return Session(who.token, who.name, who.kind, is_what, own)


def _ours(path: str) -> str:
    """The path of a page of ours; empty for any other, so that nobody is sent elsewhere."""
    return path if _OF_OURS.fullmatch(path) and not path.startswith("//") else ""
