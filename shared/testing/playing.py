"""Plays a section's examples: through the shapes of the doors, without a store or a network."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from shared.chassis.contribute.contribute import refuse_who_may_not
from shared.chassis.contribute.prepare import contribution_from_json, prepare
from shared.chassis.settings import USUAL_ROLES
from shared.chassis.store.mapper import EntryMapper
from shared.ledger import Contributor, Entry, Organisation, Refused, Section
from shared.ledger.example import Example

_NAMES = {
    "person": "Edith Marlow-Synth",
    "related-person": "Ruth Marlow-Synth",
    "professional": "Tom Okafor-Synth",
    "system": "Demographics connection",
}


def plan_of(example: Example) -> UUID:
    """An id for the plan with the example's label."""
    return uuid5(NAMESPACE_URL, f"careplan-example/{example.plan}")


def entry_of(section: Section, example: Example) -> UUID:
    """An id for the entry with the example's label, or the one that follows from the plan."""
    plan_id = plan_of(example)
    fixed = section.commands[example.command].entry.fixed_id(plan_id)
    return fixed or uuid5(plan_id, f"{section.wire_name}/{example.entry}")


def contributor_of(example: Example, plan_id: UUID) -> Contributor:
    """Whoever contributes it, as their token would prove."""
    kind = example.recorded_by_kind
    works = kind in ("professional", "system")
    return Contributor(
        kind=kind,
        sub=f"{kind}-{example.organisation if works else plan_id}",
        name=_NAMES[kind],
        role=example.role if works else None,
        organisation=Organisation(example.organisation) if works else None,
        plan_id=None if works else plan_id,
    )


def contribution_of(
    example: Example, contribution_id: UUID, plan_id: UUID, entry_id: UUID, based_on: int | None
) -> dict[str, Any]:
    """The contribution as it comes in at a door."""
    contribution: dict[str, Any] = {
        "contribution_id": str(contribution_id),
        "plan_id": str(plan_id),
        "entry_id": str(entry_id),
        "command": example.command,
        "content": example.content,
    }
    if based_on is not None:
        contribution["based_on"] = based_on
    kind = example.stated_by_kind
    if kind is not None:
        stated_by = {"kind": kind, "name": _NAMES[kind]}
        if kind == "professional":
            stated_by["role"] = example.role or "nurse"
        if kind == "related-person":
            stated_by["relationship"] = "daughter"
        contribution["provenance"] = {"stated_by": stated_by}
    return contribution


@dataclass
class Played:
    """What a history of examples has led to."""

    entries: dict[UUID, Entry] = field(default_factory=dict)
    events: dict[UUID, list[Any]] = field(default_factory=dict)
    answers: list[tuple[Example, str | None]] = field(default_factory=list)

    @property
    def event_types(self) -> frozenset[str]:
        """The wire names of everything that happened."""
        return frozenset(type(event).TOPIC for told in self.events.values() for event in told)


def play(section: Section, examples: Iterable[Example]) -> Played:
    """Decide each example in turn, with what the event store would say of ids and unique keys."""
    played = Played()
    for number, example in enumerate(examples):
        try:
            _decide(section, example, number, played)
        except Refused as refused:
            played.answers.append((example, refused.code))
        else:
            played.answers.append((example, None))
    return played


def _decide(section: Section, example: Example, number: int, played: Played) -> None:
    plan_id, entry_id = plan_of(example), entry_of(section, example)
    held = played.entries.get(entry_id)
    command = section.commands[example.command]
    given = contribution_of(
        example,
        uuid5(plan_id, f"contribution {number}"),
        plan_id,
        entry_id,
        None if command.creates or held is None else held.version,
    )
    contributor = contributor_of(example, plan_id)
    prepared = prepare(section, contribution_from_json(given), contributor)
    refuse_who_may_not(prepared, USUAL_ROLES)
    arguments: Mapping[str, Any] = {"provenance": prepared.provenance, **prepared.arguments}
    if command.creates:
        entry: Entry = getattr(command.entry, command.method)(**arguments)
        if held is not None:
            raise Refused(command.entry.already_exists)
    else:
        if held is None:
            raise Refused("entry-unknown")
        if held.is_in_error:
            raise Refused("entry-entered-in-error")
        # A refusal leaves no trace.
        entry = deepcopy(held)
        getattr(entry, command.method)(**arguments)
    for other_id, other in played.entries.items():
        if other_id != entry.id and other.unique_keys() & entry.unique_keys():
            raise Refused(command.entry.key_taken)
    played.entries[entry.id] = entry
    played.events.setdefault(entry.id, []).extend(entry.collect_events())


def read_again(events: Iterable[Any]) -> Entry:
    """The entry that these events add up to after they were written as bytes and read back."""
    mapper = EntryMapper()
    entry: Entry | None = None
    for event in events:
        entry = mapper.to_domain_event(mapper.to_stored_event(event)).mutate(entry)
    if entry is None:
        raise ValueError("no events, no entry")
    return entry
