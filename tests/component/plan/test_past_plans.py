"""Every plan that was is shown as it was, and says that it is past."""

from email.utils import parsedate_to_datetime
from uuid import uuid4

import orjson
import pytest

from shared.chassis.policy.decide import POLICY_VERSION
from shared.ledger import instant
from shared.testing.events import History
from shared.testing.eventually import eventually
from tests.component.plan.bench import Bench, codes, short_history, shown

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_versions_history_and_past_plans(bench: Bench) -> None:
    history = History()
    goal, twice = uuid4(), uuid4()
    events = [
        history.opened(),
        history.event("goals", "agreed", goal, "created", {"aim": 1}, contribution_id=twice),
        history.event(
            "goals", "reworded", goal, "amended", {"aim": 2, "reason": "So"}, contribution_id=twice
        ),
        history.event("goals", "set-aside", goal, "withdrawn", {"reason": "Moved"}),
    ]
    async with bench.service() as client:
        for event in events:
            await bench.publish(event)
            await bench.until_consumed(event.position + (event.section == "goals"))  # type: ignore[operator]
        await shown(client, history.plan_id, 4)
        base = f"/v1/plans/{history.plan_id}"

        first = (await client.get(f"{base}/versions?limit=3")).json()
        assert [item["plan_version"] for item in first["items"]] == [4, 3, 2]
        rest = (await client.get(f"{base}/versions?limit=3&cursor={first['next']}")).json()
        assert [item["plan_version"] for item in rest["items"]] == [1]
        assert rest["next"] is None
        assert set(rest["items"][0]) == {
            "plan_version",
            "section",
            "entry_id",
            "entry_type",
            "entry_version",
            "change",
            "type",
            "contribution_id",
            "recorded_at",
            "projected_at",
            "stated_at",
            "by",
        }

        told = (await client.get(f"{base}/history?limit=2")).json()
        assert [item["plan_versions"] for item in told["items"]] == [[4], [2, 3]]
        made = told["items"][1]
        assert made["contribution_id"] == str(twice)
        assert made["reason"] == "So"
        assert [e["entry_version"] for e in made["events"]] == [1, 2]
        assert made["events"][1]["fields"] == ["aim"]
        assert made["events"][1]["content"] == {"aim": 2, "reason": "So"}
        assert told["items"][0]["reason"] == "Moved"
        assert made["by"] == made["stated_by"]
        rest = (await client.get(f"{base}/history?limit=2&cursor={told['next']}")).json()
        assert [item["plan_versions"] for item in rest["items"]] == [[1]]

        past = await client.get(f"{base}/versions/3")
        assert past.json()["sections"]["goals"][0]["content"] == {"aim": 2}
        assert past.headers["ledger-version"] == "3"
        assert past.headers["etag"].startswith('"3-')
        opened = await client.get(f"{base}/versions/1")
        assert list(opened.json()["sections"]) == ["person"]
        authored = await client.get(f"{base}/versions/3?include=authorship")
        full = authored.json()["sections"]["goals"][0]["authorship"]["aim"]
        assert full["entry_version"] == 2
        odd_versions = ("5", "0", "x", "-1", "1%D9%A0", "%D9%A1", "+1", "%201", "0_1", "01")
        assert codes([await client.get(f"{base}/versions/{n}") for n in odd_versions]) == [
            (404, "version-unknown")
        ] * len(odd_versions)
        newest = await client.get(f"{base}/versions/4")
        head = await client.head(f"{base}/versions/4")
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["etag"] == newest.headers["etag"]
        assert head.headers["content-length"] == newest.headers["content-length"]
        held = [("If-None-Match", '"other"'), ("If-None-Match", newest.headers["etag"])]
        assert (await client.get(f"{base}/versions/4", headers=held)).status_code == 304


async def test_a_past_plan_says_that_it_is_one_and_is_otherwise_what_was_shown(
    bench: Bench,
) -> None:
    """Byte for byte, but for what waited: that was said to be missing, and is not listed again."""
    history = History()
    events = short_history(history)
    opened, found, agreed, reworded, set_aside = events
    async with bench.service() as client:
        await bench.publish(opened)
        bodies = [(await shown(client, history.plan_id, 1)).content]
        await bench.publish(reworded)
        await eventually(bench.counted, "it waits", holds=lambda row: row[3] == 1)
        await bench.publish(found)
        body = (await shown(client, history.plan_id, 2)).content
        waits = orjson.loads(body)["parked"]
        assert [one["entry_id"] for one in waits] == [str(agreed.entry_id)]
        bodies.append(body.replace(b'"parked":' + orjson.dumps(waits), b'"parked":[]'))
        assert orjson.loads((await bench.ledger(history.plan_id))[1]["head"])["parked"] == waits
        await bench.publish(agreed)
        await shown(client, history.plan_id, 4)
        await bench.publish(set_aside)
        last = (await shown(client, history.plan_id, 5)).content
        base = f"/v1/plans/{history.plan_id}"
        rows = await bench.ledger(history.plan_id)
        told = [row["plan_version"] for row in rows]
        assert told == [1, 2, 3, 4, 5]
        for row, body in [*zip(rows, bodies, strict=False), (rows[4], last)]:
            past = await client.get(f"{base}/versions/{row['plan_version']}")
            marked = {
                "requested": row["plan_version"],
                "basis": "version",
                "resolved_version": row["plan_version"],
                "resolved_at": instant(row["projected_at"]),
                "without": [],
                "policy_version": POLICY_VERSION,
                "is_current": False,
            }
            assert past.json()["as_at"] == marked
            assert past.content.replace(b',"as_at":' + orjson.dumps(marked), b"") == body
            assert past.headers["ledger-current-version"] == "5"
            assert past.headers["ledger-policy"] == POLICY_VERSION
            at = parsedate_to_datetime(past.headers["memento-datetime"])
            assert at == row["projected_at"].replace(microsecond=0)
        links = [(await client.get(f"{base}/versions/{n}")).headers["link"] for n in (1, 4, 5)]
        both = f'<{base}>; rel="original", <{base}/versions>; rel="timemap"'
        assert links == [
            f'{both}, <{base}/versions/2>; rel="next"',
            f'{both}, <{base}/versions/3>; rel="prev", <{base}/versions/5>; rel="next"',
            f'{both}, <{base}/versions/4>; rel="prev"',
        ]
        full = await client.get(f"{base}/versions/4?include=withdrawn&include=authorship")
        more = "?include=authorship,withdrawn"
        assert full.headers["link"] == (
            f'{both}, <{base}/versions/3{more}>; rel="prev", <{base}/versions/5{more}>; rel="next"'
        )
