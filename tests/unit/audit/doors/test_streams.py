"""Answers given piece by piece: recorded first, few at a time, and nothing left behind."""

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator
from typing import Any, cast

import orjson
import pytest
from starlette.requests import Request
from starlette.responses import StreamingResponse

from services.audit.doors.asking import Questions
from services.audit.doors.searching.search import MOST_AT_ONCE, SearchDoor
from services.audit.queries.evidence import AsOf, LogReads
from services.audit.queries.search.finding import Searches, Sought
from shared.chassis.wire.problem import Problem
from tests.unit.audit.doors.test_within import ROLES, Related, asking
from tests.unit.listed_accesses import ListedAccesses

pytestmark = pytest.mark.asyncio
LINES = Request({"type": "http", "headers": [(b"accept", b"application/x-ndjson")]})


class Found(Searches):
    """Finds two records."""

    def __init__(self) -> None:
        super().__init__(cast("Any", None), "Europe/London")
        self.counted = 0
        self.goes_on: asyncio.Event | None = None

    async def count(self, sought: Sought) -> int:
        assert sought.below == 9
        self.counted += 1
        if self.goes_on is not None:
            await self.goes_on.wait()
        return 2

    async def all(
        self, sought: Sought, *, shows_authn: bool
    ) -> AsyncIterator[list[dict[str, Any]]]:
        assert sought.terms
        assert shows_authn
        for idx in (8, 7):
            yield [{"idx": idx}]


class Log(LogReads):
    """A log of nine records that nobody signed."""

    def __init__(self) -> None:
        super().__init__(cast("Any", None), cast("Any", None))

    async def as_of(self) -> AsOf:
        return AsOf(9, None, None)


class Asking:
    """A door, and what it recorded."""

    def __init__(self) -> None:
        self.accesses = ListedAccesses()
        questions = Questions(self.accesses, ROLES, Related())
        self.found = Found()
        self.door = SearchDoor(self.found, Log(), questions)

    async def lines(self) -> StreamingResponse:
        request = Request({**LINES.scope, "query_string": b""})
        answer = await self.door.answer(request, asking("auditor"), "operation:read", 50, None)
        assert isinstance(answer, StreamingResponse)
        return answer


async def test_the_question_is_recorded_before_the_first_piece() -> None:
    one = Asking()
    answer = await one.lines()
    [row] = one.accesses.rows
    assert orjson.loads(row.record)["result_count"] == 2
    pieces = [orjson.loads(cast("bytes", piece)) async for piece in answer.body_iterator]
    assert [piece.get("idx") for piece in pieces] == [8, 7, None]
    assert pieces[2]["completeness"]["kind"] == "best-effort"


async def test_nothing_is_given_where_it_cannot_be_recorded() -> None:
    one = Asking()
    one.accesses.is_away = True
    with pytest.raises(Problem) as refused:
        await one.lines()
    assert refused.value.code == "unavailable"


async def test_no_more_are_begun_while_others_are_counted() -> None:
    """Counting is what takes long: whoever is turned away is turned away before it."""
    one = Asking()
    one.found.goes_on = asyncio.Event()
    asked = [asyncio.ensure_future(one.lines()) for _ in range(MOST_AT_ONCE * 3)]
    await asyncio.sleep(0)
    asked[0].cancel()
    one.found.goes_on.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert one.found.counted == MOST_AT_ONCE
    refused = [told.code for told in answers if isinstance(told, Problem)]
    assert refused == ["overloaded"] * (MOST_AT_ONCE * 2)
    # Whoever went away meanwhile has given their turn back.
    assert [piece async for piece in (await one.lines()).body_iterator]


async def test_a_search_that_is_denied_is_recorded_with_its_text() -> None:
    one = Asking()
    for role, q in (("auditor", "actor:vera"), ("privacy-officer", "actor.org:ZZA01")):
        with pytest.raises(Problem) as refused:
            await one.door.answer(LINES, asking(role), q, 50, None)
        assert refused.value.status == 403
        row = one.accesses.rows[-1]
        assert orjson.loads(row.record)["operation"] == "denial"
        assert b64decode(orjson.loads(row.who)["query_raw"]).decode() == q


async def test_only_some_are_given_at_once_and_who_goes_away_leaves_nothing_behind() -> None:
    one = Asking()
    for _ in range(MOST_AT_ONCE * 3):  # answers that nobody began to read
        await one.lines()
        for _ in range(3):  # the loop ends what nobody holds any more, in turns of its own
            await asyncio.sleep(0)
    begun = [aiter((await one.lines()).body_iterator) for _ in range(MOST_AT_ONCE)]
    for answer in begun:
        await anext(answer)
    with pytest.raises(Problem) as refused:
        await one.lines()
    assert refused.value.code == "overloaded"
    await cast("Any", begun[0]).aclose()
    assert [piece async for piece in (await one.lines()).body_iterator]
