"""The schemas of what is published: an event of a section, and that a plan has changed."""

from typing import Final

from shared.chassis.wire.shapes import schema_of
from shared.contracts.envelopes.parts import AT, ID, SECTION, TYPE, VERSION, Schema, split, words
from shared.ledger import Change, Provenance

_OF_AN_EVENT: Final[dict[str, Schema]] = {
    "plan_id": {**ID, "title": "Plan", "description": "The plan that it belongs to."},
    "section": {
        **SECTION,
        "title": "Section",
        "description": "The section that recorded it, as `care-team`.",
    },
    "entry_id": {
        **ID,
        "title": "Entry",
        "description": "The entry that it changes. An id is unique within its section alone.",
    },
    "entry_type": {
        "type": "string",
        "pattern": "^[a-z][a-z-]*$",
        "title": "Type of entry",
        "description": "What kind of entry it is, as `stage-goal`.",
    },
    "entry_version": {
        **VERSION,
        "title": "Entry version",
        "description": "Counts the events of the entry from 1, without a gap. With section and "
        "entry it names the event: one that comes twice is the same one.",
    },
    "type": {**TYPE, "title": "Event", "description": "Its type, with its major version."},
    "change": {
        "type": "string",
        "enum": [change.value for change in Change],
        "title": "Change",
        "description": "What it does to the plan: `created` adds the entry, `amended` leaves it in "
        "place, `withdrawn` takes it out, `restored` puts it back.",
    },
    "contribution_id": {
        **ID,
        "title": "Contribution",
        "description": "The contribution that it comes from.",
    },
}
_RECORDED_AT: Final = {
    **AT,
    "title": "Recorded",
    "description": "When its section stored it, in UTC, to the microsecond.",
}
_IN_THE_HEADERS: Final = ("plan_id", "entry_id", "contribution_id")


def event() -> Schema:
    """What is published of each event that a section records."""
    provenance, definitions = split(schema_of(Provenance, is_open=True))
    told = {
        name: schema
        for name, schema in provenance["properties"].items()
        if name not in _IN_THE_HEADERS
    }
    told["stated_at"] = AT
    provenance = {
        **provenance,
        "description": "The contributor's provenance, completed by what was proven.",
        "properties": told,
        "required": ["recorded_by", "stated_by", "stated_at"],
    }
    return {
        "title": "Event",
        "description": "One event as it is published; its content has the schema of its type.",
        "type": "object",
        "properties": {
            **_OF_AN_EVENT,
            "recorded_at": _RECORDED_AT,
            "content": {
                "type": "object",
                **words("Content", "What was recorded, in the form of the event's own contract."),
            },
            "fields": {
                "type": "array",
                "items": {"type": "string"},
                **words(
                    "Fields",
                    "The paths of what it sets, each as a whole, or removes; left out, every key "
                    "of the content. Other keys belong to the change alone.",
                ),
            },
            "provenance": {
                "$ref": "#/$defs/Provenance",
                **words("Provenance", "Who said it and who recorded it, for whom, when and why."),
            },
        },
        "required": [*_OF_AN_EVENT, "recorded_at", "content", "provenance"],
        "$defs": {"Provenance": provenance, **definitions},
    }


def plan_changed() -> Schema:
    """What subscribers are told of each version of a plan, which is never who or what."""
    return {
        "title": "Plan changed",
        "description": "A plan has a new version. It says which event made it, and nothing of its "
        "content; whoever may see that asks for it.",
        "type": "object",
        "properties": {
            "plan_id": _OF_AN_EVENT["plan_id"],
            "plan_version": {
                **VERSION,
                **words("Plan version", "Counts the events of the plan from 1, without a gap."),
            },
            **{name: form for name, form in _OF_AN_EVENT.items() if name != "plan_id"},
            "recorded_at": _RECORDED_AT,
            "projected_at": {
                **AT,
                **words("Projected", "When readers could first see this version, in UTC."),
            },
            "stated_at": {
                **AT,
                **words("Stated", "When it was said, assessed or done, in UTC."),
            },
        },
        "required": [
            "plan_id",
            "plan_version",
            *(name for name in _OF_AN_EVENT if name != "plan_id"),
            "recorded_at",
            "projected_at",
            "stated_at",
        ],
    }
