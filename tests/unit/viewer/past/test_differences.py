"""What differs between two plans, in words."""

from typing import Any

import httpx
import pytest

from services.viewer.shown.past.differences import Compared, EntryDiffers, compared
from tests.browser.recorded_apis import EDITH as PLAN
from tests.browser.recorded_apis import RecordedApis
from tests.unit.viewer.laid_out import CLOCK, words
from tests.unit.viewer.test_pages import sign_in

GOAL = "88aabaed-0000-5000-8000-000000000001"
TOM: dict[str, Any] = {
    "entry_version": 2,
    "stated_by": {"kind": "professional", "name": "Tom Okafor-Synth", "role": "physiotherapist",
                  "organisation": {"ods": "ZZC01", "name": "Northmoor (synthetic)"}},
    "recorded_by": {"kind": "professional", "name": "Tom Okafor-Synth", "role": "physiotherapist",
                    "organisation": {"ods": "ZZC01", "name": "Northmoor (synthetic)"}},
    "stated_at": "2026-09-22T14:00:00Z",
    "recorded_at": "2026-09-22T14:05:00Z",
    "plan_version": 48,
}  # fmt: skip
EDITH = {**TOM, "stated_by": {"kind": "person"}, "recorded_by": {"kind": "person"}}


def shown(*entries: dict[str, Any], **more: Any) -> Compared:
    told = {
        "from": {"plan_version": 36, "at": "2026-09-01T09:00:00Z"},
        "to": {"plan_version": 52, "at": "2026-11-05T09:00:00Z"},
        "entries": list(entries),
        **more,
    }
    return compared(told, words(), {("goals", GOAL): "Walk to the shop"}, CLOCK)


def goal(*fields: dict[str, Any], what: str = "changed", **more: Any) -> dict[str, Any]:
    return {
        "section": "goals",
        "entry_id": GOAL,
        "entry_type": "goal",
        "what": what,
        "entry_versions": [1, 2],
        "reason": None,
        "said": TOM,
        "fields": [{"said": TOM, **field} for field in fields],
        **more,
    }


def the_entry(found: Compared) -> EntryDiffers:
    ((_, _, (entry,)),) = found.parts
    return entry


def test_two_texts_are_told_word_by_word() -> None:
    told = [["=", "Walk to the "], ["-", "shop"], ["+", "allotment"]]
    sides = {"before": {"text": "Walk to the shop"}, "after": {"text": "Walk to the allotment"}}
    found = shown(goal({"field": "aim", "what": "changed", **sides, "words": told}))
    entry = the_entry(found)
    ((who, (aim,)),) = entry.runs
    assert (entry.tag, entry.title, aim.label) == (("blue", "Changed"), "Walk to the shop", "Goal")
    assert aim.differs.words == tuple(map(tuple, told))
    assert who.voice.name == "Tom Okafor-Synth"
    assert (found.number, found.kinds) == (1, (("Goal", "1 changed"),))
    assert found.by == ("Northmoor (synthetic)",)
    assert found.before == "version 36, 1 September 2026 at 10:00am BST"


def test_what_is_no_text_alone_is_told_before_and_after_and_never_as_a_raw_code() -> None:
    status = {
        "field": "status",
        "what": "changed",
        "before": {"value": "partially-achieved", "text": "Soon"},
        "after": {"value": "achieved", "text": "Now"},
        "words": [["-", "Soon"], ["+", "Now"]],
    }
    coded = {
        "field": "aim",
        "what": "changed",
        "before": {"text": "Walk", "code": {"system": "x", "code": "1", "display": "Walking"}},
        "after": {"text": "Walk", "code": {"system": "x", "code": "2", "display": "Running"}},
        "words": [["=", "Walk"]],
    }
    entry = the_entry(shown(goal(status, coded)))
    by_label = {one.label: one.differs for _, run in entry.runs for one in run}
    for one in by_label.values():
        assert not one.words
    before, after = by_label["Status"].before, by_label["Status"].after
    assert before is not None
    assert after is not None
    assert (before.text, before.note) != (after.text, after.note)
    assert (before.text, after.text) == ("Partially achieved", "Achieved")
    aim = by_label["Goal"]
    assert aim.before is not None
    assert aim.after is not None
    assert (aim.before.note, aim.after.note) == ("Walking", "Running")


