"""How every screen is answered: rendered, never kept by a browser, and nothing from elsewhere."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import RedirectResponse, Response
from uuid_utils import uuid4

from services.viewer.clients import Answer
from services.viewer.sessions import COOKIE, VISITOR, Session, Sessions
from services.viewer.shown.times import counted
from services.viewer.texts import as_written, shown, together
from shared.chassis.http.body import read_body
from shared.chassis.wire.exact import TEXT_LIMIT
from shared.chassis.wire.problem import Problem, title_of
from shared.ledger.names import id_in

HERE: Final = Path(__file__).resolve().parents[1]
FORM_LIMIT: Final = 256 * 1024
NO_RELATIONSHIP: Final = "no-live-relationship"
_MOST_FIELDS: Final = 40

_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
SECURITY: Final[Mapping[str, str]] = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_PRIVATE: Final = {**SECURITY, "Cache-Control": "no-store"}
_MEDIA_TYPES: Final = {".css": "text/css", ".svg": "image/svg+xml"}

_SEE_OTHER: Final = 303
_UNAUTHORIZED: Final = 401


class SignInFirst(Exception):
    """Nobody is signed in at this browser, or their token is no longer good."""


class Screens:
    """Renders pages, and knows who is at the browser."""

    def __init__(self, sessions: Sessions, *, secure_cookies: bool) -> None:
        self.sessions = sessions
        self._secure = secure_cookies
        self._static = {
            path.name: path.read_bytes() for path in sorted((HERE / "static").glob("*.*"))
        }
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=shown,
        )
        self._templates.globals.update(static=self._address_of, counted=counted, longest=TEXT_LIMIT)
        self._templates.filters.update(together=together, as_written=as_written)

    def session(self, request: Request) -> Session:
        """Who is at this browser; ``SignInFirst`` where it is nobody."""
        session = self.sessions.of(request.cookies.get(COOKIE, ""))
        if session is None:
            raise SignInFirst
        return session

    def page(self, request: Request, template: str, *, status: int = 200, **said: Any) -> Response:
        """A page. Whoever is not signed in gets a cookie that their forms belong to."""
        name = request.cookies.get(COOKIE, "")
        session = self.sessions.of(name)
        visitor = request.cookies.get(VISITOR, "") or str(uuid4())
        bound = name if session is not None else visitor
        text = self._templates.get_template(template).render(
            session=session, form_key=self.sessions.form_key(bound), **said
        )
        answer = Response(text, status, dict(_PRIVATE), "text/html; charset=utf-8")
        if session is None:
            self.set_cookie(answer, VISITOR, visitor)
        return answer

    def see(self, path: str) -> Response:
        """Sends the browser on, to a page of ours."""
        return RedirectResponse(path, _SEE_OTHER, dict(_PRIVATE))

    def set_cookie(self, answer: Response, name: str, value: str) -> None:
        """A cookie that no script reads and no other site sends."""
        answer.set_cookie(
            name, value, path="/", secure=self._secure, httponly=True, samesite="strict"
        )

    async def form(self, request: Request) -> dict[str, str]:
        """What was written in a form of ours; ``Problem`` where it came from anywhere else."""
        content = await read_body(request, FORM_LIMIT, "application/x-www-form-urlencoded")
        try:
            pairs = parse_qsl(
                content.decode("utf-8"),
                keep_blank_values=True,
                strict_parsing=bool(content),
                errors="strict",
                max_num_fields=_MOST_FIELDS,
            )
        except ValueError:
            raise Problem("bad-request", "The form cannot be read.") from None
        written = dict(pairs)
        name = request.cookies.get(COOKIE, "")
        bound = name if self.sessions.of(name) else request.cookies.get(VISITOR, "")
        is_ours = self.sessions.is_form_of(bound, written.pop("form_key", ""))
        if not is_ours or request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            raise Problem("not-permitted", "This form is no longer good. Open the page again.")
        return written

    def problem(self, request: Request, answer: Answer) -> Response:
        """The page for what an API would not do; a token that is no longer good signs out."""
        if answer.status == _UNAUTHORIZED:
            self.sessions.end(request.cookies.get(COOKIE, ""))
            raise SignInFirst
        code = answer.code or "unavailable"
        heading = str(answer.body.get("title") or title_of(code))
        words = str(answer.body.get("detail") or _UNAVAILABLE)
        correlation_id = str(answer.body.get("correlation_id") or "")
        plan_id = id_in(request.path_params.get("plan_id", ""))
        is_shut_out = code == NO_RELATIONSHIP and plan_id is not None
        return self.page(
            request,
            "problem.html",
            status=answer.status,
            heading=heading,
            words=words,
            correlation_id=correlation_id,
            in_an_emergency=f"/plans/{plan_id}/emergency" if is_shut_out else "",
        )

    def static(self, name: str) -> Response:
        """A file of the pages themselves, which holds nothing about anybody."""
        content = self._static.get(name)
        if content is None:
            raise Problem("not-found")
        headers = {**SECURITY, "Cache-Control": "public, max-age=31536000, immutable"}
        return Response(content, 200, headers, _MEDIA_TYPES[Path(name).suffix])

    def _address_of(self, name: str) -> str:
        return f"/static/{name}?{sha256(self._static[name]).hexdigest()[:12]}"


_UNAVAILABLE: Final = "What is behind this page does not answer. Try again in a moment."
