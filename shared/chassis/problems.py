"""Problems (RFC 9457): how every door says no, never with the caller's content."""

import re
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote
from uuid import uuid4

import asyncpg
import orjson
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.chassis.database import UNREACHABLE
from shared.chassis.telemetry import log, problems
from shared.chassis.validation_errors import (
    ERROR_LIMIT,
    UNKNOWN,
    errors_from_validation,
    errors_of,
    pointer,
    rule_of,
)

__all__ = [
    "STATUS",
    "CorrelationIds",
    "Problem",
    "correlation_id_of",
    "errors_from_validation",
    "pointer",
    "problem_body",
    "problem_handlers",
    "problem_response",
    "title_of",
]

MEDIA_TYPE: Final = "application/problem+json"
TYPE_BASE: Final = "https://careplan.example/problems/"
DEFAULT_STATUS: Final = 409

Handler = Callable[[Request, Any], Coroutine[Any, Any, Response]]


class _Statuses(dict[str, int]):
    """A code that is not listed is a rule of an entry saying no."""

    def __missing__(self, code: str) -> int:
        return DEFAULT_STATUS


STATUS: Final[Mapping[str, int]] = _Statuses(
    {
        # What cannot be read
        "bad-request": 400,
        "unreadable-json": 400,
        "parameter-invalid": 400,
        "position-of-another-plan": 400,
        "digest-mismatch": 400,
        "body-too-large": 413,
        "unsupported-media-type": 415,
        "content-invalid": 422,
        "command-unknown": 422,
        # Who may not
        "token-missing": 401,
        "token-invalid": 401,
        "token-expired": 401,
        "not-permitted": 403,
        "role-may-not-contribute": 403,
        "no-live-relationship": 403,
        "proxy-not-live": 403,
        "organisation-claim-differs": 403,
        # What is not there
        "not-found": 404,
        "entry-unknown": 404,
        "plan-unknown": 404,
        "contribution-unknown": 404,
        "version-unknown": 404,
        "media-unknown": 404,
        "record-unknown": 404,
        "method-not-allowed": 405,
        "not-acceptable": 406,
        # What stands in the way
        "contribution-id-reused": 409,
        "entry-already-exists": 409,
        "plan-not-open": 409,
        "plan-already-open": 409,
        "entry-entered-in-error": 409,
        "entry-not-restricted": 409,
        "stated-in-the-future": 409,
        "reason-missing": 409,
        "needs-code-or-text": 409,
        "ends-before-it-starts": 409,
        "correction-belongs-to-the-origin": 409,
        "withholding-needs-an-approver": 409,
        "importance-is-the-persons": 409,
        "media-quarantined": 409,
        "base-version-stale": 412,
        "base-version-missing": 428,
        "too-many-requests": 429,
        # What is our trouble
        "internal-error": 500,
        "overloaded": 503,
        "unavailable": 503,
        "projection-behind": 503,
    }
)
"""The HTTP status of each code; any other code is 409."""

_TITLES: Final[Mapping[str, str]] = {
    "unreadable-json": "The body is not readable JSON",
    "parameter-invalid": "A parameter cannot be read",
    "position-of-another-plan": "The position belongs to another plan",
    "digest-mismatch": "The bytes do not have the digest that was announced",
    "body-too-large": "The body is too large",
    "unsupported-media-type": "The body is of a type that is not taken here",
    "content-invalid": "The content does not have the shape of the command",
    "command-unknown": "This section has no such command",
    "token-missing": "A bearer token is needed",
    "token-invalid": "The token is not valid",
    "token-expired": "The token has expired",
    "not-permitted": "Not permitted",
    "role-may-not-contribute": "The role may not use this command",
    "no-live-relationship": "The organisation has no live relationship with this person",
    "proxy-not-live": "The proxy is not live",
    "organisation-claim-differs": "Another organisation is claimed than the one proven",
    "entry-unknown": "No such entry of this plan",
    "plan-unknown": "No such plan",
    "contribution-unknown": "No such contribution",
    "version-unknown": "No such version",
    "contribution-id-reused": "The contribution id was used for something else",
    "base-version-stale": "The entry has moved on",
    "base-version-missing": "A change must name the version it is based on",
    "plan-not-open": "The plan is not open",
    "plan-already-open": "The person has an open plan already",
    "internal-error": "Something went wrong here",
    "unavailable": "Not available at the moment",
    "projection-behind": "The plan is not yet as new as was asked for",
}

# Sent again unchanged, these may be answered otherwise.
_PASSING: Final = frozenset({"too-many-requests", "overloaded", "unavailable", "projection-behind"})

_CODE_OF_STATUS: Final[Mapping[int, str]] = {
    401: "token-missing",
    403: "not-permitted",
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    413: "body-too-large",
    415: "unsupported-media-type",
    429: "too-many-requests",
    503: "unavailable",
}

# A database that is stopping, or full up, is as good as away; asyncpg has no one name for it.
_AWAY: Final = (
    *UNREACHABLE,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InsufficientResourcesError,
)

_CORRELATION_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")


class Problem(Exception):
    """A no of a door, with the code that says which; it becomes a problem of the answer.

    ``detail`` and ``errors`` are given back to the caller and must hold none of their content.
    """

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        status: int | None = None,
        errors: Iterable[Mapping[str, Any]] = (),
        receipt: Mapping[str, Any] | None = None,
        retryable: bool = False,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.status = STATUS[code] if status is None else status
        self.errors = [dict(error) for error in errors][:ERROR_LIMIT]
        self.receipt = receipt
        self.retryable = retryable or code in _PASSING
        self.headers = dict(headers or {})
        self.members = members


