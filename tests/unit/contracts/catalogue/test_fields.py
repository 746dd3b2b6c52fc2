"""A field of a schema is said in words: what it takes, its range, and whether it is needed."""

from typing import Any

import pytest

from shared.contracts.catalogue.fields import fields_of, takes


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "string", "maxLength": 10000}, "a text, at most 10,000 characters"),
        ({"type": "string", "pattern": "[^\\u0000" + "x" * 80}, "a text, not blank"),
        ({"type": "string", "pattern": "^[0-9]{3}$"}, "a text, like ^[0-9]{3}$"),
        ({"type": "integer", "minimum": 1, "maximum": 10}, "a whole number, 1 to 10"),
        ({"type": "integer", "minimum": 1}, "a whole number, from 1"),
        ({"type": "string", "format": "uuid", "pattern": "^x$"}, "a UUID in lower case"),
        ({"type": "array", "items": {"$ref": "#/$defs/Media"}, "minItems": 1, "maxItems": 200},
         "a list of at least 1 and at most 200, each Media"),
        ({"type": "array", "items": {"type": "boolean"}}, "a list, each true or false"),
        ({"anyOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}]}, "A or B"),
        ({"const": True}, "always true"),
        ({"enum": ["a", "b", None]}, "a, b or null"),
        ({"type": ["number", "null"]}, "a number or null"),
        ({"type": "object", "additionalProperties": {"type": "string"}},
         "an object with any keys, each a text"),
        ({}, "any JSON"),
    ],
)  # fmt: skip
def test_what_may_stand_there_is_said_in_words(schema: dict[str, Any], said: str) -> None:
    assert takes(schema) == said


def test_a_field_has_its_words_wherever_the_schema_has_them() -> None:
    schema = {
        "properties": {
            "why": {
                "anyOf": [
                    {"type": "string", "title": "Why", "description": "Why it matters."},
                    {"type": "null"},
                ]
            },
            "kind": {
                "enum": ["new"],
                "x-values": {"new": {"title": "New", "description": "It is new."}},
                "x-code-list": {"called": "Kinds", "systems": {"http://snomed.info/sct": {}}},
            },
        },
        "required": ["kind"],
    }
    why, kind = fields_of(schema)
    assert (why.title, why.description, why.takes) == ("Why", "Why it matters.", "a text")
    assert (why.is_required, why.is_removable) == (False, True)
    assert kind.is_required
    assert [(one.value, one.description) for one in kind.values] == [("new", "It is new.")]
    assert kind.codes == "Kinds (http://snomed.info/sct)"
