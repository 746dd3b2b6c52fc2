"""What a rule of findings answers, and the list of all codes with the rule behind each."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Final, NamedTuple

from services.plan.fold.findings.facts import EntryKey, PlanFacts, Said, Today

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


def about(said: Said, field: str | None = None) -> Concerned:
    """An entry as one that a finding is about."""
    return Concerned(said.section, said.entry_id, field)
