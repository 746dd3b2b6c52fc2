"""Reads in an emergency are reviewed by somebody else; what is overdue is said aloud, once."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import orjson
import pytest

from services.audit.doors.escalations import Escalations
from services.audit.store.overrides import Overrides
from shared.cli.token import person, professional
from shared.ledger.topics import dead_letters_topic
from shared.testing.eventually import eventually
from shared.testing.stack import create_topics
from tests.component.audit.bench import Bench, access, event
from tests.component.audit.door import Door, open_door

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

PLAN = UUID(int=1)
CREW, OTHER_CREW = "pat", "sam"
OFFICER = "privacy-officer"


def override(number: int, **others: Any) -> dict[str, Any]:
    return {
        "override_id": str(UUID(int=number)),
        "kind": "break-glass",
        "reason": "cannot-ask",
        "ends_at": "2024-11-22T09:00:00Z",
        **others,
    }


def read(
    number: int, of: dict[str, Any], sub: str = CREW, org: str = "ZZA01", **others: Any
) -> Any:
    actor = {"kind": "professional", "id": sub, "name": "Pat Ambler-Synth", "role": "paramedic",
             "organisation": {"ods": org, "name": "Ambulance"}}  # fmt: skip
    return access(
        number,
        **{"actor": actor, "relationship": None, "purpose": "emergency", "purpose_of_use": "BTG",
           "override": of, "what": "emergency", "sections": ["contingency-plans"], **others},
    )  # fmt: skip


async def fill(door: Door) -> None:
    """Two overrides of the ambulance on a plan of ZZG01, and one of the hospital on another."""
    opened: dict[str, Any] = {
        "type": "careplan.person.plan-opened.v1", "entry_type": "person", "content": {},
    }  # fmt: skip
    why = {"operation": "justification", "type": "override.justify", "body_sha256": None,
           "override": override(80, basis="vital-interest"), "reason": "Unconscious at the door",
           "sections": None, "plan_id": str(PLAN)}  # fmt: skip
    messages = [
        event("person", position=1, fields=[], **opened),
        read(1, override(80)),
        read(2, override(80), what="media"),
        read(3, override(81), sub=OTHER_CREW),
        read(4, override(82, kind="objection"), org="ZZH01", plan_id=str(UUID(int=2))),
        access(5, **why),
        access(6),
    ]
    await door.bench.publish(*messages, *messages[1:])
    await door.bench.until_recorded(len(messages))
    await door.bench.until_consumed(2 * len(messages) - 1)


async def listed(door: Door, query: str = "", org: str = "ZZA01", role: str = OFFICER) -> Any:
    answer = await door.client.get(f"/v1/audit/overrides{query}", headers=door.token(role, org))
    assert answer.status_code == 200, answer.text
    assert answer.headers["ledger-access-id"]
    return answer.json()


def ids(page: dict[str, Any]) -> list[int]:
    return [UUID(item["override_id"]).int for item in page["items"]]


async def review(
    door: Door, number: int, outcome: str = "appropriate", **others: Any
) -> httpx.Response:
    token = others.get("token") or door.token(
        others.get("role", OFFICER), others.get("org", "ZZA01")
    )
    body = {"outcome": outcome, "text": "Spoke with the crew; she was unconscious"}
    return await door.client.post(
        f"/v1/audit/overrides/{UUID(int=number)}:review", headers=token, json=body
    )


async def make_due(door: Door, minutes: int = -1) -> None:
    owner = await asyncpg.connect(door.bench.made.owner_url)
    try:
        await owner.execute(
            "UPDATE override_to_review SET due_at = now() + make_interval(mins => $1)", minutes
        )
    finally:
        await owner.close()


async def test_overrides_wait_for_their_review_oldest_first_each_with_what_was_said(
    door: Door,
) -> None:
    await fill(door)
    await make_due(door, 60)
    page = await listed(door)
    assert (ids(page), page["next"]) == ([80, 81], None)
    first = page["items"][0]
    assert first.pop("due_at")
    assert isinstance(first.pop("idx"), int)
    assert first == {
        "override_id": str(UUID(int=80)),
        "at": "2024-11-21T08:00:00Z",
        "plan_id": str(PLAN),
        "actor": {"kind": "professional", "id": CREW, "name": "Pat Ambler-Synth",
                  "role": "paramedic", "organisation": {"ods": "ZZA01", "name": "Ambulance"}},
        "kind": "break-glass",
        "reason": "cannot-ask",
        "ends_at": "2024-11-22T09:00:00Z",
        "sections": ["contingency-plans"],
        "reads": 2,
        "justification": {"at": "2024-11-25T08:00:00Z", "basis": "vital-interest",
                          "text": "Unconscious at the door"},
        "state": "awaiting",
        "escalated_at": None,
        "review": None,
    }  # fmt: skip
    assert page["items"][1]["justification"] is None
    one = await listed(door, "?limit=1")
    assert ids(await listed(door, f"?limit=1&cursor={one['next']}")) == [81]
    # The practice looks after the person of the one plan, and nobody asks beyond what they see.
    assert ids(await listed(door, org="ZZG01")) == [80, 81]
    assert ids(await listed(door, org="ZZH01")) == [82]
    assert ids(await listed(door, "?organisation=ZZH01", org="ZZG01")) == []
    assert ids(await listed(door, f"?plan_id={PLAN}")) == [80, 81]
    assert ids(await listed(door, "?state=overdue")) == ids(await listed(door, "?state=reviewed"))
    for query in ("?state=odd", "?from=2024-01-01", "?cursor=x", "?plan_id=x"):
        answer = await door.client.get(f"/v1/audit/overrides{query}", headers=door.token(OFFICER))
        assert (answer.status_code, answer.json()["code"]) == (400, "parameter-invalid")


async def test_a_review_decides_once_and_an_unclear_one_leaves_it_open(door: Door) -> None:
    await fill(door)
    await make_due(door, 60)
    assert (await review(door, 80, "unclear")).status_code == 201
    (first, _) = (await listed(door))["items"]
    assert (first["state"], first["review"]["outcome"]) == ("awaiting", "unclear")
    answers = await asyncio.gather(*(review(door, 80, "not-appropriate") for _ in range(6)))
    assert sorted(one.status_code for one in answers) == [201, *[409] * 5]
    again = await review(door, 80)
    assert (again.status_code, again.json()["code"]) == (409, "override-already-reviewed")
    assert ids(await listed(door)) == [81]
    (done,) = (await listed(door, "?state=reviewed"))["items"]
    assert done["state"] == "reviewed"
    assert (done["review"]["outcome"], done["review"]["organisation"]) == (
        "not-appropriate", "ZZA01",
    )  # fmt: skip


async def test_nobody_reviews_what_they_read_and_others_only_what_is_overdue(door: Door) -> None:
    await fill(door)
    await make_due(door, 60)
    themselves = door.bearer({**professional("ZZA01", OFFICER, "Pat"), "sub": CREW})
    refused = [
        (await review(door, 80, token=themselves), 403, "second-person-needed"),
        (await review(door, 80, org="ZZG01"), 403, "not-permitted"),
        (await review(door, 80, org="ZZH01"), 404, "override-unknown"),
        (await review(door, 99), 404, "override-unknown"),
        (await review(door, 80, role="auditor"), 403, "not-permitted"),
        (await review(door, 80, role="paramedic"), 403, "not-permitted"),
        (await review(door, 80, "fine"), 422, "content-invalid"),
    ]
    assert [(one.status_code, one.json()["code"]) for one, *_ in refused] == [
        (status, code) for _, status, code in refused
    ]
    rows = await door.bench.rows("SELECT access_id FROM ledger.access_record")
    denied = {one.headers["ledger-access-id"] for one, status, _ in refused if status == 403}
    assert denied <= {str(row["access_id"]) for row in rows}
    await make_due(door)
    assert (await review(door, 80, token=themselves)).json()["code"] == "second-person-needed"
    assert (await review(door, 80, org="ZZH01")).status_code == 404
    assert (await review(door, 80, org="ZZG01", role="caldicott-guardian")).status_code == 201


async def test_whatever_is_overdue_is_said_aloud_once_whoever_looks_and_however_often(
    door: Door,
) -> None:
    await fill(door)
    assert (await review(door, 81)).status_code == 201
    await make_due(door)
    published: list[int] = []
    watches = [
        Escalations(Overrides(door.bench.database), lambda: published.append(1)) for _ in range(4)
    ]
    for _ in range(2):
        await asyncio.gather(*(watch.look() for watch in watches))
    assert {(watch.unreviewed, watch.overdue) for watch in watches} == {(2, 2)}
    assert published
    rows = await door.bench.rows("SELECT record, who FROM ledger.access_record ORDER BY position")
    records = [orjson.loads(row["record"]) for row in rows]
    raised = [one for one in records if one.get("type") == "alert.escalated"]
    assert sorted(UUID(one["override"]["override_id"]).int for one in raised) == [80, 82]
    assert {one["code"] for one in raised} == {"override-unreviewed"}
    assert ids(await listed(door, "?state=overdue")) == [80]
    assert (await listed(door, "?state=overdue"))["items"][0]["escalated_at"]
    part = await watches[0].part()
    assert not part.ready, "it is not looking by itself"
    async with Escalations(Overrides(door.bench.database), lambda: None) as watch:

        async def told() -> str:
            return (await watch.part()).detail

        await eventually(told, "2 overdue", holds=lambda detail: detail == "2 overdue")


async def test_the_person_is_told_what_the_review_found(door: Door) -> None:
    await fill(door)
    own = door.bearer(person(str(PLAN), "Edith Marlow-Synth"))

    async def reviews() -> list[Any]:
        told = (await door.client.get("/v1/audit/me/accesses", headers=own)).json()
        return [item["review"] for item in told["items"]]

    assert await reviews() == [None] * 4
    await review(door, 80)
    _, other, media, first = await reviews()
    assert other is None
    assert media == first
    assert first.pop("at")
    assert first == {
        "outcome": "appropriate",
        "words": "It was checked, and it was right to look",
    }


async def test_a_review_and_an_escalation_are_records_of_the_audit(
    bench: Bench, tmp_path: Path
) -> None:
    topics = ("goals", "needs", "person", "care_team")
    await bench.topics(*topics)
    await create_topics(bench.servers, [bench.prefix + dead_letters_topic("audit")])
    async with open_door(bench, tmp_path, publishes=True, override_review_seconds=60) as door:
        await fill(door)
        access_id = (await review(door, 80)).headers["ledger-access-id"]

        async def items(query: str) -> list[Any]:
            answer = await door.get(query, headers=door.token(OFFICER, "ZZA01"))
            return list(answer.json()["items"])

        (told,) = await eventually(
            lambda: items("?operation=review"), "it is told", holds=lambda them: len(them) == 1
        )
        assert (told["record_id"], told["type"]) == (access_id, "override.review")
        assert (told["what"], told["status"]) == ("overrides", None)
        assert told["override"] == {**override(80), "outcome": "appropriate"}
        assert (told["plan_id"], told["actor"]["role"]) == (str(PLAN), OFFICER)
        assert told["policy_version"]
        assert told["inputs_sha256"]
        assert "unconscious" not in repr(told)
        # That of the ambulance's other crew was due long ago: the service itself has raised it.
        (raised,) = await eventually(
            lambda: items("?operation=alert"), "it is raised", holds=lambda them: len(them) == 1
        )
        assert (raised["type"], raised["code"]) == ("alert.escalated", "override-unreviewed")
        assert raised["actor"]["id"] == OTHER_CREW
