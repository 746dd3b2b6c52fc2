"""Who opens the plans of many people within an hour, or searches for many, is looked at, once."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest

from services.audit.store.breadth import Breadth
from shared.ledger import instant
from tests.component.audit.bench import Message, access
from tests.component.audit.door import Door

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

LATELY = instant(datetime.now(UTC) - timedelta(minutes=5))
LONG_AGO = instant(datetime.now(UTC) - timedelta(minutes=70))


def by(sub: str, kind: str = "professional") -> dict[str, Any]:
    return {"kind": kind, "id": sub, "name": "Ann Synth", "role": "nurse",
            "organisation": {"ods": "ZZG01"}}  # fmt: skip


def made(number: int, sub: str, plan: int, at: str = LATELY, kind: str = "professional") -> Message:
    others: dict[str, Any] = {"actor": by(sub, kind), "recorded_at": at}
    return access(number, plan_id=str(UUID(int=plan)), **others)


def sought(number: int, sub: str) -> Message:
    none = {"plan_id": None, "sections": None, "relationship": None, "result_count": 0}
    return access(
        number, actor=by(sub), recorded_at=LATELY, operation="search", type="query.search",
        what="people-search", **none,
    )  # fmt: skip


async def raised(door: Door) -> list[dict[str, Any]]:
    rows = await door.bench.rows("SELECT record, who FROM ledger.access_record ORDER BY position")
    told = [{**orjson.loads(row["record"]), **orjson.loads(row["who"])} for row in rows]
    return [one for one in told if one.get("operation") == "alert"]


async def test_more_than_so_many_within_an_hour_is_one_alert_however_often_it_is_looked_for(
    door: Door,
) -> None:
    reads = [made(100 + plan, "curious", plan) for plan in range(1, 5)]
    reads += [made(200 + plan, "one-plan", 1) for plan in range(1, 5)]
    reads += [made(300 + plan, "long-ago", plan, LONG_AGO) for plan in range(1, 5)]
    reads += [made(400 + plan, "a-system", plan, kind="system") for plan in range(1, 5)]
    reads += [sought(500 + number, "seeker") for number in range(3)]
    await door.bench.publish(*reads)
    await door.bench.until_recorded(len(reads))
    looking = [Breadth(door.bench.database, plans=3, searches=2) for _ in range(3)]
    told = [await one.tell() for one in looking]
    assert told == [2, 0, 0]
    assert sum(await asyncio.gather(*(one.tell() for one in looking))) == 0
    found = await raised(door)
    assert sorted((one["code"], one["actor"]["id"], one["result_count"]) for one in found) == [
        ("many-plans-read", "curious", 4), ("many-searches", "seeker", 3),
    ]  # fmt: skip
    assert not any("plan_id" in one for one in found)
    assert await Breadth(door.bench.database, plans=4, searches=3).tell() == 0
