"""Beyond the bound of requests in hand the answer is 503 at once; slow senders do not count."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from shared.chassis.http.answers import CorrelationIds, problem_handlers
from shared.chassis.http.body import read_body
from shared.chassis.http.overload import InHand, Overload

JSON = {"Content-Type": "application/json"}


class Busy:
    """An application whose requests wait until they are let go."""

    def __init__(self, read_seconds: float = 60.0) -> None:
        self.go = asyncio.Event()
        self.begun = 0
        self.two = asyncio.Event()
        self.app = FastAPI(exception_handlers=problem_handlers())
        self.app.get("/v1/things")(self.read)
        self.app.post("/v1/things")(self.write)
        self.app.get("/v1/stream")(self.stream)
        self.app.get("/livez")(self.alive)
        self.app.add_middleware(Overload, in_hand=InHand(2, read_seconds))
        self.app.add_middleware(CorrelationIds)
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://test")

    async def read(self) -> int:
        self.begun += 1
        if self.begun == 2:
            self.two.set()
        await self.go.wait()
        return self.begun

    async def write(self, request: Request) -> int:
        await read_body(request)
        return await self.read()

    async def stream(self) -> StreamingResponse:
        async def slowly() -> AsyncIterator[bytes]:
            yield b"begun, "
            await self.go.wait()
            yield b"and ended"

        return StreamingResponse(slowly())

    async def alive(self) -> str:
        return "alive"


@pytest.mark.asyncio
async def test_one_too_many_is_told_at_once_to_come_again() -> None:
    busy = Busy()
    waiting = [
        asyncio.create_task(busy.client.get("/v1/things")),
        asyncio.create_task(busy.client.post("/v1/things", json={})),
    ]
    await busy.two.wait()

    for answer in (
        await busy.client.get("/v1/things"),
        await busy.client.post("/v1/things", json={}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
        assert answer.headers["retry-after"] == "1"
        assert answer.headers["x-correlation-id"] == answer.json()["correlation_id"]
        assert answer.json()["retryable"] is True
    assert (await busy.client.get("/livez")).status_code == 200

    busy.go.set()
    assert [answer.status_code for answer in await asyncio.gather(*waiting)] == [200, 200]
    for _ in range(5):
        assert (await busy.client.get("/v1/things")).status_code == 200


@pytest.mark.asyncio
async def test_a_body_that_is_still_on_its_way_takes_no_place() -> None:
    busy = Busy()
    sent = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"{"
        await sent.wait()
        yield b"}"

    slow = [
        asyncio.create_task(busy.client.post("/v1/things", content=slowly(), headers=JSON))
        for _ in range(10)
    ]
    quick = [asyncio.create_task(busy.client.get("/v1/things")) for _ in range(2)]
    await busy.two.wait()
    busy.go.set()
    assert [answer.status_code for answer in await asyncio.gather(*quick)] == [200, 200]

    sent.set()
    statuses = {answer.status_code for answer in await asyncio.gather(*slow)}
    assert statuses <= {200, 503}
    assert (await busy.client.get("/v1/things")).status_code == 200


@pytest.mark.asyncio
async def test_a_reader_is_not_kept_longer_than_the_bound_and_a_writer_is() -> None:
    """Kind: several waits behind one door, each with a bound of its own, one after the other."""
    busy = Busy(read_seconds=0.05)
    answer = await busy.client.get("/v1/things")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["x-correlation-id"] == answer.json()["correlation_id"]
    assert answer.json()["retryable"] is True

    # Whoever writes, or asks to be waited for, waits on; both have begun when both are here.
    busy.begun = 0
    patient = [
        asyncio.create_task(busy.client.post("/v1/things", json={})),
        asyncio.create_task(busy.client.get("/v1/things", headers={"Prefer": "wait=9999"})),
    ]
    await busy.two.wait()
    await asyncio.sleep(0.2)  # longer than the bound: a wait that is cut off has ended by now
    assert not any(task.done() for task in patient)
    busy.go.set()
    assert [told.status_code for told in await asyncio.gather(*patient)] == [200, 200]


@pytest.mark.asyncio
async def test_an_answer_that_has_begun_is_not_cut_off() -> None:
    busy = Busy(read_seconds=0.05)
    reading = asyncio.create_task(busy.client.get("/v1/stream"))
    await asyncio.sleep(0.2)  # longer than the bound
    busy.go.set()
    assert (await reading).text == "begun, and ended"
