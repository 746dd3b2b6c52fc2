"""The person and those around them: who they are, who leads, who must not be called."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from nhs_number.validate import is_valid

from services.plan.fold.findings.facts import (
    CONTINGENCY_PLAN,
    LINKED_DOCUMENT,
    PERSONAL_CONTACT,
    PROFESSIONAL_CONTACT,
    SUPPORT_PLAN,
    PlanFacts,
    Said,
    Today,
    instant_of,
    is_ref,
    key_of,
    listed,
    plain_words,
)
from services.plan.fold.findings.rules import Concerned, Found, about

_NATIONAL: Final = frozenset({"hc-number", "chi"})
_VERIFIED: Final = "traced-and-verified"
_TEN_DIGITS: Final = re.compile(r"(?<![0-9])[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}(?![0-9])")


def mandatory(plan: PlanFacts, _: Today) -> Iterator[Found]:
    """The elements without which the plan cannot be sent, and that it lacks."""
    lacking = list(missing_elements(plan))
    if lacking:
        words = "The plan lacks something that it cannot be sent without."
        yield Found("mandatory-element-missing", tuple(lacking), words)


def missing_elements(plan: PlanFacts) -> Iterator[Concerned]:
    """The fields that carry mandatory elements and are empty, by entry; none that is withheld."""
    for concerned in _empty_elements(plan):
        if concerned.field is None or not plan.hidden.hides(concerned.key, concerned.field):
            yield concerned


def _empty_elements(plan: PlanFacts) -> Iterator[Concerned]:
    person = plan.person
    if person is not None:
        told = person.content
        name = told.get("name")
        if not (isinstance(name, dict) and name.get("first") and name.get("family")):
            yield about(person, "name")
        if not told.get("date_of_birth"):
            yield about(person, "date_of_birth")
        addresses = listed(told.get("addresses"))
        if not any(one.get("line1") and one.get("postcode") for one in addresses):
            yield about(person, "addresses")
        if not any(one.get("ods") for one in listed(told.get("gp_practices"))):
            yield about(person, "gp_practices")
    for contact in plan.current(PERSONAL_CONTACT):
        if not plain_words(contact.content.get("name")):
            yield about(contact, "name")
    for contingency in plan.current(CONTINGENCY_PLAN):
        if not listed(contingency.content.get("triggers")):
            yield about(contingency, "triggers")


def not_verified(plan: PlanFacts, _: Today) -> Iterator[Found]:
    """A national number that nobody has traced."""
    person = plan.person
    if person is None:
        return
    number = person.content.get("nhs_number")
    held = {
        "nhs_number": [number] if isinstance(number, dict) and number.get("value") else [],
        "other_identifiers": [
            other
            for other in listed(person.content.get("other_identifiers"))
            if other.get("kind") in _NATIONAL
        ],
    }
    fields = [
        field
        for field, identifiers in held.items()
        if any(one.get("verification") != _VERIFIED for one in identifiers)
    ]
    if fields:
        yield Found(
            "identifier-not-verified",
            tuple(about(person, field) for field in fields),
            "Nobody has traced the number; a second plan with it may exist.",
        )


def key_workers(plan: PlanFacts, today: Today) -> Iterator[Found]:
    """More than one key worker at a time."""
    named = list(_key_workers(plan, today))
    if len(named) > 1:
        words = "More than one professional is named as key worker."
        starts = (instant_of(one.content.get("starts_at")) for one in named)
        second = sorted(starts, key=lambda at: (at is not None, at))[1]
        concerned = tuple(about(one, "key_worker") for one in named)
        yield Found("two-key-workers", concerned, words, second)


def no_key_worker(plan: PlanFacts, today: Today) -> Iterator[Found]:
    """None at all, for those whom a deployment wants to have one."""
    person = plan.person
    if person is None:
        return
    if not any(_key_workers(plan, today)):
        yield Found("no-key-worker", (about(person),), "No professional is named as key worker.")


def _key_workers(plan: PlanFacts, today: Today) -> Iterator[Said]:
    """Those who are key worker now: who begins later, or has left, is none."""
    for contact in plan.current(PROFESSIONAL_CONTACT):
        starts = instant_of(contact.content.get("starts_at"))
        is_there = (starts is None or starts <= today.now) and not left_at(contact, today)[0]
        if contact.content.get("key_worker") is True and is_there:
            yield contact


def excluded(plan: PlanFacts, _: Today) -> Iterator[Found]:
    """Somebody who must not be contacted, among those whom a contingency plan says to call."""
    shut_out = list(_excluded(plan))
    for contingency in plan.current(CONTINGENCY_PLAN):
        for contact in shut_out:
            if any(_is(contact, named) for named in listed(contingency.content.get("contacts"))):
                yield Found(
                    "excluded-contact-named",
                    (about(contingency, "contacts"), about(contact, "excluded")),
                    "Somebody who must not be contacted is among those to be called.",
                )


def not_to_be_called(plan: PlanFacts, contingency: Said) -> list[str]:
    """The ids of the contacts of a contingency plan who must not be contacted."""
    shut_out = list(_excluded(plan))
    return [
        str(named["item_id"])
        for named in listed(contingency.content.get("contacts"))
        if isinstance(named, dict) and "item_id" in named and any(_is(c, named) for c in shut_out)
    ]


def _excluded(plan: PlanFacts) -> Iterator[Said]:
    """Those who must not be contacted; to set a contact aside does not let anybody call them."""
    return (one for one in plan.ever(PERSONAL_CONTACT) if one.content.get("excluded"))


def another_person(plan: PlanFacts, _: Today) -> Iterator[Found]:
    """Documents that carry an NHS number, or one like it, which is not the person's.

    An H&C or CHI number has the same form, so that all which the person has are theirs.
    """
    own = set(_numbers_of(plan.person)) if plan.person is not None else set()
    if not own:
        return
    for said in plan.current(SUPPORT_PLAN, LINKED_DOCUMENT):
        documents = [said.content.get("document"), *listed(said.content.get("documents"))]
        named = {found for one in documents for found in _numbers_in(one)}
        if named - own:
            field = "document" if said.kind == LINKED_DOCUMENT else "documents"
            words = "The document carries an NHS number that is not the person's."
            yield Found("document-names-another-person", (about(said, field),), words)


def _numbers_of(person: Said) -> Iterator[str]:
    """The person's own numbers of that form."""
    held = [person.content.get("nhs_number"), *listed(person.content.get("other_identifiers"))]
    for one in held:
        value = one.get("value") if isinstance(one, dict) else None
        if isinstance(value, str) and is_valid(value):
            yield value


def _numbers_in(document: Any) -> Iterator[str]:
    """The NHS numbers in what a document is called, with a check digit that holds."""
    if not isinstance(document, dict):
        return
    for member in ("title", "identifier", "url", "held_at"):
        text = document.get(member)
        for found in _TEN_DIGITS.findall(text) if isinstance(text, str) else ():
            digits = found.replace(" ", "").replace("-", "")
            if is_valid(digits):
                yield digits


def left_at(contact: Said, today: Today) -> tuple[bool, datetime | None]:
    """Whether a contact has left, and since when where that is because a time has passed."""
    ends = instant_of(contact.content.get("ends_at"))
    if not contact.is_current:
        return True, None
    return (True, ends) if ends is not None and ends <= today.now else (False, None)


def _is(contact: Said, named: Any) -> bool:
    if not isinstance(named, dict):
        return False
    ref = named.get("contact_ref")
    if is_ref(ref):
        return key_of(ref) == contact.key
    name = plain_words(contact.content.get("name"))
    return bool(name) and plain_words(named.get("name")) == name
