"""Commands by Kafka are answered as by HTTP, in order, and recorded."""

import asyncio
from uuid import UUID, uuid4

import orjson
import pytest

from shared.chassis.kafka.event_message import header
from shared.chassis.policy.plan_states import PlanStates
from shared.testing.service import contribution, headers_of, works_for
from tests.component.kafka.commands.goals import (
    BY_THE_PERSON,
    GOAL,
    PLAN,
    REWORD,
    SYSTEM,
    Goals,
    agree,
)

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_every_answer_is_published_also_to_repeats_and_what_is_not_kept(
    goals: Goals,
) -> None:
    accepted = agree()
    refused = agree(content={**GOAL, "need_ids": []})
    nobody = agree(provenance=None)
    for given in (accepted, refused, nobody):
        await goals.bench.command(given, "ZZC01")
    receipt = await goals.told(accepted)
    assert receipt["outcome"] == "accepted"
    assert receipt["plan_id"] == str(PLAN)
    assert receipt["recorded_at"].endswith("Z")
    assert receipt["ledger_position"]
    assert "kept" not in receipt
    assert (await goals.door.receipt(accepted["contribution_id"], SYSTEM)).json() == receipt
    no = await goals.told(refused)
    assert (no["outcome"], no["code"]) == ("refused", "goal-needs-a-need")
    assert "kept" not in no
    assert (await goals.door.receipt(refused["contribution_id"], SYSTEM)).json() == no
    # Nobody said it: a system alone may not.
    no = await goals.told(nobody)
    assert (no["code"], no["kept"]) == ("role-may-not-contribute", False)
    assert not no["retryable"]
    unkept = await goals.door.receipt(nobody["contribution_id"], SYSTEM)
    assert unkept.status_code == 404
    # Again, as intake does after a crash, and an id used for something else.
    for given in (accepted, refused):
        await goals.bench.command(given, "ZZC01")
        await goals.told(given, count=2)
        await goals.bench.command({**given, "content": {**GOAL, "why": "other"}}, "ZZC01")
        answers = await goals.receipts.about(given["contribution_id"], 3)
        assert (answers[2]["code"], answers[2]["kept"]) == ("contribution-id-reused", False)
        assert "events" not in answers[2]
    assert await goals.stored(accepted) == 1
    ours = [accepted["contribution_id"], refused["contribution_id"], nobody["contribution_id"]]
    about = [one for one in goals.receipts.records if header(one, "ce_causationid") in ours]
    assert len(about) == 7
    for record in about:
        assert record.key == str(PLAN).encode()
        assert header(record, "ce_type") == "careplan.receipt.v1"
        assert header(record, "ce_source") == "urn:careplan:section:goals"
        assert header(record, "content-type") == "application/json"


async def test_both_doors_are_one_ledger(goals: Goals) -> None:
    by_http, by_kafka = agree(), agree()
    first = (await goals.door.contribute(by_http, SYSTEM)).json()
    await goals.bench.command(by_http, "ZZC01")
    assert await goals.told(by_http) == first
    await goals.bench.command(by_kafka, "ZZC01")
    first = await goals.told(by_kafka)
    again = await goals.door.contribute(by_kafka, SYSTEM)
    assert (again.status_code, again.json()) == (200, first)
    # Another organisation's person is not told what stands under the id.
    other = await goals.door.contribute(by_kafka, works_for("ZZG01"))
    assert other.json()["code"] == "contribution-id-reused"
    silent = agree()
    await goals.door.contribute(silent, SYSTEM)
    last = agree()
    await goals.bench.command(last, "ZZC01")
    await goals.told(last)
    causes = {header(record, "ce_causationid") for record in goals.receipts.records}
    assert silent["contribution_id"] not in causes


