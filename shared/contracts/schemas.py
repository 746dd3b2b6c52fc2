"""The schema of every command, event and envelope, from the declarations."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from shared.chassis.wire.shapes import command_shape, event_schema, schema_of
from shared.chassis.wire.validation_errors import INTEGER_LIMIT
from shared.ledger import (
    COMMAND_TYPE,
    UUID_TEXT,
    Change,
    Claim,
    Organisation,
    Provenance,
    Section,
    Visibility,
)
from shared.ledger.names import NOT_IDS
from shared.ledger.words import titled, titled_of

Schema = dict[str, Any]

CONTRIBUTION: Final = "careplan.contribution.v1"
RECEIPT: Final = "careplan.receipt.v1"
EVENT: Final = "careplan.event.v1"

_ID: Final = {
    "type": "string",
    "format": "uuid",
    "pattern": f"^{UUID_TEXT}$",
    "not": {"enum": list(NOT_IDS)},
}
_AT: Final = {"type": "string", "format": "date-time"}
_VERSION: Final = {"type": "integer", "minimum": 1, "maximum": INTEGER_LIMIT}
_SECTION: Final = {"type": "string", "pattern": "^[a-z][a-z-]*[a-z]$"}
_TYPE: Final = {"type": "string", "pattern": r"^careplan\.[a-z-]+\.[a-z-]+\.v[1-9][0-9]*$"}
_COMMAND: Final = {
    "type": "string",
    "pattern": f"^{COMMAND_TYPE}$",
}
_IN_THE_HEADERS: Final = ("plan_id", "entry_id", "contribution_id")


def name_and_major(type_: str) -> tuple[str, int]:
    """``careplan.goals.agreed.v1`` → ``careplan.goals.agreed``, the name of the folder, and 1."""
    name, _, major = type_.rpartition(".v")
    return name, int(major)


def schemas(sections: Iterable[Section]) -> dict[str, Schema]:
    """Every schema by its type, in the order of types; each major version is a type of its own."""
    found = {
        CONTRIBUTION: _contribution(),
        RECEIPT: _receipt(),
        EVENT: _event(),
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
                **command_shape(command).json_schema(),
            }
            yield type_, schema
        for type_, event in section.events.items():
            entry = section.entry_type(section.entry_of_event(type_))
            said = titled_of(event) or titled(type_)
            schema = {
                "title": said.title,
                "description": f"{said.description} "
                f"Recorded of an entry of type {entry}, which is {event.change}.".strip(),
                **event_schema(event),
            }
            yield type_, schema


def _contribution() -> Schema:
    claim, definitions = _split(schema_of(Claim))
    visibility, _ = _split(schema_of(Visibility))
    return {
        "title": "Contribution",
        "description": "What a contributor submits; a null is the same as leaving out.",
        "type": "object",
        "properties": {
            "contribution_id": {
                **_ID,
                "title": "Contribution",
                "description": "A new UUID, which you choose. Send the same contribution again "
                "under the same id, and it is answered with its first receipt.",
            },
            "plan_id": {
                **_or_null(_ID),
                "title": "Plan",
                "description": "The plan that it is for. Only the command that opens a plan may "
                "leave it out; the receipt then names the new plan.",
            },
            "command": {
                **_COMMAND,
                "title": "Command",
                "description": "What is to be done, with its major version; each command has "
                "its own contract. Send it to the section that it names.",
            },
            "entry_id": {
                **_or_null(_ID),
                "title": "Entry",
                "description": "The entry to change. A command that creates may leave it out, "
                "and the receipt names the new entry; or you choose a new UUID. Of an entry that "
                "a plan has once, the id follows from the plan.",
            },
            "based_on": {
                **_or_null(_VERSION),
                "title": "Based on",
                "description": "The version of the entry that you have seen, as its last receipt "
                "or the plan has it (`entry_version`). A command that changes needs it, here or "
                "over HTTP as `If-Match`; one that creates has none.",
            },
            "content": {
                **_or_null({"type": "object"}),
                "title": "Content",
                "description": "What the command says, in the form of the command's own contract.",
            },
            "visibility": {
                **_or_null({"$ref": "#/$defs/Visibility"}),
                "title": "Visibility",
                "description": "Who may not see the entry. Only in a command that creates; later "
                "the command `restrict` says it.",
            },
            "provenance": {
                **_or_null({"$ref": "#/$defs/Claim"}),
                "title": "Provenance",
                "description": "Who said it, when, where, and who helped. Who recorded it is "
                "taken from the token, never from here.",
            },
        },
        "required": ["contribution_id", "command"],
        "additionalProperties": False,
        "$defs": {"Claim": claim, "Visibility": visibility, **definitions},
    }


def _event() -> Schema:
    provenance, definitions = _split(schema_of(Provenance, is_open=True))
    told = {
        name: schema
        for name, schema in provenance["properties"].items()
        if name not in _IN_THE_HEADERS
    }
    told["stated_at"] = _AT
    provenance = {
        **provenance,
        "description": "The contributor's provenance, completed by what was proven.",
        "properties": told,
        "required": ["recorded_by", "stated_by", "stated_at"],
    }
    return {
        "title": EVENT,
        "description": "One event as it is published; its content has the schema of its type.",
        "type": "object",
        "properties": {
            "plan_id": _ID,
            "section": _SECTION,
            "entry_id": _ID,
            "entry_type": {"type": "string", "pattern": "^[a-z][a-z-]*$"},
            "entry_version": _VERSION,
            "type": _TYPE,
            "change": {"type": "string", "enum": [change.value for change in Change]},
            "contribution_id": _ID,
            "recorded_at": _AT,
            "content": {"type": "object"},
            "fields": {
                "description": "The leaves this sets; left out, every key of the content.",
                "type": "array",
                "items": {"type": "string"},
            },
            "provenance": {"$ref": "#/$defs/Provenance"},
        },
        "required": [
            "plan_id",
            "section",
            "entry_id",
            "entry_type",
            "entry_version",
            "type",
            "change",
            "contribution_id",
            "recorded_at",
            "content",
            "provenance",
        ],
        "$defs": {"Provenance": provenance, **definitions},
    }


def _receipt() -> Schema:
    organisation, definitions = _split(schema_of(Organisation, is_open=True))
    text = {"type": "string"}
    by = {
        "type": "object",
        "properties": {
            "kind": text,
            "name": _or_null(text),
            "role": _or_null(text),
            "organisation": _or_null({"$ref": "#/$defs/Organisation"}),
        },
        "required": ["kind"],
    }
    since = {
        "type": "object",
        "properties": {
            "entry_version": _VERSION,
            "fields": {"type": "array", "items": text},
            "by": by,
            "at": _AT,
        },
        "required": ["entry_version", "fields", "by", "at"],
    }
    event = {
        "type": "object",
        "properties": {"type": _TYPE, "entry_version": _VERSION},
        "required": ["type", "entry_version"],
    }
    return {
        "title": RECEIPT,
        "description": "The answer to a contribution: accepted, or refused and why.",
        "type": "object",
        "properties": {
            "contribution_id": _ID,
            "outcome": {"type": "string", "enum": ["accepted", "refused"]},
            "plan_id": _or_null(_ID),
            "section": _SECTION,
            "entry_id": _ID,
            "entry_version": _VERSION,
            "events": {"type": "array", "items": event},
            "code": {"type": "string", "pattern": "^[a-z][a-z0-9-]*$"},
            "detail": text,
            "changed_since": {"type": "array", "items": since},
            "existing_plan_id": _ID,
            "kept": {
                "description": "False where no receipt is kept and the same may be sent again.",
                "type": "boolean",
            },
            "retryable": {"type": "boolean"},
            "recorded_at": _AT,
            "ledger_position": text,
        },
        "required": ["contribution_id", "outcome", "plan_id", "section"],
        "$defs": {"Organisation": organisation, **definitions},
    }


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _split(schema: Schema) -> tuple[Schema, Schema]:
    """A schema, and the definitions it refers to."""
    definitions = schema.pop("$defs", {})
    return schema, definitions
