"""Goals and actions: what somebody should look at again, and what nobody has done."""

from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from services.plan.fold.findings.facts import (
    ACTION,
    GOAL,
    PlanFacts,
    Said,
    Today,
    instant_of,
    last_day,
    listed,
)
from services.plan.fold.findings.people import left_at
from services.plan.fold.findings.rules import Found, about

_DONE: Final = frozenset({"completed", "refused", "not-applicable"})
_CLOSED_GOAL: Final = frozenset({"achieved", "not-applicable"})
_IMPORTANT: Final = 8
_UNSURE: Final = 4


def to_look_at_again(plan: PlanFacts, _: Today) -> Iterator[Found]:
    """Goals of which a need or strength changed, or was set aside, later than they did."""
    for goal in plan.current(GOAL):
        if goal.status in _CLOSED_GOAL:
            continue
        changed = plan.changed_at(goal)
        for field in ("need_ids", "strength_ids"):
            for ref in listed(goal.content.get(field)):
                served = plan.at(ref)
                if served is not None and plan.changed_at(served) > changed:
                    yield Found(
                        "goal-to-look-at-again",
                        (about(goal), about(served)),
                        "What the goal rests on has changed since the goal was last looked at.",
                    )


def low_confidence(plan: PlanFacts, _: Today) -> Iterator[Found]:
    """Important goals with an action that the person is not confident to do."""
    for action in _open_actions(plan):
        confidence = action.content.get("confidence")
        if not isinstance(confidence, int) or confidence > _UNSURE:
            continue
        for goal in (plan.at(ref) for ref in listed(action.content.get("goal_ids"))):
            importance = goal.content.get("importance") if goal and goal.is_current else None
            if goal is not None and isinstance(importance, int) and importance >= _IMPORTANT:
                yield Found(
                    "low-confidence-on-important-goal",
                    (about(goal, "importance"), about(action, "confidence")),
                    "The goal matters much to the person, who is not confident of this action.",
                )


def without_owner(plan: PlanFacts, _: Today) -> Iterator[Found]:
    """Actions for which nobody is accountable."""
    for action in _open_actions(plan):
        if not action.content.get("who"):
            words = "Nobody is named as accountable for the action."
            yield Found("action-without-owner", (about(action, "who"),), words)


def overdue(plan: PlanFacts, today: Today) -> Iterator[Found]:
    """Actions whose planned time has passed and that are not completed."""
    for action in _open_actions(plan):
        when = action.content.get("when")
        if not isinstance(when, dict):
            continue
        at = instant_of(when.get("at"))
        day = _planned_day(when)
        past = at or (today.after(day) if day is not None else None)
        if past is not None and past <= today.now:
            words = "The time planned for the action has passed, and it is not completed."
            yield Found("action-overdue", (about(action, "when"),), words, past)


def assignee_has_left(plan: PlanFacts, today: Today) -> Iterator[Found]:
    """Actions whose accountable party is a contact that has left or was set aside."""
    for action in _open_actions(plan):
        who = action.content.get("who")
        contact = plan.at(who.get("contact_ref")) if isinstance(who, dict) else None
        if contact is None:
            continue
        has_left, since = left_at(contact, today)
        if has_left:
            words = "Whoever is accountable for the action is no longer among the contacts."
            yield Found("assignee-has-left", (about(action, "who"), about(contact)), words, since)


def _planned_day(when: dict[str, Any]) -> date | None:
    period = when.get("period")
    end = period.get("end") if isinstance(period, dict) else None
    return last_day(when.get("date")) or last_day(end)


def _open_actions(plan: PlanFacts) -> Iterator[Said]:
    return (action for action in plan.current(ACTION) if action.status not in _DONE)
