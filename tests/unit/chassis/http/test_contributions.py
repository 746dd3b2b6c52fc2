"""Each item of a batch gets its own answer, also where something unexpected happens to one."""

import json
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
import pytest
from fastapi import FastAPI

from shared.chassis.contribute.receipts import Reply
from shared.chassis.contribute.validate import Validated
from shared.chassis.http.answers import CorrelationIds, problem_handlers
from shared.chassis.http.contributions import contribution_routes
from shared.chassis.http.overload import PerCallerAndOrganisation
from shared.chassis.store.group_commit import QueueFull
from shared.ledger import Contribution, Contributor

TROUBLES: dict[str, Exception] = {
    "careplan.x.commands.breaks.v1": RuntimeError("Edith keeps her key under the blue pot"),
    "careplan.x.commands.waits.v1": QueueFull(),
}


class Taking:
    """Accepts everything but what is named above."""

    async def receive(self, given: Contribution, _: Contributor) -> Reply:
        if given.command in TROUBLES:
            raise TROUBLES[given.command]
        told = {"contribution_id": str(given.contribution_id), "outcome": "accepted"}
        return Reply({**told, "entry_version": 1, "ledger_position": "x"}, kept=True)

    async def validate(self, given: Contribution, contributor: Contributor) -> Validated:
        reply = await self.receive(given, contributor)
        return Validated(orjson.dumps({**reply.receipt, "stored": False}), uuid4())


async def somebody() -> Contributor:
    return Contributor("system", "them")


def one(verb: str) -> dict[str, Any]:
    return {"contribution_id": str(uuid4()), "command": f"careplan.x.commands.{verb}.v1"}


async def sent(path: str, body: Any) -> httpx.Response:
    taking, identity = Taking(), somebody
    app = FastAPI(exception_handlers=problem_handlers())
    often = PerCallerAndOrganisation(120, 1_200)
    app.include_router(contribution_routes(taking, taking, identity, often, 10.0))  # type: ignore[arg-type]
    app.add_middleware(CorrelationIds)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        if isinstance(body, bytes):
            return await client.post(
                path, content=body, headers={"content-type": "application/json"}
            )
        return await client.post(path, json=body)


@pytest.mark.asyncio
async def test_one_unexpected_error_in_a_batch_is_the_answer_to_that_one_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    items = [one("takes"), one("breaks"), one("takes"), one("waits"), {"command": 1}, one("takes")]
    answer = await sent("/v1/contributions", {"contributions": items})

    assert answer.status_code == 200
    told = answer.json()["receipts"]
    codes = [item.get("code", item.get("outcome")) for item in told]
    assert codes == [
        "accepted", "internal-error", "accepted", "overloaded", "content-invalid", "accepted",
    ]  # fmt: skip
    named = [item.get("contribution_id") for item in told]
    assert named == [item.get("contribution_id") for item in items]
    assert told[1]["status"] == 500
    assert told[3]["retryable"] is True
    logged = capsys.readouterr().out
    assert "request.failed" in logged
    assert "blue pot" not in answer.text + logged


