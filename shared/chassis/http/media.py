"""The HTTP door to a section's media: files in, and out again to whoever may see what names them.

A delivery leaves after its access record is durable, as every answer that shows something.
"""

import asyncio
import re
from base64 import b64decode
from contextlib import aclosing
from dataclasses import replace
from typing import Annotated, Final
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Request, Response
from starlette.types import Receive, Scope, Send

from shared.chassis.accesses.record import Asked, Shown, What
from shared.chassis.accesses.recording import AccessRecords
from shared.chassis.contribute.media import who_may_store
from shared.chassis.contribute.showing import Showing
from shared.chassis.http.answers import IS_HEAD
from shared.chassis.http.identity import Identity
from shared.chassis.http.parameters import (
    OF_A_READ,
    PURPOSES,
    judge_parameters,
    judge_purpose,
    list_header,
    one_header,
    parameter_invalid,
    reason_of,
    seconds_to_wait,
)
from shared.chassis.media.described import FILE_GIVEN, FILE_TAKEN
from shared.chassis.media.faults import StoreAway
from shared.chassis.media.keeping import Damaged, MediaKeeping, Upload, tell_of_damage
from shared.chassis.media.kinds.kind import TAKEN, usual_name
from shared.chassis.media.ranges import NotSatisfiable, part_of
from shared.chassis.media.rows import StoredMedia
from shared.chassis.policy.access_copy import AccessCopy
from shared.chassis.policy.decide import Action, Decision, Facts
from shared.chassis.policy.plan_states import PlanStates
from shared.chassis.policy.rules import EMERGENCY
from shared.chassis.settings import Settings
from shared.chassis.store.event_store import EventStore
from shared.chassis.telemetry import Count, counter, log
from shared.chassis.wire.problem import Problem
from shared.ledger import Contributor, id_in
from shared.ledger.recorded_event import OPEN

MEDIA: Final = "/v1/media"

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_DIGEST: Final = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):")
_PIECE_PATIENCE: Final = 30.0
"""Seconds in which a reader takes the next block; whoever takes none holds a file open."""


def media_routes(
    keeping: MediaKeeping,
    store: EventStore,
    plan_states: PlanStates,
    access: AccessCopy,
    identity: Identity,
    settings: Settings,
    accesses: AccessRecords,
) -> APIRouter:
    """``POST /v1/media`` and ``GET /v1/media/{sha256}``, for a section whose entries name files."""
    router = APIRouter(tags=["media"])
    who = who_may_store(store.section)
    section = store.section.wire_name
    restricting = frozenset(settings.restricting_labels)
    showing = Showing(keeping.rows, store, access)

    @router.post(MEDIA, status_code=201, openapi_extra=FILE_TAKEN)
    async def take(
        request: Request, contributor: Annotated[Contributor, Depends(identity)]
    ) -> Response:
        """Take a file that a contribution is going to name."""
        plan_id = id_in(request.query_params.get("plan_id"))
        facts = Facts(
            settings.roles, plan_id=plan_id, who=who, section=section, restricting=restricting
        )
        decision = await access.decide(contributor, Action.STORE_MEDIA, facts, patience=0)
        if not decision.may_change:
            _must_be_allowed(decision)
        plan_id = _plan_asked(request, plan_id)
        mime, digest = _type_announced(request), _digest_announced(request)
        await _must_be_open(plan_states, plan_id)
        if decision.may_change:
            decision = await access.decide(contributor, Action.STORE_MEDIA, facts)
            _must_be_allowed(decision)
        shown = showing.to(decision.sees)
        stored, is_new = await keeping.take(
            Upload(plan_id, contributor.key, mime, digest, request.stream(), shown)
        )
        counter(Count.MEDIA_STORED).add(1, {"outcome": "new" if is_new else "again"})
        _log("media.stored", stored, contributor, store.section.wire_name, repeated=not is_new)
        told = {
            "media_id": str(stored.media_id),
            "sha256": stored.sha256,
            "size": stored.size,
            "mime": stored.mime,
            "state": stored.state,
        }
        return Response(
            orjson.dumps(told),
            201 if is_new else 200,
            {"Cache-Control": "no-store", "Location": f"{MEDIA}/{stored.sha256}?plan_id={plan_id}"},
            "application/json",
        )

    given = {**FILE_GIVEN, "parameters": [*FILE_GIVEN["parameters"], *OF_A_READ]}

    @router.get(MEDIA + "/{sha256}", response_class=Response, openapi_extra=given)
    async def give(
        sha256: str, request: Request, contributor: Annotated[Contributor, Depends(identity)]
    ) -> Response:
        """Give a file, or a part of it, to whoever may see an entry that names it.

        In an emergency a professional is given what the emergency view names, and nothing else,
        under an override as there.
        """
        plan_id = id_in(request.query_params.get("plan_id"))
        purpose = one_header(request, "Ledger-Purpose")
        facts = Facts(settings.roles, plan_id=plan_id, restricting=restricting)
        known = purpose if purpose in PURPOSES else None
        decision = await access.decide(
            contributor,
            Action.READ_EMERGENCY if known == EMERGENCY else Action.READ_PLAN,
            facts,
            known,
            patience=seconds_to_wait(request),
        )
        reason = reason_of(request, known)
        asked = Asked(contributor, decision, What.MEDIA, plan_id, known, section, reason)
        if not decision.allowed:
            raise await accesses.denied(asked)
        plan_id = _plan_asked(request, plan_id)
        judge_purpose(request, purpose)
        media = await keeping.rows.find(plan_id, sha256) if _SHA256.fullmatch(sha256) else None
        by = await showing.shown_by(media, contributor, decision, facts, known)
        if media is None or by is None:
            raise await _no_such(accesses, asked)
        asked = replace(asked, decision=by)
        _must_be_available(media)
        response = _answer_of(request, media, keeping, by)
        if isinstance(response, _Delivery):
            await response.begin()
        # Of a part, too, hash and length are those of the whole file.
        shown = Shown(media.sha256, media.size, response.status_code, media.mime, None, [section])
        response.headers.update((await accesses.keep(asked, shown)).headers)
        _log("media.delivered", media, contributor, section)
        return response

    return router


