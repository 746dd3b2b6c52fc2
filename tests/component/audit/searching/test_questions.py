"""The named questions: each answered from what happened, in one envelope, and recorded."""

import contextlib
import csv
import hashlib
import io
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest

from services.audit.queries.questions.catalogue import QUESTIONS
from shared.cli import verify
from shared.testing.eventually import eventually
from tests.component.audit.bench import Bench, access, event
from tests.component.audit.door import Door, open_door
from tests.component.audit.log.sealed import made_key
from tests.component.audit.searching.test_search import ALL, HERE, fill

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

ENTRY = str(UUID(int=1))
WHEN = {"from": "2024-01-01", "to": "2024-12-31"}


async def ask(door: Door, name: str, **given: Any) -> httpx.Response:
    headers = {**(given.pop("headers", None) or door.token()), **given.pop("more", {})}
    body = {"params": given.pop("params", {}), **given}
    return await door.client.post(f"/v1/audit/queries/{name}", json=body, headers=headers)


async def answer(door: Door, name: str, **params: Any) -> dict[str, Any]:
    given = await ask(door, name, params=params)
    assert given.status_code == 200, given.text
    told: dict[str, Any] = given.json()
    return told


async def places(door: Door, name: str, **params: Any) -> list[int]:
    return [row["idx"] for row in (await answer(door, name, **params))["rows"]]


async def test_questions_that_are_searches_find_what_they_ask(door: Door) -> None:
    await fill(door)
    here = {"plan_id": str(HERE)}
    assert await places(door, "who-viewed", **here) == [3, 2]
    assert await places(door, "Q1", **here, section="needs") == [2]
    assert await places(door, "Q1", **here, to="2024-11-21") == [2]
    assert await places(door, "Q2", **here, actor="ida", to="2024-11-30") == [3]
    assert await places(door, "Q3", **here, actor="quill") == [2]
    assert await places(door, "Q9", **WHEN) == [4]
    assert await places(door, "Q11", **WHEN) == [4]
    assert await places(door, "Q15", actor="ida", **WHEN) == [5, 4, 3]
    assert await places(door, "Q16", **here, section="goals") == [6, 1]
    assert await places(door, "Q18", **here) == [7, 5]
    assert await places(door, "Q18", **here, section="goals") == [7]
    assert await places(door, "Q23", **here) == []
    assert await places(door, "Q26", **WHEN) == []
    assert await places(door, "unjustified-emergencies") == []
    [row] = (await answer(door, "Q1", **here, section="needs"))["rows"]
    assert (row["actor_id"], row["role"], row["org"], row["plan_version"]) == (
        "quill", "gp", "ZZG01", 5,
    )  # fmt: skip
    assert row["relationship"]["kind"] == "registered"


