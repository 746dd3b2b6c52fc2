"""The schema of every command, event and envelope, from the declarations."""

from collections.abc import Iterable, Iterator
from copy import deepcopy
from typing import Final

from shared.chassis.wire.shapes import command_shape, event_schema
from shared.contracts.envelopes.contribution import contribution
from shared.contracts.envelopes.event import event, plan_changed
from shared.contracts.envelopes.parts import Schema
from shared.contracts.envelopes.receipt import receipt
from shared.contracts.outcomes import recorded_by, refusals_of
from shared.ledger import InAnEmergency, Section
from shared.ledger.entry.fields import hints_of, of_the_change, wire_field
from shared.ledger.provenance import ServiceRole
from shared.ledger.words import VALUES, titled, titled_of

CONTRIBUTION: Final = "careplan.contribution.v1"
RECEIPT: Final = "careplan.receipt.v1"
EVENT: Final = "careplan.event.v1"
PLAN_CHANGED: Final = "careplan.plan.changed.v1"


def name_and_major(type_: str) -> tuple[str, int]:
    """``careplan.goals.agreed.v1`` → ``careplan.goals.agreed``, the name of the folder, and 1."""
    name, _, major = type_.rpartition(".v")
    return name, int(major)


def schemas(sections: Iterable[Section]) -> dict[str, Schema]:
    """Every schema by its type, in the order of types; each major version is a type of its own."""
    found = {
        CONTRIBUTION: contribution(),
        RECEIPT: receipt(),
        EVENT: event(),
        PLAN_CHANGED: plan_changed(),
        **dict(_contents(sections)),
    }
    return dict(sorted(found.items()))


def _contents(sections: Iterable[Section]) -> Iterator[tuple[str, Schema]]:
    for section in sections:
        for type_, command in section.commands.items():
            entry = section.entry_type(command.entry)
            verb = "creates" if command.creates else "changes"
            words = command.declared.titled
            who = command.declared.who_in_words(command.entry)
            schema = {
                "title": words.title,
                "description": f"{words.description} The command {verb} an entry of type {entry}. "
                f"{who}",
                "x-entry-type": entry,
                "x-creates": command.creates,
                "x-may-contribute": [_who(rule) for rule in command.who],
                "x-records": recorded_by(section, command),
                "x-refuses": refusals_of(command),
                **command_shape(command).json_schema(),
            }
            yield type_, schema
        for type_, kind in section.events.items():
            entry = section.entry_type(section.entry_of_event(type_))
            said = titled_of(kind) or titled(type_)
            schema = {
                "title": said.title,
                "description": f"{said.description} "
                f"Recorded of an entry of type {entry}, which is {kind.change}.".strip(),
                "x-entry-type": entry,
                "x-change": str(kind.change.value),
                "x-sets": sorted({*map(wire_field, hints_of(kind))} - of_the_change(kind)),
                **deepcopy(event_schema(kind)),
            }
            _mark_emergency(schema, section.entry_of_event(type_).in_an_emergency)
            yield type_, schema


def _mark_emergency(schema: Schema, shown: InAnEmergency | None) -> None:
    """Put the mark on the fields that are shown in an emergency."""
    for path in () if shown is None else shown.fields or schema["x-sets"]:
        place: Schema | None = schema
        for step in path.split("."):
            place = None if place is None else _below(schema, place).get(step)
        if place is not None and path != "visibility":
            place["x-emergency"] = True


def _below(schema: Schema, place: Schema) -> Schema:
    """What stands below a place of a schema by its name; of a map, the words for each key."""
    while "$ref" in place:
        place = schema["$defs"][place["$ref"].rpartition("/")[2]]
    keys: Schema = place.get("propertyNames", {}).get(VALUES, {})
    return {**keys, **place.get("properties", {})}


def _who(rule: str | ServiceRole) -> str | Schema:
    """A kind of voice, or a service role by its setting, with the roles that usually have it."""
    if isinstance(rule, str):
        return rule
    return {"setting": rule.name, "usually": [*rule.roles]}
