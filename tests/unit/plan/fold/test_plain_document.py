"""The fold that services and stacks are held against, rule by rule."""

from typing import Any

from shared.testing.plain_fold import Taken, plan_of

PLAN = "0199c0de-0000-7000-8000-0000000000a1"
NURSE = {"kind": "professional", "name": "N-Synth", "role": "nurse", "organisation": {"ods": "Z1"}}
GP = {"kind": "professional", "name": "Gp-Synth", "role": "gp", "organisation": {"ods": "ZZC01"}}


def event(
    type_: str, content: dict[str, Any], *, minute: int, version: int = 1, change: str = "amended",
    fields: list[str] | None = None, entry: str = "e1", by: dict[str, Any] = NURSE,
    **provenance: Any,
) -> dict[str, Any]:  # fmt: skip
    section, name = type_.split(".")
    told = {
        "plan_id": PLAN,
        "section": section,
        "entry_id": entry,
        "entry_type": section,
        "entry_version": version,
        "type": f"careplan.{section}.{name}.v1",
        "change": change,
        "recorded_at": f"2026-03-10T14:{minute:02}:00Z",
        "content": content,
        "provenance": {"recorded_by": {**by, "identifier": {"value": "x"}}, **provenance},
    }
    return told if fields is None else {**told, "fields": fields}


OPENED = event("person.plan-opened", {"plan_state": "open"}, minute=0, change="created", entry=PLAN)
AGREED = event(
    "goals.agreed", {"aim": {"text": "Walk"}, "why": "To shop"}, minute=1, change="created"
)


def document_of(events: list[dict[str, Any]]) -> dict[str, Any]:
    return plan_of(PLAN, Taken(list(events)))


def only_entry(*events: dict[str, Any]) -> dict[str, Any]:
    [entry] = document_of([OPENED, *events])["sections"]["goals"]
    return dict(entry)


def test_a_plan_that_was_opened() -> None:
    assert document_of([OPENED]) == {
        "plan_id": PLAN,
        "plan_version": 1,
        "state": "open",
        "opened_at": "2026-03-10T14:00:00Z",
        "last_updated": "2026-03-10T14:00:00Z",
        "complete": True,
        "sections": {
            "person": [
                {
                    "entry_id": PLAN,
                    "entry_type": "person",
                    "entry_version": 1,
                    "current": True,
                    "state": "current",
                    "recorded_at": "2026-03-10T14:00:00Z",
                    "stated_at": "2026-03-10T14:00:00Z",
                    "by": NURSE,
                    "stated_by": NURSE,
                    "content": {"plan_state": "open"},
                }
            ]
        },
        "parked": [],
    }


def test_a_plan_not_seen_to_open_is_not_complete() -> None:
    told = document_of([AGREED])
    assert (told["state"], told["complete"], told["opened_at"]) == ("unknown", False, None)


def test_a_leaf_is_replaced_whole_or_removed() -> None:
    reworded = event("goals.reworded", {"aim": {"code": 1}, "why": None}, minute=2, version=2)
    assert only_entry(AGREED, reworded)["content"] == {"aim": {"code": 1}}


def test_what_is_not_among_the_fields_is_no_part_of_the_entry() -> None:
    aside = event(
        "goals.weighed", {"importance": 3, "reason": "x"}, minute=2, fields=["importance"]
    )
    assert only_entry(AGREED, aside)["content"] == {**AGREED["content"], "importance": 3}


def test_a_map_has_a_leaf_for_each_key_and_goes_with_its_last() -> None:
    begun = event(
        "goals.begun",
        {"responses": {"a": 1, "b": 2}},
        minute=1,
        fields=["responses.a", "responses.b"],
    )
    cleared = event(
        "goals.cleared", {"responses": {"a": None}}, minute=2, fields=["responses.a"], version=2
    )
    last = event("goals.cleared", {}, minute=3, fields=["responses.b"], version=3)
    assert only_entry(begun, cleared)["content"] == {"responses": {"b": 2}}
    assert only_entry(begun, cleared, last)["content"] == {}


def test_withdrawn_is_out_restored_is_back_and_in_error_stays_out_until_begun_again() -> None:
    aside = event("goals.set-aside", {}, minute=2, version=2, change="withdrawn", fields=[])
    reworded = event("goals.reworded", {"why": "x"}, minute=3, version=3)
    back = event("goals.resumed", {}, minute=4, version=4, change="restored", fields=[])
    error = event("goals.entered-in-error", {}, minute=5, version=5, change="withdrawn", fields=[])
    assert document_of([AGREED, aside, reworded])["sections"] == {}
    assert only_entry(AGREED, aside, reworded, back)["state"] == "current"
    assert document_of([AGREED, error])["sections"] == {}
    again = {**AGREED, "entry_version": 6, "change": "restored"}
    assert only_entry(AGREED, error, again)["state"] == "current"


