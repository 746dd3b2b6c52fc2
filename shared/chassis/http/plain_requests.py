"""A short way in for plain requests: the answers of the declared routes, without the framework.

A request is plain when its route is one of those given, nothing in its head is out of the ordinary
and its body has come whole. Every other one goes to the declared route, which also describes both.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Final

from fastapi import APIRouter
from fastapi.routing import APIRoute
from opentelemetry.trace import SpanKind
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.chassis.http.answers import correlation_id_of, problem_handlers
from shared.chassis.http.identity import Identity
from shared.chassis.http.overload import InHand
from shared.chassis.http.server import answered_whole
from shared.chassis.telemetry import Attribute, tracer
from shared.chassis.wire.strict_json import BODY_LIMIT

_JSON: Final = b"application/json"
# Whatever changes what is asked, how the body is read, or what stands in the answer's head.
_ODD: Final = frozenset(
    {b"content-encoding", b"expect", b"if-match", b"traceparent", b"transfer-encoding",
     b"x-correlation-id", b"x-request-id"}
)  # fmt: skip
_CORRELATION_ID: Final = b"x-correlation-id"
_HANDLERS: Final = problem_handlers()


@dataclass(frozen=True)
class Plain:
    """A route with a short way.

    ``answer`` is given a request, its body and what the path names; it answers ``None`` where the
    declared route has to.
    """

    method: str
    path: str
    answer: Callable[[Request, bytes, Mapping[str, str]], Awaitable[Response | None]]


def plain_reads(router: APIRouter, identity: Identity) -> Iterator[Plain]:
    """A short way for each ``GET`` of a router: its own function, called without the framework.

    Such a function takes the request, the contributor, and texts that the path names.
    """
    for route in router.routes:
        if isinstance(route, APIRoute) and route.methods == {"GET"}:
            yield Plain("GET", route.path, _as_it_is(route, identity))


def _as_it_is(
    route: APIRoute, identity: Identity
) -> Callable[[Request, bytes, Mapping[str, str]], Awaitable[Response | None]]:
    endpoint: Callable[..., Awaitable[Response]] = route.endpoint
    takes = {name: of.annotation for name, of in signature(endpoint).parameters.items()}
    names = takes.keys() - {"request", "contributor"}
    if names != route.param_convertors.keys() or any(takes[name] is not str for name in names):
        raise TypeError(f"{route.path} takes what only the framework can give it")

    async def answer(request: Request, _: bytes, named: Mapping[str, str]) -> Response:
        return await endpoint(request=request, contributor=await identity(request), **named)

    return answer


class PlainRequests:
    """What stands before a service's application, for the ``routes`` with a short way."""

    def __init__(self, app: ASGIApp, routes: Sequence[Plain], in_hand: InHand) -> None:
        self._app = app
        self._by_path = {(one.method, one.path): one for one in routes if "{" not in one.path}
        self._by_pattern = [(compile_path(one.path)[0], one) for one in routes if "{" in one.path]
        self._in_hand = in_hand

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a plain request; pass any other on."""
        found = self._route_of(scope) if scope["type"] == "http" else None
        head = dict(scope["headers"]) if found else {}
        if found is None or len(head) != len(scope["headers"]) or not _ODD.isdisjoint(head):
            await self._app(scope, receive, send)
            return
        body = b""
        is_plain = True
        if scope["method"] != "GET":
            is_plain = not scope["query_string"] and head.get(b"content-type") == _JSON
            if is_plain:
                first = await receive()
                receive = _again(first, receive)
                body = first.get("body", b"")
                is_whole = first["type"] == "http.request" and not first.get("more_body", False)
                is_as_announced = head.get(b"content-length") in (None, b"%d" % len(body))
                is_plain = is_whole and is_as_announced and len(body) <= BODY_LIMIT
        response = await self._answered(scope, found, body) if is_plain else None
        if response is None:
            await self._app(scope, receive, send)
        elif not answered_whole(scope, response):
            await response(scope, receive, send)

    def _route_of(self, scope: Scope) -> tuple[Plain, Mapping[str, str]] | None:
        method, path = scope["method"], scope["path"]
        exact = self._by_path.get((method, path))
        if exact is not None:
            return exact, {}
        for pattern, one in self._by_pattern:
            found = pattern.match(path) if one.method == method else None
            if found is not None:
                return one, found.groupdict()
        return None

    async def _answered(
        self, scope: Scope, found: tuple[Plain, Mapping[str, str]], body: bytes
    ) -> Response | None:
        route, named = found
        request = Request(scope)
        response: Response | None
        name = f"{route.method} {route.path}"
        with tracer().start_as_current_span(name, kind=SpanKind.SERVER) as span:
            try:
                with self._in_hand:
                    if route.method == "GET":
                        async with self._in_hand.in_time(request):
                            response = await route.answer(request, body, named)
                    else:  # who writes is not cut off
                        response = await route.answer(request, body, named)
            except Exception as error:  # noqa: BLE001 - every error is a problem, as in the framework
                handler = next(_HANDLERS[of] for of in type(error).__mro__ if of in _HANDLERS)
                response = await handler(request, error)
            if response is not None:
                span.set_attribute(Attribute.HTTP_METHOD, route.method)
                span.set_attribute(Attribute.HTTP_ROUTE, route.path)
                span.set_attribute(Attribute.HTTP_STATUS, response.status_code)
                headers = response.raw_headers
                if not any(name == _CORRELATION_ID for name, _ in headers):
                    headers.append((_CORRELATION_ID, correlation_id_of(request).encode()))
        return response


def _again(first: Message, receive: Receive) -> Receive:
    waiting = [first]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay
