"""A picture, a sound, a film or a document that an entry names, opened with the reader's token."""

import re
from collections.abc import AsyncIterator, Mapping
from typing import Final

import httpx
from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from services.viewer.clients import Answer
from services.viewer.pages.plan import PlanScreens, plan_in
from services.viewer.pages.screens import SECURITY
from shared.chassis.wire.problem import Problem

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_SECTION: Final = re.compile(r"[a-z][a-z-]{0,60}")
_OF_A_PART: Final = ("range", "if-range")
_PASSED_ON: Final = ("content-length", "content-range", "accept-ranges", "etag")

# What a browser shows by itself and never runs. Whatever else it may be is saved, not opened.
_SHOWN: Final = frozenset(
    {"image/png", "image/jpeg", "image/gif", "image/webp"}
    | {"audio/mpeg", "audio/ogg", "audio/wav", "audio/mp4", "audio/webm"}
    | {"video/mp4", "video/webm", "video/quicktime"}
)
_SAVED: Final[Mapping[str, str]] = {"application/pdf": "pdf"}
_UNKNOWN: Final = "application/octet-stream"

_HEADERS: Final = {
    **SECURITY,
    # Nothing in a file is run or fetched, even where a browser took it for a page. The page that a
    # browser makes of a picture or a film has a style of its own.
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; "
        "sandbox; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
}


def file_routes(of: PlanScreens) -> APIRouter:
    """``/plans/{plan_id}/files/{section}/{sha256}``."""
    router = APIRouter(include_in_schema=False)

    @router.get("/plans/{plan_id}/files/{section}/{sha256}")
    async def file(request: Request, plan_id: str, section: str, sha256: str) -> Response:
        """The file, or the part of it that a player asks for."""
        session, asked = of.screens.session(request), plan_in(plan_id)
        if not (_SECTION.fullmatch(section) and _SHA256.fullmatch(sha256)):
            raise Problem("not-found", "There is no such page.")
        part = {name: request.headers[name] for name in _OF_A_PART if name in request.headers}
        answer = await of.apis.file(session.token, section, asked, sha256, part)
        if isinstance(answer, Answer):
            return of.screens.problem(request, answer)
        mime = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        headers = {name: answer.headers[name] for name in _PASSED_ON if name in answer.headers}
        headers |= {**_HEADERS, "Content-Disposition": _disposition(mime, sha256)}
        known = mime if mime in _SHOWN or mime in _SAVED else _UNKNOWN
        return StreamingResponse(_bytes_of(answer), answer.status_code, headers, known)

    return router


def _disposition(mime: str, sha256: str) -> str:
    """Named by what says nothing of the plan: the title stands in the entry."""
    if mime in _SHOWN:
        return "inline"
    return f'attachment; filename="{sha256[:12]}.{_SAVED.get(mime, "bin")}"'


async def _bytes_of(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for part in answer.aiter_bytes():
            yield part
    finally:
        await answer.aclose()
