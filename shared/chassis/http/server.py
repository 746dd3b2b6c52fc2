"""The server's side of HTTP: what comes before a request there is an application to answer."""

import asyncio
import re
from http import HTTPStatus
from typing import Any, Final, cast
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
HEAD_PATIENCE: Final = 30.0
"""Seconds for a head to come whole, as a body has; from the first byte, or from connecting."""
UNHEARD_LIMIT: Final = 16 * 1024 * 1024
UNHEARD_SECONDS: Final = 30.0
"""How much of a body that nobody asks for any more is read, and for how long."""
ENDING_SECONDS: Final = 5.0
"""The same time on a connection that ends after its answer."""

_CYCLE: Final = "careplan.cycle"
"""The server's own end of a request, in the ``extensions`` of its scope."""

_NOT_IN_A_VALUE: Final = b"".join(
    byte for byte in (bytes([number]) for number in range(256)) if HEADER_VALUE_RE.search(byte)
)
_LEFT_TO_THE_SERVER: Final = frozenset({b"connection", b"transfer-encoding"})


def answered_whole(scope: Scope, response: Response) -> bool:
    """Answer a request whole, in one write, as the server would; False where it has to itself.

    This rests on the server's insides: its test compares the bytes with those that it writes.
    """
    body = bytes(response.body)
    given = dict(response.raw_headers)
    # Taken out, or each would hold the other until the collector comes.
    cycle: RequestResponseCycle | None = scope.get("extensions", {}).pop(_CYCLE, None)
    if (
        cycle is None
        or cycle.response_started
        or cycle.disconnected
        or cycle.flow.write_paused
        or cycle.access_log
        or not cycle.keep_alive
        or scope["method"] == "HEAD"
        or not _LEFT_TO_THE_SERVER.isdisjoint(given)
        or given.get(b"content-length") != b"%d" % len(body)
    ):
        return False
    written = [STATUS_LINE[response.status_code]]
    headers = [*cycle.default_headers, *response.raw_headers]
    for name, value in headers:
        written += (name, b": ", value, b"\r\n")
    values = b"".join([value for _, value in headers])
    is_safe = len(values.translate(None, _NOT_IN_A_VALUE)) == len(values)
    if not is_safe or HEADER_RE.search(b"".join([name for name, _ in headers])):
        return False
    written += (b"\r\n", body)
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    cycle.chunked_encoding = False
    cycle.transport.write(b"".join(written))
    cycle.message_event.set()
    cycle.on_response()
    return True


# RFC 3986's host and port, as far as a server needs to tell one from another.
_HOST: Final = re.compile(rb"(?:[A-Za-z0-9._~%!$&'()*+,;=-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?")


