"""Reviews and agreements: what is due, who answers for it, and what was agreed to."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from itertools import takewhile
from typing import Any, Final

import isodate

from services.plan.fold.findings.facts import (
    AGREEMENT,
    COMMENT,
    CONTINGENCY_PLAN,
    PERSONAL_CONTACT,
    RELATIONSHIP,
    REVIEW,
    SUPPORT_PLAN,
    Changed,
    EntryKey,
    PlanFacts,
    Said,
    Today,
    instant_of,
    is_ref,
    key_of,
    last_day,
    listed,
)
from services.plan.fold.findings.people import left_at
from services.plan.fold.findings.rules import Concerned, Found, about
from shared.ledger import days_after, in_zone, years_after

DUE_SOON_DAYS: Final = 30
_PLAN: Final = "plan"
_TURNING: Final = (14, 16, 18, 25)
_A_CHANGE_OF: Final = ("addresses", "gp_practices")
# What is said about the plan, who may see it and whom to reach: no change of what was agreed to.
_NOT_MATERIAL: Final = frozenset({AGREEMENT, COMMENT, REVIEW})
_SHOWN_BY_A_PROXY: Final = frozenset({"lpa", "deputy", "parental-responsibility"})
"""The rights in law that a Proxy holds; a best-interests decision rests on an assessment."""
_SOMETHING_HAPPENED: Final = frozenset({"transition", "incident"})
_CARE_TEAM: Final = PERSONAL_CONTACT[0]


def due(plan: PlanFacts, today: Today) -> Iterator[Found]:
    """Reviews that are overdue or due within thirty days."""
    for review in plan.current(REVIEW):
        on = next_due(plan, review, today)
        if on is None:
            continue
        concerned = _concerned(plan, review, "due_on")
        overdue, soon = today.after(on), today.begins(days_after(on, -DUE_SOON_DAYS))
        if overdue <= today.now:
            subject = plan.at(review.content.get("subject"))
            is_support_plan = subject is not None and subject.kind == SUPPORT_PLAN
            code = "support-plan-review-overdue" if is_support_plan else "review-overdue"
            yield Found(code, concerned, "The day planned for the review has passed.", overdue)
        elif soon <= today.now:
            words = f"The review is due within {DUE_SOON_DAYS} days."
            yield Found("review-due-soon", concerned, words, soon)


def without_date(plan: PlanFacts, _: Today) -> Iterator[Found]:
    """The plan, or a contingency or support plan, for which no review is planned."""
    reviewed = {_subject(review) for review in plan.current(REVIEW) if _has_a_date(review)}
    words = "No review is planned for it."
    if plan.person is not None and _PLAN not in reviewed:
        yield Found("no-review-date", (about(plan.person),), words)
    for said in plan.current(CONTINGENCY_PLAN, SUPPORT_PLAN):
        if said.key not in reviewed:
            yield Found("no-review-date", (about(said),), words)


def responsible_has_left(plan: PlanFacts, today: Today) -> Iterator[Found]:
    """Reviews whose responsible person is a contact that has left or was set aside."""
    for review in plan.current(REVIEW):
        responsible = review.content.get("responsible")
        ref = responsible.get("contact_ref") if isinstance(responsible, dict) else None
        contact = plan.at(ref)
        if contact is None:
            continue
        has_left, since = left_at(contact, today)
        if has_left:
            entries = (about(review, "responsible"), about(contact))
            words = "Whoever is responsible for the review is no longer among the contacts."
            yield Found("responsible-has-left", entries, words, since)


def advised(plan: PlanFacts, today: Today) -> Iterator[Found]:
    """A transition in the person's life since the plan was last reviewed."""
    person = plan.person
    if person is None:
        return
    reviewed = _last_reviewed(plan, today)
    for change in plan.changes.of(person.key):
        if change.recorded_at <= reviewed:
            continue
        for field in _A_CHANGE_OF:
            if field in change.fields:
                words = "The person's address or GP practice has changed since the last review."
                yield Found("review-advised", (about(person, field),), words)
                return
    for relationship, began in _emergencies(plan, reviewed, today):
        words = "Somebody has looked after the person in an emergency since the last review."
        yield Found("review-advised", (about(relationship, "live_from"),), words, began)
        return
    born = last_day(person.content.get("date_of_birth"))
    for age in _TURNING if born is not None else ():
        birthday = today.begins(years_after(born, age)) if born is not None else today.now
        if reviewed < birthday <= today.now:
            words = f"The person has turned {age} since the last review."
            yield Found("review-advised", (about(person, "date_of_birth"),), words, birthday)
            return


