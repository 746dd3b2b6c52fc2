"""Contributions are counted as anybody would count them who reads the whole history."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx
import pytest

from shared.testing.events import History
from tests.component.plan.bench import Bench, codes, fold_directly, plan_store
from tests.component.plan.withheld.plans import PlantedPlan
from tests.component.plan.withheld.readers import let_in, related
from tests.component.plan.withheld.test_nothing_shows import READERS, told

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

LONDON = ZoneInfo("Europe/London")
GROUPINGS = ("organisation", "month", "section", "section,month", "section,month,organisation")
CHANGES = ("created", "amended", "withdrawn", "restored", "commented")
NURSE = {
    "kind": "professional",
    "name": "Sam Ferry-Synth",
    "role": "nurse",
    "organisation": {"ods": "ZZC01", "name": "Riverside"},
}
PERSON = {"kind": "person", "name": "Edith Marlow-Synth"}


async def listed(client: httpx.AsyncClient, url: str, **asked: Any) -> tuple[list[Any], int | None]:
    """All items of a list, page by page, and what each page says is withheld."""
    items: list[Any] = []
    while True:
        answer = await client.get(url, **asked)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        items += page["items"]
        if page["next"] is None:
            return items, page.get("withheld")
        params = {**asked.get("params", {}), "cursor": page["next"]}
        asked = {**asked, "params": params}


def group_of(item: Mapping[str, Any], grouping: str) -> tuple[Any, ...]:
    by, names = item["by"], grouping.split(",")
    at = datetime.fromisoformat(item["recorded_at"]).astimezone(LONDON)
    is_a_persons = by["kind"] in ("person", "related-person")
    whose = (is_a_persons, by["kind"] if is_a_persons else by["organisation"]["ods"])
    parts = {"organisation": whose, "month": f"{at:%Y-%m}", "section": item["section"]}
    return tuple(parts[name] for name in ("organisation", "month", "section") if name in names)


def counted(history: list[Any], grouping: str) -> tuple[dict[Any, Counter[str]], int]:
    """The naive count over what a reader is shown of the history."""
    found: dict[Any, Counter[str]] = {}
    withheld = 0
    for item in history:
        if item.get("withheld"):
            withheld += 1
            continue
        change = [one["change"] for one in item["events"] if "change" in one][-1]
        said = "commented" if item["entry_type"] == "comment" else change
        found.setdefault(group_of(item, grouping), Counter())[said] += 1
    return found, withheld


def as_counted(item: Mapping[str, Any], grouping: str) -> tuple[Any, ...]:
    names = grouping.split(",")
    parts: dict[str, Any] = {name: item.get(name) for name in ("month", "section")}
    if "organisation" in names:
        is_a_persons = item["organisation"] is None
        whose = item["kind"] if is_a_persons else item["organisation"]["ods"]
        parts["organisation"] = (is_a_persons, whose)
    return tuple(parts[name] for name in ("organisation", "month", "section") if name in names)


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_reader_is_told_the_count_of_what_the_history_shows_them(
    bench: Bench, seed: int
) -> None:
    plan = await told(bench, PlantedPlan(seed, "left"))
    base = f"/v1/plans/{plan.plan_id}"
    async with bench.service() as client:
        for reader in READERS:
            token = reader.token(bench, plan.plan_id)
            history, _ = await listed(client, f"{base}/history", headers=token)
            for grouping in GROUPINGS:
                asked = {"headers": token, "params": {"group_by": grouping, "limit": 3}}
                items, withheld = await listed(client, f"{base}/contributions", **asked)
                given = {as_counted(one, grouping): one for one in items if one["total"]}
                wanted, left_out = counted(history, grouping)
                assert list(given) == sorted(wanted), (reader.name, grouping)
                for group, numbers in wanted.items():
                    assert {name: given[group][name] for name in CHANGES} == {
                        name: numbers[name] for name in CHANGES
                    }, (reader.name, group)
                    assert given[group]["total"] == numbers.total()
                assert withheld == (left_out or None), (reader.name, grouping)


async def test_whoever_has_joined_and_said_nothing_stands_among_the_organisations(
    bench: Bench,
) -> None:
    history, goal, comment, both = History(), uuid4(), uuid4(), uuid4()
    organisation = {"ods": "ZZL01", "name": "Larkfield Council"}
    joined = history.event(
        *("care-team", "relationship-established", uuid4(), "created"),
        {"organisation": organisation, "live_from": "2026-02-01T00:00:00.000000Z",
         "kind": "social-care", "scope": {"contribute": True}},
        entry_type="relationship",
    )  # fmt: skip
    events = [
        history.opened(),
        history.event("goals", "agreed", goal, "created", {"aim": 1}, recorded_by=NURSE),
        history.event("goals", "reworded", goal, content={"aim": 2}, contribution_id=both),
        history.event(
            *("goals", "set-aside", goal, "withdrawn", {"reason": "x"}), contribution_id=both
        ),
        history.event(
            *("stewardship", "comment-written", comment, "created", {"text": "So"}),
            entry_type="comment",
            recorded_by=PERSON,
        ),
        joined,
    ]
    await fold_directly(bench, plan_store("one"), events)
    await let_in(bench.database, [related(history.plan_id), joined])
    url = f"/v1/plans/{history.plan_id}/contributions"
    async with bench.service() as client:
        items, withheld = await listed(client, url)
        assert withheld is None
        assert [one["organisation"] and one["organisation"]["ods"] for one in items] == [
            "ZZC01", "ZZG01", "ZZL01", None,
        ]  # fmt: skip
        nurse, practice, council, person = items
        assert (nurse["created"], nurse["total"]) == (1, 1)
        # Opened, joined for another, and two events of one contribution that count once.
        assert (practice["created"], practice["withdrawn"], practice["amended"]) == (2, 1, 0)
        assert council["organisation"] == organisation
        assert (council["total"], council["first_at"]) == (0, None)
        assert council["joined_at"] == "2026-02-01T00:00:00Z"
        assert (person["kind"], person["commented"], person["created"]) == ("person", 1, 0)
        by_section, _ = await listed(client, url, params={"group_by": "section"})
        assert [one["section"] for one in by_section] == [
            "care-team", "goals", "person", "stewardship",
        ]  # fmt: skip
        assert all({"organisation", "month", "joined_at"}.isdisjoint(one) for one in by_section)
        for query in ("group_by=person", "group_by=", "limit=0", "cursor=x", "since=2026-01-01"):
            assert codes([await client.get(f"{url}?{query}")]) == [(400, "parameter-invalid")]
        nobody = await client.get(
            f"/v1/plans/{uuid4()}/contributions", headers={"Prefer": "wait=0"}
        )
        assert codes([nobody]) == [(403, "no-live-relationship")]
    (record,) = [one for one in await bench.accesses() if one["what"] == "contributions"][:1]
    assert (record["operation"], record["plan_id"]) == ("read", str(history.plan_id))


async def test_what_goes_on_after_the_version_that_is_counted_hides_nothing(bench: Bench) -> None:
    history, goal, both = History(), uuid4(), uuid4()
    events = [
        history.opened(),
        history.event("goals", "agreed", goal, "created", {"aim": 1}),
        history.event("goals", "reworded", goal, content={"aim": 2}, contribution_id=both),
        history.event(
            *("goals", "set-aside", goal, "withdrawn", {"reason": "x"}), contribution_id=both
        ),
    ]
    await fold_directly(bench, plan_store("one"), events)
    await let_in(bench.database, [related(history.plan_id)])
    url = f"/v1/plans/{history.plan_id}/contributions?group_by=section"
    async with bench.service() as client:
        (goals, _), _ = await listed(client, url)
        assert (goals["amended"], goals["withdrawn"]) == (0, 1)
        # As whoever reads the plan before its last event comes, and the ledger after it.
        await bench.database.pool.execute(
            "UPDATE plan SET version = version - 1 WHERE plan_id = $1", history.plan_id
        )
        (goals, _), _ = await listed(client, url)
        assert (goals["amended"], goals["withdrawn"]) == (1, 0)


@pytest.mark.parametrize(("leaf", "is_told"), [("organisation", False), ("live_from", False),
                                               ("reason", True)])  # fmt: skip
async def test_a_withheld_leaf_of_a_relationship_is_not_told_by_the_counts(
    bench: Bench, leaf: str, is_told: bool
) -> None:
    history = History()
    joined = history.event(
        *("care-team", "relationship-established", uuid4(), "created"),
        {"organisation": {"ods": "ZZL01"}, "live_from": "2026-02-01T00:00:00.000000Z",
         "kind": "social-care", "reason": "She asked", "scope": {"contribute": True},
         "visibility": {"fields": [leaf], "labels": ["address"], "reason": "Safety"}},
        entry_type="relationship",
        recorded_by=NURSE,
    )  # fmt: skip
    await fold_directly(bench, plan_store("one"), [history.opened(), joined])
    await let_in(bench.database, [related(history.plan_id), joined])
    async with bench.service() as client:
        answer = await client.get(f"/v1/plans/{history.plan_id}/contributions")
        assert answer.status_code == 200, answer.text
        assert ("ZZL01" in answer.text) == is_told
