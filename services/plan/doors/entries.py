"""The HTTP door to one entry of a plan, and to every event of it."""

from typing import Annotated, Final
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Request, Response

from services.plan.doors.api import page_bytes
from services.plan.doors.readers import OF_A_READER, Readers
from services.plan.doors.release import Release
from services.plan.doors.remembered import EntryAlone, EntryHistory
from services.plan.doors.waiting import MIN_POSITION, Waiting
from services.plan.doors.which import (
    SECTION,
    WHICH_PLAN,
    must_be_known,
    plan_then,
    sections_of,
    which_of,
)
from services.plan.reads.as_at import PastPlans
from services.plan.reads.current import CurrentPlans
from services.plan.reads.entries import Entries
from services.plan.reads.redaction import MarksOfToday, left_out
from services.plan.reads.view import ListView, PlanView, Wanted
from shared.chassis.accesses.record import What
from shared.chassis.database.database import Database
from shared.chassis.http.identity import Identity
from shared.chassis.http.parameters import (
    OF_A_PAGE,
    cursor_of,
    described,
    described_names,
    page_of,
    parameter_invalid,
)
from shared.chassis.wire.described import Answers, answered, unchanged
from shared.chassis.wire.problem import Problem
from shared.ledger import Contributor, id_in

_FIELD: Final = described(
    "field", "Only events that set this field, or one under it, as `responses.my_wellness`."
)
_OF_AN_ENTRY: Final = {"parameters": [SECTION, *WHICH_PLAN, MIN_POSITION, *OF_A_READER]}
_OF_ITS_HISTORY: Final = {"parameters": [_FIELD, SECTION, *OF_A_PAGE, *OF_A_READER]}
_ENTRY: Final = described_names(SECTION, *WHICH_PLAN)
_HISTORY: Final = described_names(_FIELD, SECTION, *OF_A_PAGE)

_LIST_HEADERS: Final = ("Ledger-Access-Id", "Ledger-Lag", "Ledger-Policy")
_PAST_HEADERS: Final = (
    *("ETag", "Ledger-Position", "Ledger-Version", "Preference-Applied", *_LIST_HEADERS),
    *("Ledger-Current-Version", "Memento-Datetime", "Link"),
)
_ENTRY_ANSWERED: Final[Answers] = {
    200: answered("The entry, with who said what of it.", EntryAlone, *_PAST_HEADERS),
    304: unchanged(*_PAST_HEADERS),
}
_HISTORY_ANSWERED: Final[Answers] = {
    200: answered("A page of the events of the entry.", EntryHistory, *_LIST_HEADERS)
}
_LONGEST_FIELD: Final = 500


def entry_routes(
    database: Database, identity: Identity, readers: Readers, waiting: Waiting, release: Release
) -> APIRouter:
    """``GET …/entries/{entry_id}``, at least as new as ``Ledger-Min-Position`` asks."""
    marks, plans = MarksOfToday(database), CurrentPlans(database)
    past, entries = PastPlans(database, marks), Entries(database)
    router = APIRouter(tags=["plans"])

    @router.get(
        "/v1/plans/{plan_id}/entries/{entry_id}",
        openapi_extra=_OF_AN_ENTRY,
        responses=_ENTRY_ANSWERED,
    )
    async def entry(
        plan_id: str,
        entry_id: str,
        request: Request,
        contributor: Annotated[Contributor, Depends(identity)],
    ) -> Response:
        """One entry, withdrawn or not, with who said what of it: as it is, or as it was."""
        reading = await readers.permitted(
            What.ENTRY, plan_id, request, contributor, _ENTRY, repeatable=()
        )
        async with readers.answering(reading):
            which = which_of(request)
            waited = await waiting(request, reading.plan_id)
            section, its_id = await _named(entries, plans, request, reading.plan_id, entry_id)
            wanted = Wanted(frozenset({"authorship", "withdrawn"}), frozenset({section}))
            if which.is_past:
                then = await plan_then(past, plans, reading.plan_id, which, with_leaves=True)
                view = await past.shown(then.only(its_id), wanted, reading.sees)
            else:
                current = await plans.shown(reading.plan_id, reading.sees, wanted)
                if current is None:
                    raise Problem("plan-unknown")
                view = current
            if not view.redaction.shows(section, its_id):
                raise await release.withheld(reading.asked)
            alone = _alone(view, section, str(its_id))
            return await release.plan(request, reading.asked, alone, waited=waited)

    return router