async def test_a_refusal_is_recorded_for_the_audit_kept_or_not(goals: Goals) -> None:
    kept = agree(content={**GOAL, "aim": {"text": " "}})
    unkept = agree(provenance=None)
    for given in (kept, unkept):
        await goals.bench.command(given, "ZZC01")
    for given, code in ((kept, "goal-needs-an-aim"), (unkept, "role-may-not-contribute")):
        (record,) = await goals.audit.about(given["contribution_id"])
        assert record["operation"] == "refusal"
        assert record["code"] == code
        assert record["kept"] is (given is kept)
        assert record["plan_id"] == str(PLAN)
        assert record["actor"]["organisation"] == {"ods": "ZZC01"}
        assert record["actor"]["kind"] == "system"
        named, digest, its_code = record["record_id"].split(".")
        assert (named, its_code) == (f"goals/{given['contribution_id']}", code)
        assert len(digest) == 16
        assert record["recorded_at"].endswith("Z")
        assert "Walk" not in orjson.dumps(record).decode()


async def test_commands_of_one_plan_are_taken_in_order(goals: Goals) -> None:
    plans = [uuid4() for _ in range(8)]
    await goals.bench.know_plans(plans)
    given = []
    for plan_id in plans:
        entry_id = str(uuid4())
        given.append([agree(plan_id, entry_id=entry_id)])
        given[-1] += [
            contribution(
                REWORD,
                {"why": f"{version}"},
                plan_id,
                entry_id=entry_id,
                based_on=version,
                provenance=BY_THE_PERSON,
            )
            for version in range(1, 15)
        ]
    await asyncio.gather(
        *(goals.bench.command(item, "ZZC01") for turn in zip(*given, strict=True) for item in turn)
    )
    for of_one_plan in given:
        receipts = [await goals.told(item) for item in of_one_plan]
        assert [receipt.get("entry_version") for receipt in receipts] == list(range(1, 16))
        assert {receipt["outcome"] for receipt in receipts} == {"accepted"}


async def test_a_batch_waits_once_for_plans_it_has_not_heard_of(
    goals: Goals, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = [agree(uuid4()) for _ in range(150)]
    known = [agree() for _ in range(20)]
    state_of, waiting, most = PlanStates.of, 0, 0

    async def counted(states: PlanStates, plan_id: UUID, *, wait: bool = True) -> str | None:
        nonlocal waiting, most
        waiting += 1
        most = max(most, waiting)
        try:
            return await state_of(states, plan_id, wait=wait)
        finally:
            waiting -= 1

    monkeypatch.setattr(PlanStates, "of", counted)
    await asyncio.gather(
        *(goals.bench.command(item, "ZZC01") for item in (*unknown[:75], *known, *unknown[75:]))
    )
    for item in known:
        assert (await goals.told(item))["outcome"] == "accepted"
    for item in unknown:
        told = await goals.told(item)
        assert (told["code"], told["kept"], told["retryable"]) == ("plan-unknown", False, True)
    # Whatever comes while the first of them waits is of one batch, and most of it waits together.
    assert most >= 20
    # The same id may be sent again.
    await goals.bench.know_plans([UUID(unknown[0]["plan_id"])])
    await goals.bench.command(unknown[0], "ZZC01")
    answers = await goals.receipts.about(unknown[0]["contribution_id"], 2)
    assert answers[1]["outcome"] == "accepted"


async def test_a_signature_is_kept_with_the_event_and_told_apart_from_claims(goals: Goals) -> None:
    """What intake has found to hold; the audit reads it from the event."""
    given = agree()
    headers = [*headers_of(given, "ZZC01"), ("ce_signature", b"e30..c2lnbmVk")]
    await goals.bench.send(orjson.dumps(given), key=str(PLAN).encode(), headers=headers)
    assert (await goals.told(given))["outcome"] == "accepted"
    named = given["contribution_id"]
    async with goals.bench.events as events:
        found = await events.until(
            lambda records: any(header(one, "ce_causationid") == named for one in records),
            "the event",
        )
    event = next(one for one in found if header(one, "ce_causationid") == named)
    assert header(event, "ce_signature") == "e30..c2lnbmVk"
    claims = orjson.loads(header(event, "ce_authclaims") or "")
    assert claims == {"client_id": "zzc01", "idp": "kafka"}
