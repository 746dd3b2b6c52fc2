"""A search finds what its qualifiers say and nothing else, and says where it cannot be read."""

import csv
import hashlib
from base64 import b64decode
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest

from tests.component.audit.bench import Bench, access, event, refusal
from tests.component.audit.door import Door, open_door

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

HERE, THERE = UUID(int=1), UUID(int=2)
NURSE = {
    "kind": "professional",
    "id": "ida",
    "role": "ward nurse",
    "organisation": {"ods": "ZZN01"},
}
BROKEN = {"override_id": str(UUID(int=80)), "kind": "break-glass", "reason": "cannot-ask"}
ALL = "created:2020-01-01..2026-01-01"


async def fill(door: Door) -> None:
    """Eight records in a known order, of 20 to 28 November 2024."""
    opened: dict[str, Any] = {
        "type": "careplan.person.plan-opened.v1", "entry_type": "person", "content": {},
        "fields": [],
    }  # fmt: skip
    messages = [
        event("person", position=1, at="2024-11-19T08:00:00Z", **opened),
        event(position=1, entry=1, at="2024-11-20T08:00:00Z"),
        access(1, what="plan"),
        access(2, what="diff", actor=NURSE, sections=["goals"], via="viewer", plan_version=9),
        access(3, plan_id=str(THERE), actor=NURSE, relationship=None, override=BROKEN,
               purpose="emergency", what="emergency"),
        access(4, operation="denial", type="decision.deny", code="no-live-relationship",
               decision="deny", status=403, relationship=None, sections=None, actor=NURSE),
        event(position=2, entry=1, version=2, change="withdrawn", at="2024-11-27T08:00:00Z",
              type="careplan.goals.set-aside.v1"),
        refusal(1, recorded_at="2024-11-28T08:00:00Z"),
    ]  # fmt: skip
    for count, message in enumerate(messages, 1):
        await door.bench.publish(message)
        await door.bench.until_recorded(count)


async def search(door: Door, q: str, **others: Any) -> httpx.Response:
    headers = {**(others.pop("headers", None) or door.token()), **others.pop("more", {})}
    return await door.client.get("/v1/audit/records", params={"q": q, **others}, headers=headers)


async def found(door: Door, q: str, **others: Any) -> list[int]:
    answer = await search(door, q, **others)
    assert answer.status_code == 200, answer.text
    return [item["idx"] for item in answer.json()["items"]]


WANTED: dict[str, list[int]] = {
    f"person:{THERE}": [4],
    f"person:{HERE},{THERE} operation:read": [4, 3, 2],
    f"-person:{HERE}": [4],
    "actor:ida": [5, 4, 3],
    "actor.org:ZZN01,ZZG01 operation:read,denial": [5, 4, 3, 2],
    'role:"ward nurse"': [5, 4, 3],
    "-role:gp": [5, 4, 3],
    "operation:change": [6, 1, 0],
    "operation:denial,refusal": [7, 5],
    "-operation:read,change": [7, 5],
    "what:diff,emergency": [4, 3],
    "section:goals": [7, 6, 4, 3, 2, 1],
    "section:needs": [4, 2],
    "-section:goals": [5, 0],
    f"entry:{UUID(int=1)}": [6, 1, 0],
    "event:careplan.goals.set-aside.v1": [6],
    "code:no-live-relationship": [5],
    f"contribution:{UUID(int=1)}": [7],
    "purpose:emergency": [4],
    "relationship:registered": [3, 2],
    "relationship:none": [5, 4],
    "relationship:none,registered operation:read": [4, 3, 2],
    "override:break-glass": [4],
    "override:any": [4],
    "override:unjustified": [4],
    "override:none": [5, 3, 2],
    "override:none,any": [5, 4, 3, 2],
    "override:objection": [],
    "via:viewer": [3],
    "version:9": [3],
    "version:<=5": [5, 4, 2],
    "version:6..9,1": [3],
    "created:2024-11-21": [2],
    "created:2024-11-21,2024-11-23": [4, 2],
    "created:>=2024-11-24T08:00:00Z": [7, 6, 5],
    "created:2024-11-20T08:00:00Z..2024-11-22": [3, 2, 1],
    "created:2020-01-01..2024-11-19": [0],
    "-created:2024-11-20..2024-11-30": [0],
    "": [7, 6, 5, 4, 3, 2, 1, 0],
}  # fmt: skip


async def test_a_search_finds_what_its_qualifiers_say(door: Door) -> None:
    await fill(door)
    told = {q: await found(door, q if "created:" in q else f"{q} {ALL}") for q in WANTED}
    assert told == WANTED
    # What is old is not in a search that says nothing of when, unless it was logged just now.
    assert await found(door, f"person:{HERE}") == []
    assert await found(door, "logged:>=2026-01-01") == [7, 6, 5, 4, 3, 2, 1, 0]
    assert await found(door, "logged:<=2026-01-01") == []