def agreed(plan: PlanFacts, _: Today) -> Iterator[Found]:
    """Whether the plan and its parts are agreed to, and still as they were then."""
    latest = latest_agreements(plan)
    if plan.person is not None and _PLAN not in latest:
        words = "Nobody has recorded whether the person agrees to the plan."
        yield Found("no-agreement-recorded", (about(plan.person),), words)
    for subject, agreement in latest.items():
        of = (about(agreement), *_subject_of(plan, subject))
        if agreement.content.get("outcome") != "yes":
            words = "It is not agreed, or agreed in part only; the reason stands beside it."
            yield Found("not-agreed", of, words)
        elif agreement.content.get("authority") in _SHOWN_BY_A_PROXY:
            yield from _without_a_proxy(plan, agreement)
        to = agreement.content.get("plan_version")
        if not isinstance(to, int):
            continue
        if not is_to_a_known_version(plan, agreement, to):
            words = "It was agreed to a version that the plan does not have."
            yield Found("agreement-to-unknown-version", of, words)
        elif changed_since(plan, subject, to):
            words = "It has changed since it was agreed to: the agreement is to an earlier version."
            yield Found("changed-since-agreement", of, words)


def latest_agreements(plan: PlanFacts) -> dict[EntryKey | str, Said]:
    """What was last said of the plan and of each part: an older one may be written down later."""
    latest: dict[EntryKey | str, Said] = {}
    for agreement in plan.current(AGREEMENT):
        subject = _subject(agreement)
        before = latest.get(subject)
        if before is None or before.stated_at <= agreement.stated_at:
            latest[subject] = agreement
    return latest


def is_to_a_known_version(plan: PlanFacts, agreement: Said, version: int) -> bool:
    """True where the plan had the version that was agreed to when the agreement was recorded.

    What was agreed to unseen stays unseen, also once the plan has grown to such a version.
    """
    recorded = (
        one.plan_version
        for one in reversed(plan.changes.of(agreement.key))
        if "plan_version" in one.fields
    )
    return version <= next(recorded, plan.version)


def _without_a_proxy(plan: PlanFacts, agreement: Said) -> Iterator[Found]:
    """A yes by a right that no Proxy shows: whoever recorded it has only said so."""
    named = agreement.content.get("proxy")
    proxy = plan.at(named)
    if proxy is None:
        concerned: tuple[Concerned, ...] = (about(agreement, "proxy"),)
        shows_it = plan.is_hidden(named)
    else:
        concerned = (about(agreement, "proxy"), about(proxy, "scope"))
        scope = proxy.content.get("scope")
        may_agree = isinstance(scope, dict) and scope.get("agree") is True
        by_right = proxy.content.get("authority") == agreement.content.get("authority")
        shows_it = may_agree and (by_right or plan.hidden.hides(proxy.key, "authority"))
    if not shows_it:
        words = (
            "A representative agreed by a right that no Proxy on the plan shows. Look at what "
            "shows it, appoint them as a Proxy that may agree, and record the agreement again."
        )
        yield Found("agreement-without-proxy", concerned, words)


def changed_since(plan: PlanFacts, subject: EntryKey | str, version: int) -> bool:
    """True where something material changed later than a version: of the plan, or of an entry."""
    of_an_entry = isinstance(subject, tuple)
    changes = plan.changes.of(subject) if isinstance(subject, tuple) else plan.changes
    later = takewhile(lambda change: change.plan_version > version, reversed(changes))
    return any(change.is_update and (of_an_entry or _is_material(change)) for change in later)


def assessed(plan: PlanFacts, _: Today) -> Iterator[Found]:
    """Contingency plans that do not say on which assessment they rest."""
    for said in plan.current(CONTINGENCY_PLAN):
        if not said.content.get("assessment"):
            words = "The contingency plan does not say on which assessment it rests."
            yield Found("contingency-plan-without-assessment", (about(said, "assessment"),), words)


def not_confirmed(plan: PlanFacts, today: Today) -> Iterator[Found]:
    """Contingency plans that nobody has looked at for a year, or since something happened.

    Each has one such finding, of what came first: it goes on until somebody has looked.
    """
    for said in plan.current(CONTINGENCY_PLAN):
        until = out_of_date_after(plan, said, today)
        words = "Nobody has changed or confirmed the contingency plan for twelve months."
        of_age = Found("contingency-plan-not-confirmed", (about(said),), words, until)
        happened = _happened_since(plan, said, last_looked_at(plan, said), today)
        first = min([of_age, *happened], key=lambda found: found.since or today.now)
        if first.since is not None and first.since <= today.now:
            yield first