def entry_history_routes(
    database: Database, identity: Identity, readers: Readers, release: Release
) -> APIRouter:
    """``GET …/entries/{entry_id}/history``."""
    marks, plans = MarksOfToday(database), CurrentPlans(database)
    entries = Entries(database)
    router = APIRouter(tags=["plans"])

    @router.get(
        "/v1/plans/{plan_id}/entries/{entry_id}/history",
        openapi_extra=_OF_ITS_HISTORY,
        responses=_HISTORY_ANSWERED,
    )
    async def entry_history(
        plan_id: str,
        entry_id: str,
        request: Request,
        contributor: Annotated[Contributor, Depends(identity)],
    ) -> Response:
        """Every event of an entry, newest first: who said what, for whom and why."""
        reading = await readers.permitted(
            What.ENTRY_HISTORY, plan_id, request, contributor, _HISTORY, repeatable=()
        )
        async with readers.answering(reading):
            field = request.query_params.get("field")
            if field is not None and not 0 < len(field) <= _LONGEST_FIELD:
                detail = "`field` must be the path of a field, as `aim` or `responses.my_wellness`."
                raise parameter_invalid("field", detail)
            limit, before = page_of(request, "entry-history", plan_id, entry_id)
            section, its_id = await _named(entries, plans, request, reading.plan_id, entry_id)
            redaction = (await marks.today(reading.plan_id)).withheld_from(reading.sees)
            withheld = redaction.of(section, its_id)
            if withheld.rule is not None or (field is not None and withheld.hides(field)):
                raise await release.withheld(reading.asked)
            items, following = await entries.history(
                reading.plan_id, section, its_id, field, before, limit, withheld
            )
            cursor = None
            if following is not None:
                cursor = cursor_of(following, "entry-history", plan_id, entry_id)
            redactions = tuple(left_out(section, its_id, withheld))
            view = ListView(page_bytes(items, cursor), redactions)
            return await release.list(reading.asked, view)

    return router


async def _named(
    entries: Entries, plans: CurrentPlans, request: Request, plan_id: UUID, entry_id: str
) -> tuple[str, UUID]:
    """The section and the id of the entry that is asked for."""
    named = sections_of(request)
    if named is not None and len(named) > 1:
        raise parameter_invalid("section", "`section` must name the one section of the entry.")
    its_id = id_in(entry_id)
    sections = [] if its_id is None else await entries.sections_of(plan_id, its_id)
    having = [one for one in sections if named is None or one in named]
    if its_id is None or not having:
        await must_be_known(plans, plan_id)
        raise Problem("entry-unknown")
    if len(having) > 1:
        detail = f"Say which is meant with `section`: {' or '.join(having)}."
        raise Problem("section-needed", detail, sections=having)
    return having[0], its_id


def _alone(view: PlanView, section: str, entry_id: str) -> PlanView:
    """The one entry of a plan that is given with others."""
    plan = orjson.loads(view.body)
    for one in plan["sections"].get(section, ()):
        if one["entry_id"] == entry_id:
            told = {
                "plan_id": plan["plan_id"],
                "plan_version": plan["plan_version"],
                "section": section,
                **one,
            }
            if "as_at" in plan:
                told["as_at"] = plan["as_at"]
            return view.with_document(told, of_sections=(section,))
    raise Problem("entry-unknown", "The entry is not on the plan that was asked for.")
