"""The log's HTTP door: its files for anybody, and proofs for whoever has a token."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Request, Response

from services.audit.doors.answers import Checkpoints, ConsistencyProof, InclusionProof
from services.audit.log.rehash import Damaged
from services.audit.queries.evidence import (
    Consistency,
    Inclusion,
    LogReads,
    SizeUnknown,
    as_base64,
    note_of,
)
from services.audit.record.commitment import leaf_hash
from services.audit.store.log import Shown, TileMissing
from shared.chassis import telemetry
from shared.chassis.http.identity import Identity
from shared.chassis.http.parameters import (
    OF_A_PAGE,
    cursor_of,
    described,
    judge_parameters,
    page_of,
    parameter_invalid,
)
from shared.chassis.policy.decide import Roles
from shared.chassis.wire.described import Answers, answered, as_bytes
from shared.chassis.wire.problem import Problem
from shared.ledger import Contributor, instant
from shared.tlog.policy import Policy
from shared.tlog.tiles import ENTRIES, is_in, tile_at

LIST: Final = ("checkpoints",)
TEXT: Final = "text/plain; charset=utf-8"
MONITORING: Final = "log_monitoring"
"""The kind of role that may have the leaves."""

_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
_NO_LOG: Final = "No checkpoint has been signed here yet."
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_SIZE: Final = described("size", "Of which log; left out, the newest.", type="integer", minimum=1)
_IDX: Final = described("idx", "The place of the record.", type="integer", minimum=0)
_FROM: Final = described("from", "The size of the earlier log.", type="integer", minimum=1)
_TO: Final = described("to", "That of the later one; left out, the newest.", type="integer")

_NOTE: Final = as_bytes("A signed note (C2SP).", "text/plain")
_TILE: Final = as_bytes("A tile.", "application/octet-stream")
_CHECKPOINTS: Final[Answers] = {200: answered("A page of checkpoints.", Checkpoints)}
_INCLUSION: Final[Answers] = {200: answered("The proof.", InclusionProof)}
_CONSISTENCY: Final[Answers] = {200: answered("The proof.", ConsistencyProof)}


def log_files(log: LogReads, identity: Identity, roles: Roles, policy: Policy | None) -> APIRouter:
    """``/log/…``: the log as files, in the layout of C2SP tlog-tiles.

    Without a policy this process has no key, and nobody is told whose signatures count.
    """
    router = APIRouter(prefix="/log", tags=["log"])

    @router.get("/checkpoint", response_class=Response, responses=_NOTE)
    async def checkpoint() -> Response:
        """The newest checkpoint, with what its witnesses signed."""
        note = note_of(await log.newest())
        if note is None:
            raise Problem("not-found", _NO_LOG)
        return Response(str(note), media_type=TEXT, headers={"Cache-Control": "public, max-age=5"})

    @router.get("/policy", response_class=Response, responses=_NOTE)
    async def its_policy() -> Response:
        """Whose signature counts, and how many witnesses there have to be."""
        if policy is None:
            raise Problem("not-found", _NO_LOG)
        return Response(
            str(policy), media_type=TEXT, headers={"Cache-Control": "public, max-age=60"}
        )

    @router.get("/tile/{path:path}", response_class=Response, responses=_TILE)
    async def tile(path: str, request: Request) -> Response:
        """A tile of hashes; with a token of the roles for it, a bundle of leaves."""
        wanted = tile_at(path)
        is_leaves = wanted is not None and wanted.level == ENTRIES
        if is_leaves and (await identity(request)).role not in roles.get(MONITORING, ()):
            raise Problem("not-permitted", "The leaves are for auditors and monitors of the log.")
        newest = await log.newest()
        if wanted is None or newest is None or not is_in(wanted, newest.size):
            raise Problem("not-found", "The log has no such tile, or not yet.")
        try:
            content = await log.tile(wanted)
        except TileMissing:
            raise damaged_problem(Damaged(f"the tile {wanted.path} is missing")) from None
        cache = "private, no-store" if is_leaves else _FOR_EVER
        return Response(
            content, media_type="application/octet-stream", headers={"Cache-Control": cache}
        )

    return router


def proof_routes(log: LogReads, identity: Identity, policy: Policy | None) -> APIRouter:
    """``/v1/audit/checkpoints`` and ``/v1/audit/proofs/…``, for anybody with a token."""
    router = APIRouter(prefix="/v1/audit", tags=["log"])
    known = Annotated[Contributor, Depends(identity)]

    @router.get("/checkpoints", openapi_extra={"parameters": [*OF_A_PAGE]}, responses=_CHECKPOINTS)
    async def checkpoints(request: Request, _: known) -> Response:
        """The checkpoints, newest first, with who witnessed each and when."""
        judge_parameters(request, ("limit", "cursor"))
        limit, place = page_of(request, *LIST)
        found = await log.before(place, limit + 1)
        more = found[limit - 1].size if len(found) > limit else None
        items = [_as_item(shown, policy) for shown in found[:limit]]
        return answer({"items": items, "next": cursor_of(more, *LIST) if more else None})

    @router.get(
        "/proofs/inclusion", openapi_extra={"parameters": [_IDX, _SIZE]}, responses=_INCLUSION
    )
    async def inclusion(request: Request, _: known) -> Response:
        """Proves that a record is at its place in the log."""
        judge_parameters(request, ("idx", "size"))
        idx = number_of(request, "idx")
        if idx is None:
            raise parameter_invalid("idx", "`idx` is missing: the place of the record.")
        return answer(of_inclusion(await inclusion_of(log, idx, number_of(request, "size"))))

    @router.get(
        "/proofs/consistency", openapi_extra={"parameters": [_FROM, _TO]}, responses=_CONSISTENCY
    )
    async def consistency(request: Request, _: known) -> Response:
        """Proves that the log of one size is the beginning of the log of another."""
        judge_parameters(request, ("from", "to"))
        first = number_of(request, "from")
        if not first:
            raise parameter_invalid("from", "`from` is the size of a log, from 1.")
        second = await _size(log, number_of(request, "to"))
        if first > second:
            raise parameter_invalid("from", "`from` is not larger than `to`.")
        try:
            return answer(_of_consistency(await log.consistency(first, second)))
        except Damaged as damaged:
            raise damaged_problem(damaged) from None

    return router


async def inclusion_of(log: LogReads, idx: int, size: int | None) -> Inclusion:
    """The inclusion proof that was asked for; raises ``Problem``."""
    known = await _size(log, size)
    if idx >= known:
        raise parameter_invalid("idx", "`idx` is below `size`: places are counted from 0.")
    try:
        return await log.inclusion(idx, known)
    except Damaged as damaged:
        raise damaged_problem(damaged) from None


def number_of(request: Request, name: str) -> int | None:
    """A number in plain digits; raises ``Problem``."""
    text = request.query_params.get(name)
    if text is not None and not _NUMBER.fullmatch(text):
        raise parameter_invalid(name, f"`{name}` is a whole number in plain digits.")
    return None if text is None else int(text)


def of_inclusion(proof: Inclusion) -> dict[str, Any]:
    """An inclusion proof as answers give it."""
    return {
        "idx": proof.idx,
        "size": proof.size,
        "leaf_hash": as_base64(leaf_hash(proof.leaf)),
        "root": as_base64(proof.root),
        "hashes": [as_base64(one) for one in proof.hashes],
        "checkpoint": None if proof.note is None else str(proof.note),
    }


def answer(told: Any) -> Response:
    """What proves something is the same for everybody, and is still asked for with a token."""
    headers = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Accept"}
    return Response(orjson.dumps(told), media_type="application/json", headers=headers)


def _of_consistency(proof: Consistency) -> dict[str, Any]:
    return {
        "from": proof.first,
        "to": proof.second,
        "from_root": as_base64(proof.first_root),
        "to_root": as_base64(proof.second_root),
        "hashes": [as_base64(one) for one in proof.hashes],
        "checkpoint": None if proof.note is None else str(proof.note),
    }


def _as_item(shown: Shown, policy: Policy | None) -> dict[str, Any]:
    note = note_of(shown)
    assert note is not None
    names = {} if policy is None else {one.key: name for name, one in policy.witnesses.items()}
    witnesses = [
        {"name": names[key], "at": instant(datetime.fromtimestamp(at, UTC))}
        for key, at in (note.checked([*names]).items() if names and shown.signatures else ())
        if at is not None
    ]
    return {
        "size": shown.size,
        "root": as_base64(shown.root),
        "at": instant(shown.at),
        "witnesses": witnesses,
        "note": str(note),
    }


async def _size(log: LogReads, wanted: int | None) -> int:
    if wanted == 0:
        raise parameter_invalid("size", "A log has at least one record before it proves anything.")
    try:
        return await log.size_of(wanted)
    except SizeUnknown:
        detail = "The log has not been shown at this size; its newest checkpoint says how far."
        raise Problem("tree-size-unknown", detail) from None


def damaged_problem(damaged: Damaged) -> Problem:
    """The problem of a log that cannot be proved; it is told to operators, too."""
    telemetry.log.critical("log.damaged", reason=str(damaged))
    return Problem("internal-error", f"The log is damaged: {damaged}.")
