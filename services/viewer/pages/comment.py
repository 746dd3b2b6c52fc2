"""A comment on the plan or on one of its entries: a preview first, then by the front door."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.viewer.clients import Answer
from services.viewer.pages.contributing import answered, draft_of, new_id, no_of
from services.viewer.pages.plan import PlanScreens, plan_in
from services.viewer.shown.contributions import COMMENT_KINDS, Draft, comment
from services.viewer.shown.entries import titles_of

_SECTION = "stewardship"


def comment_routes(of: PlanScreens) -> APIRouter:
    """``/plans/{plan_id}/comment``."""
    router = APIRouter(include_in_schema=False)

    @router.get("/plans/{plan_id}/comment")
    async def write(
        request: Request, plan_id: str, section: str = "", entry_id: str = ""
    ) -> Response:
        """A comment on an entry, or on the whole plan."""
        session, asked = of.screens.session(request), plan_in(plan_id)
        answer, _ = await of.current(session, asked)
        if not answer.is_good:
            return of.screens.problem(request, answer)
        draft = Draft(new_id(), COMMENT_KINDS[0], "", entry_id, 0, section)
        return _page(of, request, answer, draft)

    @router.post("/plans/{plan_id}/comment")
    async def written(request: Request, plan_id: str) -> Response:
        """Preview it, send it, or go on writing."""
        session, asked = of.screens.session(request), plan_in(plan_id)
        form = await of.screens.form(request)
        draft, step = draft_of(form, COMMENT_KINDS), form.get("step", "")
        sent = comment(str(asked), draft, of.clock().now, by_person=session.kind == "person")
        said = await answered(of, session, asked, _SECTION, sent, step)
        if isinstance(said, Response):
            return said
        answer, _ = await of.current(session, asked)
        if not answer.is_good:
            return of.screens.problem(request, answer)
        code, detail = no_of(said)
        again = draft.anew(new_id(), 0) if code else draft
        return _page(of, request, answer, again, no=detail, preview=not code and step != "edit")

    return router


def _page(
    of: PlanScreens,
    request: Request,
    answer: Answer,
    draft: Draft,
    *,
    no: str = "",
    preview: bool = False,
) -> Response:
    titles = titles_of(answer.body.get("sections") or {}, of.words, of.clock())
    kinds = of.words.entry(_SECTION, "comment").fields["kind"]
    return of.page(
        request,
        "comment.html",
        of.laid_out(answer),
        "plan",
        status=409 if no else 200,
        draft=draft,
        no=no,
        preview=preview,
        about=titles.get((draft.section, draft.entry_id), "the whole plan"),
        kinds=[(kind, kinds.value(kind)) for kind in COMMENT_KINDS],
        access_id="",
    )
