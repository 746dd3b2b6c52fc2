"""A difference makes of the earlier plan the later one, and says who made it; so does its patch."""

from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import orjson
import pytest

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
from tests.component.plan.past.test_instants import histories, of_the_run
from tests.component.plan.withheld.readers import let_in, related

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

PATCH = {"Accept": "application/json-patch+json"}


async def test_a_difference_is_told_by_entry_field_and_word(bench: Bench) -> None:
    history = History()
    events = short_history(history)
    await let_in(bench.database, [related(history.plan_id)])
    async with bench.service() as client:
        await fold_directly(bench, plan_store("one"), events)
        base = f"/v1/plans/{history.plan_id}/diff"

        told = (await client.get(f"{base}?from=3&to=4")).json()
        assert told["from"]["plan_version"] == 3
        (goal,) = told["entries"]
        assert (goal["what"], goal["entry_versions"]) == ("changed", [1, 2])
        (aim,) = goal["fields"]
        assert (aim["field"], aim["what"]) == ("aim", "changed")
        assert aim["words"] == [["=", "Walk"], ["+", " far"]]
        assert aim["said"]["entry_version"] == 2
        assert aim["said"]["recorded_by"]["name"] == "Dr A. Quill-Synth"

        told = (await client.get(f"{base}?from=2")).json()
        assert told["to"]["plan_version"] == 5
        (goal,) = told["entries"]
        assert (goal["what"], goal["entry_versions"]) == ("withdrawn", [0, 3])
        assert (goal["said"]["entry_version"], goal["reason"]) == (3, "Moved")
        told = (await client.get(f"{base}?from=0&to=2")).json()
        assert [one["what"] for one in told["entries"]] == ["added", "added"]
        assert told["from"] == {"plan_version": 0, "at": None}
        assert (await client.get(f"{base}?from=5")).json()["entries"] == []

        agreed, reworded = (quote(instant(one.recorded_at)) for one in events[2:4])
        told = (await client.get(f"{base}?from={agreed}&to={reworded}")).json()
        assert [one["field"] for one in told["entries"][0]["fields"]] == ["aim"]
        early = (await client.get(f"{base}?from=2020-01-01T00:00:00Z&to={agreed}")).json()
        assert early["from"]["plan_version"] == 0
        assert len(early["entries"]) == 3

        wrong = {
            "": "from",
            "to=3": "from",
            "from=-1": "from",
            "from=4&to=3": "from",
            "from=1&to=2026-11-14T15:05:00Z": "to",
            "from=1&to=0": "to",
            "from=1&to=soon": "to",
            "from=last-look&looked_before=soon": "looked_before",
            "from=1&looked_before=2026-11-14T15:05:00Z": "looked_before",
            "from=last-look&to=2026-11-14T15:05:00Z": "to",
        }
        for query, name in wrong.items():
            answer = await client.get(f"{base}?{query}")
            assert codes([answer]) == [(400, "parameter-invalid")], query
            assert answer.json()["parameter"] == name
        answers = [
            await client.get(f"{base}?from=1&to=9"),
            await client.get(f"{base}?from=1", headers={"Accept": "text/html"}),
            await client.get(f"{base}?from=2019-01-01T00:00:00Z&to=2020-01-01T00:00:00Z"),
            await client.get(f"/v1/plans/{uuid4()}/diff?from=0"),
        ]
        assert codes(answers) == [
            (404, "version-unknown"),
            (406, "not-acceptable"),
            (404, "as-at-before-the-plan"),
            (403, "no-live-relationship"),
        ]


async def test_every_difference_makes_the_one_plan_of_the_other(bench: Bench) -> None:
    number, random = of_the_run(25)
    store = plan_store("one")
    made = [one for one in histories(random, number) if one]
    await fold_directly(bench, store, [event for came in made for event in came], batch=400)
    await let_in(bench.database, [related(came[0].plan_id) for came in made])
    compared = 0
    async with bench.service() as client:
        client.event_hooks = {}  # these histories have what no section records, and no contract
        for came in made:
            plan_id = came[0].plan_id
            rows = await bench.ledger(plan_id)
            if not rows:
                continue
            one, other = sorted(random.choices(range(len(rows) + 1), k=2))
            points = [(str(one), str(max(other, 1)), "version")]
            # Nothing can be asked of the future, where an odd clock has recorded something.
            recorded = [at for row in rows if (at := row["recorded_at"]) <= datetime.now(UTC)]
            if recorded:
                first, last = sorted(random.choices(recorded, k=2))
                points.append((instant(first), instant(last), "as_at"))
            for begin, end, name in points:
                await must_make(client, f"/v1/plans/{plan_id}", begin, end, name)
                compared += 1
    assert compared > number


async def must_make(client: httpx.AsyncClient, base: str, begin: str, end: str, name: str) -> None:
    async def plan(point: str, include: str = "") -> Any:
        if point == "0":
            return {}
        answer = await client.get(f"{base}?{name}={point}{include}")
        assert answer.status_code == 200
        return answer.json()

    patch = await client.get(f"{base}/diff?from={begin}&to={end}", headers=PATCH)
    assert patch.status_code == 200, patch.text
    assert patch.headers["content-type"] == "application/json-patch+json"
    assert alike(patched(await plan(begin), patch.json()), await plan(end))
    told = (await client.get(f"{base}/diff?from={begin}&to={end}")).json()
    before = entries_of(await plan(begin, "&include=withdrawn,authorship"))
    after = entries_of(await plan(end, "&include=withdrawn,authorship"))
    assert told["to"]["plan_version"] == (await plan(end))["plan_version"]
    listed = {(one["section"], one["entry_id"]): one for one in told["entries"]}
    # The plan has its entries by section, and the difference as they came.
    for section in {section for section, _ in after}:
        of_it = [key for key in listed if key[0] == section]
        assert of_it == [key for key in after if key in listed and key[0] == section]
    for key, entry in after.items():
        one, held = listed.get(key), before.get(key)
        if one is None:
            assert held is not None
            assert alike(as_said(held), as_said(entry))
            continue
        version = held["entry_version"] if held else 0
        assert one["entry_versions"] == [version, entry["entry_version"]]
        assert version < one["said"]["entry_version"] <= entry["entry_version"]
        assert one["what"] == what_became(held, entry)
        content = with_fields(held["content"] if held else {}, one["fields"])
        assert alike(content, entry["content"])
        for field in one["fields"]:
            assert version < field["said"]["entry_version"] <= entry["entry_version"]


