"""Who breaks the glass is let in for a time, under an alert, and says why afterwards."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest

from shared.chassis.accesses.record import Asked, Shown, What
from shared.chassis.accesses.recording import AccessRecords, Kept
from shared.chassis.kafka.streams import AccessStream
from shared.chassis.policy.facts import Decision
from shared.cli.token import professional
from shared.ledger import Contributor, Organisation
from tests.component.plan.bench import Bench, codes

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

CREW = professional("ZZA01", "paramedic", "Pat Ambler-Synth")


def paramedic(sub: str = CREW["sub"]) -> Contributor:
    return Contributor("professional", sub, "Pat Ambler-Synth", "paramedic", Organisation("ZZA01"))


@asynccontextmanager
async def recording(bench: Bench, **others: Any) -> AsyncIterator[AccessRecords]:
    settings = bench.settings(**others)
    async with AccessRecords(settings, bench.database, lambda: None) as accesses:
        yield accesses


async def broken(
    accesses: AccessRecords, plan_id: UUID, sub: str = CREW["sub"], kind: str = "break-glass"
) -> Kept:
    decision = Decision(True, override=kind)
    asked = Asked(
        paramedic(sub), decision, What.EMERGENCY, plan_id, "emergency", reason="cannot-ask"
    )
    return await accesses.keep(asked, Shown.of(b"{}", sections=["contingency-plans"]))


async def published(bench: Bench) -> list[dict[str, Any]]:
    stream = AccessStream(bench.settings())
    told, _ = await stream.read(bench.database.pool.fetch, 0, 1_000, 1_000_000)
    return [orjson.loads(message.value) for message in told]


async def test_the_first_read_begins_an_override_with_one_alert_however_many_come_at_once(
    bench: Bench,
) -> None:
    plan_id = uuid4()
    async with recording(bench) as accesses:
        kept = await asyncio.gather(*(broken(accesses, plan_id) for _ in range(8)))
        other = await broken(accesses, plan_id, sub="another")
    assert len({one.override_ends for one in kept}) == 1
    assert kept[0].headers["Ledger-Override-Ends"]
    told = await published(bench)
    reads = [one for one in told if one["operation"] == "read"]
    alerts = [one for one in told if one["operation"] == "alert"]
    assert {one["record_id"] for one in reads} == {str(one.access_id) for one in (*kept, other)}
    assert len(alerts) == 2
    assert len({one["override"]["override_id"] for one in alerts}) == 2
    for one in told:
        assert one["override"]["kind"] == "break-glass"
        assert one["override"]["reason"] == "cannot-ask"
        assert (one["purpose"], one["purpose_of_use"]) == ("emergency", "BTG")
        assert one["plan_id"] == str(plan_id)
    assert {(one["type"], one["code"]) for one in alerts} == {("alert.raised", "break-glass")}


async def test_an_override_that_has_ended_is_followed_by_a_new_one(bench: Bench) -> None:
    plan_id = uuid4()
    async with recording(bench) as accesses:
        first = await broken(accesses, plan_id)
        connection = await asyncpg.connect(bench.made.owner_url)
        try:
            await connection.execute("UPDATE ledger.access_override SET ends_at = now()")
        finally:
            await connection.close()
        second = await broken(accesses, plan_id)
    assert second.override_ends is not None
    assert first.override_ends is not None
    assert second.override_ends > first.override_ends
    rows = await bench.database.pool.fetch("SELECT override_id FROM ledger.access_override")
    assert len(rows) == 2


async def test_whoever_used_it_says_why_and_only_once(bench: Bench) -> None:
    plan_id = uuid4()
    async with recording(bench) as accesses:
        kept = await broken(accesses, plan_id)
    async with bench.service() as client:
        crew = {"Authorization": f"Bearer {bench.issuer.signer.sign(CREW)}"}
        path = f"/v1/accesses/{kept.access_id}:justify"
        why = {"basis": "vital-interest", "text": "Unconscious at the door"}
        unreadable = [
            await client.post(path, json=body, headers=crew)
            for body in (
                *({**why, "basis": "hunch"}, {"basis": "legal"}, {**why, "x": 1}, 7),
                {**why, "text": ""},
            )
        ]
        assert codes(unreadable) == [(422, "content-invalid")] * 5
        assert unreadable[-1].json()["detail"] == "`text` must be a text of 1 to 2000 characters."
        missed = [
            await client.post(path, json=why),
            await client.post(f"/v1/accesses/{uuid4()}:justify", json=why, headers=crew),
            await client.post("/v1/accesses/odd:justify", json=why, headers=crew),
        ]
        assert codes(missed) == [(404, "access-unknown")] * 3
        answer = await client.post(path, json=why, headers=crew)
        assert answer.status_code == 201
        again = await client.post(path, json=why, headers=crew)
        assert codes([again]) == [(409, "access-already-justified")]
    told = {one["record_id"]: one for one in await published(bench)}
    record = told[answer.headers["ledger-access-id"]]
    assert (record["operation"], record["type"]) == ("justification", "override.justify")
    assert record["override"]["basis"] == "vital-interest"
    assert record["reason"] == "Unconscious at the door"
    assert "basis" not in told[str(kept.access_id)]["override"]
    row = await bench.database.pool.fetchrow(
        "SELECT record FROM ledger.access_record WHERE access_id = $1",
        answer.headers["ledger-access-id"],
    )
    assert b"Unconscious" not in row["record"], "what may tell of somebody can be erased"
