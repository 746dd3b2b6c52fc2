"""The server reads a request as it stands, in whatever pieces it comes."""

import asyncio
import gc
import socket
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState

from shared.chassis.http import server as http_server
from shared.chassis.http.server import UNHEARD_LIMIT, Http, answered_whole
from shared.testing.eventually import eventually

BODY = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
OFFER = (
    b"Connection: keep-alive, Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n"
)
SIZED = b"POST /v1 HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n%s" % (OFFER, len(BODY), BODY)
CHUNKED = (
    b"POST /v1 HTTP/1.1\r\nHost: x\r\n%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"
    % (OFFER, len(BODY), BODY)
)
BARE = b"GET /v1?a=b HTTP/1.1\r\nHost: x\r\n%s\r\n" % OFFER


class Wire(asyncio.Transport):
    """What the server writes."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        """Nothing more is said; what still comes may be heard for a while."""
        self.close()

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


async def heard(*pieces: bytes) -> tuple[list[tuple[str, str, bytes, bytes]], Wire]:
    """The requests that reach the application, and what was answered."""
    requests: list[tuple[str, str, bytes, bytes]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        requests.append((scope["method"], scope["path"], scope["query_string"], body))
        names = {name for name, _ in scope["headers"]}
        assert b"upgrade" not in names
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    config = Config(app, http=Http, ws="none", log_config=None)
    config.load()
    state = ServerState()
    server = Http(config, state, app_state={}, _loop=asyncio.get_running_loop())
    wire = Wire()
    server.connection_made(wire)
    for piece in pieces:
        server.data_received(piece)
    while state.tasks:
        await asyncio.gather(*state.tasks)
        await asyncio.sleep(0)  # one that waits behind it begins
    server.connection_lost(None)
    return requests, wire


POST = ("POST", "/v1", b"", BODY)
GET = ("GET", "/v1", b"a=b", b"")


@pytest.mark.asyncio
@pytest.mark.parametrize("said", [SIZED, CHUNKED], ids=["sized", "chunked"])
async def test_a_body_after_an_offer_is_a_body_wherever_the_pieces_end(said: bytes) -> None:
    for at in range(1, len(said)):
        requests, _ = await heard(said[:at], said[at:])
        assert requests == [POST], said[:at]


@pytest.mark.asyncio
async def test_many_offers_on_one_connection_are_each_answered() -> None:
    requests, wire = await heard((SIZED + BARE + CHUNKED) * 30)

    assert requests == [POST, GET, POST] * 30
    assert wire.written.count(b"HTTP/1.1 204") == 90


@pytest.mark.asyncio
async def test_what_asks_for_a_proxy_is_refused() -> None:
    requests, wire = await heard(b"CONNECT example:443 HTTP/1.1\r\nHost: x\r\n\r\n")

    assert requests == []
    assert wire.written.startswith(b"HTTP/1.1 400 ")
    assert wire.closed


ANSWERS = {
    "created": Response(b"{}", 201, {"ETag": '"3"', "X-Correlation-ID": "a"}, "application/json"),
    "unchanged": Response(status_code=304, headers={"ETag": '"3"'}),
    "refused": Response(b"{}", 409, media_type="application/problem+json"),
    "empty": Response(b""),
    "large": Response(b"x" * 1_000_000),
    "hangs up": Response(b"{}", headers={"Connection": "close"}),
    "of no known length": Response(b"{}", headers={"Content-Length": "3"}),
    "with a line too many": Response(b"{}", headers={"Location": "/v1\r\nSet-Cookie: a"}),
}
GETS = b"GET /v1 HTTP/1.1\r\nHost: x\r\n\r\n"


async def answered(request: bytes, response: Response, *, whole: bool) -> tuple[bytes, bool, int]:
    """What is written of an answer to each of these, whether it hangs up, in how many writes."""
    writes = 0

    class Counting(Wire):
        def write(self, data: Any) -> None:
            nonlocal writes
            writes += 1
            super().write(data)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if not (whole and answered_whole(scope, response)):
            await response(scope, receive, send)

    config = Config(app, http=Http, ws="none", log_config=None, access_log=False)
    config.load()
    state = ServerState()
    server = Http(config, state, app_state={}, _loop=asyncio.get_running_loop())
    wire = Counting()
    server.connection_made(wire)
    server.data_received(request)
    while state.tasks:
        await asyncio.gather(*state.tasks)
        await asyncio.sleep(0)
    is_free = server.cycle.response_complete
    server.connection_lost(None)
    return wire.written, wire.closed, writes if is_free else -1


@pytest.mark.asyncio
async def test_what_was_answered_in_one_write_is_gone_without_the_garbage_collector() -> None:
    ended: list[weakref.ref[Any]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
        ended.extend(map(weakref.ref, scope["extensions"].values()))
        assert answered_whole(scope, Response(b"x"))

    config = Config(app, http=Http, ws="none", log_config=None, access_log=False)
    config.load()
    state = ServerState()
    server = Http(config, state, app_state={}, _loop=asyncio.get_running_loop())
    gc.disable()
    try:
        server.connection_made(Wire())
        for _ in range(2):
            server.data_received(GETS)
            await asyncio.gather(*state.tasks)
            await asyncio.sleep(0)
        server.connection_lost(None)
        first, _last = ended  # the server holds the last one until the next
        assert first() is None
    finally:
        gc.enable()


@pytest.mark.asyncio
@pytest.mark.parametrize("response", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize(
    "request_",
    [GETS, GETS * 3, GETS.replace(b"1.1", b"1.0"), GETS.replace(b"GET", b"HEAD"),
     GETS.replace(b"Host: x", b"Host: x\r\nConnection: close"),
     GETS.replace(b"Host: x", b"Host: x\r\nExpect: 100-continue")],
    ids=["one", "three", "1.0", "head", "last", "expecting"],
)  # fmt: skip
async def test_an_answer_in_one_write_has_the_bytes_of_the_servers_own(
    request_: bytes, response: Response
) -> None:
    own = await answered(request_, response, whole=False)
    in_one = await answered(request_, response, whole=True)

    assert in_one[:2] == own[:2]


@pytest.mark.asyncio
async def test_an_ordinary_answer_is_one_write() -> None:
    *_, writes = await answered(GETS * 3, ANSWERS["created"], whole=True)
    assert writes == 3


PLAIN = b"GET /v1?a=b HTTP/1.1\r\n%s\r\n"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("head", "why"),
    [
        (PLAIN % b"", b"exactly one Host"),
        (PLAIN % b"Host: x\r\nHost: x\r\n", b"exactly one Host"),
        (PLAIN % b"Host: [\r\n", b"a name or an address"),
        (PLAIN % b"Host: x\r\nTransfer-Encoding: gzip, chunked\r\n", b"Transfer-Encoding"),
        ((PLAIN % b"Host: x\r\n").replace(b"/v1", b"/v1%2Fplans"), b"%2F"),
        (PLAIN % (b"Host: x\r\nA: " + b"a" * 70_000 + b"\r\n"), b"at most 65536 bytes"),
    ],
)
async def test_a_head_that_could_be_read_in_two_ways_goes_no_further(
    head: bytes, why: bytes
) -> None:
    requests, wire = await heard(head)

    assert requests == []
    assert wire.written.startswith(b"HTTP/1.1 400 ")
    assert why in wire.written
    assert wire.closed


@pytest.mark.asyncio
async def test_trailers_are_no_headers_whenever_they_come() -> None:
    """A gateway judges the head; a trailer must not bring back what it has taken out."""
    seen: list[list[tuple[bytes, bytes]]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        more = True
        while more:
            more = (await receive()).get("more_body", False)
        seen.append(list(scope["headers"]))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    request = (
        b"POST /v1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
        b"Authorization: Bearer t\r\n\r\n"
    )
    for at in (len(request), request.index(b"Bearer")):
        server, _, state = served(app)
        server.data_received(request[:at])
        server.data_received(request[at:])
        await asyncio.gather(*state.tasks)
        server.connection_lost(None)
    head = [(b"host", b"x"), (b"transfer-encoding", b"chunked")]
    assert seen == [head, head]


@pytest.mark.asyncio
async def test_who_closes_their_half_hears_the_answer_to_what_came_whole() -> None:
    told: asyncio.Event = asyncio.Event()

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await told.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    server, wire, state = served(app)
    server.data_received(PLAIN % b"Host: x\r\n")
    assert server.eof_received() is True
    told.set()
    await asyncio.gather(*state.tasks)

    assert wire.written.startswith(b"HTTP/1.1 204 ")
    assert wire.closed


@pytest.mark.asyncio
async def test_who_closes_their_half_in_the_middle_of_a_body_is_gone() -> None:
    server, _, state = served(_answer)
    server.data_received(b"POST /v1 HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
    assert server.eof_received() is False
    server.connection_lost(None)
    await asyncio.gather(*state.tasks)


@pytest.mark.asyncio
@pytest.mark.parametrize("said", [b"", b"GET /v1 HTTP/1.1\r\nHo"])
async def test_a_head_that_does_not_come_is_not_waited_for(
    said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.chassis.http.server.HEAD_PATIENCE", 0.01)
    closed = asyncio.Event()
    server, wire, _ = served(_answer)
    monkeypatch.setattr(wire, "close", closed.set)
    server.data_received(said)
    async with asyncio.timeout(60):
        await closed.wait()

    assert b"did not come within" in wire.written


@pytest.mark.asyncio
async def test_what_is_answered_before_its_body_is_asked_for_is_the_last_of_its_connection() -> (
    None
):
    """Its caller never sends the body, and the next request would be taken for it."""

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 401, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    server, wire, state = served(app)
    server.data_received(
        b"POST /v1 HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 400\r\n\r\n"
    )
    await asyncio.gather(*state.tasks)

    assert b"connection: close" in wire.written.lower()
    assert wire.closed


async def _answer(_scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def served(app: Any) -> tuple[Http, Wire, ServerState]:
    """A connection to an application."""
    config = Config(app, http=Http, ws="none", log_config=None, access_log=False)
    config.load()
    state = ServerState()
    server = Http(config, state, app_state={}, _loop=asyncio.get_running_loop())
    wire = Wire()
    server.connection_made(wire)
    return server, wire, state


# ------------------------------------------------------------- answers before the request is whole


@asynccontextmanager
async def hasty() -> AsyncIterator[tuple[int, ServerState]]:
    """A server that answers 413 without reading any body, and the state of its connections."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Response(b"too large", 413)(scope, receive, send)

    config = Config(app, http=Http, ws="none", log_config=None, timeout_keep_alive=60)
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(
        lambda: Http(config, state, app_state={}, _loop=loop), "127.0.0.1", 0
    )
    async with listening:
        yield listening.sockets[0].getsockname()[1], state