def _emergencies(plan: PlanFacts, last: datetime, today: Today) -> Iterator[tuple[Said, datetime]]:
    """The relationships by which somebody has looked after the person in an emergency since then.

    No section knows of an admission itself; whoever has the person then has such a relationship.
    """
    for relationship in plan.ever(RELATIONSHIP):
        began = instant_of(relationship.content.get("live_from"))
        is_one = relationship.content.get("kind") == "emergency"
        if is_one and began is not None and last < began <= today.now:
            yield relationship, began


def _happened_since(plan: PlanFacts, said: Said, last: datetime, today: Today) -> Iterator[Found]:
    """What says that the person may have been admitted, or that much has changed for them.

    Beside an emergency, a review of the plan, or of this part of it, says that it is held because
    of a transition (admission and discharge are such) or an incident.
    """
    code = "contingency-plan-not-confirmed"
    for relationship, began in _emergencies(plan, last, today):
        words = (
            "Nobody has changed or confirmed the contingency plan since somebody looked after "
            "the person in an emergency."
        )
        yield Found(code, (about(said), about(relationship, "live_from")), words, began)
    for review in plan.ever(REVIEW):
        if _subject(review) not in (_PLAN, said.key):
            continue
        if review.content.get("cause") not in _SOMETHING_HAPPENED:
            continue
        told = (one for one in reversed(plan.changes.of(review.key)) if "cause" in one.fields)
        at = next((one.recorded_at for one in told), review.recorded_at)
        if at > last:
            words = (
                "Nobody has changed or confirmed the contingency plan since something happened to "
                "the person, or changed in their life, because of which a review was planned."
            )
            yield Found(code, (about(said), about(review, "cause")), words, at)


def out_of_date_after(plan: PlanFacts, said: Said, today: Today) -> datetime:
    """Twelve months after somebody last changed or confirmed an entry."""
    last = last_looked_at(plan, said)
    return today.begins(years_after(in_zone(last, today.zone).date(), 1))


def last_looked_at(plan: PlanFacts, said: Said) -> datetime:
    """When somebody last changed or confirmed an entry."""
    return max(plan.changed_at(said), said.confirmed_at or plan.changed_at(said))


def days_until(day: date, today: Today) -> int:
    """How many days there are until a day; fewer than none where it is past."""
    return (day - today.day).days


def next_due(plan: PlanFacts, review: Said, today: Today) -> date | None:
    """The day on which a review is due next: as planned, or an interval after the last one.

    An interval that leads out of the calendar ends on its last day.
    """
    set_at = (one for one in reversed(plan.changes.of(review.key)) if "interval" in one.fields)
    last = next(set_at, None)
    began = last.recorded_at if last is not None else review.recorded_at
    return due_by(review.content, began, today)


def due_by(content: Mapping[str, Any], began: datetime, today: Today) -> date | None:
    """The same by the content of the review alone; ``began`` is when its interval was set."""
    planned = last_day(content.get("due_on"))
    interval = content.get("interval")
    if planned is not None or not isinstance(interval, str):
        return planned
    base = max((in_zone(began, today.zone).date(), *_held_on(content)))
    try:
        due_on = base + isodate.parse_duration(interval)
    except isodate.ISO8601Error:
        return None
    except (ArithmeticError, ValueError):
        return date.max
    return due_on if isinstance(due_on, date) else None


def _last_reviewed(plan: PlanFacts, today: Today) -> datetime:
    """When the plan was last reviewed; where never, when it was opened."""
    held = [
        today.after(day)
        for review in plan.current(REVIEW)
        if _subject(review) == _PLAN
        for day in _held_on(review.content)
    ]
    opened = plan.changes[0].recorded_at if plan.changes else today.now
    return max([opened, *held])


def _held_on(content: Mapping[str, Any]) -> Iterator[date]:
    for held in listed(content.get("held")):
        day = last_day(held.get("held_on")) if isinstance(held, dict) else None
        if day is not None:
            yield day


def _has_a_date(review: Said) -> bool:
    return bool(review.content.get("due_on") or review.content.get("interval"))


def _subject(said: Said) -> EntryKey | str:
    subject: Any = said.content.get("subject")
    return key_of(subject) if is_ref(subject) else _PLAN


def _subject_of(plan: PlanFacts, subject: EntryKey | str) -> tuple[Concerned, ...]:
    said = plan.entries.get(subject) if isinstance(subject, tuple) else None
    return (about(said),) if said is not None else ()


def _concerned(plan: PlanFacts, review: Said, field: str) -> tuple[Concerned, ...]:
    return (about(review, field), *_subject_of(plan, _subject(review)))


def _is_material(change: Changed) -> bool:
    return change.kind not in _NOT_MATERIAL and change.section != _CARE_TEAM
