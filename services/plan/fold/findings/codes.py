"""Codes that the lists of the standard do not have, and words where it has only a code."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from services.plan.fold.findings.facts import (
    ACTION,
    CONTINGENCY_PLAN,
    GOAL,
    LINKED_DOCUMENT,
    NEED,
    OUTCOME,
    PERSON,
    PERSONAL_CONTACT,
    PROFESSIONAL_CONTACT,
    STAGE_GOAL,
    STRENGTH,
    SUPPORT_PLAN,
    PlanFacts,
    Said,
    Today,
)
from services.plan.fold.findings.rules import Found, about
from shared.ledger.codes import care
from shared.ledger.codes import demographics as who
from shared.ledger.codes.code_list import CodeList
from shared.ledger.codes.countries import COUNTRY_OF_BIRTH
from shared.ledger.codes.specialities import SPECIALITY

# Sex is not among them: whoever may not see it learns not even whether it is recorded (H-13).
LISTS: Final[Mapping[tuple[str, str], Mapping[str, CodeList]]] = {
    PERSON: {
        "gender": who.GENDER,
        "ethnicity": who.ETHNIC_CATEGORY,
        "religion": who.RELIGION,
        "addresses.kind": who.ADDRESS_TYPE,
        "contact.preferred_method": who.CONTACT_METHOD,
        "country_of_birth": COUNTRY_OF_BIRTH,
        "marital_status": who.MARITAL_STATUS,
    },
    PROFESSIONAL_CONTACT: {"speciality": SPECIALITY},
    PERSONAL_CONTACT: {"relationship": care.RELATIONSHIP},
    STRENGTH: {"what": care.HEALTHCARE_MATTERS},
    NEED: {"what": care.HEALTH_ISSUES},
    GOAL: {"aim": care.GOALS, "status": care.GOAL_STATUSES},
    ACTION: {"what": care.ACTIONS, "status": care.ACTION_STATUSES},
    STAGE_GOAL: {
        "aim": care.GOALS,
        "outcome": care.HEALTHCARE_MATTERS,
        "status": care.GOAL_STATUSES,
    },
    OUTCOME: {"what": care.HEALTHCARE_MATTERS},
    CONTINGENCY_PLAN: {
        "name": care.CARE_PLAN_TYPES,
        "triggers": care.HEALTH_ISSUES,
        "early_warning_signs": care.HEALTHCARE_MATTERS,
        "instructions.what": care.ACTIONS,
    },
    SUPPORT_PLAN: {
        "name": care.CARE_PLAN_TYPES,
        "documents.confidentiality": care.CONFIDENTIALITY,
    },
    LINKED_DOCUMENT: {"document.confidentiality": care.CONFIDENTIALITY},
}
"""The list of each field, by its path from the entry; a list on the way has the path in each item.

What a section declares agrees with it, which a test holds.
"""


def unmapped(plan: PlanFacts, _: Today) -> Iterator[Found]:
    """Entries of which a code is in no list that the standard names there."""
    for kind, lists in LISTS.items():
        for said in plan.current(kind):
            fields = [path for path, one in lists.items() if _is_unmapped(said, path, one)]
            if fields:
                yield Found(
                    "unmapped-code",
                    tuple(about(said, field) for field in fields),
                    "A code stands here that is not in the list of the standard, or words where "
                    "the standard has only a code. Both are kept and shown as they were sent; "
                    "other systems may not understand them.",
                )


def _is_unmapped(said: Said, path: str, code_list: CodeList) -> bool:
    return any(not code_list.is_mapped(value) for value in _values(said.content, path.split(".")))


def _values(given: Any, steps: list[str]) -> Iterator[Mapping[str, Any]]:
    """What stands at the end of a path, in each item where lists are on the way."""
    if isinstance(given, list):
        for item in given:
            yield from _values(item, steps)
    elif isinstance(given, dict):
        if steps:
            yield from _values(given.get(steps[0]), steps[1:])
        else:
            yield given