class _Delivery(Response):
    """Bytes on their way out, each block of them proven before it goes.

    Where one is not what was stored, the connection is cut off: the reader sees that it is
    incomplete, and gets nothing that is wrong.
    """

    def __init__(
        self, keeping: MediaKeeping, media: StoredMedia, part: tuple[int, int] | None
    ) -> None:
        super().__init__(status_code=200 if part is None else 206, media_type=media.mime)
        self._media = media
        begin, end = part or (0, media.size)
        self._blocks = keeping.blocks(media, begin, end)
        self._first = b""
        self._outcome = "whole" if part is None else "part"
        self.headers["Content-Length"] = str(end - begin)
        if part is not None:
            self.headers["Content-Range"] = f"bytes {begin}-{end - 1}/{media.size}"

    async def begin(self) -> None:
        """Have the first block, so that a file which is gone is a problem and no broken answer."""
        try:
            self._first = await anext(self._blocks)
        except StoreAway:
            raise Problem("unavailable", "The store is away. Ask again.") from None
        except Damaged:
            tell_of_damage(self._media)
            raise Problem("internal-error", "The stored file is damaged.") from None

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send the head, the first block, and the others as they are taken."""
        outcome = "cut-off"
        try:
            async with aclosing(self._blocks) as rest:
                await send(
                    {"type": "http.response.start", "status": self.status_code,
                     "headers": self.raw_headers}
                )  # fmt: skip
                await self._send(send, self._first)
                async for block in rest:
                    await self._send(send, block)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            outcome = self._outcome
        except Damaged:
            tell_of_damage(self._media)
            raise
        finally:
            counter(Count.MEDIA_DELIVERED).add(1, {"outcome": outcome})

    async def _send(self, send: Send, block: bytes) -> None:
        async with asyncio.timeout(_PIECE_PATIENCE):
            await send({"type": "http.response.body", "body": block, "more_body": True})


def _answer_of(
    request: Request, media: StoredMedia, keeping: MediaKeeping, decision: Decision
) -> Response:
    etag = f'"{media.sha256}"'
    if_range = one_header(request, "If-Range")
    asked = one_header(request, "Range") if if_range in (None, etag) else None
    response: Response
    held = list_header(request, "If-None-Match")
    if held.strip() == "*" or etag in held:
        response = Response(status_code=304)
    else:
        try:
            part = part_of(asked, media.size)
        except NotSatisfiable:
            raise Problem(
                "range-not-satisfiable",
                f"The file has {media.size} bytes.",
                headers={"Content-Range": f"bytes */{media.size}"},
            ) from None
        response = _Delivery(keeping, media, part)
        if IS_HEAD in request.scope.get("extensions", {}):
            response = Response(status_code=response.status_code, headers=dict(response.headers))
    response.headers.update(
        {
            "ETag": etag,
            "Accept-Ranges": "bytes",
            # Every read is asked for again, and recorded again.
            "Cache-Control": "private, no-cache",
            "Vary": "Authorization",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cross-Origin-Resource-Policy": "same-site",
            "Content-Disposition": f'{_shown_how(media.mime)}; filename="{_filename(media)}"',
            "Ledger-Policy": decision.policy_version,
        }
    )
    return response


def _shown_how(mime: str) -> str:
    """A page shows pictures, sound and films by themselves; a document is opened by a program."""
    return "attachment" if mime == "application/pdf" else "inline"


def _filename(media: StoredMedia) -> str:
    """A name that says nothing of the plan: the title stands in the entry."""
    return f"{media.media_id}.{media.mime.partition('/')[2]}"


async def _no_such(accesses: AccessRecords, asked: Asked) -> Problem:
    """That there is no such file for them; to whoever breaks the glass, when it is recorded."""
    code = "media-unknown"
    if asked.decision.override is None:
        return Problem(code)
    no = replace(asked.decision, allowed=False, code=code, override=None)
    return await accesses.denied(replace(asked, decision=no, more={"status": 404}))


def _must_be_allowed(decision: Decision) -> None:
    if decision.code is not None:
        raise Problem(
            decision.code,
            decision.detail,
            retryable=decision.may_change,
            policy_version=decision.policy_version,
        )


def _plan_asked(request: Request, plan_id: UUID | None) -> UUID:
    judge_parameters(request, {"plan_id"})
    if plan_id is None:
        detail = "`plan_id` must be a UUID in lower case."
        raise parameter_invalid("plan_id", detail)
    return plan_id


async def _must_be_open(plan_states: PlanStates, plan_id: UUID) -> None:
    state = await plan_states.of(plan_id)
    if state is None:
        raise Problem("plan-unknown", "This section does not know the plan.", retryable=True)
    if state != OPEN:
        raise Problem("plan-not-open", "This plan has ended or was merged.", retryable=True)


def _must_be_available(media: StoredMedia) -> None:
    if media.state == "quarantined":
        detail = "The virus scanner has not answered yet. Ask again later."
        raise Problem("media-quarantined", detail, retryable=True)
    if media.state == "infected":
        raise Problem("media-infected", "The virus scanner found something harmful in it.")


def _type_announced(request: Request) -> str:
    if "content-encoding" in request.headers:
        raise Problem("unsupported-media-type", "Send it without a Content-Encoding.")
    mime = usual_name(one_header(request, "Content-Type") or "")
    if mime not in TAKEN:
        detail = f"Say in `Content-Type` what it is. A file may be {', '.join(TAKEN)}."
        raise Problem("unsupported-media-type", detail)
    return mime


def _digest_announced(request: Request) -> str:
    given = list_header(request, "Content-Digest")
    found = [_DIGEST.fullmatch(one.strip()) for one in given.split(",")]
    digests = {b64decode(one[1]).hex() for one in found if one is not None}
    if len(digests) != 1:
        detail = "Send the SHA-256 of the file as `Content-Digest: sha-256=:…:`, in base64."
        raise parameter_invalid("Content-Digest", detail)
    return digests.pop()


def _log(
    event: str, media: StoredMedia, contributor: Contributor, section: str, **others: bool
) -> None:
    organisation = contributor.organisation
    log.info(
        event,
        section=section,
        media_id=str(media.media_id),
        size=media.size,
        contributor=contributor.sub,
        organisation=organisation.code if organisation else None,
        **others,
    )
