"""The schema of a contribution, without the form of its content."""

from shared.chassis.wire.shapes import schema_of
from shared.contracts.envelopes.parts import COMMAND, ID, VERSION, Schema, or_null, split
from shared.contracts.outcomes import refused_to_all, refused_to_changes
from shared.ledger import Claim, Visibility


def contribution() -> Schema:
    """What a contributor sends by either door."""
    claim, definitions = split(schema_of(Claim))
    visibility, _ = split(schema_of(Visibility))
    return {
        "title": "Contribution",
        "description": "What a contributor submits; a null is the same as leaving out.",
        "x-refuses": refused_to_all(),
        "x-refuses-changes": refused_to_changes(),
        "type": "object",
        "properties": {
            "contribution_id": {
                **ID,
                "title": "Contribution",
                "description": "A new UUID, which you choose. Send the same contribution again "
                "under the same id, and it is answered with its first receipt.",
            },
            "plan_id": {
                **or_null(ID),
                "title": "Plan",
                "description": "The plan that it is for. Only the command that opens a plan may "
                "leave it out; the receipt then names the new plan.",
            },
            "command": {
                **COMMAND,
                "title": "Command",
                "description": "What is to be done, with its major version; each command has "
                "its own contract. Send it to the section that it names.",
            },
            "entry_id": {
                **or_null(ID),
                "title": "Entry",
                "description": "The entry to change. A command that creates may leave it out, "
                "and the receipt names the new entry; or you choose a new UUID. Of an entry that "
                "a plan has once, the id follows from the plan.",
            },
            "based_on": {
                **or_null(VERSION),
                "title": "Based on",
                "description": "The version of the entry that you have seen, as its last receipt "
                "or the plan has it (`entry_version`). A command that changes needs it, here or "
                "over HTTP as `If-Match`; one that creates has none.",
            },
            "content": {
                **or_null({"type": "object"}),
                "title": "Content",
                "description": "What the command says, in the form of the command's own contract.",
            },
            "visibility": {
                **or_null({"$ref": "#/$defs/Visibility"}),
                "title": "Visibility",
                "description": "Who may not see the entry. Only in a command that creates; later "
                "the command `restrict` says it.",
            },
            "provenance": {
                **or_null({"$ref": "#/$defs/Claim"}),
                "title": "Provenance",
                "description": "Who said it, when, where, and who helped. Who recorded it is "
                "taken from the token, never from here.",
            },
        },
        "required": ["contribution_id", "command"],
        "additionalProperties": False,
        "$defs": {"Claim": claim, "Visibility": visibility, **definitions},
    }