class Http(HttpToolsProtocol):
    """HTTP/1.1 with a limit to what the parser keeps to itself, and a problem for what is not HTTP.

    The parser holds a head back until it is whole, however long it gets, and trailers as well. An
    offer to upgrade to another protocol is passed over: the request is answered as it stands.
    An answer may be given before its request has come whole. What is still to come is read and
    dropped, up to a limit: on a connection closed with bytes unread the answer itself is lost.
    """

    _held_back = 0
    _head_bytes = 0
    _is_past_head = False
    _refused: str | None = None
    _head_timer: asyncio.TimerHandle | None = None
    _is_whole = True
    _dropped = 0
    _end: asyncio.TimerHandle | None = None
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """A connection is there; its first head has its time from now on."""
        self._wire = transport
        super().connection_made(cast("asyncio.Transport", _Patient(transport, self)))
        self._head_timer = self.loop.call_later(HEAD_PATIENCE, self._head_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._is_whole = True
        for timer in (self._end, self._late):
            if timer is not None:
                timer.cancel()
        self._stop_head_timer()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]  # uvicorn never stays
        """The caller has said all, and still hears the answer to what came whole."""
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if cycle is None or cycle.response_complete or cycle.more_body:
            return False
        cycle.keep_alive = False
        return True

    @property
    def is_ending(self) -> bool:
        """True where the answer is given and only the rest of the request is awaited."""
        return self._end is not None

    def end(self) -> None:
        """Close the connection once the client has said all of its request."""
        if self._is_whole:
            self._wire.close()
        elif self._end is None and not self._wire.is_closing():
            self._end = self.loop.call_later(ENDING_SECONDS, self._wire.close)
            if self._wire.can_write_eof():
                self._wire.write_eof()
            self.flow.resume_reading()

    def _drop(self, size: int) -> None:
        self._dropped += size
        if self._dropped > UNHEARD_LIMIT:
            self._wire.close()

    def data_received(self, data: bytes) -> None:
        """Parse what has come."""
        if self._end is not None:
            self._drop(len(data))
            return
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
            self.send_400_response(self._refused or "This is not valid HTTP.")
        return b""

    def _head_without_offer(self, method: bytes) -> bytes:
        lines = [b"%s %s HTTP/%s" % (method, self.url, self.parser.get_http_version().encode())]
        for name, value in self.headers:
            if name == b"connection":
                tokens = [token.strip() for token in value.split(b",")]
                kept = b", ".join(token for token in tokens if token.lower() != b"upgrade")
                lines.append(b"connection: " + kept)
            elif name != b"upgrade":
                lines.append(b"%s: %s" % (name, value))
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def on_message_begin(self) -> None:
        """A head begins."""
        self._head_bytes, self._is_past_head, self._refused = 0, False, None
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_PATIENCE, self._head_is_late)
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; what comes after the body is passed over, and never stands for one.

        A gateway judges the head alone, and a trailer must not undo what it has set there
        (RFC 9110, 6.5.1).
        """
        if self._is_past_head:
            return
        self._head_bytes += len(name) + len(value) + 4
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """A head is whole; one that could be read in two ways goes no further."""
        self._held_back = self._dropped = 0
        self._is_whole = False
        self._is_past_head = True
        self._stop_head_timer()
        self._refused = self._fault_of_head()
        if self._refused is not None:
            raise ValueError(self._refused)
        if not self.parser.should_upgrade():
            super().on_headers_complete()
            # The application begins in a later turn of the event loop.
            self.scope["extensions"] = {_CYCLE: self.cycle}  # type: ignore[dict-item]
            if self.expect_100_continue:
                # Answered before its body is asked for, the caller does not send it, and what
                # comes next would be taken for it (RFC 9110, 10.1.1).
                self.cycle.keep_alive = False

    def _fault_of_head(self) -> str | None:
        """What is wrong with the head, as a sentence."""
        version = self.parser.get_http_version()
        hosts = [value for name, value in self.headers if name == b"host"]
        codings = [value for name, value in self.headers if name == b"transfer-encoding"]
        fault = None
        if self._head_bytes + len(self.url) > HEAD_LIMIT:
            fault = f"A head may have at most {HEAD_LIMIT} bytes."
        elif version not in ("1.0", "1.1"):
            fault = "This server speaks HTTP/1.1."
        elif len(hosts) > 1 or (not hosts and version == "1.1"):
            fault = "Send exactly one Host."
        elif hosts and not _HOST.fullmatch(hosts[0]):
            fault = "The Host must be a name or an address."
        elif any(value.strip().lower() != b"chunked" for value in codings):
            fault = "A body may be chunked; no other Transfer-Encoding is taken."
        elif b"%2f" in self.url.partition(b"?")[0].lower():
            fault = "A slash in a path must not be written as %2F."
        return fault

    def _head_is_late(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self.send_400_response(f"The head did not come within {HEAD_PATIENCE:g} s.")

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def on_body(self, body: bytes) -> None:
        """Some of a body has come."""
        self._held_back = 0
        if self.cycle.response_complete:
            self._drop(len(body))
            if self._late is None:
                self._late = self.loop.call_later(UNHEARD_SECONDS, self._wire.close)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is whole."""
        self._held_back = 0
        self._is_whole = True
        if self._late is not None:
            self._late.cancel()
            self._late = None
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
        self._is_whole = False
        self.end()


class _Patient:
    """The transport as the server knows it: to close it waits for the rest of a request."""

    def __init__(self, wire: asyncio.Transport, protocol: Http) -> None:
        self._wire = wire
        self._protocol = protocol
        self.write = wire.write

    def is_closing(self) -> bool:
        """True as soon as nothing more is to be written."""
        return self._protocol.is_ending or self._wire.is_closing()

    def close(self) -> None:
        """Close, or wait for what is still to come."""
        self._protocol.end()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wire, name)