def test_names_and_times_are_those_of_the_last_event_that_set_more_than_who_may_see_it() -> None:
    reworded = event(
        "goals.reworded", {"why": "x"}, minute=2, version=2, by=GP,
        stated_by={"kind": "related-person", "relationship": "son", "contact": "1"},
        stated_at="2026-03-10T15:00:00.5+01:00",
    )  # fmt: skip
    restricted = event("goals.restricted", {"visibility": {}}, minute=3, version=3)
    aside = event("goals.set-aside", {}, minute=4, version=4, change="withdrawn", fields=[])
    back = event("goals.resumed", {}, minute=5, version=5, change="restored", fields=[])
    entry = only_entry(AGREED, reworded, restricted, aside, back)
    assert (entry["by"], entry["recorded_at"]) == (GP, "2026-03-10T14:02:00Z")
    assert entry["stated_by"] == {"kind": "related-person", "relationship": "son"}
    assert entry["stated_at"] == "2026-03-10T14:00:00.500000Z"
    assert entry["entry_version"] == 5


def test_confirming_and_restricting_are_no_update() -> None:
    confirmed = event("goals.confirmed", {}, minute=7, version=2, fields=[])
    restricted = event("goals.action-restricted", {"visibility": {}}, minute=8, version=3)
    told = document_of([OPENED, AGREED, confirmed, restricted])
    assert told["last_updated"] == "2026-03-10T14:01:00Z"
    assert told["sections"]["goals"][0]["confirmed_at"] == "2026-03-10T14:07:00Z"


def test_the_latest_reference_of_each_system() -> None:
    ours = {"system": {"name": "A"}, "source_ref": {"id": "1"}}
    theirs = {"system": {"name": "B"}, "source_ref": {"id": "2"}}
    later = {"system": {"name": "A"}, "source_ref": {"id": "3", "version": "4"}}
    events = [
        {**AGREED, "entry_version": n, "provenance": {**AGREED["provenance"], **one}}
        for n, one in enumerate((ours, theirs, later), 1)
    ]
    assert only_entry(*events)["external_refs"] == [
        {"system": "A", "id": "3", "version": "4"},
        {"system": "B", "id": "2"},
    ]


def test_states_of_a_plan() -> None:
    merged = event("person.plan-merged", {"merged_into": "p2"}, minute=1, version=2, entry=PLAN)
    unmerged = event("person.plan-unmerged", {}, minute=2, version=3, entry=PLAN)
    ended = event("person.plan-ended", {"plan_state": "ended"}, minute=3, version=4, entry=PLAN)
    again = event("person.plan-opened", {"plan_state": "open"}, minute=5, version=3, entry=PLAN)
    assert document_of([OPENED, merged])["merged_into"] == "p2"
    assert "merged_into" not in document_of([OPENED, merged, unmerged])
    states = [document_of(events)["state"] for events in (
        [OPENED, merged], [OPENED, merged, unmerged], [OPENED, ended],
        [OPENED, event("goals.plan-ended", {}, minute=4)], [OPENED, merged, again],
    )]  # fmt: skip
    assert states == ["merged", "open", "ended", "open", "open"]


def test_a_comment_has_the_changes_that_answer_it_in_the_order_of_the_plan() -> None:
    ref = {"section": "stewardship", "entry_id": "c1"}
    written = event("stewardship.comment-written", {}, minute=1, change="created", entry="c1")
    written |= {"entry_type": "comment"}
    goal = {**AGREED, "contribution_id": "k1"}
    goal["provenance"] = {**AGREED["provenance"], "answers": ref}
    [comment] = document_of([OPENED, written, goal])["sections"]["stewardship"]
    assert comment["answered_with"] == [
        {
            "section": "goals",
            "entry_id": "e1",
            "entry_version": 1,
            "contribution_id": "k1",
            "plan_version": 3,
        }
    ]
    [comment] = document_of([OPENED, written, AGREED])["sections"]["stewardship"]
    assert "answered_with" not in comment
    review = {**written, "entry_type": "review"}
    [other] = document_of([OPENED, review, goal])["sections"]["stewardship"]
    assert "answered_with" not in other
