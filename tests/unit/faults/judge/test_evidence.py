"""How the judge asks the doors."""

import asyncio

import httpx

from shared.broker.access import BrokerAccess
from tests.faults.judge.evidence import Doors, Surroundings

WHERE = Surroundings(
    database=lambda name: name,
    broker=BrokerAccess(""),
    plan_url="http://plan",
    audit_url="http://audit",
    reader=lambda _: "",
    auditor="",
)


def answer_of(*answers: httpx.Response) -> httpx.Response:
    left = list(answers)

    async def ask() -> httpx.Response:
        transport = httpx.MockTransport(lambda _: left.pop(0))
        async with httpx.AsyncClient(transport=transport) as client:
            return await Doors(client, WHERE).plan("one")

    return asyncio.run(ask())


def test_a_service_that_cannot_answer_at_present_is_asked_again() -> None:
    busy = httpx.Response(503, headers={"Retry-After": "0"})

    assert answer_of(busy, busy, httpx.Response(200)).status_code == 200


def test_any_other_answer_is_judged_as_it_is() -> None:
    assert answer_of(httpx.Response(500), httpx.Response(200)).status_code == 500
