"""Who has seen a plan is told to auditors in full and to the person in plain words."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from shared.cli.token import person, related_person
from shared.ledger.topics import dead_letters_topic
from shared.testing.eventually import eventually
from shared.testing.stack import create_topics
from tests.component.audit.bench import Bench, access, event
from tests.component.audit.door import Door, open_door

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

PLAN = UUID(int=1)
LONG_AGO = {"override_id": str(UUID(int=80)), "kind": "break-glass", "reason": "cannot-ask",
            "ends_at": "2024-11-22T09:00:00Z"}  # fmt: skip
EXCUSED = {**LONG_AGO, "override_id": str(UUID(int=81)), "kind": "objection"}
OTHER = {"kind": "professional", "id": "other", "name": "Pat Synth", "role": "paramedic",
         "organisation": {"ods": "ZZA01", "name": "Ambulance"}}  # fmt: skip
SELF = {"kind": "person", "id": "edith", "name": "Edith Marlow-Synth"}


async def fill(door: Door) -> None:
    messages = [
        event(position=1, entry=9),
        access(1),
        access(2, actor=OTHER, relationship=None, purpose="emergency", purpose_of_use="BTG",
               override=LONG_AGO, what="emergency", sections=["contingency-plans"]),
        access(3, actor=OTHER, override=EXCUSED, what="media", purpose="emergency"),
        access(4, operation="denial", type="decision.deny", decision="deny", code="not-permitted",
               status=403, body_sha256=None, sections=None, relationship=None),
        access(5, actor=SELF, purpose="own-access", relationship={"kind": "self"}),
        access(6, plan_id=str(UUID(int=2))),
        access(7, operation="justification", type="override.justify", override=EXCUSED,
               body_sha256=None, what="emergency", actor=OTHER, relationship=None, sections=None),
    ]  # fmt: skip
    await door.bench.publish(*messages, *messages[1:])
    await door.bench.until_recorded(len(messages))
    await door.bench.until_consumed(2 * len(messages) - 1)


async def listed(door: Door, query: str) -> list[int]:
    answer = await door.client.get(f"/v1/audit/plans/{PLAN}/accesses{query}", headers=door.token())
    assert answer.status_code == 200, answer.text
    assert answer.headers["ledger-access-id"]
    return [UUID(item["record_id"]).int for item in answer.json()["items"]]


async def test_the_accesses_of_a_plan_are_listed_by_what_is_asked_for(door: Door) -> None:
    await fill(door)
    assert await listed(door, "") == [7, 5, 4, 3, 2, 1]
    wanted = {
        "section=goals": [5, 3, 1],
        "section=contingency-plans": [2],
        "actor=other": [7, 3, 2],
        "organisation=ZZG01": [4, 1],
        "relationship=none": [7, 4, 2],
        "relationship=registered": [3, 1],
        "relationship=self": [5],
        "purpose=emergency": [3, 2],
        "purpose=own-access": [5],
        "override=break-glass": [2],
        "override=objection": [7, 3],
        "override=any": [7, 3, 2],
        "override=none": [5, 4, 1],
        "override=unjustified": [2],
        "from=2024-11-22&to=2024-11-23": [3, 2],
    }
    assert {asked: await listed(door, f"?{asked}") for asked in wanted} == wanted
    assert await door.ids("?override=unjustified") == [str(UUID(int=2))]


async def test_an_unknown_word_is_told_what_is_known_and_never_an_empty_list(door: Door) -> None:
    base = f"/v1/audit/plans/{PLAN}/accesses"
    for query, name in (
        ("purpose=curiosity", "purpose"),
        ("override=glass", "override"),
        ("cursor=abc", "cursor"),
        ("operation=read", "operation"),
        ("from=yesterday", "from"),
    ):
        answer = await door.client.get(f"{base}?{query}", headers=door.token())
        assert (answer.status_code, answer.json()["code"]) == (400, "parameter-invalid")
        assert answer.json()["parameter"] == name
    answer = await door.get("?operation=refused")
    assert answer.status_code == 400
    assert "refusal" in answer.json()["detail"]


async def test_a_page_goes_on_where_the_one_before_ended(door: Door) -> None:
    await fill(door)
    base = f"/v1/audit/plans/{PLAN}/accesses?limit=4"
    first = (await door.client.get(base, headers=door.token())).json()
    second = (await door.client.get(f"{base}&cursor={first['next']}", headers=door.token())).json()
    ids = [UUID(one["record_id"]).int for one in (*first["items"], *second["items"])]
    assert (ids, second["next"]) == ([7, 5, 4, 3, 2, 1], None)


async def test_the_person_is_told_in_plain_words_and_nobody_is_named(door: Door) -> None:
    await fill(door)
    claims = {**person(str(PLAN), "Edith Marlow-Synth"), "sub": "edith"}
    own = door.bearer(claims)
    told: dict[str, Any] = (await door.client.get("/v1/audit/me/accesses", headers=own)).json()
    assert [UUID(item["access_id"]).int for item in told["items"]] == [3, 2, 1]
    emergency = told["items"][1]
    assert emergency == {
        "access_id": str(UUID(int=2)),
        "at": "2024-11-22T08:00:00Z",
        "who": {
            "role": "paramedic",
            "organisation": {"ods": "ZZA01", "name": "Ambulance"},
            "name": None,
        },
        "what": {
            "view": "emergency",
            "sections": ["contingency-plans"],
            "words": "What your plan says for emergencies",
        },
        "why": {"purpose": "emergency", "words": "In an emergency"},
        "how": "Looked at it",
        "was_emergency": True,
        "review": None,
    }
    mine = (await door.client.get("/v1/audit/me/accesses?mine=true", headers=own)).json()
    assert [UUID(item["access_id"]).int for item in mine["items"]] == [5]


async def test_who_may_not_ask_is_told_so_and_it_is_recorded(door: Door) -> None:
    near = door.bearer(related_person(str(PLAN), "Ruth Marlow-Synth"))
    answers = [
        await door.client.get("/v1/audit/me/accesses", headers=near),
        await door.client.get("/v1/audit/me/accesses?mine=odd", headers=door.token()),
        await door.client.get(f"/v1/audit/plans/{PLAN}/accesses?x=1", headers=door.token("nurse")),
        await door.client.get("/v1/audit/records?x=1", headers=door.token("nurse")),
    ]
    assert [(one.status_code, one.json()["code"]) for one in answers] == [
        (403, "not-permitted")
    ] * 4
    rows = await door.bench.rows("SELECT access_id FROM ledger.access_record")
    assert {str(row["access_id"]) for row in rows} == {
        one.headers["ledger-access-id"] for one in answers
    }


async def test_a_question_is_recorded_and_can_be_asked_for(bench: Bench, tmp_path: Path) -> None:
    await bench.topics("goals", "needs")
    await create_topics(bench.servers, [bench.prefix + dead_letters_topic("audit")])
    async with open_door(bench, tmp_path, publishes=True) as door:
        answer = await door.get()
        access_id = answer.headers["ledger-access-id"]

        async def questions() -> list[str]:
            return await door.ids("?operation=query")

        await eventually(questions, "the question is told of", holds=lambda ids: access_id in ids)
