"""What a rule of findings answers, and the list of all codes with the rule behind each."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Final, NamedTuple

from services.plan.fold.findings.facts import (
    AGREEMENT,
    PROFESSIONAL_CONTACT,
    REVIEW,
    EntryKey,
    PlanFacts,
    Said,
    Today,
)

Name = tuple[str, tuple[EntryKey, ...]]
"""What makes a finding the same in another version: its code and its entries."""


class Concerned(NamedTuple):
    """An entry that a finding is about, and the field of it where it is about one."""

    section: str
    entry_id: str
    field: str | None = None

    @property
    def key(self) -> EntryKey:
        """What the entry is called outside its section."""
        return self.section, self.entry_id


@dataclass(frozen=True)
class Found:
    """Something that a plan says about itself.

    ``since`` is given where it holds because time passed. ``words`` are for a clinician to read and
    contain nothing of the plan.
    """

    code: str
    entries: tuple[Concerned, ...]
    words: str
    since: datetime | None = None

    @property
    def name(self) -> Name:
        """What makes it the same finding in another version: its code and its entries."""
        return self.code, tuple(sorted({one.key for one in self.entries}))


class Rule(NamedTuple):
    """A rule, and the kinds of entries that it looks at; ``None`` for any."""

    find: Callable[[PlanFacts, Today], Iterator[Found]]
    looks_at: frozenset[tuple[str, str]] | None = None
    one_by_one: bool = False
    """True where what it finds of an entry follows from that entry alone."""

    def concerns(self, kind: tuple[str, str]) -> bool:
        """True where a change of an entry of this kind may change what it finds."""
        return self.looks_at is None or kind in self.looks_at

    def still_holds(
        self, names: set[Name], plan: PlanFacts, today: Today, key: EntryKey
    ) -> set[Name]:
        """Those of the findings that hold in a plan in which only that entry is another."""
        if not self.one_by_one:
            return names & {one.name for one in self.find(plan, today)}
        its_own = {name for name in names if name[1] == (key,)}
        if not its_own:
            return names
        entries = {key: plan.entries[key]} if key in plan.entries else {}
        held = {one.name for one in self.find(replace(plan, entries=entries), today)}
        return names - (its_own - held)


RULES_BEHIND: Final[Mapping[str, str]] = MappingProxyType(
    {
        "mandatory-element-missing": "BR-3",
        "identifier-not-verified": "BR-2",
        "goal-without-need": "BR-10",
        "action-without-goal": "BR-21",
        "stage-goal-without-action": "BR-10",
        "outcome-without-goal": "BR-10",
        "refers-to-unknown-entry": "BR-10",
        "refers-to-withdrawn-entry": "BR-21",
        "goal-to-look-at-again": "BR-21",
        "low-confidence-on-important-goal": "BR-12",
        "action-without-owner": "H-10",
        "action-overdue": "H-10",
        "assignee-has-left": "H-10",
        "two-key-workers": "H-10",
        "no-key-worker": "H-10",
        "no-review-date": "BR-50",
        "review-due-soon": "BR-50",
        "review-overdue": "BR-50",
        "responsible-has-left": "BR-50",
        "review-advised": "BR-51",
        "no-agreement-recorded": "BR-14",
        "not-agreed": "BR-14",
        "changed-since-agreement": "H-15",
        "agreement-to-unknown-version": "H-15",
        "agreement-without-proxy": "BR-14",
        "contingency-plan-without-assessment": "BR-40",
        "contingency-plan-not-confirmed": "H-1",
        "contradictory-instructions": "H-2",
        "excluded-contact-named": "H-11",
        "document-names-another-person": "H-4",
        "support-plan-stale": "BR-33",
        "support-plan-review-overdue": "BR-33",
        "open-proposal": "BR-26",
        "open-disagreement": "H-2",
        "open-correction-request": "BR-27",
        "unmapped-code": "H-6",
        "plan-incomplete": "P3",
        "contributed-while-not-open": "P8",
    }
)


class RestsOn(NamedTuple):
    """What a finding rests on beside the fields that it names.

    ``fields`` are those of the entries that it names; ``all_of`` is a kind of which every entry
    has to be seen, with its ``of_each``: the finding says that there is none, or which is the last.
    """

    fields: tuple[str, ...] = ()
    all_of: tuple[str, str] | None = None
    of_each: tuple[str, ...] = ()


_EVERY_REVIEW: Final = RestsOn((), REVIEW, ("subject", "due_on", "interval", "held"))
_EVERY_AGREEMENT: Final = RestsOn((), AGREEMENT, ("subject", "outcome", "plan_version"))
_THE_REVIEW: Final = RestsOn(("subject", "due_on", "interval", "held"))
_THE_COMMENT: Final = RestsOn(("kind", "target", "answer"))

RESTS_ON: Final[Mapping[str, RestsOn]] = MappingProxyType(
    {
        "goal-to-look-at-again": RestsOn(("status", "need_ids", "strength_ids")),
        "low-confidence-on-important-goal": RestsOn(("status", "goal_ids")),
        "action-without-owner": RestsOn(("status",)),
        "action-overdue": RestsOn(("status",)),
        "assignee-has-left": RestsOn(("status", "ends_at")),
        "two-key-workers": RestsOn(("starts_at", "ends_at")),
        "no-key-worker": RestsOn((), PROFESSIONAL_CONTACT, ("key_worker", "starts_at", "ends_at")),
        "no-review-date": _EVERY_REVIEW,
        "review-due-soon": _THE_REVIEW,
        "review-overdue": _THE_REVIEW,
        "support-plan-review-overdue": _THE_REVIEW,
        "responsible-has-left": RestsOn(("ends_at",)),
        "review-advised": _EVERY_REVIEW._replace(fields=("kind",)),
        "no-agreement-recorded": _EVERY_AGREEMENT,
        "not-agreed": _EVERY_AGREEMENT,
        "changed-since-agreement": _EVERY_AGREEMENT,
        "agreement-to-unknown-version": _EVERY_AGREEMENT,
        "agreement-without-proxy": RestsOn(
            ("authority",), AGREEMENT, ("subject", "outcome", "authority")
        ),
        "contingency-plan-not-confirmed": RestsOn(("kind", "live_from", "subject", "cause")),
        "contradictory-instructions": RestsOn(("triggers",)),
        "excluded-contact-named": RestsOn(("name",)),
        "support-plan-stale": RestsOn(("label",)),
        "open-proposal": _THE_COMMENT,
        "open-disagreement": _THE_COMMENT,
        "open-correction-request": _THE_COMMENT,
    }
)
"""By code; a finding that is not here rests on the fields that it names alone."""


def is_certain(found: Found, plan: PlanFacts) -> bool:
    """True where a finding holds whatever the things say that are withheld from the reader."""
    on = RESTS_ON.get(found.code, RestsOn())
    if on.all_of is not None and plan.lacks(on.all_of, *on.of_each):
        return False
    return not any(
        plan.hidden.hides(one.key, *on.fields, *((one.field,) if one.field else ()))
        for one in found.entries
    )


def about(said: Said, field: str | None = None) -> Concerned:
    """An entry as one that a finding is about."""
    return Concerned(said.section, said.entry_id, field)
