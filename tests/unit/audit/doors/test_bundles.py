"""A bundle is recorded as a disclosure of each plan that its records are of."""

import hashlib
from base64 import b64decode
from typing import Any, cast
from uuid import UUID, uuid5

import orjson
import pytest
from starlette.requests import Request

from services.audit.doors.asking import Questions
from services.audit.doors.searching.search import SearchDoor
from services.audit.queries.evidence import AsOf, LogReads
from services.audit.queries.search.finding import Searches
from tests.unit.audit.doors.test_within import ROLES, Related, asking
from tests.unit.listed_accesses import ListedAccesses

pytestmark = pytest.mark.asyncio
HERE, THERE = UUID(int=1), UUID(int=2)
ZIP = Request({"type": "http", "headers": [(b"accept", b"application/zip")], "query_string": b""})


class Found(Searches):
    """Finds records of these plans."""

    def __init__(self, plans: list[UUID | None]) -> None:
        super().__init__(cast("Any", None), "Europe/London")
        self.found = [*enumerate(plans)]

    async def places(self, *_: Any) -> list[tuple[int, UUID | None]]:
        return self.found


class Log(LogReads):
    """A log of nine records that somebody signed."""

    def __init__(self) -> None:
        super().__init__(cast("Any", None), cast("Any", None))

    async def as_of(self) -> AsOf:
        return AsOf(9, "root", "note")

    async def proven(self, idx: int, *_: Any, **__: Any) -> dict[str, Any]:
        return {"idx": idx, "leaf": "", "commitment": "", "groups": [], "hashes": []}


Row = tuple[str, dict[str, Any], dict[str, Any]]


async def exported(q: str, *plans: UUID | None) -> tuple[UUID, bytes, list[Row]]:
    """What was given under which id, and what was recorded."""
    accesses = ListedAccesses()
    door = SearchDoor(Found([*plans]), Log(), Questions(accesses, ROLES, Related()))
    answer = await door.answer(ZIP, asking("auditor"), q, 50, None)
    rows = [
        (str(row.access_id), orjson.loads(row.record), orjson.loads(row.who))
        for row in accesses.rows
    ]
    return UUID(answer.headers["ledger-access-id"]), bytes(answer.body), rows


@pytest.mark.parametrize("q", [f"person:{HERE}", "actor.org:ZZG01"])
async def test_one_of_one_plan_is_recorded_once_for_that_plan(q: str) -> None:
    access_id, body, [(row_id, record, who)] = await exported(q, HERE, HERE, None)
    assert row_id == str(access_id)
    assert (record["operation"], record["plan_id"], record["result_count"]) == (
        "export", str(HERE), 3,
    )  # fmt: skip
    assert record["body_sha256"] == hashlib.sha256(body).hexdigest()
    assert b64decode(who["query_raw"]).decode() == q


async def test_one_of_several_plans_is_recorded_for_each_though_none_was_named() -> None:
    access_id, _, rows = await exported("actor.org:ZZG01", THERE, HERE, None, HERE)
    told = [
        (row_id, record["operation"], record.get("plan_id"), record["result_count"])
        for row_id, record, _ in rows
    ]
    assert told == [
        (str(uuid5(access_id, str(HERE))), "export", str(HERE), 2),
        (str(uuid5(access_id, str(THERE))), "export", str(THERE), 1),
        (str(access_id), "export", None, 4),
    ]
    assert ["query_raw" in who for _, _, who in rows] == [False, False, True]
    assert len({record["body_sha256"] for _, record, _ in rows}) == 1


async def test_one_of_no_plan_is_recorded_all_the_same() -> None:
    _, _, [(_, record, _)] = await exported("operation:system", None)
    assert record.get("plan_id") is None
