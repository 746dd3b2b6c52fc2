"""The HTTP door to how many contributions there are to a plan."""

from datetime import datetime
from typing import Annotated, Final, Literal, NotRequired

from fastapi import APIRouter, Depends, Request, Response
from typing_extensions import TypedDict

from services.plan.doors.answers import Next, SectionName
from services.plan.doors.api import page_bytes
from services.plan.doors.readers import OF_A_READER, Readers
from services.plan.doors.release import Release
from services.plan.doors.which import names_in
from services.plan.reads.counts.contributions import BY, ORGANISATION, ContributionCounts
from services.plan.reads.view import ListView
from shared.chassis.accesses.record import What
from shared.chassis.http.identity import Identity
from shared.chassis.http.parameters import (
    OF_A_PAGE,
    cursor_of,
    described,
    described_names,
    page_of,
)
from shared.chassis.wire.described import Answers, answered
from shared.chassis.wire.problem import Problem
from shared.ledger import Contributor, titled
from shared.ledger.values.parties import Organisation
from shared.ledger.values.shape import Shape

_Number = Annotated[int, Shape(ge=0)]


class ContributionsCounted(TypedDict):
    """The contributions of one group; it has what was asked for in `group_by`."""

    organisation: NotRequired[
        Annotated[
            Organisation | None,
            titled("Organisation", "Whose staff or systems contributed; null for people."),
        ]
    ]
    kind: NotRequired[
        Annotated[
            Literal["organisation", "person", "related-person"],
            titled("Kind", "Whether an organisation, the person or somebody close contributed."),
        ]
    ]
    month: NotRequired[
        Annotated[str, titled("Month", "When they were recorded, as `2026-10`, in London.")]
    ]
    section: NotRequired[SectionName]
    created: Annotated[_Number, titled("Created", "Those that put an entry into the plan.")]
    amended: Annotated[_Number, titled("Amended", "Those that changed one.")]
    withdrawn: Annotated[_Number, titled("Withdrawn", "Those that took one out.")]
    restored: Annotated[_Number, titled("Restored", "Those that put one back.")]
    commented: Annotated[_Number, titled("Commented", "Those to a comment, whatever they did.")]
    total: Annotated[_Number, titled("Total", "All of them; each counts once.")]
    first_at: Annotated[
        datetime | None, titled("First", "When the first of them was recorded, in UTC.")
    ]
    last_at: Annotated[
        datetime | None, titled("Last", "When the last of them was recorded, in UTC.")
    ]
    joined_at: NotRequired[
        Annotated[
            datetime,
            titled(
                "Joined",
                "Of an organisation with a live relationship that has contributed nothing: since "
                "when it has one.",
            ),
        ]
    ]


class Contributions(TypedDict):
    """A page of what was counted: by code with people last, then by month and section."""

    items: Annotated[list[ContributionsCounted], titled("Items", "Those of this page.")]
    next: Next
    withheld: NotRequired[
        Annotated[
            int,
            Shape(ge=1),
            titled("Withheld", "How many more there are, which you are not shown."),
        ]
    ]


_GROUP_BY: Final = described(
    "group_by",
    "By what they are counted, one or several with commas between them; left out, by "
    "`organisation`.",
    type="array",
    items={"type": "string", "enum": list(BY)},
)
_PARAMETERS: Final = {"parameters": [_GROUP_BY, *OF_A_PAGE, *OF_A_READER]}
_NAMES: Final = described_names(_GROUP_BY, *OF_A_PAGE)
_ANSWERED: Final[Answers] = {
    200: answered(
        "A page of what was counted.",
        Contributions,
        *("Ledger-Access-Id", "Ledger-Lag", "Ledger-Policy"),
    )
}


def contribution_counts_routes(
    identity: Identity, readers: Readers, release: Release, counts: ContributionCounts
) -> APIRouter:
    """``GET /v1/plans/{plan_id}/contributions``."""
    router = APIRouter(tags=["plans"])

    @router.get("/v1/plans/{plan_id}/contributions", openapi_extra=_PARAMETERS, responses=_ANSWERED)
    async def contributions(
        plan_id: str, request: Request, contributor: Annotated[Contributor, Depends(identity)]
    ) -> Response:
        """How many contributions there are to the plan; the list itself is its history."""
        reading = await readers.permitted(
            What.CONTRIBUTIONS, plan_id, request, contributor, _NAMES, repeatable={"group_by"}
        )
        async with readers.answering(reading):
            asked = names_in(request, "group_by", BY) if "group_by" in request.query_params else ()
            grouped = tuple(one for one in BY if one in (asked or (ORGANISATION,)))
            limit, place = page_of(request, "contributions", plan_id, *grouped)
            counted = await counts.of(reading.plan_id, grouped, reading.sees)
            if counted is None:
                raise Problem("plan-unknown")
            begin = place or 0
            end = begin + limit
            following = None
            if end < counted.groups:
                following = cursor_of(end, "contributions", plan_id, *grouped)
            more = {"withheld": counted.withheld} if counted.withheld else {}
            body = page_bytes(counted.page(begin, end), following, **more)
            return await release.list(reading.asked, ListView(body, counted.redactions))

    return router
