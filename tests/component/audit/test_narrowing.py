"""The list is narrowed by what is asked, through an index, and what cannot be asked is named."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest

from services.audit.queries.records import Wanted, statement
from shared.chassis.http.parameters import cursor_of
from tests.component.audit.bench import Bench, event
from tests.component.audit.door import Door, fill

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_list_when_narrowed_then_only_those_are_there(door: Door) -> None:
    await fill(door)
    goal_1, goal_2, need = (
        f"goals/{UUID(int=1)}.1",
        f"goals/{UUID(int=2)}.1",
        f"needs/{UUID(int=3)}.1",
    )
    refused = f"goals/{UUID(int=1)}.0123456789abcdef.base-version-stale"

    assert await door.ids(f"?plan_id={UUID(int=2)}") == [goal_2]
    assert await door.ids(f"?plan_id={UUID(int=1)}") == [refused, need, goal_1]
    assert await door.ids("?organisation=ZZG02") == [goal_2]
    assert await door.ids("?contributor=quill") == [refused, need, goal_1]
    assert await door.ids(f"?contribution_id={UUID(int=1)}") == [refused]
    assert await door.ids("?section=needs") == [need]
    assert await door.ids("?operation=change") == [need, goal_2, goal_1]
    assert await door.ids("?operation=refusal&organisation=ZZG01") == [refused]
    assert await door.ids("?operation=read") == []
    assert await door.ids(f"?plan_id={UUID(int=9)}") == []


async def test_list_when_asked_for_a_time_then_both_ends_are_included(door: Door) -> None:
    await fill(door)
    ids = {1: f"goals/{UUID(int=1)}.1", 2: f"goals/{UUID(int=2)}.1", 3: f"needs/{UUID(int=3)}.1"}
    for query, wanted in (
        ("?from=2024-11-21T08:00:00Z&to=2024-11-22T08:00:00Z", [3, 2]),
        ("?from=2024-11-21T10:00:00%2B02:00&to=2024-11-23", [3, 2]),
        ("?from=2024-11-21T08:00:00.000001Z&to=2024-11-23", [3]),
        ("?to=2024-11-21T07:59:59.999999Z", [1]),
        ("?from=2024-11-20&to=2024-11-20", [1]),
        ("?from=2024-11-21&to=2024-11-22", [3, 2]),
    ):
        assert await door.ids(query) == [ids[number] for number in wanted], query


async def test_list_when_asked_for_a_day_then_it_is_a_day_of_london(door: Door) -> None:
    """In summer it begins and ends an hour before that of UTC; a day of the change has 23 hours."""
    times = [
        "2024-07-01T22:59:59Z",
        "2024-07-01T23:00:00Z",
        "2024-07-02T22:59:59Z",
        "2024-07-02T23:00:00Z",
        "2024-03-31T00:00:00Z",
        "2024-03-31T22:59:59.999999Z",
        "2024-03-31T23:00:00Z",
    ]
    await door.bench.publish(*[event(position=n, entry=n, at=at) for n, at in enumerate(times, 1)])
    await door.bench.until_recorded(len(times))

    async def at(query: str) -> list[str]:
        return [item["at"] for item in (await door.get(query)).json()["items"]]

    assert await at("?from=2024-07-02&to=2024-07-02") == [times[2], times[1]]
    assert await at("?from=2024-07-03") == [times[3]]
    assert await at("?from=2024-03-31&to=2024-03-31") == [times[5], times[4]]
    assert await at("?to=0001-01-01") == []
    assert await at("?from=9999-12-31") == []
    assert len(await at("?from=0001-01-01&to=9999-12-31")) == len(times)


FILTERS: dict[str, dict[str, Any]] = {
    "": {},
    "plan_id": {"plan_id": UUID(int=7)},
    "organisation": {"organisation": "ZZG07"},
    "contributor": {"contributor": "sub-7"},
    "contribution_id": {"contribution_id": UUID(int=77)},
    "section": {"section": "needs"},
    "operation": {"operation": "refusal"},
}
LONG_AGO = {
    "since": datetime(2020, 1, 1, 1, tzinfo=UTC),
    "until": datetime(2020, 1, 1, 2, tzinfo=UTC),
}
_MANY = """
INSERT INTO audit_record (idx, id, kind, operation, type, recorded_at, logged_at, plan_id, section,
       contribution_id, actor_id, organisation, source_topic, source_partition, source_offset,
       commitment, leaf)
SELECT n, n::text, 1, CASE WHEN n % 10 = 7 THEN 'refusal' ELSE 'change' END, 't',
       '2020-01-01Z'::timestamptz + n * interval '1 second', now(),
       lpad(to_hex(n % 100), 32, '0')::uuid, CASE WHEN n % 10 = 7 THEN 'needs' ELSE 'goals' END,
       lpad(to_hex(n), 32, '0')::uuid, 'sub-' || n % 100, 'ZZG0' || n % 10, 't', 0, n,
       sha256('c'), sha256('l') || '123456789012'
  FROM generate_series(0, 29999) AS n
