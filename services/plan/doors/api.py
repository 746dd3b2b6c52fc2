"""The HTTP door of the plan: what it says now, what it said in a version, and who said it when."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response

from services.plan.doors.answers import History as HistoryPage
from services.plan.doors.answers import Plan, Versions
from services.plan.doors.readers import OF_A_READER, Readers, Reading
from services.plan.doors.release import Release
from services.plan.doors.waiting import MIN_POSITION, Waiting
from services.plan.doors.which import (
    SECTION,
    WHICH_PLAN,
    Which,
    names_in,
    no_such_version,
    plan_then,
    sections_of,
    which_of,
)
from services.plan.reads.as_at import PastPlans
from services.plan.reads.current import CurrentPlans
from services.plan.reads.history import History, Page
from services.plan.reads.past.clocks import Clock
from services.plan.reads.redaction import MarksOfToday
from services.plan.reads.view import EVERYTHING, Beside, ListView, PlanView, Wanted
from services.plan.store.values import dumps
from shared.chassis.accesses.record import What
from shared.chassis.database.database import Database
from shared.chassis.http.identity import Identity
from shared.chassis.http.parameters import (
    OF_A_PAGE,
    cursor_of,
    described,
    described_names,
    has_parameters,
    page_of,
    parameter_invalid,
    whole_number,
)
from shared.chassis.wire.described import Answers, answered, unchanged
from shared.chassis.wire.problem import Problem
from shared.ledger import Contributor

INCLUDES: Final = frozenset({"authorship", "derived", "findings", "reviews", "withdrawn"})
_JUDGED: Final = frozenset({"derived", "findings", "reviews"})
"""What is worked out from all the events up to a version, and so only where all of them count."""

_ASKED_FOR: Final = described(
    "include",
    "What else is shown, one or several with commas between them: `authorship` (who said "
    "each field and item), `derived` (what is closed, agreed, due, missing or not recorded, and "
    "what stands under what), `findings` (what is overdue, contradictory, unanswered or missing), "
    "`reviews`, `withdrawn` (entries that were taken out).",
    type="array",
    items={"type": "string", "enum": sorted(INCLUDES)},
)
_OF_A_PLAN: Final = {
    "parameters": [
        _ASKED_FOR,
        SECTION,
        *WHICH_PLAN,
        MIN_POSITION,
        *OF_A_READER,
    ]
}
_OF_A_PAST_PLAN: Final = {"parameters": [_ASKED_FOR, SECTION, *OF_A_READER]}
_OF_A_LIST: Final = {"parameters": [*OF_A_PAGE, *OF_A_READER]}

_LIST_HEADERS: Final = ("Ledger-Access-Id", "Ledger-Lag", "Ledger-Policy")
_PLAN_HEADERS: Final = ("ETag", "Ledger-Position", "Ledger-Version", *_LIST_HEADERS)
_NOW_HEADERS: Final = (*_PLAN_HEADERS, "Preference-Applied")
_OF_THE_PAST: Final = ("Ledger-Current-Version", "Memento-Datetime", "Link")
_PAST_HEADERS: Final = (*_PLAN_HEADERS, *_OF_THE_PAST)
_PLAN_ANSWERED: Final[Answers] = {
    200: answered("The plan as it stands, or as it was.", Plan, *_NOW_HEADERS, *_OF_THE_PAST),
    304: unchanged(*_NOW_HEADERS, *_OF_THE_PAST),
}
_PAST_PLAN_ANSWERED: Final[Answers] = {
    200: answered("The plan of that version.", Plan, *_PAST_HEADERS),
    304: unchanged(*_PAST_HEADERS),
}
_VERSIONS_ANSWERED: Final[Answers] = {
    200: answered("A page of versions.", Versions, *_LIST_HEADERS)
}
_HISTORY_ANSWERED: Final[Answers] = {
    200: answered("A page of contributions.", HistoryPage, *_LIST_HEADERS)
}

# What is taken is what is described, so that the two cannot differ.
_SHOWN: Final = described_names(_ASKED_FOR, SECTION)
_WHICH: Final = described_names(_ASKED_FOR, SECTION, *WHICH_PLAN)
_PAGE: Final = described_names(*OF_A_PAGE)


def plan_routes(
    database: Database,
    identity: Identity,
    readers: Readers,
    waiting: Waiting,
    release: Release,
    beside: Sequence[Beside] = (),
) -> APIRouter:
    """``GET /v1/plans/{plan_id}``, its versions and its history.

    ``beside`` add to a plan what ``include`` asks for beyond its entries.
    """
    marks = MarksOfToday(database)
    past, lists = PastPlans(database, marks), History(database, marks)
    plans = CurrentPlans(database)
    past_view = partial(_past_view, past, plans)
    router = APIRouter(tags=["plans"])

    @router.get("/v1/plans/{plan_id}", openapi_extra=_OF_A_PLAN, responses=_PLAN_ANSWERED)
    async def current_plan(
        plan_id: str, request: Request, contributor: Annotated[Contributor, Depends(identity)]
    ) -> Response:
        """The plan as it stands, at least as new as ``Ledger-Min-Position`` asks, or as it was."""
        reading = await readers.permitted(
            _kind_of(request), plan_id, request, contributor, _WHICH, repeatable=_SHOWN
        )
        async with readers.answering(reading):
            wanted, which = _wanted_of(request), which_of(request)
            waited = await waiting(request, reading.plan_id)
            if which.is_past:
                then = await past_view(reading, which, wanted)
                then = await _with_more(then, wanted.include, beside, which.at)
                return await release.plan(request, reading.asked, then, waited=waited)
            last = None
            if wanted is EVERYTHING and not waited:
                last = plans.remembered(reading.plan_id, reading.sees)
            read = partial(_as_it_stands, plans, beside, reading, wanted)
            return await release.current(request, reading.asked, last, read, waited=waited)

    @router.get(
        "/v1/plans/{plan_id}/versions", openapi_extra=_OF_A_LIST, responses=_VERSIONS_ANSWERED
    )
    async def versions(
        plan_id: str, request: Request, contributor: Annotated[Contributor, Depends(identity)]
    ) -> Response:
        """The versions of the plan, newest first."""
        reading = await readers.permitted(What.VERSIONS, plan_id, request, contributor, _PAGE)
        async with readers.answering(reading):
            limit, before = page_of(request, "versions", plan_id)
            page = await lists.versions(reading.plan_id, before, limit, reading.sees)
            return await release.list(reading.asked, _listed("versions", plan_id, page))

    @router.get(
        "/v1/plans/{plan_id}/versions/{version}",
        openapi_extra=_OF_A_PAST_PLAN,
        responses=_PAST_PLAN_ANSWERED,
    )
    async def past_plan(
        plan_id: str,
        version: str,
        request: Request,
        contributor: Annotated[Contributor, Depends(identity)],
    ) -> Response:
        """The plan of that version."""
        reading = await readers.permitted(
            What.VERSION, plan_id, request, contributor, _SHOWN, repeatable=_SHOWN
        )
        async with readers.answering(reading):
            wanted, number = _wanted_of(request), whole_number(version)
            if number is None:
                raise await no_such_version(plans, reading.plan_id)
            view = await past_view(reading, Which(version=number), wanted)
            view = await _with_more(view, wanted.include, beside)
            return await release.plan(request, reading.asked, view)

    @router.get(
        "/v1/plans/{plan_id}/history", openapi_extra=_OF_A_LIST, responses=_HISTORY_ANSWERED
    )
    async def history(
        plan_id: str, request: Request, contributor: Annotated[Contributor, Depends(identity)]
    ) -> Response:
        """The contributions to the plan, newest first."""
        reading = await readers.permitted(What.HISTORY, plan_id, request, contributor, _PAGE)
        async with readers.answering(reading):
            limit, before = page_of(request, "history", plan_id)
            page = await lists.contributions(reading.plan_id, before, limit, reading.sees)
            return await release.list(reading.asked, _listed("history", plan_id, page))

    return router


def _kind_of(request: Request) -> What:
    """What the record of the access calls it."""
    if not has_parameters(request):
        return What.PLAN
    if "as_at" in request.query_params:
        return What.AS_AT
    return What.VERSION if "version" in request.query_params else What.PLAN


def _wanted_of(request: Request) -> Wanted:
    if not has_parameters(request):
        return EVERYTHING
    include, sections = names_in(request, "include", INCLUDES), sections_of(request)
    return Wanted(frozenset(include), sections) if include or sections else EVERYTHING


def _listed(of: str, plan_id: str, page: Page | None) -> ListView:
    if page is None:
        raise Problem("plan-unknown")
    following = None if page.following is None else cursor_of(page.following, of, plan_id)
    return ListView(page_bytes(page.items, following), page.redactions)


async def _as_it_stands(
    plans: CurrentPlans, beside: Sequence[Beside], reading: Reading, wanted: Wanted
) -> PlanView:
    view = await plans.shown(reading.plan_id, reading.sees, wanted)
    if view is None:
        raise Problem("plan-unknown")
    return await _with_more(view, wanted.include, beside, datetime.now(UTC))


async def _past_view(
    past: PastPlans, plans: CurrentPlans, reading: Reading, which: Which, wanted: Wanted
) -> PlanView:
    with_leaves = "authorship" in wanted.include
    judged = sorted(wanted.include & _JUDGED)
    if judged and which.at is not None and which.clock is Clock.EFFECTIVE:
        raise _not_judged(judged, "of what applied (`basis=effective`)")
    then = await plan_then(past, plans, reading.plan_id, which, with_leaves=with_leaves)
    if judged and then.as_at["without"]:
        raise _not_judged(judged, "of an instant `without` some of the versions before it")
    return await past.shown(then, wanted, reading.sees)


def _not_judged(judged: Sequence[str], of_what: str) -> Problem:
    detail = (
        f"`include={','.join(judged)}` rests on whole versions of the plan, and is not worked out "
        f"{of_what}: ask with `basis=visible`, or for a `version`."
    )
    return parameter_invalid("include", detail)


async def _with_more(
    view: PlanView, include: frozenset[str], beside: Sequence[Beside], at: datetime | None = None
) -> PlanView:
    """The plan with what else was asked for, of this very version."""
    for one in beside if include else ():
        view = await one.beside(view, include, at)
    return view


def page_bytes(items: Sequence[bytes], following: str | None, **more: Any) -> bytes:
    """A page of a list, and where the next one begins; ``more`` stands beside them."""
    beside = b"".join(b',"%b":%b' % (name.encode(), dumps(more[name])) for name in more)
    return b'{"items":[%b],"next":%b%b}' % (b",".join(items), dumps(following), beside)
