"""The server's side of HTTP: what comes before a request there is an application to answer."""

from http import HTTPStatus
from typing import Final
from uuid import uuid4

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shared.chassis.telemetry import Count, counter
from shared.chassis.wire.problem import MEDIA_TYPE, Problem, problem_body

HEAD_LIMIT: Final = 65_536


class Http(HttpToolsProtocol):
    """HTTP/1.1 with a limit to what the parser keeps to itself, and problems for what is no HTTP.

    The parser holds a head back until it is whole, however long it gets, and trailers as well.
    """

    _held_back = 0

    def data_received(self, data: bytes) -> None:
        """Parse what has come."""
        self._held_back += len(data)
        super().data_received(data)
        if self._held_back > HEAD_LIMIT and not self.transport.is_closing():
            self.send_400_response(f"A head may have at most {HEAD_LIMIT} bytes.")

    def on_headers_complete(self) -> None:
        """A head is whole."""
        self._held_back = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Some of a body has come."""
        self._held_back = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is whole."""
        self._held_back = 0
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
