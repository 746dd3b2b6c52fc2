"""The server's side of HTTP: what comes before a request there is an application to answer."""

from http import HTTPStatus
from typing import Final
from uuid import uuid4

import httptools
import orjson
from starlette.responses import Response
from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import (
    HEADER_RE,
    HEADER_VALUE_RE,
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from shared.chassis.telemetry import Count, counter
from shared.chassis.wire.problem import MEDIA_TYPE, Problem, problem_body

HEAD_LIMIT: Final = 65_536

_CYCLE: Final = "careplan.cycle"
"""The server's own end of a request, in the ``extensions`` of its scope."""

_LEFT_TO_THE_SERVER: Final = frozenset({"connection", "transfer-encoding"})


def answered_whole(scope: Scope, response: Response) -> bool:
    """Answer a request whole, in one write, as the server would; False where it has to itself.

    This rests on the server's insides: its test compares the bytes with those that it writes.
    """
    body = bytes(response.body)
    cycle: RequestResponseCycle | None = scope.get("extensions", {}).get(_CYCLE)
    if (
        cycle is None
        or cycle.response_started
        or cycle.disconnected
        or cycle.flow.write_paused
        or cycle.access_log
        or not cycle.keep_alive
        or scope["method"] == "HEAD"
        or not _LEFT_TO_THE_SERVER.isdisjoint(response.headers)
        or response.headers.get("content-length") != str(len(body))
    ):
        return False
    written = [STATUS_LINE[response.status_code]]
    headers = [*cycle.default_headers, *response.raw_headers]
    for name, value in headers:
        written += (name, b": ", value, b"\r\n")
    if HEADER_RE.search(b"".join([name for name, _ in headers])) or HEADER_VALUE_RE.search(
        b"".join([value for _, value in headers])
    ):
        return False
    written += (b"\r\n", body)
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    cycle.chunked_encoding = False
    cycle.transport.write(b"".join(written))
    cycle.message_event.set()
    cycle.on_response()
    return True


class Http(HttpToolsProtocol):
    """HTTP/1.1 with a limit to what the parser keeps to itself, and problems for what is no HTTP.

    The parser holds a head back until it is whole, however long it gets, and trailers as well. An
    offer to upgrade to another protocol is passed over: the request is answered as it stands.
    """

    _held_back = 0

    def data_received(self, data: bytes) -> None:
        """Parse what has come."""
        self._unset_keepalive_if_required()
        while data:
            self._held_back += len(data)
            data = self._parse(data)
        if self._held_back > HEAD_LIMIT and not self.transport.is_closing():
            self.send_400_response(f"A head may have at most {HEAD_LIMIT} bytes.")

    def _parse(self, data: bytes) -> bytes:
        """Feed the parser; what is returned has to be parsed again."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offered:
            method = self.parser.get_method()
            if method == b"CONNECT":
                self.send_400_response("This server is not a proxy.")
                return b""
            # The parser takes what follows for the other protocol. It begins anew with the same
            # request without the offer, so that a body is a body and never the next request.
            head = self._head_without_offer(method)
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            return head + data[offered.args[0] :]
        except httptools.HttpParserError:
            self.send_400_response("This is not valid HTTP.")
        return b""

    def _head_without_offer(self, method: bytes) -> bytes:
        lines = [b"%s %s HTTP/%s" % (method, self.url, self.parser.get_http_version().encode())]
        for name, value in self.headers:
            if name == b"connection":
                tokens = [token.strip() for token in value.split(b",")]
                value = b", ".join(token for token in tokens if token.lower() != b"upgrade")  # noqa: PLW2901
            if name != b"upgrade":
                lines.append(b"%s: %s" % (name, value))
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def on_headers_complete(self) -> None:
        """A head is whole."""
        self._held_back = 0
        if not self.parser.should_upgrade():
            super().on_headers_complete()
            # The application begins in a later turn of the event loop.
            self.scope["extensions"] = {_CYCLE: self.cycle}  # type: ignore[dict-item]

    def on_body(self, body: bytes) -> None:
        """Some of a body has come."""
        self._held_back = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is whole."""
        self._held_back = 0
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what no application will see, and hang up."""
        correlation_id = str(uuid4())
        problem = Problem("bad-request", msg)
        body = orjson.dumps(problem_body(problem, "", correlation_id))
        head = (
            f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}\r\n"
            f"Content-Type: {MEDIA_TYPE}\r\nContent-Length: {len(body)}\r\n"
            f"Cache-Control: no-store\r\nX-Correlation-ID: {correlation_id}\r\n"
            "Connection: close\r\n\r\n"
        )
        counter(Count.PROBLEMS).add(1, {"code": problem.code})
        self.transport.write(head.encode() + body)
        self.transport.close()
