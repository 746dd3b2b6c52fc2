"""How the HTTP doors answer an exception: always a problem, with a correlation id."""

import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import orjson
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils import uuid4

from shared.chassis.database.database import TRANSIENT
from shared.chassis.http.parameters import parameter_invalid
from shared.chassis.telemetry import Count, counter, log
from shared.chassis.wire.problem import MEDIA_TYPE, Problem, problem_body
from shared.chassis.wire.validation_errors import (
    UNKNOWN,
    error_at,
    errors_of,
    pointer,
    rule_of,
    sentence_of,
)

Handler = Callable[[Request, Any], Coroutine[Any, Any, Response]]


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


IS_HEAD: Final = "careplan.head"
"""Stands among the extensions of a ``GET`` whose body nobody will see."""

_CORRELATION_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")


def problem_handlers() -> dict[int | type[Exception], Handler]:
    """What an application answers to each kind of exception: always a problem."""
    handlers: dict[int | type[Exception], Handler] = {
        Problem: _answer_problem,
        RequestValidationError: _answer_parameters,
        HTTPException: _answer_framework,
        ClientDisconnect: _answer_nobody,
        Exception: _answer_unexpected,
    }
    handlers.update(dict.fromkeys(TRANSIENT, _answer_unavailable))
    return handlers


def correlation_id_of(request: Request) -> str:
    """The caller's ``X-Correlation-ID`` where it is fit to be echoed; else one made for this."""
    kept: str | None = request.scope.get("correlation_id")
    if kept is None:
        sent = (of for name, of in request.scope["headers"] if name == b"x-correlation-id")
        given = next(sent, b"").decode("latin-1")
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


class HeadLikeGet:
    """Middleware: ``HEAD`` is answered wherever ``GET`` is, with the same head and no body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on as a ``GET``; leave out the body."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        extensions = {**scope.get("extensions", {}), IS_HEAD: {}}
        as_get = {**scope, "method": "GET", "extensions": extensions}
        await self._app(as_get, receive, send_head)


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
    counter(Count.PROBLEMS).add(1, {"code": problem.code})
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
        request, Problem("unavailable", "The database cannot be reached. Send the same again.")
    )


async def _answer_unexpected(request: Request, error: Exception) -> Response:
    log.error("request.failed", error=error, correlation_id=correlation_id_of(request))
    return problem_response(request, Problem("internal-error"))


async def _answer_nobody(request: Request, _error: Exception) -> Response:
    return problem_response(
        request, Problem("bad-request", "The connection ended before the body did.")
    )


async def _answer_framework(request: Request, error: HTTPException) -> Response:
    # FastAPI wraps what was raised while it read a body; what we raised there is still ours.
    if isinstance(error.__cause__, Problem):
        return problem_response(request, error.__cause__)
    status = error.status_code
    fallback = "bad-request" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "internal-error"
    code = _CODE_OF_STATUS.get(status, fallback)
    headers = dict(error.headers or {})
    if headers.get("Allow") == "GET":
        headers["Allow"] = "GET, HEAD"
    # Its own detail may quote the request, so it is not passed on.
    allowed = headers.get("Allow")
    detail = f"Use {' or '.join(allowed.split(', '))} here." if allowed else ""
    return problem_response(request, Problem(code, detail, status=status, headers=headers))


async def _answer_parameters(request: Request, error: RequestValidationError) -> Response:
    return problem_response(request, _problem_of_request(error.errors()))


def _problem_of_request(found: Sequence[Any]) -> Problem:
    of_parameters = [one for one in found if one["loc"][:1] != ("body",)]
    if of_parameters:
        first = of_parameters[0]
        name = str(first["loc"][1]) if len(first["loc"]) > 1 else ""
        rule, message = rule_of(first)
        detail = sentence_of([error_at(pointer(name), rule, message)])
        return parameter_invalid(name, detail, rule)
    if any(one["type"] == "json_invalid" for one in found):
        return Problem("unreadable-json")
    errors = errors_of([{**one, "loc": one["loc"][1:]} for one in found], "", UNKNOWN)
    return Problem("content-invalid", errors=errors)
