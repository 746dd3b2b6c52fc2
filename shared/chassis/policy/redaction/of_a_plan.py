"""What is withheld of a plan: of each entry by its own marks, and with what it is about: pure."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from hashlib import sha256
from typing import Any

from shared.chassis.policy.access import Scope
from shared.chassis.policy.redaction.marks import (
    NOTHING,
    SEX,
    Marks,
    Rule,
    Withheld,
    withheld_of,
    withheld_section,
)
from shared.chassis.policy.sees import Sees

EntryKey = tuple[str, str]
"""An entry's section, as the wire names it, and its id as text."""


class Redaction:
    """What is withheld from one reader of all that a plan has.

    ``entries`` are those of which something is withheld for what they are; ``sections`` are those
    of the plan of which everything is.
    """

    def __init__(
        self, sees: Sees, entries: Mapping[EntryKey, Withheld], sections: frozenset[str]
    ) -> None:
        self.sees = sees
        self.entries = entries
        self.sections = sections

    def __bool__(self) -> bool:
        return bool(self.entries or self.sections)

    def of(self, section: str, entry_id: Any) -> Withheld:
        """What of an entry; of one that nothing is known of, what is of its section."""
        rule = withheld_section(self.sees, section)
        if rule is not None:
            return Withheld(rule, mark=True)
        return self.entries.get((section, str(entry_id)), NOTHING)

    def shows(self, section: str, entry_id: Any) -> bool:
        """True where something of an entry is shown."""
        return self.of(section, entry_id).rule is None

    @cached_property
    def but_sex(self) -> "Redaction":
        """What is withheld apart from the person's sex."""
        entries: dict[EntryKey, Withheld] = {}
        for key, one in self.entries.items():
            leaves = {name: rule for name, rule in one.leaves.items() if rule is not Rule.SEX}
            if one.rule is not None or leaves:
                entries[key] = replace(one, leaves=leaves)
        return Redaction(self.sees, entries, self.sections)

    @property
    def only_sex(self) -> "Redaction":
        """The person's sex alone, where it is withheld."""
        entries = {
            key: Withheld(leaves={SEX: Rule.SEX})
            for key, one in self.entries.items()
            if Rule.SEX in one.leaves.values()
        }
        sees = replace(self.sees, scopes=(Scope(),), objected=frozenset())
        return Redaction(sees, entries, frozenset())

    @cached_property
    def fingerprint(self) -> str:
        """Equal for two that withhold the same, whoever reads and by whichever rules."""
        entries = sorted(
            (*key, one.rule is not None, *sorted(one.leaves)) for key, one in self.entries.items()
        )
        told = repr((sorted(self.sections), entries))
        return sha256(told.encode()).hexdigest()


class PlanMarks:
    """The marks of a plan's entries as they are today, as far as they tell readers apart."""

    def __init__(self, entries: Iterable[tuple[EntryKey, Marks]]) -> None:
        self._entries: dict[EntryKey, Marks] = {}
        sections: set[str] = set()
        labels: set[tuple[str, tuple[str, ...]]] = set()
        for key, marks in entries:
            sections.add(marks.section)
            if marks.tell_readers_apart:
                self._entries[key] = marks
            if marks.visibility is not None and marks.visibility.labels:
                labels.add((marks.section, marks.visibility.labels))
        self._sections = frozenset(sections)
        self._labels = frozenset(labels)
        self._origins = frozenset(
            marks.origin for marks in self._entries.values() if marks.visibility is not None
        )

    def __len__(self) -> int:
        return len(self._entries)

    def alike(self, sees: Sees) -> Hashable:
        """Readers of whom this is equal are shown the same of this plan."""
        return (
            sees.reader,
            sees.sex,
            sees.third_party,
            frozenset(filter(sees.covers, self._sections)),
            sees.objected & self._sections,
            frozenset(pair for pair in self._labels if sees.has_labels(*pair)),
            sees.organisation if sees.organisation in self._origins else None,
        )

    def withheld_from(self, sees: Sees) -> Redaction:
        """What is withheld from a reader: of each entry by its own marks, and with what."""
        sections = frozenset(
            section for section in self._sections if withheld_section(sees, section) is not None
        )
        found = {
            key: withheld
            for key, marks in self._entries.items()
            if key[0] not in sections and (withheld := withheld_of(sees, marks))
        }
        speaking = {
            key: marks.about
            for key, marks in self._entries.items()
            if marks.about is not None and key[0] not in sections
        }
        # An agreement may be about a goal, and a comment about that agreement.
        while with_it := {
            key: rule
            for key, about in speaking.items()
            if (rule := _withheld_target(sees, found, about)) is not None
        }:
            for key, rule in with_it.items():
                del speaking[key]
                if found.get(key, NOTHING).rule is None:
                    found[key] = Withheld(rule, mark=True, by_itself=False)
        return Redaction(sees, found, sections)


def _withheld_target(
    sees: Sees, found: Mapping[EntryKey, Withheld], about: Mapping[str, Any]
) -> Rule | None:
    section = about.get("section")
    if not isinstance(section, str):
        return None
    rule = withheld_section(sees, section)
    withheld = found.get((section, str(about.get("entry_id"))))
    if rule is not None or withheld is None:
        return rule
    if withheld.rule is not None:
        return withheld.rule
    path = about.get("field")
    if not isinstance(path, str):
        return None
    path = path.replace("/", ".")
    if not withheld.hides(path):
        return next((rule for name, rule in withheld.leaves.items() if _is_in(name, path)), None)
    return next(
        (rule for name, rule in withheld.leaves.items() if _is_in(path, name)),
        next(iter(withheld.leaves.values())),
    )


def _is_in(path: str, leaf: str) -> bool:
    return path == leaf or path.startswith(f"{leaf}.")
