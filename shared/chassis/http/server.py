"""The server's side of HTTP: what comes before a request there is an application to answer."""

from http import HTTPStatus
from typing import Final
from uuid import uuid4

import httptools
import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shared.chassis.telemetry import Count, counter
from shared.chassis.wire.problem import MEDIA_TYPE, Problem, problem_body

HEAD_LIMIT: Final = 65_536


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
