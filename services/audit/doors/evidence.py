"""One record with its proof, for whoever may read the audit."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response

from services.audit.doors.answers import RecordEvidence
from services.audit.doors.asking import ASKED, Questions
from services.audit.doors.log import TEXT, answer, inclusion_of, number_of, of_inclusion
from services.audit.queries.evidence import LogReads, as_base64, proof_file
from services.audit.queries.records import RecordList
from services.audit.record.commitment import GROUPS
from shared.chassis.accesses.record import Asked, Shown, What
from shared.chassis.http.identity import Identity
from shared.chassis.http.parameters import OF_A_READ, described, parameter_invalid
from shared.chassis.policy.decide import AUTHN
from shared.chassis.wire.described import Answers, answered, as_bytes
from shared.chassis.wire.problem import Problem
from shared.tlog.checkpoint import size_of
from shared.tlog.notes import NoteUnusable

_PROOF: Final = described("proof", "With `1`, its inclusion proof too.", type="string", enum=["1"])
_GROUPS: Final = described("groups", "Show only these groups, with commas; others as hashes.")
_SIZE: Final = described("size", "Of which log; left out, the newest.", type="integer", minimum=1)
_EVIDENCE: Final[Answers] = {200: answered("The record.", RecordEvidence, *ASKED)}
_PROOF_FILE: Final = as_bytes("The proof, as a file (C2SP tlog-proof).", "text/plain", *ASKED)
_UNKNOWN: Final = "The audit has no record at this place."


def evidence_routes(
    log: LogReads, records: RecordList, identity: Identity, questions: Questions
) -> APIRouter:
    """``GET /v1/audit/records/{idx}`` and its proof."""
    router = APIRouter(prefix="/v1/audit/records", tags=["audit"])
    reads = Depends(questions.reader(identity, What.RECORDS, ("proof", "groups")))
    proves = Depends(questions.reader(identity, What.RECORDS, ("size",)))

    @router.get(
        "/{idx}",
        openapi_extra={"parameters": [_PROOF, _GROUPS, *OF_A_READ]},
        responses=_EVIDENCE,
    )
    async def record(idx: str, request: Request, asked: Annotated[Asked, reads]) -> Response:
        """A record as the caller may see it, and with ``proof=1`` what proves it."""
        place, wanted = _place(idx), groups_of(request)
        forbids = {AUTHN} & {*asked.decision.redactions}
        is_proved = _is_proved(request)
        shows = GROUPS if wanted is None else wanted
        found = await log.evidence(place, shows=shows, forbids=forbids)
        about = await records.about(place)
        if found is None or about is None or not await questions.shows(asked, *about):
            raise Problem("record-unknown", _UNKNOWN)
        leaf = as_base64(found.row["leaf"])
        proof = await _proof(log, place) if is_proved or found.is_erased else None
        if found.is_erased:
            detail = "What the record said was erased. Its leaf stays, and its place is proved."
            raise Problem("record-erased", detail, leaf=leaf, proof=proof)
        told: dict[str, Any] = {"idx": place, "record": None}
        if wanted is None:
            told["record"] = await records.at(place, shows_authn=not forbids)
        told |= {"leaf": leaf, "commitment": as_base64(found.row["commitment"])}
        told["groups"] = found.groups
        if proof is not None:
            told["proof"] = proof
        given = answer(told)
        given.headers.update(await questions.recorded(asked, Shown.of(bytes(given.body))))
        return given

    @router.get(
        "/{idx}/proof",
        response_class=Response,
        openapi_extra={"parameters": [_SIZE, *OF_A_READ]},
        responses=_PROOF_FILE,
    )
    async def proof(idx: str, request: Request, asked: Annotated[Asked, proves]) -> Response:
        """The inclusion proof of a record as a file, in the form of C2SP tlog-proof."""
        found = await inclusion_of(log, _place(idx), number_of(request, "size"))
        written = proof_file(found)
        if written is None:
            detail = "No checkpoint was signed at this size; `/v1/audit/checkpoints` lists them."
            raise Problem("tree-size-unknown", detail)
        shown = Shown.of(written.encode(), media_type=TEXT)
        headers = await questions.recorded(asked, shown)
        return Response(written, media_type=TEXT, headers=headers)

    return router


async def _proof(log: LogReads, idx: int) -> dict[str, Any] | None:
    """The proof at the newest size; ``None`` for a record that is newer than the checkpoint."""
    newest = await log.newest()
    if newest is None or idx >= newest.size:
        return None
    told = of_inclusion(await inclusion_of(log, idx, newest.size))
    return {name: told[name] for name in ("size", "root", "hashes", "checkpoint")}


def _place(idx: str) -> int:
    try:
        return size_of(idx)
    except NoteUnusable:
        raise Problem("record-unknown", _UNKNOWN) from None


def _is_proved(request: Request) -> bool:
    given = request.query_params.get("proof")
    if given not in (None, "1"):
        raise parameter_invalid("proof", "`proof` is 1, or left out.")
    return given is not None


def groups_of(request: Request) -> tuple[str, ...] | None:
    """The groups that are to be shown; ``None`` for all of them. Raises ``Problem``."""
    given = request.query_params.get("groups")
    if given is None:
        return None
    names = tuple(given.split(","))
    if not {*names} <= {*GROUPS} or len({*names}) != len(names):
        detail = f"`groups` is some of {','.join(GROUPS)}, each once, separated by commas."
        raise parameter_invalid("groups", detail, "one-of")
    return names
