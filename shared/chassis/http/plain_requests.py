"""A short way in for plain requests: the answers of the declared routes, without the framework.

A request is plain when its path is one of those named, nothing in its head is out of the ordinary
and its body has come whole. Every other one goes to the declared route, which also describes both.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from opentelemetry.trace import SpanKind
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.chassis.http.answers import correlation_id_of, problem_handlers
from shared.chassis.http.overload import InHand
from shared.chassis.telemetry import Attribute, tracer
from shared.chassis.wire.strict_json import BODY_LIMIT

Plain = Callable[[str | None, bytes], Awaitable[Response | None]]
"""Answers an ``Authorization`` and a body; ``None`` where the declared route has to."""

_JSON: Final = b"application/json"
# Whatever changes what is asked, how the body is read, or what stands in the answer's head.
_ODD: Final = frozenset(
    {b"content-encoding", b"expect", b"if-match", b"traceparent", b"transfer-encoding",
     b"x-correlation-id", b"x-request-id"}
)  # fmt: skip
_HANDLERS: Final = problem_handlers()


class PlainRequests:
    """The outermost middleware of a service; ``posts`` are the paths with a short way."""

    def __init__(self, app: ASGIApp, posts: Mapping[str, Plain], in_hand: InHand) -> None:
        self._app = app
        self._posts = posts
        self._in_hand = in_hand

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a plain request; pass any other on."""
        answer = self._posts.get(scope["path"]) if scope["type"] == "http" else None
        if answer is None or scope["method"] != "POST" or scope["query_string"]:
            await self._app(scope, receive, send)
            return
        head = dict(scope["headers"])
        is_plain = len(head) == len(scope["headers"]) and _ODD.isdisjoint(head)
        if not is_plain or head.get(b"content-type") != _JSON:
            await self._app(scope, receive, send)
            return
        first = await receive()
        body = first.get("body", b"")
        is_whole = first["type"] == "http.request" and not first.get("more_body", False)
        is_as_announced = head.get(b"content-length") in (None, b"%d" % len(body))
        response = None
        if is_whole and is_as_announced and len(body) <= BODY_LIMIT:
            given = head.get(b"authorization")
            authorization = None if given is None else given.decode("latin-1")
            response = await self._answered(scope, answer, authorization, body)
        if response is None:
            await self._app(scope, _again(first, receive), send)
        else:
            await response(scope, receive, send)

    async def _answered(
        self, scope: Scope, answer: Plain, authorization: str | None, body: bytes
    ) -> Response | None:
        request = Request(scope)
        path = scope["path"]
        response: Response | None
        with tracer().start_as_current_span(f"POST {path}", kind=SpanKind.SERVER) as span:
            try:
                with self._in_hand.one():
                    response = await answer(authorization, body)
            except Exception as error:  # noqa: BLE001 - every error is a problem, as in the framework
                handler = next(_HANDLERS[of] for of in type(error).__mro__ if of in _HANDLERS)
                response = await handler(request, error)
            if response is not None:
                span.set_attribute(Attribute.HTTP_METHOD, "POST")
                span.set_attribute(Attribute.HTTP_ROUTE, path)
                span.set_attribute(Attribute.HTTP_STATUS, response.status_code)
                if "x-correlation-id" not in response.headers:
                    named = (b"x-correlation-id", correlation_id_of(request).encode())
                    response.raw_headers.append(named)
        return response


def _again(first: Message, receive: Receive) -> Receive:
    waiting = [first]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay
