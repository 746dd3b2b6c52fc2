"""What a plan says about itself, from the ledger: since which version, and beside its entries."""

from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio

from services.plan.reads.findings import PlanFindings
from shared.ledger import RecordedEvent
from shared.testing.events import History
from shared.testing.stack import create_topics
from tests.component.plan.bench import Bench, fold_directly, plan_store
from tests.component.plan.withheld.readers import EVERYTHING, let_in, related

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

ELSEWHERE = ("care-team", "stewardship")
LONDON = ZoneInfo("Europe/London")
NOW = datetime(2027, 6, 1, 12, tzinfo=UTC)


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def other_sections(bench: Bench) -> None:
    topics = [f"{bench.prefix}careplan.{section}.events.v1" for section in ELSEWHERE]
    await create_topics(bench.servers, topics)


def a_life(history: History, random: Random) -> list[RecordedEvent]:
    """A plan whose needs, goals, contacts and reviews come, go and come back."""
    need, goal, contact, review = (uuid4() for _ in range(4))
    ref = {"section": "needs", "entry_id": str(need)}
    at_hand = {"section": "care-team", "entry_id": str(contact)}
    history_of: list[RecordedEvent] = [history.opened()]

    def say(section: str, name: str, entry_id: UUID, change: str, **content: Any) -> None:
        kinds = {"care-team": "professional-contact", "stewardship": "review"}
        event = history.event(
            section, name, entry_id, change, content, entry_type=kinds.get(section, "")
        )
        history_of.append(event)

    say("needs", "identified", need, "created", what={"text": "falls"})
    say("goals", "agreed", goal, "created", need_ids=[ref], importance=9)
    say("care-team", "professional-contact-joined", contact, "created", key_worker=True)
    say(
        "stewardship",
        "review-planned",
        review,
        "created",
        subject="plan",
        due_on="2026-12-24",
        responsible={"contact_ref": at_hand},
    )
    out: dict[UUID, bool] = {need: False, contact: False}
    for _ in range(20):
        entry_id = random.choice((need, contact, goal))
        if entry_id == goal:
            say("goals", "reworded", goal, "amended", aim={"text": f"walk {random.random()}"})
            continue
        section = "needs" if entry_id == need else "care-team"
        out[entry_id] = not out[entry_id]
        change = "withdrawn" if out[entry_id] else "restored"
        say(section, "set-aside" if out[entry_id] else "resumed", entry_id, change)
    return history_of


async def told_in_full(bench: Bench, events: list[RecordedEvent]) -> None:
    """The opening first: topics of several sections come in any order."""
    await bench.publish(events[0], partition=0)
    await bench.until_consumed(1)
    await bench.publish(*events[1:], partition=0)
    await bench.until_consumed(len(events))


@pytest.mark.parametrize("seed", range(3))
async def test_a_finding_began_where_it_was_first_found_and_has_been_ever_since(
    bench: Bench, seed: int
) -> None:
    history = History()
    events = a_life(history, Random(seed))  # noqa: S311 - a plan's life, not a secret
    async with bench.consumer():
        await bench.publish(*events, partition=0)
        await bench.until_consumed(len(events))
    ledger = await bench.ledger(history.plan_id)
    recorded = {row["plan_version"]: row["recorded_at"] for row in ledger}
    at_version: list[set[str]] = []
    remembering = PlanFindings(bench.database, LONDON)
    for version in range(1, len(events) + 1):
        fresh = PlanFindings(bench.database, LONDON)
        found = await fresh.of(history.plan_id, version, EVERYTHING, NOW)
        # What is remembered of earlier versions changes nothing of the answer.
        assert found == await remembering.of(history.plan_id, version, EVERYTHING, NOW)
        assert found is not None
        at_version.append({str(item["finding_id"]) for item in found.items})
        for item in found.items:
            began = version
            while began > 1 and str(item["finding_id"]) in at_version[began - 2]:
                began -= 1
            since, told = item["since"], item["plan_version"]
            assert since >= recorded[began]
            assert told == (began if since == recorded[began] else version), item["code"]
    codes = {item["code"] for item in found.items} if found else set()
    assert {"no-agreement-recorded", "mandatory-element-missing", "review-overdue"} <= codes
    assert found == await remembering.now(history.plan_id, EVERYTHING, NOW)


