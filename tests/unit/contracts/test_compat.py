"""What breaks somebody is caught, and a further optional field passes."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from shared.contracts.gate.compat import breaks

Schema = dict[str, Any]

OLD: Schema = {
    "type": "object",
    "properties": {
        "aim": {"$ref": "#/$defs/CodedText"},
        "why": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "importance": {
            "anyOf": [{"type": "integer", "minimum": 1, "maximum": 10}, {"type": "null"}]
        },
        "status": {"type": "string", "enum": ["on-going", "achieved"]},
        "at": {"type": "string", "format": "date-time"},
        "ods": {"type": "string", "pattern": "^[A-Z0-9]{3,12}$"},
        "steps": {"type": "array", "items": {"$ref": "#/$defs/CodedText"}},
        "responses": {"type": "object", "additionalProperties": {"$ref": "#/$defs/CodedText"}},
        "kind": {"const": "person", "type": "string"},
    },
    "required": ["aim"],
    "$defs": {
        "CodedText": {
            "type": "object",
            "properties": {"text": {"type": "string"}},
            "additionalProperties": False,
        },
    },
}


Edit = Callable[[Schema], Any]


def change(path: str, value: Any) -> Edit:
    def at(schema: Any) -> None:
        *way, last = path.split("/")
        for step in way:
            schema = schema[int(step) if step.isdigit() else step]
        if value is None:
            del schema[last]
        else:
            schema[last] = value

    return at


BREAKING: dict[str, tuple[Edit, str, str]] = {
    "a changed type": (change("properties/at/type", "integer"), "/at", "type-changed"),
    "a newly required field": (change("required", ["aim", "why"]), "/why", "newly-required"),
    "a new field that is required": (
        lambda s: (s["properties"].update(new={"type": "string"}), s["required"].append("new")),
        "/new",
        "newly-required",
    ),
    "a dropped guarantee": (change("required", []), "/aim", "guarantee-dropped"),
    "a removed field": (change("properties/ods", None), "/ods", "field-removed"),
    "a removed value": (
        change("properties/status/enum", ["achieved"]), "/status", "enum-value-removed"
    ),
    "an added value": (
        change("properties/status/enum", ["on-going", "achieved", "new"]),
        "/status",
        "enum-value-added",
    ),
    "a changed pattern": (change("properties/ods/pattern", "^.$"), "/ods", "pattern-changed"),
    "an added pattern": (change("properties/at/pattern", "^2"), "/at", "pattern-changed"),
    "a removed pattern": (change("properties/ods/pattern", None), "/ods", "pattern-changed"),
    "a changed format": (change("properties/at/format", "date"), "/at", "format-changed"),
    "a changed constant": (change("properties/kind/const", "team"), "/kind", "const-changed"),
    "a changed bound": (
        change("properties/importance/anyOf/0/maximum", 5), "/importance", "maximum-changed"
    ),
    "no more null": (change("properties/why", {"type": "string"}), "/why", "type-changed"),
    "null as well": (
        change("properties/at", {"anyOf": [{"type": "string", "format": "date-time"},
                                           {"type": "null"}]}),
        "/at",
        "type-changed",
    ),
    "an item that changed": (
        change("properties/steps/items", {"type": "string"}), "/steps/0", "type-changed"
    ),
    "a value of a map that changed": (
        change("properties/responses/additionalProperties", {"type": "string"}),
        "/responses/*",
        "type-changed",
    ),
    "a closed map": (
        change("properties/responses/additionalProperties", False),
        "/responses",
        "additionalProperties-changed",
    ),
    "something deep in a definition": (
        change("$defs/CodedText/properties/text/type", "integer"), "/aim/text", "type-changed"
    ),
    "a keyword unknown here": (change("properties/at/x-unit", "mmHg"), "/at", "x-unit-changed"),
}  # fmt: skip


@pytest.mark.parametrize("case", BREAKING)
def test_what_breaks_somebody_is_caught(case: str) -> None:
    edit, pointer, rule = BREAKING[case]
    new = deepcopy(OLD)
    edit(new)
    found = breaks(OLD, new)
    assert (pointer, rule) in {(one.pointer, one.rule) for one in found}
    assert all(one.message for one in found)


FREE: dict[str, Edit] = {
    "nothing": lambda _: None,
    "a further optional field": lambda s: s["properties"].update(new={"type": "string"}),
    "one deep in a definition": lambda s: s["$defs"]["CodedText"]["properties"].update(
        code={"type": "string"}
    ),
    "another description": lambda s: s.update(description="said better"),
    "another name of a definition": lambda s: (
        s["$defs"].update(Words=s["$defs"]["CodedText"]),
        s["properties"].update(aim={"$ref": "#/$defs/Words"}),
    ),
    "another order of values": lambda s: s["properties"]["status"]["enum"].reverse(),
}


@pytest.mark.parametrize("case", FREE)
def test_what_is_free_passes(case: str) -> None:
    new = deepcopy(OLD)
    FREE[case](new)
    assert breaks(OLD, new) == []


def test_a_definition_within_itself_ends() -> None:
    tree: Schema = {
        "$ref": "#/$defs/Node",
        "$defs": {
            "Node": {
                "type": "object",
                "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/Node"}}},
            }
        },
    }
    assert breaks(tree, deepcopy(tree)) == []


def of_sections(*names: str, field: str = "^aim$") -> Schema:
    """A command that names a section, and one that is about a field of one."""
    listed = {"enum": [*names], "type": "string", "x-names-of-others": True}
    forms = [
        {"properties": {"section": {"const": one}, "field": {"pattern": field}}} for one in names
    ]
    target = {"type": "object", "anyOf": forms, "x-names-of-others": True}
    about = {"anyOf": [{"const": "plan", "type": "string"}, {"$ref": "#/$defs/Target"}]}
    return {
        "type": "object",
        "properties": {"sections": {"type": "array", "items": listed}, "target": about},
        "$defs": {"Target": target},
    }


def test_a_section_more_and_a_field_more_of_another_section_break_nobody() -> None:
    """Kind: a contract that lists what other sections declare, of which there will be more."""
    before = of_sections("goals", "needs")
    assert breaks(before, of_sections("goals", "medication", "needs")) == []
    assert breaks(before, of_sections("goals", "needs", field="^(aim|why)$")) == []
    gone = breaks(before, of_sections("goals"))
    assert [(one.pointer, one.rule) for one in gone] == [
        ("/sections/0", "enum-value-removed"),
        ("/target", "enum-value-removed"),
    ]
