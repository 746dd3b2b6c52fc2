"""What is kept with a contribution, and with a refusal, for the audit alone."""

from collections import Counter
from dataclasses import replace
from uuid import uuid4

import orjson
import pytest

from shared.chassis.policy.decide import POLICY_VERSION
from shared.ledger import Authentication, Claim, Contribution, Contributor, SourceSystem
from shared.testing.service import works_for
from tests.component.contribute.running import AGREE, GOAL, NURSE, Running, a_plan, contributions_of

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_how_the_contributor_was_authenticated_is_kept_and_told_to_the_audit_alone(
    goals: Running,
) -> None:
    plan_id = await a_plan(goals)
    by = replace(NURSE, authentication=Authentication(jti="a-token", acr="aal3"))
    claims = {"jti": "a-token", "acr": "aal3"}
    taken, refused = uuid4(), uuid4()
    async with contributions_of(goals.bench) as contributions:
        for contribution_id, needs in ((taken, GOAL["need_ids"]), (refused, [])):
            given = Contribution(
                contribution_id, AGREE, plan_id, content={**GOAL, "need_ids": needs}
            )
            answer = await contributions.receive(given, by)
            assert b"a-token" not in orjson.dumps(answer.receipt)
        elsewhere = Contribution(uuid4(), AGREE, uuid4(), content=GOAL)
        assert (await contributions.receive(elsewhere, by, wait=False)).kept is False
    kept = await goals.bench.pool.fetch(
        "SELECT authn, policy_version, inputs_sha256, NULL AS command FROM receipt"
        " WHERE contribution_id = ANY($1)"
        " UNION ALL SELECT authn, policy_version, inputs_sha256, command FROM stored_events"
        " WHERE convert_from(state, 'utf8') LIKE $2",
        [taken, refused],
        f"%{taken}%",
    )
    assert [(orjson.loads(row["authn"]), row["policy_version"]) for row in kept] == [
        (claims, POLICY_VERSION)
    ] * 3
    assert Counter(row["command"] for row in kept) == {None: 2, AGREE: 1}
    (rested_on,) = {row["inputs_sha256"].hex() for row in kept}
    recorded = await goals.bench.pool.fetch(
        "SELECT value FROM outgoing WHERE topic LIKE $1 AND key = ANY($2)",
        "%careplan.audit.records.v1",
        [str(plan_id).encode(), str(elsewhere.plan_id).encode()],
    )
    records = [orjson.loads(row["value"]) for row in recorded]
    assert {one["code"] for one in records} == {"goal-needs-a-need", "plan-unknown"}
    assert len(records) == 2
    for one in records:
        assert (one["authn"], one["policy_version"]) == (claims, POLICY_VERSION)
        assert one["command"] == AGREE
    # The same command, of the same plan, by the same right: only what was asked elsewhere differs.
    inputs = {one["code"]: one["inputs_sha256"] for one in records}
    assert inputs["goal-needs-a-need"] == rested_on
    assert len(inputs["plan-unknown"]) == len(rested_on) == 64
    assert inputs["plan-unknown"] != rested_on
    by_code = {one["code"]: one["decision"] for one in records}
    assert by_code["goal-needs-a-need"] == "permit"


async def test_each_refusal_that_differs_in_sender_content_or_code_has_a_record(
    goals: Running,
) -> None:
    """Kind: a record whose id is that of another thing that happened is dropped as a repeat."""
    plan_id, unheard = await a_plan(goals), uuid4()
    colleague = works_for("ZZC01", sub="a-colleague")
    wrong = Contribution(
        uuid4(),
        AGREE,
        plan_id,
        content={**GOAL, "need_ids": []},
        provenance=Claim(reason="asked", system=SourceSystem("EPR")),
    )
    other = replace(wrong, content={**GOAL, "why": "other"})
    too_soon = replace(wrong, contribution_id=uuid4(), plan_id=unheard)
    refused: list[tuple[str, str | None]] = []
    async with contributions_of(goals.bench) as contributions:

        async def ask(given: Contribution, by: Contributor) -> None:
            reply = await contributions.receive(given, by, wait=False)
            if not reply.repeated:
                refused.append((str(given.contribution_id), reply.code))

        for _ in range(2):  # what comes again is the same refusal
            await ask(wrong, NURSE)
            await ask(wrong, works_for("ZZH01"))
            again = await contributions.receive(wrong, colleague, wait=False)
            assert (again.repeated, again.code) == (True, "goal-needs-a-need")
            refused.append((str(wrong.contribution_id), again.code))
            await ask(other, NURSE)
            await ask(other, colleague)
            await ask(too_soon, NURSE)
            await ask(too_soon, colleague)
        await goals.bench.know_plans([unheard])
        await ask(too_soon, NURSE)
    rows = await goals.bench.pool.fetch(
        "SELECT value FROM outgoing WHERE topic LIKE '%careplan.audit.records.v1'"
        " AND key = ANY($1) ORDER BY position",
        [str(plan_id).encode(), str(unheard).encode()],
    )
    records = [orjson.loads(row["value"]) for row in rows]
    assert [(one["contribution_id"], one["code"]) for one in records] == refused
    different = {one["record_id"]: (one["contribution_id"], one["code"]) for one in records}
    assert Counter(different.values()) == {
        (str(wrong.contribution_id), "goal-needs-a-need"): 2,
        (str(wrong.contribution_id), "contribution-id-reused"): 3,
        (str(too_soon.contribution_id), "plan-unknown"): 2,
        (str(too_soon.contribution_id), "goal-needs-a-need"): 1,
    }
    first = records[0]
    assert first["reason"] == "asked"
    assert first["fields"] == ["aim", "need_ids"]
    assert first["system"] == {"name": "EPR"}
    assert first["stated_by"]["role"] == "nurse"
    assert first["supported_by"] is None
