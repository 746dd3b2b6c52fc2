"""What contradicts, is out of date or waits for an answer, and what the plan itself waits for."""

from collections.abc import Iterator
from itertools import combinations
from typing import Any, Final

from services.plan.fold.findings.facts import (
    COMMENT,
    CONTINGENCY_PLAN,
    PERSON,
    SUPPORT_PLAN,
    PlanFacts,
    Said,
    Today,
    is_ref,
    key_of,
    listed,
    words_of,
)
from services.plan.fold.findings.rules import Concerned, Found, about
from shared.ledger.recorded_event import OPEN, plan_state_after

_OPEN_COMMENTS: Final = {
    "proposal": ("open-proposal", "Somebody proposes a change, and nobody has answered yet."),
    "disagreement": ("open-disagreement", "Somebody disagrees, and nobody has answered yet."),
    "correction-request": (
        "open-correction-request",
        "Somebody asks for a correction, and nobody has answered yet.",
    ),
}


def contradictory(plan: PlanFacts, _: Today) -> Iterator[Found]:
    """Two contingency plans that say different things for one trigger, or do against avoid.

    One that has no instructions yet contradicts nothing: a plan may be of other things.
    """
    for one, other in combinations(plan.current(CONTINGENCY_PLAN), 2):
        triggers = _all_of(one, "triggers") & _all_of(other, "triggers")
        said, against = _instructions(one), _instructions(other)
        if triggers and said and against and said != against:
            words = "Two contingency plans have the same trigger and different instructions."
        elif any((what, not avoid) in against for what, avoid in said):
            words = "One contingency plan says to do what the other says to avoid."
        else:
            continue
        entries = (about(one, "instructions"), about(other, "instructions"))
        yield Found("contradictory-instructions", entries, words)


def stale(plan: PlanFacts, _: Today) -> Iterator[Found]:
    """Support plans of which their owner has a newer version."""
    for said in plan.current(SUPPORT_PLAN):
        newer = said.content.get("newer")
        label = newer.get("label") if isinstance(newer, dict) else None
        if newer and label != said.content.get("label"):
            words = "Its owner has announced a newer version, which is not on the plan yet."
            yield Found("support-plan-stale", (about(said, "newer"),), words)


def open_comments(plan: PlanFacts, _: Today) -> Iterator[Found]:
    """Proposals, disagreements and requests for correction that nobody has answered."""
    for comment in plan.current(COMMENT):
        told = _OPEN_COMMENTS.get(str(comment.content.get("kind")))
        if told is not None and not comment.content.get("answer"):
            code, words = told
            target = comment.content.get("target")
            yield Found(code, (about(comment), *_target(plan, target)), words)


def incomplete(plan: PlanFacts, _: Today) -> Iterator[Found]:
    """Entries that wait because one of their versions has not come."""
    for (section, entry_id), since in plan.waiting.items():
        words = "A change of this entry has not reached the plan yet; what came after it waits."
        yield Found("plan-incomplete", (Concerned(section, entry_id),), words, since)


def while_not_open(plan: PlanFacts, _: Today) -> Iterator[Found]:
    """Entries that a section changed before it had heard that the plan had ended or was merged.

    The Person is none of them: that is what says so, and is kept up all the same.
    """
    closed_at = None
    found: dict[Concerned, None] = {}
    for change in plan.changes:
        state = plan_state_after(change.type.rpartition(".v")[0])
        if state is not None:
            closed_at = None if state == OPEN else change.recorded_at
        elif closed_at is not None and change.recorded_at > closed_at and change.kind != PERSON:
            found[Concerned(change.section, change.entry_id)] = None
    for concerned in found:
        words = "It was changed after the plan had ended or was merged into another."
        yield Found("contributed-while-not-open", (concerned,), words)


def _instructions(said: Said) -> set[tuple[str, bool]]:
    return {
        (what, bool(given.get("avoid")))
        for given in listed(said.content.get("instructions"))
        if isinstance(given, dict) and (what := words_of(given.get("what")))
    }


def _all_of(said: Said, field: str) -> set[str]:
    return {words for given in listed(said.content.get(field)) if (words := words_of(given))}


def _target(plan: PlanFacts, target: Any) -> tuple[Concerned, ...]:
    if not is_ref(target):
        return ()
    section, entry_id = key_of(target)
    field = target.get("field")
    known = (section, entry_id) in plan.entries
    return (Concerned(section, entry_id, field),) if known else ()
