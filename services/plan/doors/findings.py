"""The HTTP door to what a plan says about itself."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response

from services.plan.doors.answers import FindingsListed
from services.plan.doors.api import page_bytes
from services.plan.doors.readers import OF_A_READER, Readers, Reading
from services.plan.doors.release import Release
from services.plan.doors.which import no_such_version
from services.plan.fold.findings.rules import RULES_BEHIND
from services.plan.reads.current import CurrentPlans
from services.plan.reads.findings import Findings, PlanFindings
from services.plan.reads.view import ListView
from services.plan.store.values import dumps
from shared.chassis.accesses.record import What
from shared.chassis.database.database import Database
from shared.chassis.http.identity import Identity
from shared.chassis.http.parameters import (
    described,
    described_names,
    parameter_invalid,
    whole_number,
)
from shared.chassis.wire.described import Answers, answered
from shared.ledger import Contributor

_WHICH: Final = (
    described(
        "code",
        "Only findings with this code; it may be given several times.",
        type="array",
        items={"type": "string", "enum": sorted(RULES_BEHIND)},
    ),
    described(
        "version",
        "What that version of the plan said of itself; left out, what it says now.",
        type="integer",
        minimum=1,
    ),
)
_OF_FINDINGS: Final = {"parameters": [*_WHICH, *OF_A_READER]}
_NAMES: Final = described_names(*_WHICH)
_ANSWERED: Final[Answers] = {
    200: answered(
        "Every finding.", FindingsListed, "Ledger-Access-Id", "Ledger-Lag", "Ledger-Policy"
    )
}


def findings_routes(
    database: Database,
    identity: Identity,
    readers: Readers,
    release: Release,
    findings: PlanFindings,
) -> APIRouter:
    """``GET /v1/plans/{plan_id}/findings``."""
    plans = CurrentPlans(database)
    router = APIRouter(tags=["plans"])

    @router.get("/v1/plans/{plan_id}/findings", openapi_extra=_OF_FINDINGS, responses=_ANSWERED)
    async def plan_findings(
        plan_id: str, request: Request, contributor: Annotated[Contributor, Depends(identity)]
    ) -> Response:
        """What the plan says about itself, oldest first: now, or in one of its versions."""
        reading = await readers.permitted(
            What.FINDINGS, plan_id, request, contributor, _NAMES, repeatable={"code"}
        )
        async with readers.answering(reading):
            codes = _codes_in(request)
            found = await _asked_for(request, reading, findings)
            if found is None:
                raise await no_such_version(plans, reading.plan_id)
            items = [dumps(item) for item in found.items if not codes or item["code"] in codes]
            # Whatever is asked for: by asking for one code after the other nobody learns which.
            more = {"withheld": found.withheld} if found.withheld else {}
            view = ListView(page_bytes(items, None, **more), found.redactions)
            return await release.list(reading.asked, view)

    return router


async def _asked_for(request: Request, reading: Reading, findings: PlanFindings) -> Findings | None:
    given = request.query_params.get("version")
    if given is None:
        return await findings.now(reading.plan_id, reading.sees)
    version = whole_number(given)
    if version is None:
        raise parameter_invalid("version", "`version` must be a whole number from 1.")
    return await findings.of(reading.plan_id, version, reading.sees)


def _codes_in(request: Request) -> frozenset[str]:
    codes = frozenset(request.query_params.getlist("code"))
    if not codes <= RULES_BEHIND.keys():
        raise parameter_invalid("code", f"`code` may be {', '.join(sorted(RULES_BEHIND))}.")
    return codes
