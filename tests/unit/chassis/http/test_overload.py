"""How many requests are in hand, how long a reader waits, and how often one caller asks."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from shared.chassis.http.answers import CorrelationIds, problem_handlers
from shared.chassis.http.body import read_body
from shared.chassis.http.overload import (
    InHand,
    Overload,
    PerCaller,
    PerCallerAndOrganisation,
)
from shared.chassis.wire.problem import Problem
from shared.ledger import Contributor, Organisation

JSON = {"Content-Type": "application/json"}


class Busy:
    """An application whose requests wait until they are let go."""

    def __init__(self, read_seconds: float = 60.0) -> None:
        self.go = asyncio.Event()
        self.begun = 0
        self.two = asyncio.Event()
        self.has_begun = asyncio.Event()
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
            self.has_begun.set()
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
    busy = Busy(read_seconds=1)  # a busy machine begins to answer sooner
    reading = asyncio.create_task(busy.client.get("/v1/stream"))
    await busy.has_begun.wait()
    await asyncio.sleep(1.2)  # longer than the bound
    busy.go.set()
    assert (await reading).text == "begun, and ended"


def nurse(sub: str = "tom", org: str = "ZZC01") -> Contributor:
    return Contributor("professional", sub, organisation=Organisation(org))


class Minutes:
    """Callers who may ask three times a minute, on a clock of our own."""

    def __init__(self, callers: int = 10_000) -> None:
        self.at = 1_000.0
        self.often = PerCaller(3, callers=callers, now=lambda: self.at)

    def asks(self, caller: Contributor) -> int:
        """The seconds that the caller is told to wait; 0 where it need not."""
        try:
            self.often.count(caller)
        except Problem as problem:
            told = problem
        else:
            return 0
        assert told.code == "too-many-requests"
        wait = told.headers["Retry-After"]
        assert f"3 times a minute. Send the same again in {wait} s." in told.detail
        return int(wait)


def test_a_caller_asks_so_often_a_minute_and_is_told_when_again() -> None:
    """Kind: a look into plans that somebody may repeat without end, to try out numbers."""
    minutes = Minutes()
    assert [minutes.asks(nurse()) for _ in range(5)] == [0, 0, 0, 20, 20]
    minutes.at += 19.5
    assert minutes.asks(nurse()) == 1
    minutes.at += 0.5
    assert [minutes.asks(nurse()) for _ in range(2)] == [0, 20]
    minutes.at += 3_600
    assert [minutes.asks(nurse()) for _ in range(4)] == [0, 0, 0, 20], "no more by having waited"


def test_a_caller_is_a_sub_of_an_organisation() -> None:
    minutes = Minutes()
    others = [nurse("ann"), nurse(org="ZZG01"), Contributor("person", "tom")]
    assert [minutes.asks(nurse()) for _ in range(4)] == [0, 0, 0, 20]
    assert [minutes.asks(other) for other in others] == [0, 0, 0]


def test_what_is_remembered_of_callers_is_bounded_whatever_they_are_called() -> None:
    minutes = Minutes(callers=100)
    for number in range(1_000):
        minutes.asks(nurse(f"{number:060}"))
    remembered = minutes.often._made_up
    assert len(remembered) == 100
    assert {len(key) for key in remembered} == {32}
    # Those who asked last are the ones remembered.
    assert [minutes.asks(nurse(f"{999:060}")) for _ in range(3)] == [0, 0, 20]


def test_each_answer_says_how_often_again() -> None:
    minutes = Minutes()
    told = [minutes.often.count(nurse())["RateLimit"] for _ in range(3)]
    assert told == [
        f'"caller";r={left};t={seconds}' for left, seconds in ((2, 20), (1, 40), (0, 60))
    ]
    assert minutes.often.count(nurse("ann"))["RateLimit-Policy"] == '"caller";q=3;w=60'


def test_all_of_an_organisation_ask_so_often_together_and_harm_nobody_else() -> None:
    """Kind: a bound for each caller that somebody passes by asking as many callers."""
    often = PerCallerAndOrganisation(3, 5, now=lambda: 0.0)

    def asks(caller: Contributor) -> str:
        try:
            return often.count(caller)["RateLimit"]
        except Problem as problem:
            return f"{problem.code} {problem.headers['RateLimit']}"

    assert [asks(nurse()) for _ in range(4)] == [
        *('"caller";r=2;t=20', '"caller";r=1;t=40', '"caller";r=0;t=60'),
        'too-many-requests "caller";r=0;t=20',
    ]
    # What Tom was refused does not count for his colleagues.
    assert [asks(nurse("ann")) for _ in range(3)] == [
        *('"caller";r=2;t=20', '"caller";r=1;t=40'),
        'too-many-requests "organisation";r=0;t=12',
    ]
    assert asks(nurse("bea")) == 'too-many-requests "organisation";r=0;t=12'
    assert asks(nurse("bea", "ZZG01")) == '"caller";r=2;t=20'
    assert asks(Contributor("person", "tom")) == '"caller";r=2;t=20'
