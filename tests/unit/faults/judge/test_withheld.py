"""The judge expects of a reader all that is not withheld, and no more left out than is said."""

from typing import Any

from tests.faults.judge.withheld import listed_as_shown, plan_as_shown, unmarked

BY: dict[str, Any] = {"by": {"name": "A"}, "stated_by": {}, "recorded_at": "1", "stated_at": "1"}
GOAL = {"entry_id": "g", "content": {"aim": 1, "why": 2, "visibility": {}}, **BY}
NEED = {"entry_id": "n", "content": {"what": 1}, **BY}
WANTED = {"sections": {"goals": [GOAL], "needs": [NEED]}}


def test_what_the_answer_counts_and_names_is_left_out_of_what_is_expected() -> None:
    goal = {"entry_id": "g", "content": {"aim": 1}, **BY, "by": {"name": "B"}, "withheld": ["why"]}
    told = {"sections": {"goals": [goal]}, "withheld": [{"section": "needs", "entries": 1}]}
    assert plan_as_shown(told, WANTED) == told
    assert plan_as_shown(WANTED, WANTED) == WANTED


def test_what_is_left_out_without_a_word_is_missed() -> None:
    assert plan_as_shown({"sections": {"goals": [GOAL]}}, WANTED) == WANTED
    goal = {**GOAL, "content": {"aim": 1}}
    told = {"sections": {"goals": [goal], "needs": [NEED]}}
    assert plan_as_shown(told, WANTED) == WANTED


def test_a_list_is_expected_as_far_as_it_is_shown() -> None:
    event = {"fields": ["aim", "why"], "content": {"aim": 1, "why": 2, "reason": "r"}}
    wanted: list[dict[str, Any]] = [
        {"plan_versions": [2], "reason": "r", "events": [event]},
        {"plan_versions": [1]},
    ]
    cut = {"fields": ["aim"], "content": {"aim": 1}, "withheld": ["why"]}
    told: list[dict[str, Any]] = [{"plan_versions": [2], "reason": None, "events": [cut]},
            {"plan_versions": [1], "withheld": True}]  # fmt: skip
    assert listed_as_shown(told, wanted) == told
    assert listed_as_shown(told[:1], wanted) == wanted


def test_a_restriction_is_missed_in_the_history_unless_the_plan_shows_its_entry_in_part() -> None:
    mark = {"fields": ["why"]}
    event = {"fields": ["visibility", "aim"], "content": {"aim": 1, "visibility": mark}}
    wanted = [{"plan_versions": [3], "section": "goals", "entry_id": "g", "events": [event]}]
    told = [{**wanted[0], "events": [{"fields": ["aim"], "content": {"aim": 1}}]}]
    in_part = {"entry_id": "g", "withheld": ["why"], "content": {"aim": 1}}
    assert listed_as_shown(told, wanted) != told
    assert listed_as_shown(told, wanted, unmarked({"sections": {"goals": [in_part]}})) == told
    whole = {"entry_id": "g", "content": event["content"]}
    assert listed_as_shown(told, wanted, unmarked({"sections": {"goals": [whole]}})) != told


def test_an_answer_to_a_comment_is_missed_unless_what_it_stands_in_is_hidden() -> None:
    answers = [{"section": "goals", "entry_id": "g"}, {"section": "needs", "entry_id": "n"}]
    comment = {"entry_id": "c", "content": {}, **BY}
    answered = {**comment, "answered_with": answers}
    wanted = {"sections": {**WANTED["sections"], "stewardship": [answered]}}

    def told(needs: list[Any], *named: dict[str, Any]) -> dict[str, Any]:
        shown = {**comment, "answered_with": [*named]} if named else comment
        return {"sections": {"goals": [GOAL], **({"needs": needs} if needs else {}),
                             "stewardship": [shown]}}  # fmt: skip

    hidden = {**told([], answers[0]), "withheld": [{"section": "needs", "entries": 1}]}
    assert plan_as_shown(hidden, wanted) == hidden
    assert plan_as_shown(told([NEED], *answers), wanted) == told([NEED], *answers)
    assert plan_as_shown(told([NEED], answers[0]), wanted) == wanted
    assert plan_as_shown(told([NEED]), wanted) == wanted
    assert plan_as_shown(told([NEED], *answers), told([NEED])) == told([NEED])