def what_became(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> str:
    was, stands = bool(before and before["current"]), after["current"]
    if was == stands and before is not None:
        return "changed"
    if before is None:
        return "added" if stands else "withdrawn"
    return "restored" if stands else "withdrawn"


def as_said(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Without the answers to a comment: it is the change that answers which is a difference."""
    return {name: one for name, one in entry.items() if name != "answered_with"}


def entries_of(plan: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (section, entry["entry_id"]): entry
        for section, entries in plan.get("sections", {}).items()
        for entry in entries
    }


def with_fields(content: Mapping[str, Any], fields: Any) -> dict[str, Any]:
    made = deepcopy(dict(content))
    for one in fields:
        key, dot, name = one["field"].partition(".")
        held, at = (made.setdefault(key, {}), name) if dot else (made, key)
        if one["what"] == "removed":
            del held[at]
        else:
            held[at] = one["after"]
        if dot and not held:
            del made[key]
    return made


def patched(document: Any, operations: Any) -> Any:
    """By the plainest reading of RFC 6902."""
    made: Any = {"": deepcopy(document)}
    for one in operations:
        way = ["", *one["path"].split("/")[1:]]
        last, held = way.pop(), made
        for name in way:
            held = held[int(name)] if isinstance(held, list) else held[unescaped(name)]
        at: Any = int(last) if isinstance(held, list) else unescaped(last)
        if one["op"] == "remove":
            del held[at]
        elif one["op"] == "add" and isinstance(held, list):
            held.insert(at, one["value"])
        else:
            held[at] = one["value"]
    return made[""]


def unescaped(name: str) -> str:
    return name.replace("~1", "/").replace("~0", "~")


def alike(one: Any, other: Any) -> bool:
    left, right = (orjson.dumps(value, option=orjson.OPT_SORT_KEYS) for value in (one, other))
    return left == right


async def test_one_entry_is_shown_with_who_said_what_and_every_event_of_it(bench: Bench) -> None:
    history = History()
    events = short_history(history)
    goal = events[2].entry_id
    twice = history.event("needs", "found", goal, "created", {"what": {"text": "Falls"}})
    await let_in(bench.database, [related(history.plan_id)])
    async with bench.service() as client:
        await fold_directly(bench, plan_store("one"), events)
        base = f"/v1/plans/{history.plan_id}/entries/{goal}"

        now = (await client.get(base)).json()
        assert (now["state"], now["section"], now["plan_version"]) == ("withdrawn", "goals", 5)
        assert now["authorship"]["aim"]["entry_version"] == 2
        assert "as_at" not in now
        then = await client.get(f"{base}?version=3")
        assert then.json()["content"] == {"aim": {"text": "Walk"}, "why": "Shop"}
        assert then.json()["as_at"]["basis"] == "version"
        assert then.headers["ledger-current-version"] == "5"
        at = quote(instant(events[3].recorded_at))
        assert (await client.get(f"{base}?as_at={at}")).json()["entry_version"] == 2

        told = (await client.get(f"{base}/history?limit=2")).json()
        assert [item["entry_version"] for item in told["items"]] == [3, 2]
        assert told["items"][0]["reason"] == "Moved"
        assert told["items"][0]["fields"] == []
        (aim,) = told["items"][1]["fields"]
        assert aim["words"] == [["=", "Walk"], ["+", " far"]]
        assert aim["said"]["entry_version"] == 2
        rest = (await client.get(f"{base}/history?limit=2&cursor={told['next']}")).json()
        assert [item["entry_version"] for item in rest["items"]] == [1]
        assert [one["field"] for one in rest["items"][0]["fields"]] == ["aim", "why"]
        why = (await client.get(f"{base}/history?field=why")).json()
        assert [item["entry_version"] for item in why["items"]] == [1]
        assert [one["field"] for one in why["items"][0]["fields"]] == ["why"]
        assert (await client.get(f"{base}/history?field=wh")).json()["items"] == []

        unknown = [
            await client.get(f"/v1/plans/{history.plan_id}/entries/{uuid4()}"),
            await client.get(f"/v1/plans/{history.plan_id}/entries/nothing/history"),
            await client.get(f"{base}?version=2"),
            await client.get(f"{base}?section=needs"),
            await client.get(f"/v1/plans/{uuid4()}/entries/{goal}"),
        ]
        assert codes(unknown) == [(404, "entry-unknown")] * 4 + [(403, "no-live-relationship")]
        await fold_directly(bench, plan_store("one"), [twice])
        await shown(client, history.plan_id, 6)
        for path in (base, f"{base}/history"):
            answer = await client.get(path)
            assert codes([answer]) == [(400, "section-needed")]
            assert answer.json()["sections"] == ["goals", "needs"]
        assert (await client.get(f"{base}?section=needs")).json()["entry_type"] == "need"
        both = await client.get(f"{base}?section=needs,goals")
        assert codes([both]) == [(400, "parameter-invalid")]
