"""Who may contribute to a plan, judged by every door on the section's own copy."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from shared.ledger import Contributor, Organisation
from shared.ledger.topics import receipts_topic
from shared.testing.eventually import eventually
from shared.testing.service import contribution, works_for
from tests.component.contribute.running import (
    AGREE,
    GOAL,
    NURSE,
    REWORD,
    SAID,
    SYSTEM,
    Running,
    agreed,
)

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

RESTRICT = "careplan.goals.commands.restrict.v1"
LIFT = "careplan.goals.commands.lift-restriction.v1"
COUNCIL = works_for("ZZL01")
OFFICER = works_for("ZZC01", role="privacy-officer")


def code_of(answer: httpx.Response) -> str | None:
    told: dict[str, Any] = answer.json()
    return None if answer.is_success else told["code"]


async def a_plan_of(running: Running, *known_to: str) -> UUID:
    plan_id = uuid4()
    await running.bench.know_plans([plan_id], known_to=known_to)
    return plan_id


async def says(
    running: Running, by: Contributor, plan_id: UUID, command: str = AGREE, **others: Any
) -> str | None:
    content = others.pop("content", GOAL)
    answer = await running.door.contribute(contribution(command, content, plan_id, **others), by)
    return code_of(answer)


async def test_an_organisation_without_a_live_relationship_is_refused_by_every_door(
    goals: Running,
) -> None:
    plan_id, bench = await a_plan_of(goals, "ZZG01"), goals.bench
    given = contribution(AGREE, GOAL, plan_id)
    before = await bench.rows()
    async with bench.running("hasty", copy_wait_seconds=0) as door:
        refused = await door.contribute(given, NURSE)
        told = refused.json()
        assert (refused.status_code, told["code"]) == (403, "no-live-relationship")
        assert told["retryable"]
        assert told["policy_version"]
        batch = await door.contribute({"contributions": [given]}, NURSE)
        assert batch.json()["receipts"][0]["code"] == "no-live-relationship"
        looked = (await door.validate(given, NURSE)).json()
        assert (looked["outcome"], looked["code"]) == ("refused", "no-live-relationship")
        assert (await door.receipt(given["contribution_id"], NURSE)).status_code == 404
        assert code_of(await door.contribute(given, SYSTEM)) == "role-may-not-contribute"
        spoken = contribution(AGREE, GOAL, plan_id, provenance=SAID)
        assert code_of(await door.contribute(spoken, SYSTEM)) == "no-live-relationship"
    after = await bench.rows()
    assert (after["stored_events"], after["receipt"]) == (
        before["stored_events"],
        before["receipt"],
    )
    async with bench.reader(receipts_topic("zzc01")) as receipts:
        await bench.command(spoken, "ZZC01")
        (answer,) = await receipts.about(str(spoken["contribution_id"]), 1)
        assert (answer["code"], answer["kept"]) == ("no-live-relationship", False)
    # The same id may be sent again once there is one; a kept receipt then outlives it.
    await bench.relate([plan_id], "ZZC01")
    assert (await goals.door.contribute(given, NURSE)).status_code == 201
    (event,) = (await goals.door.validate(given, NURSE)).json()["events"]
    assert event["content"]["aim"] == GOAL["aim"]
    await bench.relate([plan_id], "ZZC01", live_until="2021-01-01T00:00:00Z")
    async with bench.running("later", copy_wait_seconds=0) as door:
        assert (await door.contribute(given, NURSE)).status_code == 200
        # The receipt does, and what the entry says does not.
        (shown,) = (await door.validate(given, NURSE)).json()["events"]
        assert shown == {**event, "content": {}, "withheld": sorted(event["content"])}
        refused = await door.contribute(contribution(AGREE, GOAL, plan_id), NURSE)
        assert code_of(refused) == "no-live-relationship"


async def test_a_relationship_permits_what_it_covers_until_its_instant(goals: Running) -> None:
    plan_id = await a_plan_of(goals)
    async with goals.bench.running("strict", copy_wait_seconds=0) as door:

        async def asked(**said: Any) -> str | None:
            await goals.bench.relate([plan_id], "ZZC01", **said)
            return code_of(await door.contribute(contribution(AGREE, GOAL, plan_id), NURSE))

        no = "no-live-relationship"
        assert await asked(scope={"sections": ["needs"]}) == no
        assert await asked(scope={"sections": ["goals"], "contribute": False}) == no
        assert await asked(objection={"scope": {"sections": ["goals"]}}) == no
        assert await asked(scope={"sections": ["goals"]}) is None
        # What let somebody in a moment ago lets nobody in past its end.
        ends = datetime.now(UTC) + timedelta(seconds=1.5)
        assert await asked(live_until=ends.isoformat()) is None

        async def again() -> str | None:
            return code_of(await door.contribute(contribution(AGREE, GOAL, plan_id), NURSE))

        await eventually(again, "the end of the relationship", holds=lambda code: code == no)
        assert datetime.now(UTC) >= ends


async def test_what_another_replica_has_learned_counts_from_the_next_append_on(
    goals: Running,
) -> None:
    """The kind: a permission that is remembered, and outlives what it rests on."""
    plan_id = await a_plan_of(goals, "ZZC01")
    entry_id = await agreed(goals, plan_id)
    before = await goals.bench.rows()
    async with goals.bench.running("told-nothing", copy_wait_seconds=0) as door:

        async def reworded(based_on: int) -> str | None:
            given = contribution(
                REWORD, {"why": "So"}, plan_id, entry_id=entry_id, based_on=based_on
            )
            return code_of(await door.contribute(given, NURSE))

        no = "no-live-relationship"
        for based_on in (1, 2):
            assert await reworded(based_on) is None
            await goals.bench.relate([plan_id], "ZZC01", live_until="2021-01-01T00:00:00Z")
            assert await reworded(based_on + 1) == no
            assert await reworded(99) == no
            await goals.bench.relate([plan_id], "ZZC01")
        # What has changed in what somebody rests on, and not against them, holds nobody up.
        await goals.bench.relate([plan_id], "ZZC01", kind="referral")
        assert await reworded(3) is None
    after = await goals.bench.rows()
    assert after["stored_events"] == before["stored_events"] + 3
    assert after["receipt"] == before["receipt"] + 3


async def test_whoever_has_just_established_one_is_kept_waiting_and_not_refused(
    goals: Running,
) -> None:
    plan_id = await a_plan_of(goals)
    asking = asyncio.create_task(goals.door.contribute(contribution(AGREE, GOAL, plan_id), COUNCIL))
    await asyncio.sleep(0)
    await goals.bench.relate([plan_id], "ZZL01")
    assert (await asking).status_code == 201


async def test_somebody_acts_for_the_person_by_a_live_proxy_of_theirs(goals: Running) -> None:
    plan_id = await a_plan_of(goals, "ZZC01")
    ruth = Contributor("related-person", "ruth", "Ruth Marlow-Synth", plan_id=plan_id)
    joan = Contributor("related-person", "joan", "Joan Marlow-Synth", plan_id=plan_id)
    proxy_id = await goals.bench.appoint(plan_id, "ruth")
    acting = {"on_behalf_of": {"proxy": {"section": "care-team", "entry_id": str(proxy_id)}}}
    word: dict[str, Any] = {
        "stated_by": {"kind": "related-person", "relationship": "daughter"},
        **acting,
    }
    hers = {
        **word,
        "stated_by": {**word["stated_by"], "identifier": {"kind": "sub", "value": "ruth"}},
    }
    async with goals.bench.running("proxies", copy_wait_seconds=0) as door:

        async def asked(by: Contributor, provenance: Any) -> str | None:
            given = contribution(AGREE, GOAL, plan_id, provenance=provenance)
            return code_of(await door.contribute(given, by))

        assert await asked(ruth, acting) is None
        assert await asked(joan, acting) == "proxy-not-live"
        assert await asked(ruth, {}) == "proxy-not-live"
        # An organisation that writes down what they said names the same Proxy, and them.
        assert await asked(NURSE, hers) is None
        assert await asked(NURSE, word) == "proxy-not-live"
        assert await asked(COUNCIL, hers) == "no-live-relationship"
        named = await goals.bench.pool.fetchval(
            "SELECT count(*) FROM stored_events WHERE convert_from(state, 'UTF8') LIKE $1",
            f"%{proxy_id}%",
        )
        assert named == 2
        # Learned elsewhere, so nobody here was told: the append finds that they may no longer.
        await goals.bench.appoint(plan_id, "ruth", suspended=True)
        assert await asked(ruth, acting) == "proxy-not-live"


async def test_what_is_withheld_is_neither_changed_nor_told_of(goals: Running) -> None:
    plan_id = await a_plan_of(goals, "ZZC01", "ZZL01", "ZZG01")
    await goals.bench.relate([plan_id], "ZZG01", scope={"labels": ["mental-health"]})
    entry_id = await agreed(goals, plan_id)
    labelled = {"labels": ["mental-health"], "reason": "Not everybody's"}
    reworded = {"aim": {"text": "Walk further"}}

    async def reword(by: Contributor, based_on: int) -> httpx.Response:
        given = contribution(REWORD, reworded, plan_id, entry_id=entry_id, based_on=based_on)
        return await goals.door.contribute(given, by)

    about = {"entry_id": entry_id}
    part = {**labelled, "fields": ["why"]}
    assert await says(goals, NURSE, plan_id, RESTRICT, content=part, based_on=1, **about) is None
    why = {"why": "Because of the voices"}
    assert await says(goals, NURSE, plan_id, REWORD, content=why, based_on=2, **about) is None
    # Of a change that is all withheld only its version; whoever has the label is told all of it.
    told = (await reword(COUNCIL, 1)).json()["receipt"]["changed_since"]
    assert told == [{"entry_version": n, "withheld": True} for n in (2, 3)]
    told = (await reword(works_for("ZZG01"), 1)).json()["receipt"]["changed_since"]
    assert [one["fields"] for one in told] == [["visibility"], ["why"]]
    assert (await reword(COUNCIL, 3)).status_code == 201
    assert (
        await says(goals, NURSE, plan_id, RESTRICT, content=labelled, based_on=4, **about) is None
    )
    refused = await reword(COUNCIL, 5)
    assert (refused.status_code, code_of(refused)) == (403, "withheld")
    assert "entry_version" not in refused.json()
    assert (await reword(COUNCIL, 1)).json()["code"] == "withheld"
    assert (await reword(works_for("ZZG01"), 5)).status_code == 201
    # It is lifted by whoever restricted it, or by an officer, and never by whom it is kept from.
    lift = {"content": {"reason": "Over"}, "based_on": 6, **about}
    assert await says(goals, COUNCIL, plan_id, LIFT, **lift) == "withheld"
    theirs = await says(goals, works_for("ZZG01"), plan_id, LIFT, **lift)
    assert theirs == "restriction-is-not-yours-to-lift"
    assert await says(goals, OFFICER, plan_id, LIFT, **lift) is None


async def test_a_national_service_and_an_officer_reach_what_their_rules_say(
    goals: Running,
) -> None:
    """An officer of an organisation that has nothing to do with the person reaches nothing."""
    plan_id = await a_plan_of(goals, "ZZC01")
    entry_id = await agreed(goals, plan_id)
    labelled = {"labels": ["address"], "reason": "Not everybody's"}
    about = {"entry_id": entry_id, "based_on": 1}
    assert await says(goals, NURSE, plan_id, RESTRICT, content=labelled, **about) is None
    over = {"reason": "Over"}
    other = Contributor("professional", "o", "O", "privacy-officer", Organisation("ZZH01"))
    async with goals.bench.running("officers", copy_wait_seconds=0) as door:
        given = contribution(LIFT, over, plan_id, entry_id=entry_id, based_on=2)
        assert code_of(await door.contribute(given, other)) == "no-live-relationship"
        await goals.bench.relate([plan_id], "ZZC01", live_until="2021-01-01T00:00:00Z")
        assert code_of(await door.contribute(given, OFFICER)) is None