def title_of(code: str) -> str:
    """The title of a code, in words; the same for every problem of that code."""
    return _TITLES.get(code) or code.replace("-", " ").capitalize()


def problem_body(problem: Problem, instance: str, correlation_id: str) -> dict[str, Any]:
    """The problem as JSON; a further member never replaces one of the standard's."""
    body: dict[str, Any] = {
        "type": TYPE_BASE + problem.code,
        "title": title_of(problem.code),
        "status": problem.status,
        "detail": problem.detail or f"{title_of(problem.code)}.",
        "instance": instance,
        "code": problem.code,
        "errors": problem.errors,
        "correlation_id": correlation_id,
        "retryable": problem.retryable,
    }
    if problem.receipt is not None:
        body["receipt"] = problem.receipt
    return {**problem.members, **body}


def problem_handlers() -> dict[int | type[Exception], Handler]:
    """What an application answers to each kind of exception: always a problem."""
    handlers: dict[int | type[Exception], Handler] = {
        Problem: _answer_problem,
        RequestValidationError: _answer_parameters,
        HTTPException: _answer_framework,
        ClientDisconnect: _answer_nobody,
        Exception: _answer_unexpected,
    }
    handlers.update(dict.fromkeys(_AWAY, _answer_unavailable))
    return handlers


def correlation_id_of(request: Request) -> str:
    """The caller's ``X-Correlation-ID`` where it is fit to be echoed; else one made for this."""
    kept: str | None = request.scope.get("correlation_id")
    if kept is None:
        given = request.headers.get("x-correlation-id", "")
        kept = given if _CORRELATION_ID.fullmatch(given) else str(uuid4())
        request.scope["correlation_id"] = kept
    return kept


class CorrelationIds:
    """Middleware that puts ``X-Correlation-ID`` on every answer, and ``X-Request-ID`` back."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; add the headers when the answer starts."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        echoed = [(b"x-correlation-id", correlation_id_of(request).encode())]
        request_id = request.headers.get("x-request-id", "")
        if _CORRELATION_ID.fullmatch(request_id):
            echoed.append((b"x-request-id", request_id.encode()))

        async def send_with_ids(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", ()))
                names = {name.lower() for name, _ in given}
                message["headers"] = given + [pair for pair in echoed if pair[0] not in names]
            await send(message)

        await self._app(scope, receive, send_with_ids)


def problem_response(request: Request, problem: Problem) -> Response:
    """The answer that carries a problem."""
    correlation_id = correlation_id_of(request)
    instance = quote(request.scope["path"], safe="/:@!$&'()*+,;=~")
    headers = {"Cache-Control": "no-store", "X-Correlation-ID": correlation_id}
    if problem.status == HTTPStatus.UNAUTHORIZED:
        missing = problem.code == "token-missing"
        headers["WWW-Authenticate"] = "Bearer" if missing else 'Bearer error="invalid_token"'
    if problem.status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        headers["Retry-After"] = "1"
    headers.update(problem.headers)
    problems().add(1, {"code": problem.code})
    return Response(
        orjson.dumps(problem_body(problem, instance, correlation_id)),
        problem.status,
        headers,
        MEDIA_TYPE,
    )


async def _answer_problem(request: Request, error: Problem) -> Response:
    return problem_response(request, error)


async def _answer_unavailable(request: Request, error: Exception) -> Response:
    log.warning("database.unreachable", error=error, correlation_id=correlation_id_of(request))
    return problem_response(
        request, Problem("unavailable", "The database cannot be reached; send the same again.")
    )


async def _answer_unexpected(request: Request, error: Exception) -> Response:
    log.error("request.failed", error=error, correlation_id=correlation_id_of(request))
    return problem_response(request, Problem("internal-error"))


async def _answer_nobody(request: Request, _error: Exception) -> Response:
    return problem_response(request, Problem("bad-request", "The body ended too early."))


async def _answer_framework(request: Request, error: HTTPException) -> Response:
    # FastAPI wraps what was raised while it read a body; what we raised there is still ours.
    if isinstance(error.__cause__, Problem):
        return problem_response(request, error.__cause__)
    status = error.status_code
    fallback = "bad-request" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "internal-error"
    code = _CODE_OF_STATUS.get(status, fallback)
    # Its own detail may quote the request, so it is not passed on.
    return problem_response(request, Problem(code, status=status, headers=error.headers))


async def _answer_parameters(request: Request, error: RequestValidationError) -> Response:
    return problem_response(request, _problem_of_request(error.errors()))


def _problem_of_request(found: Sequence[Any]) -> Problem:
    of_parameters = [one for one in found if one["loc"][:1] != ("body",)]
    if of_parameters:
        errors = []
        for one in of_parameters:
            name = str(one["loc"][1]) if len(one["loc"]) > 1 else ""
            rule, message = rule_of(one)
            errors.append({"pointer": pointer(name), "rule": rule, "message": message})
        name = errors[0]["pointer"][1:]
        return Problem(
            "parameter-invalid",
            f"The parameter {name} cannot be read.",
            errors=errors,
            parameter=name,
        )
    if any(one["type"] == "json_invalid" for one in found):
        return Problem("unreadable-json")
    errors = errors_of([{**one, "loc": one["loc"][1:]} for one in found], "", UNKNOWN)
    return Problem("content-invalid", errors=errors)
