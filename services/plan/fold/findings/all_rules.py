"""All rules of findings, in the order in which their findings are told."""

from collections.abc import Iterator
from typing import Final

from services.plan.fold.findings import codes, conflicts, goals, links, people, reviews
from services.plan.fold.findings.facts import (
    ABOUT_ME,
    ACTION,
    CONTINGENCY_PLAN,
    GOAL,
    LINKED_DOCUMENT,
    NEED,
    OUTCOME,
    PERSON,
    PERSONAL_CONTACT,
    PROFESSIONAL_CONTACT,
    RELATIONSHIP,
    REVIEW,
    STAGE_GOAL,
    STRENGTH,
    SUPPORT_PLAN,
    PlanFacts,
    Today,
)
from services.plan.fold.findings.rules import Found, Rule

ALWAYS: Final[tuple[Rule, ...]] = (
    Rule(people.mandatory, frozenset({PERSON, PERSONAL_CONTACT, CONTINGENCY_PLAN})),
    Rule(people.not_verified, frozenset({PERSON}), one_by_one=True),
    Rule(links.stands_nowhere, frozenset({GOAL, ACTION, STAGE_GOAL, OUTCOME, NEED})),
    Rule(links.leads_nowhere),
    Rule(goals.to_look_at_again, frozenset({GOAL, NEED, STRENGTH})),
    Rule(goals.low_confidence, frozenset({GOAL, ACTION})),
    Rule(goals.without_owner, frozenset({ACTION}), one_by_one=True),
    Rule(goals.overdue, frozenset({ACTION}), one_by_one=True),
    Rule(goals.assignee_has_left, frozenset({ACTION, PROFESSIONAL_CONTACT, PERSONAL_CONTACT})),
    Rule(people.key_workers, frozenset({PROFESSIONAL_CONTACT})),
    Rule(reviews.without_date, frozenset({PERSON, REVIEW, CONTINGENCY_PLAN, SUPPORT_PLAN})),
    Rule(reviews.due, frozenset({REVIEW, ABOUT_ME, CONTINGENCY_PLAN, SUPPORT_PLAN})),
    Rule(reviews.responsible_has_left, frozenset({REVIEW, PROFESSIONAL_CONTACT, PERSONAL_CONTACT})),
    Rule(reviews.advised, frozenset({PERSON, RELATIONSHIP, REVIEW})),
    Rule(reviews.agreed),
    Rule(reviews.assessed, frozenset({CONTINGENCY_PLAN}), one_by_one=True),
    Rule(reviews.not_confirmed, frozenset({CONTINGENCY_PLAN, RELATIONSHIP, REVIEW})),
    Rule(conflicts.contradictory, frozenset({CONTINGENCY_PLAN})),
    Rule(people.excluded, frozenset({CONTINGENCY_PLAN, PERSONAL_CONTACT})),
    Rule(people.another_person, frozenset({PERSON, SUPPORT_PLAN, LINKED_DOCUMENT})),
    Rule(conflicts.stale, frozenset({SUPPORT_PLAN}), one_by_one=True),
    Rule(conflicts.open_comments),
    Rule(codes.unmapped, frozenset(codes.LISTS), one_by_one=True),
    Rule(conflicts.incomplete),
    Rule(conflicts.while_not_open),
)
_KEY_WORKER: Final = Rule(people.no_key_worker, frozenset({PERSON, PROFESSIONAL_CONTACT}))


def findings_of(
    plan: PlanFacts, today: Today, *, everybody_has_a_key_worker: bool = False
) -> Iterator[Found]:
    """Everything that the plan says about itself on this day, each once."""
    told = set()
    for rule in rules(everybody_has_a_key_worker=everybody_has_a_key_worker):
        for found in rule.find(plan, today):
            if found.name not in told:
                told.add(found.name)
                yield found


def rules(*, everybody_has_a_key_worker: bool = False) -> tuple[Rule, ...]:
    """Those that hold in a deployment."""
    return (*ALWAYS, _KEY_WORKER) if everybody_has_a_key_worker else ALWAYS