def sent_and_read(port: int, said: bytes) -> bytes:
    """The answer to a client that says all it has to say before it reads."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(said)
        answer = b""
        while b"too large" not in answer and (piece := client.recv(65_536)):
            answer += piece
        return answer


@pytest.mark.asyncio
@pytest.mark.parametrize("connection", [b"close", b"keep-alive"])
@pytest.mark.parametrize("is_chunked", [False, True])
async def test_an_answer_given_before_the_body_has_come_is_never_lost(
    connection: bytes, *, is_chunked: bool
) -> None:
    """The kind: bytes that nobody has read when a connection is closed reset it."""
    body = b"m" * 5_000_000
    head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: %s\r\n" % connection
    said = head + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    if is_chunked:
        said = head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (
            len(body),
            body,
        )
    async with hasty() as (port, _):
        for _ in range(5):
            answer = await asyncio.to_thread(sent_and_read, port, said)
            assert answer.startswith(b"HTTP/1.1 413 ")
            assert answer.endswith(b"too large")


@pytest.mark.asyncio
@pytest.mark.parametrize("connection", [b"close", b"keep-alive"])
async def test_a_body_without_end_is_not_read_without_end(connection: bytes) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: %s\r\nContent-Length: %d\r\n\r\n"
    piece = b"m" * 1_048_576
    sent = 0
    async with hasty() as (port, state):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head % (connection, 2**40))
        with suppress(ConnectionError):
            while sent < 8 * UNHEARD_LIMIT:
                writer.write(piece)
                sent += len(piece)
                await writer.drain()
        assert sent < 8 * UNHEARD_LIMIT
        await eventually(
            lambda: len(state.connections), "the connection ends", holds=lambda n: not n
        )
        writer.close()
        assert reader is not None


@pytest.mark.asyncio
@pytest.mark.parametrize("connection", [b"close", b"keep-alive"])
async def test_a_body_that_never_comes_is_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch, connection: bytes
) -> None:
    monkeypatch.setattr(http_server, "UNHEARD_SECONDS", 0.05)
    monkeypatch.setattr(http_server, "ENDING_SECONDS", 0.05)
    async with hasty() as (port, state):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nConnection: %s\r\n" % connection)
        writer.write(b"Content-Length: 9\r\n\r\n")
        async with asyncio.timeout(60):
            assert (await reader.readuntil(b"too large")).startswith(b"HTTP/1.1 413 ")
        writer.write(b"m")
        await eventually(
            lambda: len(state.connections), "the connection ends", holds=lambda n: not n
        )
        writer.close()
