"""What becomes of an entry: the examples that each section declares of one, in their turn.

No section and no entry is named here: one that is declared comes under load without an edit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final
from uuid import UUID

from shared.chassis.wire.shapes import command_shape, leaves_of
from shared.contracts import discover
from shared.ledger import Entry, Section, ServiceRole
from shared.ledger.example import Example

Content = dict[str, Any]

_WORDS: Final = ("text", "reason", "why")
_RESTRICTED_FROM_THE_START: Final = 0.2
_RESTRICTED_OTHERWISE: Final = 0.7


@dataclass(frozen=True)
class Story:
    """The examples of one entry; the first of them begins it, or is refused to."""

    section: Section
    entry: type[Entry]
    steps: tuple[Example, ...]

    @property
    def comes_to_something(self) -> bool:
        """True where the entry comes to be; some examples only show how it is refused."""
        return any(self.creates(step) and step.refused is None for step in self.steps)

    def creates(self, step: Example) -> bool:
        """True where the command creates an entry."""
        return self.section.commands[step.command].creates

    def fixed_id(self, plan_id: str, step: Example | None = None) -> str | None:
        """The id of the entry where a plan has only one of its kind, or one for each subject."""
        begins = step or self.steps[0]
        said = command_shape(self.section.commands[begins.command]).read(begins.content)
        fixed = self.entry.id_following_from(UUID(plan_id), said)
        return str(fixed) if fixed else None

    def goes_by_kafka(self, step: Example) -> bool:
        """True where an organisation's system can say it: it has no role, and is not a relative."""
        who = self.section.commands[step.command].who
        needs_a_role = all(isinstance(rule, ServiceRole) for rule in who)
        return step.recorded_by_kind in ("professional", "person") and not needs_a_role

    def content_of(self, step: Example, rng: Random, nonce: str) -> Content:
        """What the example says, in words that nobody else has; of restrictions, also others."""
        is_restriction = self.section.commands[step.command].method == "restrict"
        if is_restriction and step.refused is None and rng.random() < _RESTRICTED_OTHERWISE:
            return self.restriction(rng, nonce)
        said: Content = in_own_words(dict(step.content), nonce)
        return said

    def visibility_of(self, step: Example, rng: Random, nonce: str) -> Content | None:
        """Who does not see it from the start: as the example has it, or now and then."""
        if step.visibility is not None:
            return {**step.visibility, **({} if step.refused else {"reason": f"Theirs: {nonce}"})}
        is_so = self.creates(step) and rng.random() < _RESTRICTED_FROM_THE_START
        return self.restriction(rng, nonce) if is_so else None

    def restriction(self, rng: Random, nonce: str) -> Content:
        """From somebody, of the whole entry or of some leaves."""
        return restriction(rng, nonce, leaves_of(self.entry))


def stories() -> tuple[Story, ...]:
    """Of every entry in the examples of every section, but for the one that opens plans."""
    found: dict[tuple[str, str, str, type[Entry]], list[Example]] = {}
    sections = {section.name: section for section in discover.sections()}
    for name, section in sections.items():
        for example in discover.examples(name) or ():
            command = section.commands[example.command]
            # Whoever acts for somebody names an entry of another plan, which no plan here has. And
            # what everybody's access rests on is said when a plan is opened, and stays.
            begins = command.entry.opens_plan or command.entry.gives_access
            if not begins and "on_behalf_of" not in example.provenance:
                # Entries of two types may have one label; each has its own story.
                label = (name, example.plan, example.entry, command.entry)
                steps = found.setdefault(label, [])
                if steps or command.creates:
                    steps.append(example)
    return tuple(
        Story(sections[name], entry, tuple(steps))
        for (name, _, _, entry), steps in found.items()
        if steps
    )


def restriction(rng: Random, nonce: str, leaves: tuple[str, ...]) -> Content:
    """From somebody, for a reason; of some of these leaves, or of all."""
    fields = {"fields": rng.sample(leaves, min(len(leaves), rng.choice((1, 2))))}
    whom: Content = rng.choice(
        [
            {"labels": ["mental-health"]},
            {"labels": ["mental-health", "address"], **fields},
            {"third_party": True, **fields},
            {"third_party": True, "labels": ["address"], "review_on": "2027-03-01"},
            {"withheld_from_person": True, "approved_by": "Dr Approver-Synth"},
            {"withheld_from_person": True, "approved_by": "Dr Approver-Synth", **fields},
        ]
    )
    return {**whom, "reason": f"Not everybody's: {nonce}"}


def in_own_words(said: Any, nonce: str) -> Any:
    """The same with the nonce in each of its words, so that it is like nothing else."""
    if isinstance(said, Mapping):
        return {
            name: f"{given} {nonce}"
            if name in _WORDS and isinstance(given, str) and given.strip()
            else in_own_words(given, nonce)
            for name, given in said.items()
        }
    if isinstance(said, list | tuple):
        return [in_own_words(one, nonce) for one in said]
    return said
