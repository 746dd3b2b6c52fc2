"""The HTTP door to the accesses of a service: why somebody used an override."""

from typing import Annotated, Final

import orjson
from fastapi import APIRouter, Depends, Request, Response
from typing_extensions import TypedDict

from shared.chassis.accesses.overrides import BASES
from shared.chassis.accesses.recording import ACCESS_ID, AccessRecords
from shared.chassis.http.accesses.reasons import described_reasons, reasons_of
from shared.chassis.http.identity import Identity
from shared.chassis.http.parameters import PRIVATE, judge_parameters
from shared.chassis.wire.described import Answers, answered
from shared.chassis.wire.problem import Problem
from shared.ledger import Contributor, id_in, titled


class Justified(TypedDict):
    """Reasons that were kept."""

    access_id: Annotated[str, titled("Access", "The access that they are about.")]
    basis: Annotated[str, titled("Basis", "On what it rests.")]


_ANSWERED: Final[Answers] = {201: answered("Kept.", Justified, "Ledger-Access-Id")}


def justification_routes(accesses: AccessRecords, identity: Identity) -> APIRouter:
    """``POST /v1/accesses/{access_id}:justify``, for whoever used an override."""
    router = APIRouter(tags=["accesses"])

    @router.post(
        "/v1/accesses/{access_id}:justify",
        status_code=201,
        openapi_extra={"requestBody": described_reasons("basis", BASES)},
        responses=_ANSWERED,
    )
    async def justify(
        access_id: str, request: Request, contributor: Annotated[Contributor, Depends(identity)]
    ) -> Response:
        """Say within a day why the override was used; once, by whoever used it."""
        judge_parameters(request)
        basis, text = await reasons_of(request, "basis", BASES)
        asked = id_in(access_id)
        if asked is None:
            raise Problem("access-unknown")
        kept = await accesses.justify(asked, contributor, basis, text)
        return Response(
            orjson.dumps({"access_id": access_id, "basis": basis}),
            201,
            {**PRIVATE, ACCESS_ID: str(kept)},
            "application/json",
        )

    return router
