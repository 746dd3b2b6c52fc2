"""Links between entries: where they lead nowhere, or to what is no longer on the plan."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from services.plan.fold.findings.facts import (
    ACTION,
    AGREEMENT,
    COMMENT,
    CONTINGENCY_PLAN,
    GOAL,
    OUTCOME,
    PROXY,
    REVIEW,
    STAGE_GOAL,
    PlanFacts,
    Said,
    Today,
    refs_in,
)
from services.plan.fold.findings.rules import Found, about

Kind = tuple[str, str]
_CONTACTS: Final = frozenset({"professional-contact", "personal-contact"})
_WHERE_IT_STANDS: Final = (
    (GOAL, "need_ids", "goal-without-need", "The goal serves no need that is on the plan."),
    (ACTION, "goal_ids", "action-without-goal", "The action serves no goal that is on the plan."),
    (
        STAGE_GOAL,
        "action_ids",
        "stage-goal-without-action",
        "The stage goal belongs to no action that is on the plan.",
    ),
    (OUTCOME, "goal_id", "outcome-without-goal", "The outcome is of no goal that is on the plan."),
)
_FIELD_OF: Final = {kind: field for kind, field, _, _ in _WHERE_IT_STANDS}
LEADS_TO: Final[Mapping[tuple[Kind, str], frozenset[str]]] = {
    (GOAL, "need_ids"): frozenset({"need"}),
    (GOAL, "strength_ids"): frozenset({"strength"}),
    (ACTION, "goal_ids"): frozenset({"goal"}),
    (ACTION, "who"): _CONTACTS,
    (ACTION, "with"): _CONTACTS,
    (STAGE_GOAL, "goal_id"): frozenset({"goal"}),
    (STAGE_GOAL, "action_ids"): frozenset({"action"}),
    (OUTCOME, "goal_id"): frozenset({"goal"}),
    (CONTINGENCY_PLAN, "contacts"): _CONTACTS,
    (PROXY, "party"): _CONTACTS,
    (AGREEMENT, "subject"): frozenset({"contingency-plan", "goal"}),
    (AGREEMENT, "proxy"): frozenset({"proxy"}),
    (REVIEW, "subject"): frozenset({"about-me", "contingency-plan", "support-plan"}),
    (REVIEW, "responsible"): _CONTACTS,
    (REVIEW, "lead"): _CONTACTS,
    (REVIEW, "held"): _CONTACTS,
}
"""The types of entries that a field may lead to; what the sections declare agrees, by a test."""
# What was said of an entry stays said when that is withdrawn.
_SPEAKS_OF_IT: Final = {(AGREEMENT, "subject"), (COMMENT, "target")}


def stands_nowhere(plan: PlanFacts, _: Today) -> Iterator[Found]:
    """Goals, actions, stage goals and outcomes of which everything that they serve is gone."""
    for kind, field, code, words in _WHERE_IT_STANDS:
        for said in plan.current(kind):
            if not any(_serves(plan, said, field, r) for r in refs_in(said.content.get(field))):
                yield Found(code, (about(said, field),), words)


def leads_nowhere(plan: PlanFacts, _: Today) -> Iterator[Found]:
    """Every other link, and those beside which another one still holds."""
    for said in plan.entries.values():
        if not said.is_current:
            continue
        unknown, withdrawn = [], []
        for field, ref in _links(plan, said):
            named = plan.at(ref)
            if named is None:
                unknown += [] if plan.is_hidden(ref) else [field]
            elif not _is_meant(said, field, named):
                unknown.append(field)
            elif not named.is_current and (said.kind, field) not in _SPEAKS_OF_IT:
                withdrawn.append(field)
        if unknown:
            yield Found(
                "refers-to-unknown-entry",
                tuple(about(said, field) for field in dict.fromkeys(unknown)),
                "It refers to an entry that is not known to the plan, or that is of another kind.",
            )
        if withdrawn:
            yield Found(
                "refers-to-withdrawn-entry",
                tuple(about(said, field) for field in dict.fromkeys(withdrawn)),
                "It refers to an entry that has been taken out of the plan.",
            )


def _serves(plan: PlanFacts, said: Said, field: str, ref: Any) -> bool:
    """True where a link leads to an entry on the plan that is of the kind meant, or is withheld."""
    named = plan.at(ref)
    return plan.is_on_the_plan(ref) and (named is None or _is_meant(said, field, named))


def _is_meant(said: Said, field: str, named: Said) -> bool:
    meant = LEADS_TO.get((said.kind, field))
    return meant is None or named.entry_type in meant


def _links(plan: PlanFacts, said: Said) -> Iterator[tuple[str, Any]]:
    """The links of an entry by field, but those that ``stands_nowhere`` has told of."""
    first = _FIELD_OF.get(said.kind)
    stands = first is None or any(
        _serves(plan, said, field, ref) for field, ref in said.links if field == first
    )
    return ((field, ref) for field, ref in said.links if stands or field != first)