def test_fields_of_two_voices_stand_apart_and_hidden_ones_are_named_without_what_they_say() -> None:
    entry = the_entry(
        shown(
            goal(
                {"field": "aim", "what": "added", "after": {"text": "Run"}},
                {"field": "why", "what": "removed", "before": "Shop", "said": EDITH},
                {"field": "visibility", "what": "added", "after": {"labels": ["secret-label"]}},
            )
        )
    )
    assert [[one.label for one in run] for _, run in entry.runs] == [["Goal"], ["Why"]]
    assert entry.is_seen_otherwise
    assert "secret-label" not in repr(entry)


@pytest.mark.parametrize(
    ("what", "versions", "tag"),
    [
        ("added", [0, 1], "Added"),
        ("withdrawn", [1, 3], "Taken out"),
        ("withdrawn", [0, 3], "Added and taken out again"),
        ("restored", [2, 3], "Put back"),
    ],
)
def test_what_became_of_an_entry_is_said_with_why(what: str, versions: list[int], tag: str) -> None:
    found = shown(goal(what=what, entry_versions=versions, reason={"text": "She moved"}))
    entry = the_entry(found)
    assert (entry.tag[1], entry.reason) == (tag, "She moved")
    assert not entry.says_the_same
    assert found.kinds == (("Goal", f"1 {tag.lower()}"),)


def test_what_was_only_confirmed_says_the_same() -> None:
    assert the_entry(shown(goal())).says_the_same


def test_items_of_a_list_that_differ_are_told_one_by_one() -> None:
    field = {
        "field": "contacts",
        "what": "changed",
        "before": [{"item_id": "a", "name": "Ruth"}, {"item_id": "b", "name": "Pendant"}],
        "after": [{"item_id": "a", "name": "Ruth"}, {"item_id": "c", "name": "Ambulance"}],
        "items": [
            {"item_id": "b", "what": "removed", "before": {"item_id": "b", "name": "Pendant"}},
            {"item_id": "c", "what": "added", "after": {"item_id": "c", "name": "Ambulance"}},
        ],
    }
    told = goal(field) | {"section": "contingency-plans", "entry_type": "contingency-plan"}
    ((_, (contacts,)),) = the_entry(shown(told)).runs
    assert [one.what for one in contacts.items] == ["removed", "added"]
    (gone, came) = contacts.items
    assert gone.before is not None
    assert came.after is not None
    assert (gone.before.text, came.after.text) == ("Pendant", "Ambulance")


def test_what_is_withheld_is_counted_and_nothing_is_said_of_it() -> None:
    found = shown(withheld=[{"section": "needs", "entries": 2}])
    assert (found.number, found.parts) == (0, ())
    assert found.withheld == "2 entries not shared with you"


def test_before_the_first_version_there_was_nothing() -> None:
    assert shown(**{"from": {"plan_version": 0, "at": None}}).before == (
        "before anything was recorded"
    )


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("from=40&to=12", "must not come after the later one"),
        ("to=12", "Choose the earlier one as well"),
        ("from=1&to_day=2026-11-01", "two versions, or two days"),
        ("from=1&to=0", "a version from 1"),
        ("from_day=2026-11-02&to_day=2026-11-01", "must not come after the later one"),
    ],
)
async def test_what_cannot_be_compared_is_said_beside_what_was_chosen(
    browser: httpx.AsyncClient, apis: RecordedApis, query: str, words: str
) -> None:
    await sign_in(browser)
    page = await browser.get(f"/plans/{PLAN}/compare?{query}")
    assert page.status_code == 400
    assert words in page.text
    assert 'name="from"' in page.text, "and what was chosen can be mended"
    assert not [one for one in apis.asked if one.url.path.endswith("/diff")]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("from=36", {"from": "36"}),
        ("from=0&to=36", {"from": "0", "to": "36"}),
        ("from=last-look", {"from": "last-look"}),
        ("from_day=2026-07-01&from_at=15:05", {"from": "2026-07-01T15:05:00+01:00"}),
    ],
)
async def test_what_is_chosen_is_what_is_asked_for(
    browser: httpx.AsyncClient, apis: RecordedApis, query: str, asked: dict[str, str]
) -> None:
    await sign_in(browser)
    page = await browser.get(f"/plans/{PLAN}/compare?{query}")
    assert page.status_code == 200
    assert "14 entries differ" in page.text
    (difference,) = (one for one in apis.asked if one.url.path.endswith("/diff"))
    assert dict(difference.url.params) == asked
    assert page.headers["cache-control"] == "no-store"
