"""The envelope of a named question says what finds the same, and claims no proof in vain."""

from typing import Any, cast
from uuid import UUID

import orjson
import pytest
from starlette.requests import Request
from starlette.responses import Response

from services.audit.doors.asking import Questions
from services.audit.doors.searching.questions import QuestionDoor
from services.audit.doors.searching.search import SearchDoor
from services.audit.queries.questions.finding import MOST_ROWS, Bounds, Findings
from services.audit.queries.questions.question import Given
from services.audit.queries.records import RecordList
from services.audit.queries.search.finding import Searches, Sought
from shared.chassis.accesses.record import Asked
from shared.chassis.wire.problem import Problem
from tests.unit.audit.doors.test_streams import Log
from tests.unit.audit.doors.test_within import ROLES, Related, asking
from tests.unit.listed_accesses import ListedAccesses

pytestmark = pytest.mark.asyncio
PLAN = "0199c0de-0000-7000-8000-0000000000a1"


class Nothing(Searches):
    """Finds nothing."""

    def __init__(self) -> None:
        super().__init__(cast("Any", None), "Europe/London")

    async def count(self, _: Sought) -> int:
        return 0

    async def page(self, *_: Any, **__: Any) -> list[dict[str, Any]]:
        return []


class Told(Findings):
    """Says of a record whether it is in the log, and of each entry what became of it."""

    def __init__(self, is_in: bool, count: int) -> None:
        super().__init__(cast("Any", None), cast("Any", None), "Europe/London")
        self.is_in = is_in
        self.count = count

    async def rows(self, question: str, given: Given, bounds: Bounds) -> list[dict[str, Any]]:
        assert bounds.as_of.size == 9
        if question == "Q17":
            return [{"section": "goals"}] * self.count
        assert (question, given["idx"]) == ("Q7", 3)
        return [{"idx": 3, "commitment_ok": True, "inclusion_ok": self.is_in}]


class There(RecordList):
    """Has every record."""

    def __init__(self) -> None:
        super().__init__(cast("Any", None), "Europe/London")

    async def about(self, _: int) -> tuple[UUID | None, str | None]:
        return None, "ZZG01"


async def given(
    name: str, accept: str = "*/*", *, is_in: bool = True, count: int = 1, **params: Any
) -> Response:
    questions = Questions(ListedAccesses(), ROLES, Related())
    searches, log = Nothing(), Log()
    search = SearchDoor(searches, log, questions)
    door = QuestionDoor(search, searches, Told(is_in, count), There(), log, questions)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": orjson.dumps({"params": params})}

    headers = [(b"content-type", b"application/json"), (b"accept", accept.encode())]
    request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
    asked: Asked = asking("auditor")
    return await door.answer(request, asked, name)


async def envelope(name: str, **others: Any) -> dict[str, Any]:
    told: dict[str, Any] = orjson.loads((await given(name, **others)).body)
    return told


async def test_what_the_envelope_names_as_a_search_finds_the_same() -> None:
    everything = f"person:{PLAN} operation:change created:>=0001-01-01"
    assert (await envelope("Q16", plan_id=PLAN))["q"] == everything
    assert (await envelope("Q16", plan_id=PLAN, to="2026-03-10"))["q"] == (
        f"person:{PLAN} operation:change created:<=2026-03-10"
    )
    # A search looks as far back as these do.
    assert (await envelope("Q9"))["q"] == "override:unjustified"
    for name, params in (("Q11", {}), ("Q26", {}), ("Q23", {"plan_id": PLAN})):
        assert (await envelope(name, **params))["q"] is None, "no search says all of it"


async def test_only_a_record_that_is_proved_is_said_to_be() -> None:
    for is_in, kind in ((True, "proved"), (False, "best-effort")):
        told = await envelope("Q7", is_in=is_in, idx=3)
        assert told["completeness"]["kind"] == kind


async def test_a_file_has_all_rows_or_there_is_none() -> None:
    """A table has no place to say that more people have to be told than stand in it."""
    asked: dict[str, Any] = {"plan_id": PLAN, "at": "2026-03-10"}
    for form, head in (("text/csv", 1), ("application/x-ndjson", 1)):
        whole = bytes((await given("Q17", form, count=MOST_ROWS, **asked)).body)
        assert whole.count(b"\n") == MOST_ROWS + head
        with pytest.raises(Problem) as refused:
            await given("Q17", form, count=MOST_ROWS + 1, **asked)
        assert refused.value.code == "too-many-records"
    told = await envelope("Q17", count=MOST_ROWS + 1, **asked)
    assert (told["truncated"], len(told["rows"])) == (True, MOST_ROWS)
    assert told["completeness"]["kind"] == "best-effort"
