"""A client may break off, talk nonsense or offer another protocol, and harms nobody."""

import asyncio
import json
import re
from typing import Any
from uuid import uuid4

import orjson
import pytest

from shared.chassis.http.server import HEAD_LIMIT
from shared.testing.eventually import LONG_ENOUGH
from shared.testing.service import contribution
from tests.component.http.goals import AGREE, GOAL, NURSE, PLAN, Goals, changed, problem

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_a_connection_that_breaks_off_or_talks_nonsense_harms_nobody(goals: Goals) -> None:
    host, port = goals.door.url.removeprefix("http://").split(":")
    token = goals.door.issuer.bearer(NURSE)["Authorization"]
    head = f"POST /v1/contributions HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n"
    head += "Content-Type: application/json\r\n"
    before = await goals.bench.rows()
    for said in (
        f"{head}Content-Length: 500\r\n\r\n".encode() + changed()[:50],
        f"{head}Transfer-Encoding: chunked\r\n\r\nffff\r\n".encode() + changed()[:50],
        f"{head}Transfer-Encoding: chunked\r\n\r\nmarigolds\r\n".encode(),
        f"{head}Content-Length: minus one\r\n\r\n".encode(),
        f"{head}X: a\x00b\r\n\r\n".encode(),
        b"marigolds\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
    ):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(said)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    assert (await goals.door.client.get("/livez")).status_code == 200
    assert await goals.bench.rows() == before


@pytest.mark.parametrize(
    "said",
    [
        b"marigolds\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: x\r\nX: ".ljust(HEAD_LIMIT + 1, b"m"),
        (b"GET /livez HTTP/1.1\r\nHost: x\r\n" + b"M: m\r\n" * 11_000)[: HEAD_LIMIT + 1],
        b"GET /livez?".ljust(HEAD_LIMIT + 1, b"m"),
    ],
    ids=["nonsense", "a NUL", "an endless header", "endless headers", "an endless address"],
)
async def test_what_is_no_request_is_a_problem_and_not_listened_to_for_ever(
    goals: Goals, said: bytes
) -> None:
    host, port = goals.door.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(said)
    async with asyncio.timeout(LONG_ENOUGH):
        answer = await reader.read()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"content-type: application/problem+json" in head.lower()
    told = json.loads(body)
    assert (told["status"], told["code"]) == (400, "bad-request")
    assert told["correlation_id"].encode() in head
    assert b"marigolds" not in answer
    writer.close()


OFFERS = {
    "curl --http2": "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n",
    "JDK 17": "Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAEAAEAA\r\nUpgrade: h2c\r\n",
    "websocket": "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    "TLS": "Upgrade: TLS/1.3\r\nConnection: upgrade\r\n",
}


@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
async def test_an_offer_to_upgrade_is_passed_over_and_a_body_is_never_a_request(
    goals: Goals, offer: str
) -> None:
    host, port = goals.door.url.removeprefix("http://").split(":")
    token = goals.door.issuer.bearer(NURSE)["Authorization"]
    head = f"POST /v1/contributions HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n{offer}"
    head += "Content-Type: application/json\r\n"
    inside = contribution(AGREE, GOAL, PLAN)
    hidden = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
    reader, writer = await asyncio.open_connection(host, int(port))

    async def answered() -> tuple[int, bytes]:
        async with asyncio.timeout(LONG_ENOUGH):
            told = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = re.search(r"content-length: (\d+)", told)
            assert length is not None
            return int(told.split()[1]), await reader.readexactly(int(length[1]))

    for chunked in (False, True):
        body = orjson.dumps({**inside, "contribution_id": str(uuid4())})
        framed = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if chunked else body
        said = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
        writer.write(f"{head}{said}\r\n\r\n".encode())
        await writer.drain()
        writer.write(framed)
        status, told = await answered()
        assert (status, orjson.loads(told)["outcome"]) == (201, "accepted")

    # A body that looks like a request, and two offers at once.
    writer.write(f"{head}Content-Length: {len(hidden)}\r\n\r\n".encode() + hidden)
    writer.write(f"GET /readyz HTTP/1.1\r\nHost: x\r\n{offer}\r\n".encode() * 2)
    statuses = [(await answered())[0] for _ in range(3)]
    assert statuses == [400, 200, 200]
    writer.close()
    assert await reader.read() == b""


async def test_a_client_that_goes_away_finds_its_receipt_when_it_comes_back(
    goals: Goals,
) -> None:
    given = [contribution(AGREE, GOAL, PLAN) for _ in range(40)]
    host, port = goals.door.url.removeprefix("http://").split(":")
    token = goals.door.issuer.bearer(NURSE)["Authorization"]

    async def go_away(number: int, item: dict[str, Any]) -> None:
        body = orjson.dumps(item)
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            f"POST /v1/contributions HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        )
        writer.write(body[: len(body) - number % 2])  # every other one before it has said all
        await writer.drain()
        if number % 4:
            await asyncio.sleep(0.001 * number)
        writer.transport.abort()

    await asyncio.gather(*(go_away(number, item) for number, item in enumerate(given)))
    answers = await asyncio.gather(*(goals.door.contribute(item, NURSE) for item in given))
    assert {answer.status_code for answer in answers} <= {200, 201}
    assert {answer.json()["outcome"] for answer in answers} == {"accepted"}
    stored = await goals.bench.pool.fetchval(
        "SELECT count(*) FROM stored_events WHERE originator_id = ANY($1::uuid[])",
        [answer.json()["entry_id"] for answer in answers],
    )
    assert stored == 40


async def test_other_paths_and_methods_are_problems_too(goals: Goals) -> None:
    client, bearer = goals.door.client, goals.door.issuer.bearer(NURSE)
    assert (await client.get("/v1/marigolds")).json()["code"] == "not-found"
    assert (await client.put("/v1/contributions")).json()["code"] == "method-not-allowed"
    assert (await client.post("/v1/contributions:marigold")).json()["code"] == "not-found"
    assert (await client.post("/v1/contributions/")).json()["code"] == "not-found"
    for path in ("/v1/contributions", "/v1/contributions:validate"):
        given_ = contribution(AGREE, GOAL, PLAN)
        answer = await client.post(f"{path}?dry=1", headers=bearer, json=given_)
        told = problem(answer, 400, "parameter-invalid")
        assert told["parameter"] == "dry"
        assert told["detail"] == "This address takes no parameter `dry`."
    head = await client.head(f"/v1/contributions/{uuid4()}", headers=bearer)
    assert (head.status_code, head.content) == (404, b"")
    answer = await client.get("/v1/contributions", headers=bearer)
    assert answer.json()["code"] == "method-not-allowed"
