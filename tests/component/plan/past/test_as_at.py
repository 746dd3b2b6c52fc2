"""A reader asks for a past plan in the address, and what cannot be asked is refused by name."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import quote
from uuid import uuid4

import pytest

from shared.chassis.policy.decide import POLICY_VERSION
from shared.ledger import instant
from shared.testing.events import History
from tests.component.plan.bench import (
    Bench,
    codes,
    fold_directly,
    plan_store,
    short_history,
    shown,
)
from tests.component.plan.withheld.readers import let_in, related

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_a_past_plan_is_asked_for_by_version_or_instant(bench: Bench) -> None:
    history = History()
    events = short_history(history)
    async with bench.service() as client:
        await bench.publish(*events)
        await shown(client, history.plan_id, 5)
        base = f"/v1/plans/{history.plan_id}"
        rows = await bench.ledger(history.plan_id)

        for version in (1, 5):
            by_number = await client.get(f"{base}?version={version}&include=withdrawn")
            same = await client.get(f"{base}/versions/{version}?include=withdrawn")
            assert by_number.content == same.content
            assert by_number.headers["link"] == same.headers["link"]

        agreed = events[2].recorded_at
        offset = quote(agreed.astimezone().isoformat())
        told = await client.get(f"{base}?as_at={offset}")
        assert (told.status_code, told.json()["as_at"]["basis"]) == (200, "recorded")
        plan = told.json()
        assert plan["as_at"]["requested"] == instant(agreed)
        assert plan["as_at"]["resolved_at"] == instant(agreed)
        assert "policy_version" not in plan["as_at"]
        assert plan["sections"]["goals"][0]["content"]["aim"] == {"text": "Walk"}
        goal = plan["sections"]["goals"][0]
        assert goal["by"]["name"] == "Dr A. Quill-Synth"
        assert told.headers["ledger-version"] == str(plan["as_at"]["resolved_version"])
        assert told.headers["ledger-current-version"] == "5"
        at = parsedate_to_datetime(told.headers["memento-datetime"])
        assert at == agreed.replace(microsecond=0)

        seen = rows[-1]["projected_at"]
        visible = (await client.get(f"{base}?as_at={instant(seen)}&basis=visible")).json()
        assert visible["as_at"]["resolved_version"] == 5
        assert visible["as_at"]["policy_version"] == POLICY_VERSION
        assert visible["as_at"]["is_current"] is False

        applied = instant(agreed - timedelta(hours=1))
        effective = await client.get(f"{base}?as_at={applied}&basis=effective")
        assert effective.json()["as_at"]["resolved_version"] == 5
        assert effective.json()["as_at"]["without"] != []
        assert effective.json()["plan_version"] == 5
        assert "goals" in effective.json()["sections"]

        soon = instant(datetime.now(UTC) + timedelta(seconds=30))
        now = await client.get(f"{base}?as_at={soon}")
        assert now.json()["as_at"]["resolved_version"] == 5
        assert now.json()["as_at"]["requested"] == soon


async def test_what_cannot_be_asked_is_refused_by_name(bench: Bench) -> None:
    history = History()
    async with bench.service() as client:
        await bench.publish(history.opened())
        await shown(client, history.plan_id, 1)
        base = f"/v1/plans/{history.plan_id}"
        wrong = {
            "version=1&as_at=2026-12-01T00:00:00Z": "version",
            "version=0": "version",
            "version=one": "version",
            "basis=visible": "basis",
            "basis=visible&version=1": "basis",
            "basis=clinical&as_at=2026-12-01T00:00:00Z": "basis",
            "as_at=2026-12-01": "as_at",
            "as_at=2026-12-01T00:00:00": "as_at",
            "as_at=2026-12-01T00:00:00+01:00": "as_at",  # its + was not written %2B
            "as_at=2026-02-30T00:00:00Z": "as_at",
            "as_at=": "as_at",
            "as_at=2026-12-01T00:00:00Z&as_at=2026-12-01T00:00:00Z": "as_at",
            "section=": "section",
            "section=Goals": "section",
        }
        for query, name in wrong.items():
            answer = await client.get(f"{base}?{query}")
            assert codes([answer]) == [(400, "parameter-invalid")], query
            assert answer.json()["parameter"] == name
        ahead = instant(datetime.now(UTC) + timedelta(minutes=2))
        answers = [
            await client.get(f"{base}?as_at={ahead}"),
            await client.get(f"{base}?version=2"),
            *[
                await client.get(f"{base}?as_at=2020-01-01T00:00:00Z&basis={basis}")
                for basis in ("recorded", "visible", "effective")
            ],
            await client.get(f"/v1/plans/{uuid4()}?as_at=2026-11-25T00:00:00Z"),
            await client.get(f"/v1/plans/{uuid4()}?version=1"),
        ]
        assert codes(answers) == [
            (400, "as-at-in-the-future"),
            (404, "version-unknown"),
            *[(404, "as-at-before-the-plan")] * 3,
            *[(403, "no-live-relationship")] * 2,
        ]


async def test_what_rests_on_whole_versions_is_told_of_no_plan_without_some(bench: Bench) -> None:
    history = History()
    opened, needed, agreed = short_history(history)[:3]
    await let_in(bench.database, [related(history.plan_id)])
    await fold_directly(bench, plan_store("one"), [opened, agreed, needed])
    async with bench.service() as client:
        base = f"/v1/plans/{history.plan_id}"
        early, late = (f"{base}?as_at={instant(one.recorded_at)}" for one in (needed, agreed))
        seen = (await bench.ledger(history.plan_id))[-1]["projected_at"]
        assert (await client.get(early)).json()["as_at"]["without"] == [[2, 2]]
        assert (await client.get(late)).json()["as_at"]["without"] == []
        for name in ("derived", "findings", "reviews"):
            refused = [
                await client.get(f"{early}&include={name}"),
                await client.get(f"{late}&include=authorship,{name}&basis=effective"),
            ]
            assert codes(refused) == [(400, "parameter-invalid")] * 2
            assert [one.json()["parameter"] for one in refused] == ["include"] * 2
            for address in (
                f"{late}&include={name}",
                f"{base}?as_at={instant(seen)}&basis=visible&include={name}",
                f"{base}?version=2&include={name}",
            ):
                answer = await client.get(address)
                assert answer.status_code == 200
                assert name in answer.json()
        whole = await client.get(f"{early}&include=authorship,withdrawn&basis=effective")
        assert whole.status_code == 200


async def test_only_the_sections_that_are_asked_for_are_shown(bench: Bench) -> None:
    history = History()
    events = short_history(history)[:4]
    async with bench.service() as client:
        await bench.publish(*events)
        whole = await shown(client, history.plan_id, 4)
        base = f"/v1/plans/{history.plan_id}"
        some = await client.get(f"{base}?section=goals,needs")
        assert list(some.json()["sections"]) == [
            name for name in whole.json()["sections"] if name != "person"
        ]
        assert {**some.json(), "sections": {}} == {**whole.json(), "sections": {}}
        past = await client.get(f"{base}?section=goals&section=person&version=4")
        assert sorted(past.json()["sections"]) == ["goals", "person"]
        assert past.headers["link"].endswith('/versions/3?section=goals,person>; rel="prev"')
        assert (await client.get(f"{base}?section=stewardship")).json()["sections"] == {}
        nobodys = await client.get(f"{base}?section=goals,medication")
        assert nobodys.status_code == 400
        assert nobodys.json()["errors"][0]["pointer"] == "/section"
        assert "The sections are about-me, care-team," in nobodys.json()["detail"]
