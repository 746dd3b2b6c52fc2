"""All rules of findings, in the order in which their findings are told."""

from collections.abc import Iterator
from typing import Final

from services.plan.fold.findings import codes, conflicts, goals, links, people, reviews
from services.plan.fold.findings.facts import PlanFacts, Today
from services.plan.fold.findings.rules import Found, Rule

ALWAYS: Final[tuple[Rule, ...]] = (
    people.mandatory,
    people.not_verified,
    links.stands_nowhere,
    links.leads_nowhere,
    goals.to_look_at_again,
    goals.low_confidence,
    goals.without_owner,
    goals.overdue,
    goals.assignee_has_left,
    people.key_workers,
    reviews.without_date,
    reviews.due,
    reviews.responsible_has_left,
    reviews.advised,
    reviews.agreed,
    reviews.assessed,
    reviews.not_confirmed,
    conflicts.contradictory,
    people.excluded,
    people.another_person,
    conflicts.stale,
    conflicts.open_comments,
    codes.unmapped,
    conflicts.incomplete,
    conflicts.while_not_open,
)


def findings_of(
    plan: PlanFacts, today: Today, *, everybody_has_a_key_worker: bool = False
) -> Iterator[Found]:
    """Everything that the plan says about itself on this day, each once."""
    rules = (*ALWAYS, people.no_key_worker) if everybody_has_a_key_worker else ALWAYS
    told = set()
    for rule in rules:
        for found in rule(plan, today):
            if found.name not in told:
                told.add(found.name)
                yield found
