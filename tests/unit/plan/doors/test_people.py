"""A search is answered when it is recorded, and its record says what was sought apart from it."""

from base64 import b64decode
from typing import Any, cast
from uuid import UUID

import httpx
import orjson
import pytest
from fastapi import FastAPI

from services.plan.doors.people.search import people_routes
from services.plan.doors.release import Release
from shared.chassis.http.answers import problem_handlers
from shared.chassis.settings import Settings
from shared.ledger import Contributor, Organisation
from tests.unit.listed_accesses import ListedAccesses

WHO = {"nhs_number": "9990000018", "date_of_birth": "1938-03-14"}
FOUND = {"plan_id": str(UUID(int=1)), "state": "open", "relationship": "none"}
CREW = Contributor("professional", "pat", "Pat", "paramedic", Organisation("ZZA01"))


class OnePerson:
    """Stands for all people: whoever is sought has one plan."""

    async def find(self, sought: Any, *_: Any) -> list[Any]:
        assert sorted(sought.values()) == ["date_of_birth:1938-03-14", "nhs_number:9990000018"]
        return [FOUND]


async def crew() -> Contributor:
    return CREW


@pytest.mark.asyncio
async def test_what_was_sought_stands_apart_and_whom_it_found_nowhere() -> None:
    accesses = ListedAccesses()
    app = FastAPI()
    release = Release(accesses, lambda: 0.0)
    routes = people_routes(cast("Any", OnePerson()), release, cast("Any", crew), Settings())
    app.include_router(routes)
    app.exception_handlers.update(problem_handlers())
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://plan") as client:
        answer = await client.post("/v1/people:search", json=WHO)
        alone = await client.post("/v1/people:search", json={"nhs_number": "9990000018"})
    assert answer.json() == {"items": [FOUND]}
    assert {"ledger-access-id", "ledger-policy", "ratelimit"} <= {*answer.headers}
    assert (alone.status_code, alone.json()["code"]) == (422, "content-invalid")
    (row,) = accesses.rows
    record, who = orjson.loads(row.record), orjson.loads(row.who)
    assert (record["operation"], record["result_count"]) == ("search", 1)
    assert "query_raw" not in record
    assert str(UUID(int=1)) not in row.record.decode()
    assert orjson.loads(b64decode(who["query_raw"])) == WHO
