"""What has changed since somebody last looked, by the records of their own accesses."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx
import pytest

from shared.cli.token import professional
from shared.ledger import instant
from shared.testing.events import History
from tests.component.plan.bench import Bench, fold_directly, plan_store, short_history
from tests.component.plan.withheld.readers import let_in, related

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def since(client: httpx.AsyncClient, plan: str, **more: Any) -> dict[str, Any]:
    now = quote(instant(datetime.now(UTC)))
    answer = await client.get(f"{plan}/diff?from=last-look&looked_before={now}", **more)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def test_what_has_changed_is_told_from_the_last_look_at_the_whole_plan(bench: Bench) -> None:
    history, store = History(), plan_store("one")
    events = short_history(history)
    plan = f"/v1/plans/{history.plan_id}"
    await let_in(bench.database, [related(history.plan_id)])
    async with bench.service() as client:
        await fold_directly(bench, store, events[:3])
        never = await since(client, plan)
        assert never["from"] == {"plan_version": 0, "at": None, "access_id": None}
        assert len(never["entries"]) == 3

        looked = await client.get(plan)
        assert looked.headers["ledger-version"] == "3"
        await fold_directly(bench, store, events[3:4])
        # None of these shows all of the plan as it now stands.
        for path in ("?section=goals", "?version=4", "/versions/4", "/history", "/emergency",
                     "/diff?from=0"):  # fmt: skip
            assert (await client.get(plan + path)).status_code == 200, path

        told = await since(client, plan)
        assert told["from"]["plan_version"] == 3
        assert told["from"]["access_id"] == looked.headers["ledger-access-id"]
        assert told["to"]["plan_version"] == 4
        (goal,) = told["entries"]
        assert [one["field"] for one in goal["fields"]] == ["aim"]
        assert (await since(client, plan)) == told, "to ask is not to look"

        # They are still at it: what was shown half an hour ago and less is no earlier look.
        now = (await client.get(f"{plan}/diff?from=last-look")).json()
        assert now["from"]["access_id"] is None
        owner = await asyncpg.connect(bench.made.owner_url)
        try:
            await owner.execute(
                "UPDATE ledger.access_record SET recorded_at = recorded_at - interval '31 minutes'"
            )
            now = (await client.get(f"{plan}/diff?from=last-look")).json()
            assert now["from"]["access_id"] == looked.headers["ledger-access-id"]

            again = await client.get(plan, headers={"If-None-Match": "*"})
            assert again.status_code == 304
            told = await since(client, plan)
            assert (told["from"]["plan_version"], told["entries"]) == (4, [])
            assert told["from"]["access_id"] == again.headers["ledger-access-id"]

            await owner.execute("SELECT ledger.erase_who(access_id) FROM ledger.access_record")
            assert (await since(client, plan))["from"]["access_id"] is None
        finally:
            await owner.close()


async def test_nobody_is_told_of_another_readers_look(bench: Bench) -> None:
    history = History()
    plan = f"/v1/plans/{history.plan_id}"
    await let_in(bench.database, [related(history.plan_id)])
    colleague = professional("ZZG01", "nurse", 'Nurse "Q", Synth', sub="a-colleague")
    quoted = professional("ZZG01", "nurse", "Nurse R-Synth", sub='a-"colleague","name":"x')
    async with bench.service() as client:
        await fold_directly(bench, plan_store("one"), short_history(history))
        await client.get(plan)
        for who in (colleague, quoted):
            authorised = {"Authorization": f"Bearer {bench.issuer.signer.sign(who)}"}
            assert (await since(client, plan, headers=authorised))["from"]["access_id"] is None
            shown = await client.get(plan, headers=authorised)
            told = await since(client, plan, headers=authorised)
            assert told["from"]["access_id"] == shown.headers["ledger-access-id"]
    rows = await bench.database.pool.fetch(
        "EXPLAIN SELECT access_id FROM ledger.access_record"
        " WHERE plan_id = $1 AND ledger.reader_of(who) = ledger.reader_of($2)"
        " AND recorded_at < now() AND who IS NOT NULL AND ledger.is_a_look(record, asked)"
        " ORDER BY recorded_at DESC LIMIT 1",
        history.plan_id,
        b'{"actor":{"id":"x","name":null}}',
    )
    assert "access_record_looks" in "\n".join(row[0] for row in rows)
