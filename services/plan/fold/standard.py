"""What the standard knows of a plan: what is closed, agreed, due, missing and not recorded.

Its elements that no section holds are derived here from the entries and who recorded them
(PCSP 2.0); nothing of this is contributed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from services.plan.fold.findings.facts import (
    ACTION,
    AGREEMENT,
    CONTINGENCY_PLAN,
    GOAL,
    NEED,
    OUTCOME,
    PERSON,
    PERSONAL_CONTACT,
    REVIEW,
    STAGE_GOAL,
    STRENGTH,
    EntryKey,
    PlanFacts,
    Said,
    Today,
    is_ref,
    key_of,
)
from services.plan.fold.findings.people import missing_elements, not_to_be_called
from services.plan.fold.findings.reviews import (
    DUE_SOON_DAYS,
    changed_since,
    days_until,
    is_to_a_known_version,
    latest_agreements,
    next_due,
    out_of_date_after,
)
from shared.ledger.elements import PERFORMED

_CLOSED: Final = {
    ACTION: frozenset({"completed", "not-applicable"}),
    GOAL: frozenset({"achieved", "not-applicable"}),
    STAGE_GOAL: frozenset({"achieved", "not-applicable"}),
}
_COMPLETES_THE_RECORD: Final = frozenset(
    {STRENGTH, NEED, GOAL, ACTION, STAGE_GOAL, OUTCOME, AGREEMENT}
)
_PLAN: Final = "plan"
# Whoever may not see a person's sex learns not even whether it is recorded (H-13).
_TOLD_TO_FEW: Final = frozenset({("person", "sex")})
OF_A_REVIEW: Final = ("subject", "due_on", "interval", "held")
"""The leaves of a review without which nothing is told of it."""

REVIEW_STATES: Final = ("overdue", "without-date", "due", "later")
"""What reviews may be, the most urgent first; `due` is within thirty days."""

_MANDATORY: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    PERSON: ("name", "date_of_birth", "addresses", "gp_practices"),
    PERSONAL_CONTACT: ("name",),
    CONTINGENCY_PLAN: ("triggers",),
}
"""The fields without which the plan cannot be sent, by the entries that have them."""

DERIVES: Final[Mapping[str, str]] = {
    "About me > Date": "the latest stated_at of what set a heading of about_me.AboutMe",
    "About me > Supported to write this by": "supported_by in the provenance of about_me.AboutMe",
    "Care and support plan > Date this plan was last updated": (
        "the latest recorded_at over the entries of the plan"
    ),
    "Contingency/safety plans > Date this plan was last updated": (
        "the latest recorded_at of contingency_plans.ContingencyPlan"
    ),
    "Additional support plans > Date this plan was last updated": (
        "the latest recorded_at of support_plans.SupportPlan"
    ),
    "Care and support plan > Needs, concerns or problems > Goals and hopes > "
    "Actions and activities > Date last updated": "the latest recorded_at of goals.Action",
    **{
        f"Care and support plan > {PERFORMED}{below}": f"the lead of the plan{member}"
        for below, member in (
            ("", ""),
            (" > Name", ".name"),
            (" > Role", ".role"),
            (" > Grade", ".grade"),
            (" > Speciality", ".speciality"),
            (" > Professional identifier", ".identifier"),
            (" > Organisation", ".organisation"),
            (" > Contact details", ".contact"),
        )
    },
    **{
        f"Care and support plan > Person completing record{below}": f"each contributor{member}"
        for below, member in (
            ("", ""),
            (" > Name", ".name"),
            (" > Role", ".role"),
            (" > Grade", ".grade"),
            (" > Specialty", ".speciality"),
            (" > Organisation", ".organisation"),
            (" > Professional identifier", ".identifier"),
            (" > Date completed", ": their last recorded_at"),
            (" > Contact details", ".contact"),
        )
    },
    **{
        f"Care and support plan > Location{below}": f"where the plan was last reviewed{member}"
        for below, member in (("", ""), (" > Coded value", ".ods"), (" > Free text", ".text"))
    },
    **{
        f"{group} > Agreed with person or legitimate representative > "
        "Person or legitimate representative": "stewardship.Agreement: its outcome is yes"
        for group in ("Care and support plan", "Contingency/safety plans")
    },
}
"""The elements of the standard that no section holds, and from what the plan derives each."""


@dataclass(frozen=True)
class Recorded:
    """Who recorded something of a type of entry, and when; ``by`` as the plan shows it."""

    kind: tuple[str, str]
    by: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True)
class Beside:
    """What stands in the provenance of single contributions, and in no entry.

    ``opened_by`` is the professional who opened the plan, ``location`` where it was last reviewed,
    or else opened.
    """

    recorded: Iterable[Recorded] = ()
    opened_by: Mapping[str, Any] | None = None
    location: Mapping[str, Any] | None = None


def of_an_entry(plan: PlanFacts, said: Said, today: Today) -> dict[str, Any]:
    """What is derived of one entry; a member is left out where there is nothing to say.

    ``below`` names what stands under it in the tree of needs, goals, actions and stage goals.
    """
    derived: dict[str, Any] = {"changed_at": plan.changed_at(said)}
    if said.kind in _CLOSED and not plan.hidden.hides(said.key, "status"):
        derived["closed"] = said.status in _CLOSED[said.kind]
    if said.key in plan.below:
        derived["below"] = [
            {"section": section, "entry_id": entry_id} for section, entry_id in plan.below[said.key]
        ]
    derived |= _agreement(plan, said.key) | _review(plan, said.key, today)
    if said.kind == CONTINGENCY_PLAN and (shut_out := not_to_be_called(plan, said)):
        derived["not_to_be_called"] = shut_out
    until = _stale_after(plan, said, today)
    return {**derived, "stale_after": until} if until is not None else derived


def of_the_plan(
    plan: PlanFacts,
    today: Today,
    fields: Mapping[str, Iterable[str]],
    beside: Beside,
    last_updated: datetime | None,
) -> dict[str, Any]:
    """What is derived of the whole plan.

    ``fields`` are those that carry elements of the standard, by section. ``not_recorded`` names the
    sections and the fields without a value, so that silence is not read as "none".
    """
    missing = sorted({f"{one.section}.{one.field}" for one in missing_elements(plan)})
    sendable = plan.person is not None and not missing
    current = [said for said in plan.entries.values() if said.is_current]
    derived: dict[str, Any] = {
        "changed_at": last_updated,
        "last_stated_at": max((said.stated_at for said in current), default=None),
        "sendable": sendable,
        "missing": missing,
        "not_recorded": _not_recorded(plan, current, fields),
        "contributors": _contributors(beside.recorded),
    }
    derived |= _agreement(plan, _PLAN) | _review(plan, _PLAN, today)
    lead = next((one.content.get("lead") for one in _reviews(plan, _PLAN)), None)
    if not plan.lacks(REVIEW, "subject", "lead", "held"):
        for name, given in (("lead", lead or beside.opened_by), ("location", beside.location)):
            if given:
                derived[name] = given
    if (sendable or plan.lacks(PERSON)) and _may_miss_something(plan):
        del derived["sendable"]
    return derived


def reviews(plan: PlanFacts, today: Today) -> list[dict[str, Any]]:
    """The reviews of the plan: what is overdue first, contingency plans first among equals."""
    listed_ = [
        _one_review(plan, review, today)
        for review in plan.current(REVIEW)
        if not plan.hidden.hides(review.key, *OF_A_REVIEW)
    ]
    return sorted(listed_, key=urgency)


def _one_review(plan: PlanFacts, review: Said, today: Today) -> dict[str, Any]:
    subject = review.content.get("subject")
    said = plan.at(subject)
    subject_type = said.entry_type if said is not None else None
    due_on = next_due(plan, review, today)
    return review_told(review.entry_id, review.content, subject_type, due_on, today)


def review_told(
    entry_id: str,
    content: Mapping[str, Any],
    subject_type: str | None,
    due_on: date | None,
    today: Today,
) -> dict[str, Any]:
    """A review as it is told; ``subject_type`` is that of the entry that it is about."""
    subject = content.get("subject")
    return {
        "entry_id": entry_id,
        "subject": subject,
        "subject_type": _PLAN if subject_type is None and subject == _PLAN else subject_type,
        "due_on": due_on,
        "state": _state(due_on, today),
        "days": None if due_on is None else days_until(due_on, today),
        "responsible": content.get("responsible"),
    }


def urgency(review: Mapping[str, Any]) -> tuple[int, bool, str]:
    """By which reviews are sorted: overdue first, contingency plans first among equals, by day."""
    return (
        REVIEW_STATES.index(review["state"]),
        review["subject_type"] != CONTINGENCY_PLAN[1],
        str(review["due_on"] or ""),
    )


def _state(due_on: Any, today: Today) -> str:
    if due_on is None:
        return "without-date"
    days = days_until(due_on, today)
    if days < 0:
        return "overdue"
    return "due" if days <= DUE_SOON_DAYS else "later"


def _agreement(plan: PlanFacts, subject: EntryKey | str) -> dict[str, Any]:
    """The latest agreement to the plan or to an entry."""
    latest = latest_agreements(plan).get(subject)
    if latest is None or plan.lacks(AGREEMENT, "subject", "outcome", "plan_version"):
        return {}
    to = latest.content.get("plan_version")
    is_other = isinstance(to, int) and (
        not is_to_a_known_version(plan, latest, to) or changed_since(plan, subject, to)
    )
    agreement = {
        "entry_id": latest.entry_id,
        "outcome": latest.content.get("outcome"),
        "plan_version": to,
        "changed_since": is_other,
    }
    later = isinstance(to, int) and any(version > to for version in plan.hidden.versions)
    if subject == _PLAN and later and not is_other:
        del agreement["changed_since"]  # what has changed since is withheld
    return {"agreement": agreement}


def _review(plan: PlanFacts, subject: EntryKey | str, today: Today) -> dict[str, Any]:
    for review in _reviews(plan, subject):
        if plan.hidden.hides(review.key, *OF_A_REVIEW):
            continue
        due_on = next_due(plan, review, today)
        told = {"entry_id": review.entry_id, "due_on": due_on, "state": _state(due_on, today)}
        return {"review": told}
    return {}


def _reviews(plan: PlanFacts, subject: EntryKey | str) -> Iterable[Said]:
    return (review for review in plan.current(REVIEW) if _subject_of(review) == subject)


def _subject_of(said: Said) -> EntryKey | str | None:
    subject = said.content.get("subject")
    return key_of(subject) if is_ref(subject) else subject


def _stale_after(plan: PlanFacts, said: Said, today: Today) -> datetime | None:
    """When nobody should take the entry for up to date any more: its review or a year is over."""
    if plan.lacks(REVIEW, *OF_A_REVIEW):
        return None
    due = [
        today.after(due_on)
        for review in _reviews(plan, said.key)
        if (due_on := next_due(plan, review, today)) is not None
    ]
    if said.kind == CONTINGENCY_PLAN:
        due.append(out_of_date_after(plan, said, today))
    return min(due, default=None)


def _not_recorded(
    plan: PlanFacts, current: Iterable[Said], fields: Mapping[str, Iterable[str]]
) -> list[str]:
    """Sections and fields without a value; of what is withheld nobody is told whether it has."""
    held: dict[str, set[str]] = {}
    hidden = {section for section, _ in plan.hidden.entries}
    withheld = {
        (section, name) for (section, _), names in plan.hidden.leaves.items() for name in names
    }
    for said in current:
        told = (name for name, given in said.content.items() if given not in (None, [], {}, ""))
        held.setdefault(said.section, set()).update(told)
    lacking = []
    for section, names in fields.items():
        if section in hidden:
            continue
        if section not in held:
            lacking.append(section)
        else:
            unsaid = (name for name in names if name not in held[section])
            lacking += [
                f"{section}.{name}"
                for name in unsaid
                if (section, name) not in _TOLD_TO_FEW | withheld
            ]
    return lacking


def _may_miss_something(plan: PlanFacts) -> bool:
    """True where something is withheld without which the plan could not be sent."""
    return any(plan.lacks(kind, *names) for kind, names in _MANDATORY.items())


def _contributors(recorded: Iterable[Recorded]) -> list[dict[str, Any]]:
    """Each who recorded some of the care and support plan, with the last time; latest first."""
    last: dict[str, tuple[datetime, Mapping[str, Any]]] = {}
    for one in recorded:
        if one.kind in _COMPLETES_THE_RECORD:
            key = repr(sorted((name, repr(given)) for name, given in one.by.items()))
            if key not in last or last[key][0] <= one.at:
                last[key] = (one.at, one.by)
    ordered = sorted(last.values(), key=lambda pair: pair[0], reverse=True)
    return [{**by, "recorded_at": at} for at, by in ordered]
