"""The HTTP door to the reviews of the plans of one's own organisation."""

from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from typing_extensions import TypedDict

from services.plan.doors.answers import Next, PlanId, ReviewDue
from services.plan.doors.api import page_bytes
from services.plan.doors.release import Release
from services.plan.doors.which import names_in
from services.plan.fold.standard import REVIEW_STATES
from services.plan.reads.worklists.reviews import Reviews, ReviewsOfAPlan, Wanted
from services.plan.store.values import dumps
from shared.chassis.accesses.record import Asked, Shown, What
from shared.chassis.http.identity import Identity
from shared.chassis.http.parameters import (
    OF_A_PAGE,
    OF_A_READ,
    PURPOSES,
    cursor_behind,
    described,
    described_names,
    judge_parameters,
    judge_purpose,
    one_header,
    page_behind,
    parameter_invalid,
    reason_of,
)
from shared.chassis.policy.decide import Action, Facts, decide
from shared.chassis.wire.described import Answers, answered, unchanged
from shared.ledger import Contributor, titled

_LONGEST_CODE: Final = 100


class NameOfAPerson(TypedDict):
    """What tells people apart in a list."""

    first: Annotated[str | None, titled("First name", "The first name; null where none is known.")]
    family: Annotated[
        str | None, titled("Family name", "The family name; null where none is known.")
    ]


class PersonOfAPlan(TypedDict):
    """Whose plan it is, as far as you are shown it."""

    name: Annotated[
        NameOfAPerson | None, titled("Name", "The name; null where none is known or shown.")
    ]
    date_of_birth: Annotated[
        str | None,
        titled("Date of birth", "As it is recorded; null where it is not known or shown."),
    ]


class ReviewListed(ReviewDue):
    """A review of one of several plans."""

    plan_id: PlanId
    person: Annotated[PersonOfAPlan, titled("Person", "Whose plan it is.")]
    last_read_at: Annotated[
        datetime | None,
        titled(
            "Last read",
            "When somebody of the organisation responsible last read the plan; null where that is "
            "not among its last 200 accesses.",
        ),
    ]


class ReviewsListed(TypedDict):
    """A page of reviews, the most urgent first."""

    items: Annotated[list[ReviewListed], titled("Items", "Those of this page.")]
    next: Next


_WHICH: Final = (
    described(
        "state",
        "Only reviews that are this, one or several with commas between them: `overdue`, "
        "`without-date`, `due` (within 30 days), `later`.",
        type="array",
        items={"type": "string", "enum": list(REVIEW_STATES)},
    ),
    described(
        "due_before",
        "Only reviews that are due before this day.",
        type="string",
        format="date",
    ),
    described("org", "Only reviews for which the organisation with this code is responsible."),
)
_PARAMETERS: Final = {"parameters": [*_WHICH, *OF_A_PAGE, *OF_A_READ]}
_NAMES: Final = described_names(*_WHICH, *OF_A_PAGE)
_HEADERS: Final = ("ETag", "Ledger-Access-Id", "Ledger-Lag", "Ledger-Policy")
_ANSWERED: Final[Answers] = {
    200: answered("A page of reviews.", ReviewsListed, *_HEADERS),
    304: unchanged(*_HEADERS),
}


def review_routes(
    identity: Identity, release: Release, reviews: Reviews, facts: Facts
) -> APIRouter:
    """``GET /v1/reviews``."""
    router = APIRouter(tags=["plans"])

    @router.get("/v1/reviews", openapi_extra=_PARAMETERS, responses=_ANSWERED)
    async def list_of_reviews(
        request: Request, contributor: Annotated[Contributor, Depends(identity)]
    ) -> Response:
        """The reviews of open plans with which your organisation has a live relationship.

        Overdue ones come first, then those without a date, those due soon and the others, and among
        equals contingency plans. What you are not shown of a plan when you open it is left out.
        """
        purpose = one_header(request, "Ledger-Purpose")
        known = purpose if purpose in PURPOSES else None
        decision = decide(contributor, Action.LIST_PLANS, facts, known)
        asked = Asked(
            contributor, decision, What.REVIEWS, purpose=known, reason=reason_of(request, known)
        )
        if not decision.allowed:
            raise await release.denied(asked)
        judge_purpose(request, purpose)
        judge_parameters(request, _NAMES, repeatable={"state"})
        wanted = _wanted_in(request)
        of = "reviews", *map(str, (sorted(wanted.states or ()), *wanted[1:]))
        limit, behind = page_behind(request, *of)
        page = await reviews.page(contributor, known, wanted, behind, limit)
        following = None if page.following is None else cursor_behind(page.following, *of)
        body = page_bytes([dumps(item) for item in page.items], following)
        shown = [(_asked_of(asked, plan), _shown(plan)) for plan in page.plans]
        return await release.each(request, asked, body, shown)

    return router


def _asked_of(asked: Asked, plan: ReviewsOfAPlan) -> Asked:
    return replace(asked, plan_id=plan.plan_id, decision=plan.decision)


def _shown(plan: ReviewsOfAPlan) -> Shown:
    return Shown.of(
        dumps(plan.items),
        plan_version=plan.version,
        sections=("person", "stewardship"),
        redactions=plan.redactions,
    )


def _wanted_in(request: Request) -> Wanted:
    given = request.query_params
    states = frozenset(names_in(request, "state", REVIEW_STATES)) if "state" in given else None
    organisation = given.get("org")
    if organisation is not None and not 0 < len(organisation) <= _LONGEST_CODE:
        raise parameter_invalid("org", "`org` must be the code of an organisation.")
    return Wanted(states, _day_in(given.get("due_before")), organisation)


def _day_in(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        raise parameter_invalid("due_before", "`due_before` must be a day, as 2026-12-01.")
    return day