async def test_what_became_of_contributions_and_who_saw_them_meanwhile(door: Door) -> None:
    await fill(door)
    [row] = (await answer(door, "Q4", organisation="ZZG01", **WHEN))["rows"]
    assert (row["idx"], row["withdrawn_idx"], row["readers_between"]) == (1, 6, 2)
    assert row["seconds_live"] == 7 * 86_400
    assert (row["section"], row["entry_id"], row["withdrawn_by"]) == ("goals", ENTRY, "quill")
    for when, found in (
        ({"to": "2024-11-27"}, [1]),
        ({"to": "2024-11-26"}, []),
        ({"from": "2024-11-27T08:00:00Z"}, [1]),
        ({"from": "2024-11-28"}, []),
        ({}, []),
    ):
        assert await places(door, "Q4", organisation="ZZG01", **when) == found, when
    assert (await answer(door, "Q4", organisation="ZZN01", **WHEN))["rows"] == []
    entry = {"plan_id": str(HERE), "section": "goals", "entry_id": ENTRY}
    rows = (await answer(door, "Q5", **entry))["rows"]
    assert [(row["actor_id"], row["first_idx"], row["reads"]) for row in rows] == [
        ("quill", 2, 1), ("ida", 3, 1),
    ]  # fmt: skip
    assert {row["withdrawn_at"] for row in rows} == {"2024-11-27T08:00:00Z"}
    assert rows[1]["role"] == "ward nurse"
    unknown = await ask(door, "Q5", params={**entry, "section": "needs"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "record-unknown")


async def test_who_saw_an_entry_that_was_put_back_has_to_be_recalled_too(door: Door) -> None:
    await fill(door)
    entry = {"plan_id": str(HERE), "section": "goals", "entry_id": ENTRY}
    later = {"kind": "professional", "id": "olaf", "role": "gp", "organisation": {"ods": "ZZG01"}}
    put_back = event(position=3, entry=1, version=3, change="restored", at="2024-11-28T09:00:00Z")
    await door.bench.publish(put_back, access(9, actor=later))
    await door.bench.until_recorded(10)
    rows = (await answer(door, "Q5", **entry))["rows"]
    assert [row["actor_id"] for row in rows] == ["quill", "ida", "olaf"]
    assert {row["withdrawn_at"] for row in rows} == {None}, "it is there now"
    again = event(position=4, entry=1, version=4, change="withdrawn", at="2024-11-30T08:00:00Z")
    await door.bench.publish(again)
    await door.bench.until_recorded(11)
    rows = (await answer(door, "Q5", **entry))["rows"]
    assert [row["actor_id"] for row in rows] == ["quill", "ida", "olaf"]
    assert {row["withdrawn_at"] for row in rows} == {"2024-11-30T08:00:00Z"}


async def test_what_was_known_then_and_is_now(door: Door) -> None:
    await fill(door)
    rows = (await answer(door, "Q17", plan_id=str(HERE), at="2024-11-20"))["rows"]
    told = [(row["section"], row["version_then"], row["version_now"], row["changes_since"])
            for row in rows]  # fmt: skip
    assert told == [("goals", 1, 2, 1), ("person", 1, 1, 0)]
    assert rows[0]["last_change"] == "careplan.goals.set-aside.v1"


async def test_one_record_and_two(door: Door) -> None:
    await fill(door)
    [why] = (await answer(door, "why-allowed", idx=4))["rows"]
    assert (why["idx"], why["decision"], why["override"]["kind"]) == (4, "permit", "break-glass")
    genuine = await answer(door, "Q7", idx=4)
    assert (genuine["rows"][0]["inclusion_ok"], genuine["completeness"]["kind"]) == (
        False, "best-effort",
    )  # fmt: skip
    [first] = (await answer(door, "Q31", a="7", b=2))["rows"]
    assert (first["a_idx"], first["first_by_log"], first["first_by_claim"]) == (7, 2, 2)
    for params in ({"a": 1, "b": 99}, {"a": 99, "b": 1}):
        assert (await ask(door, "Q31", params=params)).json()["code"] == "record-unknown"
    officer = door.token("privacy-officer", "ZZN01")
    shown = await ask(door, "Q19", params={"idx": 5}, headers=officer)
    hidden = await ask(door, "Q19", params={"idx": 7}, headers=officer)
    assert (shown.status_code, hidden.json()["code"]) == (200, "record-unknown")


async def test_the_envelope_says_who_asked_what_of_which_log_and_is_recorded(door: Door) -> None:
    await fill(door)
    given = await ask(
        door, "who-viewed", params={"plan_id": str(HERE)}, case="ZZG01/2026/7", limit=1
    )
    told = given.json()
    assert (told["query_id"], told["name"], told["purpose"]) == ("Q1", "who-viewed", "audit")
    assert told["asked_by"]["role"] == "auditor"
    assert told["case_ref"] == "ZZG01/2026/7"
    assert told["q"] == (
        f"person:{HERE} operation:read,search,export,delivery created:>=0001-01-01"
    )
    again = await door.client.get(
        "/v1/audit/records", params={"q": told["q"]}, headers=door.token()
    )
    assert [item["idx"] for item in again.json()["items"]] == [3, 2]
    assert (told["total"], len(told["rows"]), told["truncated"]) == (2, 1, False)
    assert told["as_of"] == {"size": 8, "root": None, "checkpoint": None}
    assert told["completeness"]["kind"] == "best-effort"
    assert told["record"]["record_id"] == given.headers["ledger-access-id"]
    more = await ask(door, "Q1", params={"plan_id": str(HERE)}, limit=1, cursor=told["next"])
    assert [row["idx"] for row in more.json()["rows"]] == [2]
    assert more.json()["next"] is None
    rows = await door.bench.rows("SELECT record, who FROM ledger.access_record ORDER BY position")
    record, who = orjson.loads(rows[0]["record"]), orjson.loads(rows[0]["who"])
    assert record["body_sha256"] == hashlib.sha256(given.content).hexdigest()
    assert (record["operation"], record["what"], record["case"], record["result_count"]) == (
        "query", "question", "ZZG01/2026/7", 2,
    )  # fmt: skip
    assert orjson.loads(b64decode(who["query_raw"])) == {
        "query": "Q1", "params": {"plan_id": str(HERE)},
    }  # fmt: skip


async def test_rows_come_in_lines_and_as_a_table(door: Door) -> None:
    await fill(door)
    params = {"plan_id": str(HERE)}
    for name, count in (("Q18", 2), ("Q17", 2)):
        asked = {**params, **({"at": "2024-11-20"} if name == "Q17" else {})}
        table = await ask(door, name, params=asked, more={"Accept": "text/csv"})
        rows = list(csv.DictReader(io.StringIO(table.text, newline="")))
        assert len(rows) == count == int(table.headers["ledger-result-count"])
        lines = await ask(door, name, params=asked, more={"Accept": "application/x-ndjson"})
        *first, last = map(orjson.loads, lines.content.splitlines())
        assert [str(one["section"] or "") for one in first] == [row["section"] for row in rows]
        assert last["completeness"]["evidence"]["rows"] == count


async def test_the_catalogue_says_what_may_be_asked(door: Door) -> None:
    given = await door.client.get("/v1/audit/queries", headers=door.token())
    told = given.json()
    assert [one["query_id"] for one in told["questions"]] == [one.id for one in QUESTIONS]
    assert all(one["example"].startswith(f"{one['name']}:") for one in told["qualifiers"])


async def test_what_cannot_be_asked_is_named(door: Door) -> None:
    for name, body, status, code, at in (
        ("Q99", {}, 404, "query-unknown", None),
        ("Q1", {"params": {}}, 422, "content-invalid", "/params/plan_id"),
        ("Q1", {"params": {"plan_id": "x"}}, 422, "content-invalid", "/params/plan_id"),
        ("Q9", {"params": {"colour": 1}}, 422, "content-invalid", "/params/colour"),
        ("Q9", {"params": []}, 422, "content-invalid", "/params"),
        ("Q9", {"colour": 1}, 422, "content-invalid", "/colour"),
        ("Q9", {"limit": 0}, 422, "content-invalid", "/limit"),
        ("Q9", {"limit": True}, 422, "content-invalid", "/limit"),
        ("Q9", {"case": ""}, 422, "content-invalid", "/case"),
        ("Q9", {"case": "a\nb"}, 422, "content-invalid", "/case"),
        ("Q9", {"cursor": 1}, 422, "content-invalid", "/cursor"),
        ("Q9", {"cursor": "x"}, 400, "parameter-invalid", "/cursor"),
        ("Q32", {"cursor": "x"}, 422, "content-invalid", "/cursor"),
        ("Q7", {"params": {"idx": 99}}, 404, "record-unknown", None),
        ("Q6", {"params": {"size": 99}}, 404, "tree-size-unknown", None),
    ):
        given = await door.client.post(f"/v1/audit/queries/{name}", json=body, headers=door.token())
        told = given.json()
        assert (given.status_code, told["code"]) == (status, code), (name, body, told)
        assert at is None or told["errors"][0]["pointer"] == at, (name, body, told)


async def test_officers_ask_within_their_organisation_and_not_about_themselves(door: Door) -> None:
    await fill(door)
    officer = door.token("caldicott-guardian", "ZZN01")
    mine = await ask(door, "Q1", params={"plan_id": str(HERE)}, headers=officer)
    assert [row["idx"] for row in mine.json()["rows"]] == [3]
    assert mine.json()["completeness"]["evidence"]["within"] == "ZZN01"
    for name, params in (("Q4", {"organisation": "ZZG01"}),):
        refused = await ask(door, name, params=params, headers=officer)
        assert (refused.status_code, refused.json()["code"]) == (403, "not-permitted")
    rows = (await ask(door, "Q5", headers=officer, params={
        "plan_id": str(HERE), "section": "goals", "entry_id": ENTRY,
    })).json()["rows"]  # fmt: skip
    assert [(row["actor_id"], row["created_at"]) for row in rows] == [("ida", None)]
    gp = await ask(door, "Q32", headers=door.token("gp"))
    assert (gp.status_code, gp.json()["code"]) == (403, "not-permitted")


@asynccontextmanager
async def signed(bench: Bench, folder: Path) -> AsyncIterator[Door]:
    """The same with a key, so that the log is signed."""
    await bench.topics("goals", "needs", "person", "care_team")
    async with open_door(bench, folder, log_key=str(made_key(folder))) as door:
        await fill(door)

        async def size() -> int:
            note = await door.client.get("/log/checkpoint")
            return int(note.text.splitlines()[1]) if note.status_code == 200 else 0

        await eventually(size, "a checkpoint of all", holds=lambda count: count == 8)
        yield door


async def check_a_bundle(door: Door, folder: Path) -> None:
    """What is handed over verifies with the policy of the log alone, whole and in part."""
    (folder / "policy").write_text((await door.client.get("/log/policy")).text)
    headers = {**door.token(), "Accept": "application/zip"}
    for groups, revealed in (({}, "36/36"), ({"groups": "hdr,time,subject"}, "9/36")):
        params = {"q": f"operation:read {ALL}", **groups}
        given = await door.client.get("/v1/audit/records", params=params, headers=headers)
        assert given.status_code == 200, given.text
        (folder / "reads.zip").write_bytes(given.content)
        words = ("bundle", str(folder / "reads.zip"), "--policy", str(folder / "policy"))
        told = io.StringIO()
        with contextlib.redirect_stdout(told):
            assert verify.main(words) == 0, told.getvalue()
        assert f"records=3 size=8 witnesses=0 revealed={revealed}" in told.getvalue()
    rows = await door.bench.rows("SELECT record FROM ledger.access_record ORDER BY position DESC")
    record = orjson.loads(rows[0]["record"])
    assert (record["operation"], record["type"]) == ("export", "audit.export")
    officer = {**door.token("privacy-officer", "ZZN01"), "Accept": "application/zip"}
    given = await door.client.get("/v1/audit/records", params={"q": ALL}, headers=officer)
    (folder / "reads.zip").write_bytes(given.content)
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        assert verify.main(words) == 0
    assert "revealed=33/36" in told.getvalue(), "how they were authenticated is withheld"


async def test_answers_of_a_signed_log_carry_their_proof(bench: Bench, tmp_path: Path) -> None:
    async with signed(bench, tmp_path) as door:
        told = await answer(door, "Q1", plan_id=str(HERE))
        assert told["completeness"]["kind"] == "full-scan"
        assert told["as_of"]["size"] == 8
        assert told["as_of"]["root"] in told["as_of"]["checkpoint"]
        [row] = (await answer(door, "is-genuine", idx=3))["rows"]
        assert (row["commitment_ok"], row["inclusion_ok"], len(row["hashes"])) == (True, True, 3)
        [row] = (await answer(door, "nothing-removed", size=8, root=told["as_of"]["root"]))["rows"]
        assert row["result"] == "nothing-removed"
        [row] = (await answer(door, "Q6", size=5, root="A" * 43 + "="))["rows"]
        assert (row["result"], bool(row["consistency"])) == ("another-history", True)
        await check_a_bundle(door, tmp_path)
        [row] = (await answer(door, "health"))["rows"]
        assert (row["records"], row["signed_size"], row["unsigned"]) == (8, 8, 0)
