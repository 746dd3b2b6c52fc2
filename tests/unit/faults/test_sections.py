"""The judge of the sections finds whatever is not as it was promised, and nothing else."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.faults.judge.evidence import Stored
from tests.faults.judge.findings import Findings
from tests.faults.judge.sections import judge_openings, judge_unanswered
from tests.unit.faults.world import AT, C1, World, altered, event, hashed, message, restated, world


def test_a_world_as_it_should_be_has_nothing_to_be_found() -> None:
    assert world().judged().lines() == []


def _no_answer(it: World) -> None:
    it.sent[0].answers.clear()


def _two_answers(it: World) -> None:
    it.sent[0].answers.append({**it.sent[0].answers[0], "recorded_at": "2026-11-24T09:00:00+00:00"})


def _event_gone(it: World) -> None:
    del it.stored[1]


def _event_twice(it: World) -> None:
    it.stored.append(hashed(replace(it.stored[1], position=3, version=3)))


def _stored_refused(it: World) -> None:
    it.stored.append(event(3, "careplan.goals.reworded.v1", it.sent[2]))


def _other_words(it: World) -> None:
    restated(it, 1, aim={"text": "Walk on"})


def _another_field_wiped(it: World) -> None:
    restated(it, 1, why=None)


def _another_field_altered(it: World) -> None:
    restated(it, 1, importance=3)


def _stated_by_another(it: World) -> None:
    told = it.stored[1].provenance
    restated(it, 1, provenance={**told, "stated_by": {"kind": "person"}})


def _field_lost(it: World) -> None:
    state = it.stored[0].state
    del state["need_ids"]
    it.stored[0] = hashed(replace(it.stored[0], raw=json.dumps(state).encode()))
    it.published[0] = message(it.stored[0])


def _other_bytes(it: World) -> None:
    it.stored[1] = replace(it.stored[1], raw=it.stored[1].raw + b" ")


def _hash_of_nothing(it: World) -> None:
    it.stored[1] = replace(it.stored[1], leaf_hash=None)


def _position_left_out(it: World) -> None:
    it.stored[1] = replace(it.stored[1], position=3)


def _time_falls(it: World) -> None:
    it.stored[1] = replace(it.stored[1], recorded_at=AT - timedelta(days=1))


def _receipt_gone(it: World) -> None:
    del it.receipts[C1]


def _receipt_of_another(it: World) -> None:
    it.receipts[C1]["outcome"] = "refused"


def _from_nobody(it: World) -> None:
    del it.sent[1]


def _reused_and_answered(it: World) -> None:
    it.reused[0].answers[:] = it.sent[0].answers


def _not_published(it: World) -> None:
    del it.published[1]


def _published_out_of_turn(it: World) -> None:
    it.published.reverse()


def _published_unstored(it: World) -> None:
    later = message(hashed(replace(it.stored[1], position=3, version=3)))
    it.published.append(later)


def _published_in_two_forms(it: World) -> None:
    it.published.append(altered(it.published[1], more=1))


def _content_left_out(it: World) -> None:
    content = it.published[0].told["content"]
    it.published[0] = altered(it.published[0], content={"aim": content["aim"]}, fields=["aim"])


def _field_left_out(it: World) -> None:
    it.published[0] = altered(it.published[0], fields=["aim"])


def _recorded_by_another(it: World) -> None:
    told = {**it.published[0].told["provenance"], "recorded_by": {"kind": "system"}}
    it.published[0] = altered(it.published[0], provenance=told)


def _key_of_another(it: World) -> None:
    it.published[0] = replace(it.published[0], key=b"another")


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (_no_answer, "lost"),
        (_two_answers, "wrong"),
        (_event_gone, "lost"),
        (_event_twice, "doubled"),
        (_stored_refused, "wrong"),
        (_other_words, "wrong"),
        (_another_field_wiped, "wrong"),
        (_another_field_altered, "wrong"),
        (_stated_by_another, "wrong"),
        (_field_lost, "wrong"),
        (_other_bytes, "wrong"),
        (_hash_of_nothing, "wrong"),
        (_position_left_out, "wrong"),
        (_time_falls, "reordered"),
        (_receipt_gone, "lost"),
        (_receipt_of_another, "wrong"),
        (_from_nobody, "wrong"),
        (_reused_and_answered, "wrong"),
        (_not_published, "lost"),
        (_published_out_of_turn, "reordered"),
        (_published_unstored, "wrong"),
        (_published_in_two_forms, "wrong"),
        (_content_left_out, "wrong"),
        (_field_left_out, "wrong"),
        (_recorded_by_another, "wrong"),
        (_key_of_another, "wrong"),
    ],
)
def test_one_thing_that_is_not_as_promised_is_found(
    spoil: Callable[[World], None], kind: Any
) -> None:
    it = world()
    spoil(it)
    found = it.judged()
    assert found.count(kind) > 0, found.lines()


def test_what_nobody_answered_is_there_entirely_or_not_at_all() -> None:
    it = world()
    silent = it.sent[:1]

    def judged(stored: list[Stored], receipts: dict[str, Any]) -> int:
        found = Findings()
        judge_unanswered(silent, stored, receipts, found)
        return len(found.all)

    assert judged(it.stored, it.receipts) == 0
    assert judged([], {}) == 0
    assert judged([], it.receipts) == 1
    assert judged(it.stored, {}) == 1


def test_a_person_has_one_open_plan_at_a_time() -> None:
    def person(position: int, plan: str, word: str) -> Stored:
        state = {"nhs_number": {"value": "9990000000"}, "provenance": {}}
        raw, type_ = json.dumps(state).encode(), f"careplan.person.{word}.v1"
        return Stored("person", position, plan, 1, type_, raw, AT, None)

    def judged(*events: Stored) -> int:
        found = Findings()
        judge_openings([], events, found)
        return found.count("doubled")

    first, second = person(1, "p1", "plan-opened"), person(3, "p2", "plan-opened")
    assert judged(first, second) == 1
    assert judged(first, person(2, "p1", "plan-ended"), second) == 0
    assert judged(first, person(2, "p1", "entered-in-error"), second) == 0
    again = person(4, "p1", "plan-reopened")
    assert judged(first, person(2, "p1", "plan-ended"), second, again) == 1