async def test_a_search_is_paged_and_a_cursor_is_that_of_its_search(door: Door) -> None:
    await fill(door)
    seen: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        body = (await search(door, ALL, limit=3, **cursor)).json()
        seen += [item["idx"] for item in body["items"]]
        if body["next"] is None:
            break
        cursor = {"cursor": body["next"]}
    assert seen == [7, 6, 5, 4, 3, 2, 1, 0]
    answer = await search(door, f"-role:gp {ALL}", **cursor)
    assert (answer.status_code, answer.json()["code"]) == (400, "parameter-invalid")


async def test_what_cannot_be_asked_is_refused_with_its_column(door: Door) -> None:
    for q, column in (("operation:refused", 11), ("role:gp colour:blue", 9), ("walk", 1)):
        answer = await search(door, q)
        told = answer.json()
        assert (answer.status_code, told["code"], told["column"]) == (400, "query-invalid", column)
        assert told["errors"][0]["pointer"] == "/q"
    for name in ("operation", "plan_id", "from"):
        answer = await search(door, "operation:read", **{name: "x"})
        assert answer.json()["errors"][0]["pointer"] == f"/{name}"


async def test_who_asked_and_what_is_recorded(door: Door) -> None:
    await fill(door)
    q = f"person:{HERE} operation:read {ALL}"
    answer = await search(door, q)
    [row] = await door.bench.rows("SELECT record, who FROM ledger.access_record")
    record, who = orjson.loads(row["record"]), orjson.loads(row["who"])
    assert record["record_id"] == answer.headers["ledger-access-id"]
    assert (record["operation"], record["plan_id"]) == ("query", str(HERE))
    assert record["body_sha256"] == hashlib.sha256(answer.content).hexdigest()
    assert b64decode(who["query_raw"]).decode() == q


async def test_an_officer_is_told_what_they_would_be_by_the_list(door: Door) -> None:
    await fill(door)
    officer = door.token("privacy-officer", "ZZN01")
    assert await found(door, ALL, headers=officer) == [5, 4, 3]
    assert await found(door, f"person:{HERE} {ALL}", headers=officer) == [5, 3]
    opener = door.token("privacy-officer", "ZZG01")
    assert await found(door, f"person:{HERE} {ALL}", headers=opener) == [7, 6, 5, 3, 2, 1, 0]
    assert await found(door, f"person:{HERE},{THERE} {ALL}", headers=opener) == [7, 6, 2, 1, 0]
    refused = await search(door, "actor.org:ZZG01,ZZN01", headers=opener)
    assert (refused.status_code, refused.json()["code"]) == (403, "not-permitted")
    mine = door.bearer({**orjson.loads(b64decode(
        opener["Authorization"].split(".")[1] + "==")), "sub": "ida"})  # fmt: skip
    for q in ("actor:ida", "actor:quill,ida"):
        told = (await search(door, q, headers=mine)).json()
        assert told["code"] == "conflict-of-interest"


async def test_all_of_it_comes_in_lines_and_the_last_says_of_what(door: Door) -> None:
    await fill(door)
    answer = await search(door, ALL, more={"Accept": "application/x-ndjson"})
    assert answer.headers["content-type"] == "application/x-ndjson"
    *lines, last = answer.content.splitlines(keepends=True)
    assert [orjson.loads(line)["idx"] for line in lines] == [7, 6, 5, 4, 3, 2, 1, 0]
    told = orjson.loads(last)["completeness"]
    assert told["evidence"]["rows"] == 8 == int(answer.headers["ledger-result-count"])
    assert told["evidence"]["size"] == 8 == int(answer.headers["ledger-log-size"])
    assert told["evidence"]["rows_sha256"] == hashlib.sha256(b"".join(lines)).hexdigest()
    [row] = await door.bench.rows("SELECT record FROM ledger.access_record")
    record = orjson.loads(row["record"])
    assert (record["operation"], record["status"], record["result_count"]) == ("query", 200, 8)
    assert "body_sha256" not in record


async def test_all_of_it_comes_as_a_table(door: Door) -> None:
    await fill(door)
    answer = await search(door, f"role:gp {ALL}", more={"Accept": "text/csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(StringIO(answer.text, newline="")))
    assert [row["idx"] for row in rows] == ["7", "6", "2", "1", "0"]
    assert rows[2]["actor.organisation.ods"] == "ZZG01"
    refused = await search(door, ALL, cursor="x", more={"Accept": "text/csv"})
    assert refused.json()["code"] == "parameter-invalid"
    refused = await search(door, ALL, more={"Accept": "text/html"})
    assert (refused.status_code, refused.json()["code"]) == (406, "not-acceptable")


async def test_more_than_a_piece_comes_whole_and_once(bench: Bench, tmp_path: Path) -> None:
    await bench.topics("goals", "needs", "person", "care_team")
    async with open_door(bench, tmp_path) as door:
        count = 1_203
        same = "2024-11-24T08:00:00Z"
        await bench.publish(*[event(position=n, entry=n, at=same) for n in range(1, count + 1)])
        await bench.until_recorded(count)
        answer = await search(door, ALL, more={"Accept": "application/x-ndjson"})
        *lines, _ = answer.content.splitlines()
        assert [orjson.loads(line)["idx"] for line in lines] == [*range(count - 1, -1, -1)]
