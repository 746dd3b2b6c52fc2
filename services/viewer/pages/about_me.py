"""The person writes About me: previewed first; what was written on a stale version is not lost."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.viewer.clients import Answer
from services.viewer.pages.contributing import answered, draft_of, new_id, no_of
from services.viewer.pages.plan import PlanScreens, plan_in
from services.viewer.shown.contributions import Draft, about_me, about_me_of, headings, standing

_STALE: Final = "base-version-stale"


def about_me_routes(of: PlanScreens) -> APIRouter:
    """``/plans/{plan_id}/about-me``."""
    router = APIRouter(include_in_schema=False)

    @router.get("/plans/{plan_id}/about-me")
    async def write(request: Request, plan_id: str, heading: str = "") -> Response:
        """The person's own words: all headings, or one to write under."""
        session, asked = of.screens.session(request), plan_in(plan_id)
        answer, _ = await of.current(session, asked)
        if not answer.is_good:
            return of.screens.problem(request, answer)
        draft = _begun(answer, heading) if heading in headings(of.words) else None
        return _page(of, request, answer, draft)

    @router.post("/plans/{plan_id}/about-me")
    async def written(request: Request, plan_id: str) -> Response:
        """Preview it, send it, or go on writing."""
        session, asked = of.screens.session(request), plan_in(plan_id)
        form = await of.screens.form(request)
        draft, step = draft_of(form, headings(of.words)), form.get("step", "")
        sent = about_me(str(asked), draft, of.clock().now)
        said = await answered(of, session, asked, "about-me", sent, step)
        if isinstance(said, Response):
            return said
        answer, _ = await of.current(session, asked)
        if not answer.is_good:
            return of.screens.problem(request, answer)
        code, detail = no_of(said)
        if code == _STALE:
            now = int(about_me_of(answer.body).get("entry_version") or 0)
            return _page(of, request, answer, draft.anew(new_id(), now), stale=True)
        # What was refused may be written otherwise, and is another contribution then.
        again = draft.anew(new_id(), draft.based_on) if code else draft
        return _page(of, request, answer, again, no=detail, preview=not code and step != "edit")

    return router


def _begun(answer: Answer, heading: str) -> Draft:
    entry = about_me_of(answer.body)
    return Draft(
        contribution_id=new_id(),
        name=heading,
        text=standing(answer.body, heading),
        entry_id=str(entry.get("entry_id") or ""),
        based_on=int(entry.get("entry_version") or 0),
    )


def _page(
    of: PlanScreens,
    request: Request,
    answer: Answer,
    draft: Draft | None,
    *,
    no: str = "",
    preview: bool = False,
    stale: bool = False,
) -> Response:
    fields = headings(of.words)
    return of.page(
        request,
        "about_me.html",
        of.laid_out(answer),
        "plan",
        status=409 if no or stale else 200,
        draft=draft,
        no=no,
        preview=preview,
        stale=stale,
        now=standing(answer.body, draft.name) if draft else "",
        field=fields[draft.name] if draft else None,
        headings=[(name, one, standing(answer.body, name)) for name, one in fields.items()],
        access_id="",
    )