MANY_KEYS = json.dumps({f"k{n}": 1 for n in range(201)})
FAULTY = {
    r'{"a": ["x", {"text": "a\u0000b"}]}': ("content-invalid", "/content/a/1/text"),
    '{"n": 9007199254740993}': ("content-invalid", "/content/n"),
    '{"n": 1, "m": -9007199254740993.0}': ("content-invalid", "/content/m"),
    f'{{"a": [{MANY_KEYS}]}}': ("content-invalid", "/content/a/0"),
    '{"a": 1, "a": 1}': ("unreadable-json", None),
    r'{"a": "\ud800"}': ("unreadable-json", None),
    '{"a": 1e400}': ("unreadable-json", None),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("content", FAULTY, ids=lambda content: content[:24])
async def test_what_no_item_may_hold_is_the_problem_of_that_item_alone(content: str) -> None:
    good, faulty = one("takes"), one("takes")
    written = json.dumps({**faulty, "content": "HERE"}).replace('"HERE"', content)
    body = f'{{"contributions": [{json.dumps(good)}, {written}, {json.dumps(one("takes"))}]}}'
    answer = await sent("/v1/contributions", body.encode())

    assert answer.status_code == 200, answer.text
    told = answer.json()["receipts"]
    code, where = FAULTY[content]
    assert [item.get("code", item.get("outcome")) for item in told] == [
        "accepted", code, "accepted",
    ]  # fmt: skip
    assert told[1]["contribution_id"] == faulty["contribution_id"]
    assert [error["pointer"] for error in told[1].get("errors", [])] == [where] * (
        where is not None
    )
    # By itself it is told the same.
    alone = (await sent("/v1/contributions", written.encode())).json()
    for of_each_request in ("correlation_id", "instance"):
        assert told[1].pop(of_each_request)
        assert alone.pop(of_each_request)
    told[1].pop("contribution_id")
    assert told[1] == alone


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "item", [MANY_KEYS, '{"contribution_id": "\\ud800"}', '"\\u0000"', '{"a": 1, "a": 1}']
)
async def test_an_item_that_is_faulty_itself_stops_no_other(item: str) -> None:
    body = f'{{"contributions": [{item}, {json.dumps(one("takes"))}]}}'
    answer = await sent("/v1/contributions", body.encode())

    assert answer.status_code == 200, answer.text
    told = answer.json()["receipts"]
    assert told[0]["code"] in ("content-invalid", "unreadable-json")
    assert "contribution_id" not in told[0]
    assert told[1]["outcome"] == "accepted"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"contributions": [{"a": "\\u0000"}], "contributions": []}', 400),
        (b'{"contributions": [{"a": "\\u0000"}]', 400),
        (b'{"contributions": [{"a": "\\u0000", "n": NaN}]}', 400),
        (b'{"contributions": [{"a": "\\u0000"}], "b": "\\ud800"}', 400),
        (b'{"contributions": [{"a": "\\u0000"}], "b\\u0000": 1}', 422),
        (b'{"contributions": "\\u0000"}', 422),
        (b'{"contributions": [' + b'"\\u0000",' * 100 + b"1]}", 422),
        (b'{"contributions": [{"a": ' + b"[" * 70 + b"]" * 70 + b"}]}", 400),
        (b'{"contributions": [{"a": [' + b"1," * 20_000 + b"1]}]}", 422),
    ],
    ids=lambda given: repr(given)[-40:],
)
async def test_a_body_that_is_wrong_as_a_whole_is_one_problem(body: bytes, status: int) -> None:
    answer = await sent("/v1/contributions", body)
    assert answer.status_code == status, answer.text


@pytest.mark.asyncio
async def test_what_a_validation_shows_names_the_record_of_it() -> None:
    answer = await sent("/v1/contributions:validate", one("takes"))

    assert (answer.status_code, answer.json()["stored"]) == (200, False)
    assert UUID(answer.headers["ledger-access-id"]).version == 4
    waits = await sent("/v1/contributions:validate", one("waits"))
    assert (waits.status_code, waits.json()["code"]) == (503, "overloaded")


@pytest.mark.asyncio
async def test_a_queue_that_is_full_is_answered_at_once_with_when_to_come_back() -> None:
    answer = await sent("/v1/contributions", one("waits"))

    assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
    assert answer.headers["retry-after"] == "1"


@pytest.mark.asyncio
async def test_validating_too_often_is_told_when_again_and_contributing_is_not_limited() -> None:
    taking = Taking()
    app = FastAPI(exception_handlers=problem_handlers())
    often = PerCallerAndOrganisation(2, 1_200, now=lambda: 0.0)
    app.include_router(contribution_routes(taking, taking, somebody, often, 10.0))  # type: ignore[arg-type]
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        path = "/v1/contributions:validate"
        first = await client.post(path, json=one("takes"))
        assert (first.status_code, first.headers["ratelimit"]) == (200, '"caller";r=1;t=30')
        # What cannot be read counts as well.
        assert (await client.post(path, json={})).status_code == 422
        refused = await client.post(path, json=one("takes"))
        assert (refused.status_code, refused.json()["code"]) == (429, "too-many-requests")
        assert refused.headers["retry-after"] == "30"
        assert refused.json()["retryable"] is True
        assert (await client.post("/v1/contributions", json=one("takes"))).status_code == 201