async def test_findings_are_read_now_by_code_and_of_a_version(bench: Bench) -> None:
    history = History()
    events = a_life(history, Random(7))  # noqa: S311 - a plan's life, not a secret
    async with bench.service() as http:
        await told_in_full(bench, events)
        address = f"/v1/plans/{history.plan_id}/findings"
        everything = (await http.get(address)).json()
        assert everything["next"] is None
        assert [one["since"] for one in everything["items"]] == sorted(
            one["since"] for one in everything["items"]
        )
        some = await http.get(address, params={"code": "no-agreement-recorded"})
        (item,) = some.json()["items"]
        assert set(item) == {
            *("finding_id", "code", "rule", "since", "plan_version", "entries", "words"),
        }
        assert (item["rule"], item["plan_version"]) == ("BR-14", 1)
        first = (await http.get(address, params={"version": 1})).json()["items"]
        assert {one["plan_version"] for one in first} == {1}

        wrong = await http.get(address, params={"code": "no-such-code"})
        assert (wrong.status_code, wrong.json()["code"]) == (400, "parameter-invalid")
        wrong = await http.get(address, params={"version": "1.0"})
        assert wrong.status_code == 400
        wrong = await http.get(address, params={"version": 999})
        assert (wrong.status_code, wrong.json()["code"]) == (404, "version-unknown")
        nowhere = f"/v1/plans/{uuid4()}/findings"
        wrong = await http.get(nowhere, headers={"Prefer": "wait=0"})
        assert (wrong.status_code, wrong.json()["code"]) == (403, "no-live-relationship")


async def test_a_plan_has_beside_its_entries_what_is_asked_for(bench: Bench) -> None:
    history = History()
    events = a_life(history, Random(7))  # noqa: S311 - a plan's life, not a secret
    async with bench.service() as http:
        await told_in_full(bench, events)
        address = f"/v1/plans/{history.plan_id}"
        asked = {"include": "findings,reviews,derived,withdrawn"}
        told = (await http.get(address, params=asked)).json()
        assert told["findings"] == (await http.get(f"{address}/findings")).json()["items"]
        (review,) = told["reviews"]
        assert (review["subject"], review["due_on"]) == ("plan", "2026-12-24")
        derived = told["derived"]
        assert derived["sendable"] is False
        assert "person.addresses" in derived["missing"]
        assert "about-me" in derived["not_recorded"]
        assert derived["changed_at"] == told["last_updated"]
        assert derived["lead"]["role"] == "gp"
        assert [one["name"] for one in derived["contributors"]] == ["Dr A. Quill-Synth"]
        (goal,) = told["sections"]["goals"]
        assert goal["derived"]["closed"] is False
        past = (await http.get(f"{address}/versions/2", params=asked)).json()
        assert past["as_at"]["resolved_version"] == 2
        assert {"findings", "reviews", "derived"} <= past.keys()
        assert past["reviews"] == []
        plain = (await http.get(address)).json()
        assert not {"findings", "reviews", "derived"} & plain.keys()


async def test_the_plan_was_opened_by_whoever_opened_it_and_not_by_whom_it_heard_first(
    bench: Bench,
) -> None:
    history = History()
    opened = history.opened()
    nurse = {"kind": "professional", "name": "Sam Ferry-Synth", "role": "nurse"}
    need = history.event(
        "needs", "identified", uuid4(), "created", {"what": {"text": "falls"}}, recorded_by=nurse
    )
    await let_in(bench.database, [related(history.plan_id)])
    await fold_directly(bench, plan_store("one"), [need, opened])
    async with bench.service() as http:
        told = (await http.get(f"/v1/plans/{history.plan_id}?include=derived")).json()
    assert told["plan_version"] == 2
    lead = told["derived"]["lead"]
    assert (lead["name"], lead["role"]) == ("Dr A. Quill-Synth", "gp")
    assert "identifier" not in lead
