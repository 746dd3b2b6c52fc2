"""The reviews of an organisation's plans: the most urgent first, none that is withheld."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4, uuid5
from zoneinfo import ZoneInfo

import httpx
import orjson
import pytest
import pytest_asyncio

from shared.cli.token import person, professional
from shared.ledger import RecordedEvent, instant
from shared.testing.events import History
from shared.testing.stack import create_topics
from tests.component.plan.bench import Bench, codes, fold_directly, plan_store
from tests.component.plan.withheld.readers import let_in, related

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

ELSEWHERE = ("care-team", "stewardship", "contingency-plans")
TODAY = datetime.now(ZoneInfo("Europe/London")).date()


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def other_sections(bench: Bench) -> None:
    topics = [f"{bench.prefix}careplan.{section}.events.v1" for section in ELSEWHERE]
    await create_topics(bench.servers, topics)


def in_days(number: int) -> str:
    return (TODAY + timedelta(days=number)).isoformat()


class Planned:
    """A plan with reviews, each planned for so many days from today."""

    def __init__(self, family: str) -> None:
        self.history = History()
        self.plan_id = self.history.plan_id
        self.reviews: dict[str, UUID] = {}
        named = {"name": {"first": "Edith", "family": family}, "date_of_birth": "1938-03-14"}
        self.events: list[RecordedEvent] = [
            self.history.opened(),
            self.history.event("person", "demographics-refreshed", self.plan_id, content=named),
        ]

    def review(
        self, name: str, subject: Any = "plan", by: str | None = None, **content: Any
    ) -> None:
        self.reviews[name] = uuid4()
        responsible: dict[str, Any] = {"name": "Priya Raman-Synth"}
        if by is not None:
            responsible["organisation"] = {"ods": by}
        content = {"subject": subject, "responsible": responsible, **content}
        self.say("review-planned", self.reviews[name], "created", content)

    def say(self, name: str, entry_id: UUID, change: str, content: dict[str, Any]) -> None:
        made = self.history.event(
            "stewardship", name, entry_id, change, content, entry_type="review"
        )
        self.events.append(made)

    def contingency_plan(self) -> dict[str, str]:
        entry_id, content = uuid4(), {"name": {"text": "If I fall"}}
        event = self.history.event("contingency-plans", "prepared", entry_id, "created", content)
        self.events.append(event)
        return {"section": "contingency-plans", "entry_id": str(entry_id)}


async def listed(client: httpx.AsyncClient, query: str = "") -> list[dict[str, Any]]:
    answer = await client.get(f"/v1/reviews{query}")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def folded(bench: Bench, plans: Sequence[Planned]) -> None:
    for plan in plans:
        await fold_directly(bench, plan_store("one"), plan.events)


async def test_reviews_come_most_urgent_first_of_the_organisations_own_plans(bench: Bench) -> None:
    ours, also_ours = Planned("Marlow-Synth"), Planned("Okoro-Synth")
    theirs, no_longer = Planned("Hale-Synth"), Planned("Birch-Synth")
    if_i_fall = ours.contingency_plan()
    ours.review("soon", due_on=in_days(9), by="ZZC01")
    ours.review("crisis", if_i_fall, due_on=in_days(-3))
    also_ours.review("undated", subject="plan")
    also_ours.review("overdue", due_on=in_days(-40), by="ZZG01")
    also_ours.review("later", due_on=in_days(-90), by="ZZG01")
    held = {"held": [{"held_on": in_days(-1)}], "due_on": None, "interval": "P3M"}
    also_ours.say("review-held", also_ours.reviews["later"], "amended", held)
    also_ours.review("stopped", due_on=in_days(-50))
    also_ours.say("review-stopped", also_ours.reviews["stopped"], "withdrawn", {"reason": "Moved"})
    for plan in (theirs, no_longer):
        plan.review("overdue", due_on=in_days(-70))
    over = instant(datetime(2026, 2, 1, tzinfo=UTC))
    await let_in(bench.database, [
        related(ours.plan_id), related(also_ours.plan_id),
        related(theirs.plan_id, "ZZH01"), related(no_longer.plan_id, live_until=over),
    ])  # fmt: skip
    await folded(bench, (ours, also_ours, theirs, no_longer))
    async with bench.service() as client:
        items = await listed(client)
        names = {review: (name, plan) for plan in (ours, also_ours, theirs, no_longer)
                 for name, review in plan.reviews.items()}  # fmt: skip
        assert [names[UUID(one["entry_id"])][0] for one in items] == [
            "crisis", "overdue", "undated", "soon", "later",
        ]  # fmt: skip
        assert [(one["state"], one["days"]) for one in items[:4]] == [
            ("overdue", -3), ("overdue", -40), ("without-date", None), ("due", 9),
        ]  # fmt: skip
        assert [one["subject_type"] for one in items] == ["contingency-plan", *["plan"] * 4]
        assert items[0]["subject"] == if_i_fall
        for one in items:
            plan = names[UUID(one["entry_id"])][1]
            assert one["plan_id"] == str(plan.plan_id)
            assert one["person"]["date_of_birth"] == "1938-03-14"
        assert items[0]["person"]["name"] == {"first": "Edith", "family": "Marlow-Synth"}

        assert [one["state"] for one in await listed(client, "?state=due,later")] == [
            "due",
            "later",
        ]
        (soon,) = await listed(client, "?org=ZZC01")
        assert soon["state"] == "due"
        assert await listed(client, "?org=ZZX99") == []
        early = await listed(client, f"?due_before={in_days(-3)}")
        assert [one["days"] for one in early] == [-40]

        walked, cursor = [], ""
        while True:
            page = (await client.get(f"/v1/reviews?limit=2{cursor}")).json()
            walked += page["items"]
            if page["next"] is None:
                break
            cursor = f"&cursor={page['next']}"
        assert [one["entry_id"] for one in walked] == [one["entry_id"] for one in items]

        # Nobody of the organisation responsible has opened the plan yet: a list is not a look.
        assert {one["last_read_at"] for one in items} == {None}
        await client.get(f"/v1/plans/{also_ours.plan_id}")
        by_name = {names[UUID(one["entry_id"])][0]: one for one in await listed(client)}
        assert by_name["overdue"]["last_read_at"] is not None
        assert by_name["soon"]["last_read_at"] is None


async def test_a_page_begins_behind_the_one_before_whatever_was_done_of_that(bench: Bench) -> None:
    plan = Planned("Marlow-Synth")
    for name, days in (("first", -40), ("second", -30), ("third", -20), ("fourth", -10)):
        plan.review(name, due_on=in_days(days))
    await let_in(bench.database, [related(plan.plan_id)])
    await folded(bench, [plan])
    async with bench.service() as client:
        page = (await client.get("/v1/reviews?limit=2")).json()
        plan.say("review-held", plan.reviews["first"], "amended", {"due_on": in_days(400)})
        await fold_directly(bench, plan_store("one"), plan.events[-1:])
        left = await listed(client, f"?cursor={page['next']}")
        assert [UUID(one["entry_id"]) for one in left] == [
            plan.reviews[name] for name in ("third", "fourth", "first")
        ]


async def test_each_plan_of_the_list_has_a_record_of_what_was_shown_of_it(bench: Bench) -> None:
    plans = [Planned("Marlow-Synth"), Planned("Okoro-Synth")]
    for plan in plans:
        plan.review("overdue", due_on=in_days(-3))
    await let_in(bench.database, [related(plan.plan_id) for plan in plans])
    await folded(bench, plans)
    async with bench.service() as client:
        answer = await client.get("/v1/reviews", headers={"Ledger-Purpose": "review"})
        of_the_list = UUID(answer.headers["ledger-access-id"])
        records = await bench.accesses()
        assert {one["record_id"] for one in records} == {
            str(uuid5(of_the_list, str(plan.plan_id))) for plan in plans
        }
        for record in records:
            items = [one for one in answer.json()["items"] if one["plan_id"] == record["plan_id"]]
            assert (record["operation"], record["what"]) == ("read", "reviews")
            assert (record["purpose"], record["plan_version"]) == ("review", 3)
            assert record["relationship"]["kind"] == "registration"
            told = orjson.dumps(items)
            assert (record["body_sha256"], record["body_length"]) == (
                sha256(told).hexdigest(), len(told),
            )  # fmt: skip
        same = await client.get("/v1/reviews", headers={"If-None-Match": answer.headers["etag"]})
        assert (same.status_code, same.content) == (304, b"")
        assert [one["status"] for one in (await bench.accesses())[2:]] == [304, 304]

        empty = await client.get("/v1/reviews?state=later")
        assert empty.json() == {"items": [], "next": None}
        assert (await bench.accesses())[-1]["record_id"] == empty.headers["ledger-access-id"]
        held = {"If-None-Match": empty.headers["etag"]}
        same = await client.get("/v1/reviews?state=later", headers=held)
        assert (same.status_code, (await bench.accesses())[-1]["status"]) == (304, 304)


async def test_who_was_shown_the_list_has_read_nothing_else_of_its_section(bench: Bench) -> None:
    plan, contribution_id = Planned("Marlow-Synth"), uuid4()
    plan.review("overdue", due_on=in_days(-3))
    comment = plan.history.event(
        *("stewardship", "comment-written", uuid4(), "created", {"text": "She is worse"}),
        entry_type="comment",
        contribution_id=contribution_id,
    )
    plan.events.append(comment)
    await let_in(bench.database, [related(plan.plan_id), related(plan.plan_id, "ZZC01")])
    await folded(bench, [plan])
    ours = f"/v1/plans/{plan.plan_id}/contributions/{contribution_id}"
    async with bench.service() as client:
        nurse = bench.issuer.signer.sign(professional("ZZC01", "nurse", "Tom Okafor-Synth"))
        theirs = {"Authorization": f"Bearer {nurse}"}
        assert len((await client.get("/v1/reviews", headers=theirs)).json()["items"]) == 1
        assert (await client.get(ours)).json()["first_read"] is None
        await client.get(f"/v1/plans/{plan.plan_id}", headers=theirs)
        read = (await client.get(ours)).json()["first_read"]
        assert read["organisation"]["ods"] == "ZZC01"


async def test_nobody_is_told_of_reviews_that_are_withheld_from_them(bench: Bench) -> None:
    seen, partly, ended = Planned("Marlow-Synth"), Planned("Okoro-Synth"), Planned("Hale-Synth")
    restricted = {"labels": ["mental-health"], "reason": "Asked for"}
    for plan in (seen, partly, ended):
        plan.review("overdue", due_on=in_days(-3), by="ZZC01")
    for name, days in (("restricted", -5), ("restricted as well", 60)):
        seen.review(name, due_on=in_days(days))
        marked = {"visibility": restricted}
        seen.say("review-restricted", seen.reviews[name], "amended", marked)
    ended.events.append(
        ended.history.event(
            "person", "plan-ended", ended.plan_id, "amended", {"plan_state": "ended"}
        )
    )
    await let_in(bench.database, [
        related(seen.plan_id, "ZZC01"), related(ended.plan_id, "ZZC01"),
        related(partly.plan_id, "ZZC01", scope={"sections": ["goals"]}),
    ])  # fmt: skip
    await folded(bench, (seen, partly, ended))
    async with bench.service() as client:
        nurse = {"sub": "n", "name": "N. Synth", "careplan": {
            "kind": "professional", "role": "nurse", "organisation": {"ods": "ZZC01"}}}  # fmt: skip
        client.headers["Authorization"] = f"Bearer {bench.issuer.signer.sign(nurse)}"
        (one,) = await listed(client)
        assert one["entry_id"] == str(seen.reviews["overdue"])
        # Nor that there are such, by a page that would be empty.
        for query in ("", "&state=later", f"&due_before={in_days(90)}"):
            assert (await client.get(f"/v1/reviews?limit=1{query}")).json()["next"] is None, query

        client.headers["Authorization"] = (
            f"Bearer {bench.issuer.signer.sign(person(str(seen.plan_id), 'Edith Marlow-Synth'))}"
        )
        no = await client.get("/v1/reviews")
        assert codes([no]) == [(403, "not-permitted")]
        assert (await bench.accesses())[-1]["operation"] == "denial"


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("state=soon", "state"),
        ("due_before=2026-13-01", "due_before"),
        ("due_before=20261201", "due_before"),
        ("org=", "org"),
        ("cursor=x", "cursor"),
        ("limit=0", "limit"),
        ("plan=1", "plan"),
    ],
)
async def test_what_cannot_be_asked_is_said(bench: Bench, query: str, name: str) -> None:
    async with bench.service() as client:
        answer = await client.get(f"/v1/reviews?{query}")
        assert codes([answer]) == [(400, "parameter-invalid")]
        assert answer.json()["parameter"] == name
