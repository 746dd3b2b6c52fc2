"""The server reads a request as it stands, in whatever pieces it comes."""

import asyncio
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState

from shared.chassis.http.server import Http

BODY = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
OFFER = (
    b"Connection: keep-alive, Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n"
)
SIZED = b"POST /v1 HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n%s" % (OFFER, len(BODY), BODY)
CHUNKED = b"POST /v1 HTTP/1.1\r\n%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (
    OFFER, len(BODY), BODY,
)  # fmt: skip
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
