"""What several envelopes have in common: ids, times, versions and names."""

from typing import Any, Final

from shared.chassis.wire.validation_errors import INTEGER_LIMIT
from shared.ledger import COMMAND_TYPE, UUID_TEXT
from shared.ledger.names import NOT_IDS
from shared.ledger.words import titled

Schema = dict[str, Any]

ID: Final = {
    "type": "string",
    "format": "uuid",
    "pattern": f"^{UUID_TEXT}$",
    "not": {"enum": list(NOT_IDS)},
}
AT: Final = {"type": "string", "format": "date-time"}
VERSION: Final = {"type": "integer", "minimum": 1, "maximum": INTEGER_LIMIT}
SECTION: Final = {"type": "string", "pattern": "^[a-z][a-z-]*[a-z]$"}
TYPE: Final = {"type": "string", "pattern": r"^careplan\.[a-z-]+\.[a-z-]+\.v[1-9][0-9]*$"}
COMMAND: Final = {
    "type": "string",
    "pattern": f"^{COMMAND_TYPE}$",
}


def words(title: str, description: str) -> Schema:
    """The words for a screen, as a schema has them."""
    return titled(title, description).as_json()


def or_null(schema: Schema) -> Schema:
    """The same, or nothing."""
    return {"anyOf": [schema, {"type": "null"}]}


def split(schema: Schema) -> tuple[Schema, Schema]:
    """A schema, and the definitions it refers to."""
    definitions = schema.pop("$defs", {})
    return schema, definitions