"""


@pytest.mark.parametrize("times", [{}, LONG_AGO], ids=["now", "long ago"])
@pytest.mark.parametrize("name", FILTERS)
async def test_list_when_narrowed_then_an_index_finds_the_range(
    bench: Bench, name: str, times: dict[str, Any]
) -> None:
    """A list never walks the log: what it reads is what it shows (the kind of fault 21)."""
    wanted = Wanted(**FILTERS[name], **times, limit=20)
    query, values = statement(wanted, None)
    owner = await asyncpg.connect(bench.made.owner_url)
    try:
        await owner.execute(_MANY)
        await owner.execute(
            "INSERT INTO audit_payload (idx, salts, groups)"
            " SELECT idx, decode(repeat('00', 384), 'hex'), decode(repeat('0a', 11), 'hex')"
            "   FROM audit_record"
        )
        await owner.execute("ANALYZE audit_record, audit_payload")
        (told,) = await owner.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", *values)
    finally:
        await owner.close()
    nodes = list(_nodes(orjson.loads(told[0])[0]["Plan"]))
    scans = [node for node in nodes if node.get("Relation Name") == "audit_record"]
    assert [node["Node Type"] for node in scans] == ["Index Scan"], scans
    assert scans[0]["Scan Direction"] == "Backward"
    assert scans[0].get("Rows Removed by Filter", 0) == 0
    assert scans[0]["Actual Rows"] <= wanted.limit
    assert ("recorded_at" in scans[0].get("Index Cond", "")) is bool(times)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


UNREADABLE_QUERIES = [
    ("?plan_id=mine", "plan_id"),
    ("?plan_id=", "plan_id"),
    ("?plan_id=urn:uuid:0199c0de-0000-7000-8000-0000000000a1", "plan_id"),
    ("?plan_id=%7B0199c0de-0000-7000-8000-0000000000a1%7D", "plan_id"),
    ("?plan_id=0199C0DE-0000-7000-8000-0000000000A1", "plan_id"),
    ("?organisation=zzg01", "organisation"),
    ("?contributor=", "contributor"),
    ("?contributor=a%00b", "contributor"),
    ("?section=About%20me", "section"),
    ("?section=gaols", "section"),
    ("?operation=%00", "operation"),
    ("?operation=refused", "operation"),
    ("?operation=unknown", "operation"),
    ("?operation=Change", "operation"),
    ("?operation=", "operation"),
    ("?contribution_id=mine", "contribution_id"),
    ("?contribution_id=0199C0DE-0000-7000-8000-0000000000A1", "contribution_id"),
    ("?from=2026-11-24T08:00:00", "from"),
    ("?from=2026-11-24T00:00:00", "from"),
    ("?from=2026-02-30", "from"),
    ("?from=0000-01-01", "from"),
    ("?from=2026-11", "from"),
    ("?from=2026-11-25&to=2026-11-24", "from"),
    ("?from=2026-11-24T00:00:01Z&to=2026-11-23", "from"),
    ("?from=2026-07-02&to=2026-07-01T22:59:59Z", "from"),
    ("?from=9999-12-31&to=0001-01-01", "from"),
    ("?from=%D9%A2026-11-24", "from"),
    ("?to=tomorrow", "to"),
    ("?from=1764000000", "from"),
    ("?to=0001-01-01T00:00:00%2B14:00", "to"),
    ("?limit=0", "limit"),
    ("?limit=201", "limit"),
    ("?limit=many", "limit"),
    ("?limit=+5", "limit"),
    ("?limit=1_0", "limit"),
    ("?cursor=mine", "cursor"),
    ("?cursor=WzFd%3D", "cursor"),
    (f"?cursor={cursor_of(2**63, 'records')}", "cursor"),
    (f"?cursor={cursor_of(-1, 'records')}", "cursor"),
    ("?limit=1&limit=2", "limit"),
    ("?since=2026-11-24T08:00:00Z", "since"),
    ("?colour=blue", "colour"),
]


async def test_list_when_a_parameter_cannot_be_read_then_it_is_named(door: Door) -> None:
    for query, parameter in UNREADABLE_QUERIES:
        answer = await door.get(query)
        body = answer.json()
        assert (answer.status_code, body["code"]) == (400, "parameter-invalid"), query
        assert body["errors"][0]["pointer"] == f"/{parameter}", query
        assert answer.headers["content-type"] == "application/problem+json"


async def test_list_when_an_operation_is_no_word_of_ours_then_the_right_ones_are_named(
    door: Door,
) -> None:
    detail = (await door.get("?operation=refused")).json()["detail"]

    for word in ("change", "refusal", "unreadable", "read", "denial", "system"):
        assert word in detail
    assert "refused" not in detail
    assert "unknown" not in detail


async def test_list_when_an_id_or_a_limit_is_wrong_then_it_says_what_would_be_right(
    door: Door,
) -> None:
    for query, right in (
        ("?plan_id=mine", "`plan_id` must be a UUID in lower case"),
        ("?contribution_id=mine", "`contribution_id` must be a UUID in lower case"),
        ("?limit=0", "`limit` must be a whole number from 1 to 200."),
        ("?limit=many", "`limit` must be a whole number from 1 to 200."),
        ("?limit=201", "`limit` must be a whole number from 1 to 200."),
    ):
        assert (await door.get(query)).json()["detail"].startswith(right), query
