"""The schemas of a receipt, and of the receipt that a contribution would get."""

from shared.chassis.wire.shapes import schema_of
from shared.contracts.envelopes.parts import (
    AT,
    ID,
    SECTION,
    TYPE,
    VERSION,
    Schema,
    or_null,
    split,
    words,
)
from shared.ledger import Organisation


def receipt() -> Schema:
    """The answer to a contribution, as it is kept and published."""
    organisation, definitions = split(schema_of(Organisation, is_open=True))
    return {
        "title": "Receipt",
        "description": "The answer to a contribution: accepted, or refused and why.",
        "type": "object",
        "properties": _members_of_a_receipt(_event_of_a_receipt()),
        "required": ["contribution_id", "outcome", "plan_id", "section"],
        "$defs": {"Organisation": organisation, **definitions},
    }


def validated() -> Schema:
    """The receipt that a contribution would get: it was not stored, and shows what would be."""
    whole = receipt()
    content = {
        "type": "object",
        **words("Content", "What would be recorded, as the contract of the event has it."),
    }
    event = _event_of_a_receipt()
    event["properties"]["content"] = content
    event["properties"]["withheld"] = {
        "type": "array",
        "items": {"type": "string"},
        **words("Withheld", "The fields that are withheld from the contributor, by their paths."),
    }
    event["required"] = [*event["required"], "content"]
    members = _members_of_a_receipt(event)
    for only_the_commit_knows in ("recorded_at", "ledger_position"):
        del members[only_the_commit_knows]
    stored = {
        "type": "boolean",
        "const": False,
        **words("Stored", "Nothing was recorded, so this is always false."),
    }
    return {
        **whole,
        "title": "Receipt that it would get",
        "description": "How the contribution would be answered as things stand. Nothing was "
        "stored; another contribution may come first.",
        "properties": {**members, "stored": stored},
        "required": [*whole["required"], "stored"],
    }


def _members_of_a_receipt(event: Schema) -> Schema:
    text = {"type": "string"}
    by = {
        "type": "object",
        "properties": {
            "kind": {**text, **words("Kind", "What kind of contributor it was.")},
            "name": {**or_null(text), **words("Name", "What they are called.")},
            "role": {**or_null(text), **words("Role", "In which role they recorded it.")},
            "organisation": {
                **or_null({"$ref": "#/$defs/Organisation"}),
                **words("Organisation", "For which organisation."),
            },
        },
        "required": ["kind"],
    }
    since = {
        "type": "object",
        "properties": {
            "entry_version": {
                **VERSION,
                **words("Entry version", "The version that the change made."),
            },
            "fields": {
                "type": "array",
                "items": text,
                **words("Fields", "The paths of what it changed."),
            },
            "by": {**by, **words("By", "Who recorded it.")},
            "at": {**AT, **words("At", "When it was recorded, in UTC.")},
            "withheld": {
                "type": "boolean",
                **words("Withheld", "True where all of it is withheld from whoever contributes."),
            },
        },
        "required": ["entry_version"],
    }
    return {
        "contribution_id": {**ID, **words("Contribution", "The contribution that it answers.")},
        "outcome": {
            "type": "string",
            "enum": ["accepted", "refused"],
            **words("Outcome", "Whether it was recorded."),
        },
        "plan_id": {
            **or_null(ID),
            **words("Plan", "The plan that it is for; null where none was opened."),
        },
        "section": {
            **or_null(SECTION),
            **words(
                "Section",
                "The section that decides, as `care-team`; null where an inbox refused what names "
                "none.",
            ),
        },
        "entry_id": {**ID, **words("Entry", "The entry that was made or is to be changed.")},
        "entry_version": {
            **VERSION,
            **words("Entry version", "The version it is at: base the next change on it."),
        },
        "events": {
            "type": "array",
            "items": event,
            **words("Events", "What was recorded, oldest first; only where it was accepted."),
        },
        "code": {
            "type": "string",
            "pattern": "^[a-z][a-z0-9-]*$",
            **words("Code", "Why it was refused, in a word that never changes its meaning."),
        },
        "detail": {
            **text,
            **words("Detail", "The same in a sentence, with what would be right."),
        },
        "field": {
            **text,
            **words("Field", "The path of what the refusal is about, within the contribution."),
        },
        "changed_since": {
            "type": "array",
            "items": since,
            **words("Changed since", "What changed since the version that it was based on."),
        },
        "existing_plan_id": {
            **ID,
            **words("Existing plan", "The open plan that the person has already."),
        },
        "existing_entry_id": {
            **ID,
            **words("Existing entry", "The entry that is there already."),
        },
        "kept": {
            "type": "boolean",
            **words("Kept", "False where no receipt is kept and the same may be sent again."),
        },
        "retryable": {
            "type": "boolean",
            **words("Retryable", "True where the same, sent again, may be answered otherwise."),
        },
        "recorded_at": {**AT, **words("Recorded", "When the answer was stored, in UTC.")},
        "ledger_position": {
            **text,
            **words(
                "Ledger position",
                "Where it stands; send it as `Ledger-Min-Position` to read a plan that has it.",
            ),
        },
    }


def _event_of_a_receipt() -> Schema:
    return {
        "type": "object",
        "properties": {
            "type": {**TYPE, **words("Event", "The type of the event that was recorded.")},
            "entry_version": {
                **VERSION,
                **words("Entry version", "The version of the entry that it made."),
            },
        },
        "required": ["type", "entry_version"],
    }
