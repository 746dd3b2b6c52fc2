"""Plays a section's examples: through the shapes of the doors, without a store or a network."""

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from shared.chassis.contribute.prepare import Prepared, contribution_from_json, prepare
from shared.chassis.policy.decide import Action, Facts, decide, rights_of
from shared.chassis.settings import USUAL_ROLES
from shared.chassis.wire.problem import Problem
from shared.ledger import (
    PROFESSIONAL,
    RELATED_PERSON,
    SYSTEM,
    Contributor,
    Entry,
    Organisation,
    Refused,
    Section,
    id_in,
    with_added_at,
)
from shared.ledger import example as example_ids
from shared.ledger.example import Example

_BEGIN = datetime(2026, 3, 10, 14, 0, tzinfo=UTC)
_NAMES = {
    "person": "Edith Marlow-Synth",
    "related-person": "Ruth Marlow-Synth",
    "professional": "Tom Okafor-Synth",
    "system": "Demographics connection",
}


class NotTaken(Exception):
    """An example that cannot be read as a contribution: the declaration has changed."""

    def __init__(self, section: Section, example: Example, why: Exception) -> None:
        where = f"services/{section.name}/examples.py: {example.name!r}"
        super().__init__(f"{where} is no longer taken: {_said(why)}")


@dataclass(frozen=True)
class Answered:
    """One example: the contribution, the code it was refused with, and the events of it."""

    example: Example
    contribution: dict[str, Any]
    code: str | None
    events: tuple[Any, ...] = ()


@dataclass
class Played:
    """What a history of examples has led to."""

    entries: dict[UUID, Entry] = field(default_factory=dict)
    answers: list[Answered] = field(default_factory=list)

    @property
    def events(self) -> dict[UUID, list[Any]]:
        """Everything that happened, by entry."""
        found: dict[UUID, list[Any]] = {}
        for answer in self.answers:
            for event in answer.events:
                found.setdefault(event.originator_id, []).append(event)
        return found

    @property
    def event_types(self) -> frozenset[str]:
        """The wire names of everything that happened."""
        return frozenset(type(event).TOPIC for answer in self.answers for event in answer.events)


def stated_when(number: int) -> datetime:
    """When the accepted example of this number, from 0, was stated."""
    return _BEGIN + timedelta(minutes=5 * number)


def recorded_when(number: int) -> datetime:
    """When it was recorded, which is also what its section's clock said."""
    return stated_when(number) + timedelta(minutes=1)


def plan_of(example: Example) -> UUID:
    """An id for the plan with the example's label."""
    return example_ids.plan_of(example.plan)


def entry_of(section: Section, example: Example) -> UUID:
    """An id for the entry with the example's label, or the one that follows from the plan.

    A label that is an id already is that entry's.
    """
    if (named_by_id := id_in(example.entry)) is not None:
        return named_by_id
    plan_id = plan_of(example)
    fixed = section.commands[example.command].entry.fixed_id(plan_id)
    named = example_ids.link(section.wire_name, example.entry, plan=example.plan)
    return fixed or UUID(named["entry_id"])


def contributor_of(example: Example, plan_id: UUID) -> Contributor:
    """Whoever contributes it, as their token would prove."""
    kind = example.recorded_by_kind
    works = kind in (PROFESSIONAL, SYSTEM)
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
        "command": example.command,
        "entry_id": str(entry_id),
        "content": example.content,
    }
    if based_on is not None:
        contribution["based_on"] = based_on
    if example.visibility is not None:
        contribution["visibility"] = example.visibility
    provenance = dict(example.provenance)
    if example.supported_by is not None:
        provenance["supported_by"] = example.supported_by
    kind = example.stated_by_kind
    if kind is not None:
        stated_by = {"kind": kind, "name": _NAMES[kind]}
        if kind == PROFESSIONAL:
            stated_by["role"] = example.role or "nurse"
        if kind == RELATED_PERSON:
            stated_by["relationship"] = "daughter"
        provenance["stated_by"] = stated_by
    if provenance:
        contribution["provenance"] = provenance
    return contribution


def play(section: Section, examples: Iterable[Example]) -> Played:
    """Decide each example in turn, with what the event store would say of ids and unique keys.

    Raises ``NotTaken`` for one that cannot be read at all.
    """
    played = Played()
    for example in examples:
        try:
            given, prepared = _prepared(section, example, played)
        except (Problem, KeyError) as error:
            raise NotTaken(section, example, error) from error
        try:
            events = _decide(prepared, played)
        except Refused as refused:
            played.answers.append(Answered(example, given, refused.code))
        else:
            played.answers.append(Answered(example, given, None, events))
    return played


def _prepared(
    section: Section, example: Example, played: Played
) -> tuple[dict[str, Any], Prepared]:
    plan_id, entry_id = plan_of(example), entry_of(section, example)
    held = played.entries.get(entry_id)
    creates = section.commands[example.command].creates
    contribution_id = uuid5(plan_id, f"{example.command} {example.name} {len(played.answers)}")
    based_on = None if creates or held is None else held.version
    given = contribution_of(example, contribution_id, plan_id, entry_id, based_on)
    contributor = contributor_of(example, plan_id)
    return given, prepare(section, contribution_from_json(given), contributor)


def _decide(prepared: Prepared, played: Played) -> tuple[Any, ...]:
    facts = Facts(USUAL_ROLES, prepared.plan_id, prepared.command.who, prepared.provenance)
    decision = decide(prepared.contributor, Action.CONTRIBUTE, facts)
    # Examples are of people who may: by which relationship or Proxy is the care team's to say.
    if decision.code is not None and not decision.may_change:
        raise Refused(decision.code, decision.detail)
    command, held = prepared.command, played.entries.get(prepared.entry_id)
    granted = rights_of(prepared.contributor, USUAL_ROLES, command.service_roles)
    accepted = sum(answer.code is None for answer in played.answers)
    has = vars(held) if held is not None else {}
    arguments = with_added_at(prepared.arguments, has, recorded_when(accepted))
    said = (prepared.provenance, granted, arguments)
    if command.creates:
        is_again = held is not None and command.begins_again(
            held, prepared.plan_id, prepared.arguments
        )
        before = held if is_again else None
        entry = command.create(*said, prepared.visibility, before)
        if held is not None and before is None:
            raise Refused(command.entry.already_exists)
    else:
        if held is None:
            raise Refused("entry-unknown")
        if held.is_in_error:
            raise Refused("entry-entered-in-error")
        # A refusal leaves no trace.
        entry = deepcopy(held)
        read_id = command.reads(arguments)
        read = None if read_id is None else played.entries.get(read_id)
        command.change(entry, *said, read)
    for other_id, other in played.entries.items():
        if other_id != entry.id and other.unique_keys() & entry.unique_keys():
            raise Refused(command.entry.key_taken)
    played.entries[entry.id] = entry
    return tuple(entry.collect_events())


def _said(why: Exception) -> str:
    if isinstance(why, Problem):
        return f"{why.code} {', '.join(error['pointer'] for error in why.errors)}"
    return f"{type(why).__name__} {why}"
