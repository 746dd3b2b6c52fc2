"""One server span for each HTTP request, where the trace of a contribution or a read begins."""

from opentelemetry.trace import SpanKind
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.chassis.telemetry import Attribute, links_of, tracer

_TRACE = b"traceparent"
_QUIET = frozenset({"/livez", "/readyz", "/metrics"})


class HttpSpans:
    """Middleware: the span is named by the route, never by the path, which may hold an id.

    A caller's own trace is linked and not continued: it is theirs.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on inside a span."""
        if scope["type"] != "http" or scope["path"] in _QUIET:
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        given = [value.decode("latin-1") for name, value in scope["headers"] if name == _TRACE]
        with tracer().start_as_current_span(
            method, kind=SpanKind.SERVER, links=links_of(given)
        ) as span:

            async def send_and_note(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute(Attribute.HTTP_STATUS, message["status"])
                await send(message)

            try:
                await self._app(scope, receive, send_and_note)
            finally:
                route = getattr(scope.get("route"), "path", None)
                span.set_attribute(Attribute.HTTP_METHOD, method)
                if route is not None:
                    span.set_attribute(Attribute.HTTP_ROUTE, route)
                    span.update_name(f"{method} {route}")
