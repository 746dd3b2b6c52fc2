"""The HTTP door to the accesses of a service: why somebody used an override."""

from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Request, Response
from typing_extensions import TypedDict

from shared.chassis.accesses.overrides import BASES
from shared.chassis.accesses.recording import ACCESS_ID, AccessRecords
from shared.chassis.http.body import read_body
from shared.chassis.http.identity import Identity
from shared.chassis.http.parameters import PRIVATE, judge_parameters
from shared.chassis.wire.described import Answers, answered
from shared.chassis.wire.problem import Problem
from shared.chassis.wire.strict_json import read
from shared.chassis.wire.validation_errors import error_at, pointer
from shared.ledger import Contributor, id_in, titled

_LONGEST: Final = 2_000
_TAKEN: Final = {
    "type": "object",
    "properties": {
        "basis": {"type": "string", "enum": list(BASES)},
        "text": {"type": "string", "minLength": 1, "maxLength": _LONGEST},
    },
    "required": ["basis", "text"],
    "additionalProperties": False,
}
_BODY: Final = {"required": True, "content": {"application/json": {"schema": _TAKEN}}}


class Justified(TypedDict):
    """Reasons that were kept."""

    access_id: Annotated[str, titled("Access", "The access that they are about.")]
    basis: Annotated[str, titled("Basis", "On what it rests.")]


_ANSWERED: Final[Answers] = {201: answered("Kept.", Justified, "Ledger-Access-Id")}


def justification_routes(accesses: AccessRecords, identity: Identity) -> APIRouter:
    """``POST /v1/accesses/{access_id}:justify``, for whoever used an override."""
    router = APIRouter(tags=["accesses"])
    Caller = Annotated[Contributor, Depends(identity)]  # noqa: N806 - a type

    @router.post(
        "/v1/accesses/{access_id}:justify",
        status_code=201,
        openapi_extra={"requestBody": _BODY},
        responses=_ANSWERED,
    )
    async def justify(access_id: str, request: Request, contributor: Caller) -> Response:
        """Say within a day why the override was used; once, by whoever used it."""
        judge_parameters(request)
        basis, text = _reasons_in(read(await read_body(request)))
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


def _reasons_in(given: Any) -> tuple[str, str]:
    if not isinstance(given, dict):
        raise Problem("content-invalid", "Send an object with `basis` and `text`.")
    basis, text = given.get("basis"), given.get("text")
    errors = [
        error_at(pointer(key), "unknown-key", "This is not known here.")
        for key in sorted(given.keys() - {"basis", "text"})
    ]
    if basis not in BASES:
        errors.append(error_at("/basis", "one-of", f"This is one of {', '.join(BASES)}."))
    if not isinstance(text, str) or not text.strip() or len(text) > _LONGEST:
        message = f"This must be a text of 1 to {_LONGEST} characters."
        errors.append(error_at("/text", "text", message))
    if errors:
        raise Problem("content-invalid", errors=errors)
    return str(basis), str(text)
