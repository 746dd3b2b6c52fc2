"""The fields of a schema in words: what each is called, what it means, its type and its range."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.ledger.words import VALUES

Json = Mapping[str, Any]

_FORMATS: Final = {
    "uuid": "a UUID in lower case",
    "date": "a day, as 2026-03-10",
    "date-time": "a time with its offset, as 2026-03-10T14:00:00Z",
    "uri": "an address (URI)",
}
_TYPES: Final = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
    "object": "an object",
    "array": "a list",
}
_LONGEST_PATTERN: Final = 60
"""A longer pattern tells a reader nothing; those of texts and times are said in words."""


@dataclass(frozen=True)
class Value:
    """One value of a closed list, with its words."""

    value: str
    title: str
    description: str


@dataclass(frozen=True)
class Field:
    """One field: its name on the wire, its words, what it takes, and whether it must be there.

    ``kinds`` are the types of the same page that it may have, by their names.
    """

    name: str
    title: str
    description: str
    takes: str
    kinds: tuple[str, ...]
    is_required: bool
    is_removable: bool
    values: tuple[Value, ...]
    codes: str
    in_emergency: bool


@dataclass(frozen=True)
class Kind:
    """An object that fields of the page refer to by its name."""

    name: str
    description: str
    fields: tuple[Field, ...]
    values: tuple[Value, ...]
    takes: str


def fields_of(schema: Json) -> tuple[Field, ...]:
    """The fields of an object, in the order of the schema."""
    needed = schema.get("required", ())
    given = schema.get("properties", {}).items()
    return tuple(_field(name, of, is_required=name in needed) for name, of in given)


def kinds_of(schema: Json) -> tuple[Kind, ...]:
    """What a schema defines for its fields to refer to."""
    return tuple(
        Kind(name, of.get("description", ""), fields_of(of), _values(of), takes(of))
        for name, of in schema.get("$defs", {}).items()
    )


def takes(schema: Json) -> str:
    """What may stand there, in words: the type, then its range."""
    if "$ref" in schema:
        return _name(schema)
    choices = [one for word in ("anyOf", "oneOf") for one in schema.get(word, ()) if _is_type(one)]
    if choices:
        return " or ".join(dict.fromkeys(map(takes, choices)))
    if "const" in schema:
        return f"always {_written(schema['const'])}"
    if "enum" in schema:
        return "one of the values below" if VALUES in schema else _one_of(schema["enum"])
    return ", ".join((_type(schema), *_range(schema)))


def _type(schema: Json) -> str:
    type_ = schema.get("type", "")
    if isinstance(type_, list):
        return " or ".join(_TYPES[one] for one in type_)
    if type_ == "array":
        return _list(schema)
    each = schema.get("additionalProperties")
    if type_ == "object" and isinstance(each, Mapping):
        return f"an object with any keys, each {takes(each)}"
    return _FORMATS.get(schema.get("format", ""), _TYPES.get(type_, "any JSON"))


def _field(name: str, schema: Json, *, is_required: bool) -> Field:
    words = [schema, *(one for one in schema.get("anyOf", ()) if _is_type(one))]
    kinds = tuple(dict.fromkeys(_kinds(schema)))
    without_null = [one for one in words[1:] if one.get("type") != "null"]
    can_be_null = len(without_null) < len(words) - 1
    shown = {**schema, "anyOf": without_null} if can_be_null else schema
    return Field(
        name,
        _first(words, "title"),
        _first(words, "description"),
        takes(shown),
        kinds,
        is_required,
        can_be_null,
        next(filter(None, map(_values, words)), ()),
        _codes(words),
        any(one.get("x-emergency") for one in words),
    )


def _first(words: list[Json], name: str) -> str:
    return next((str(one[name]) for one in words if one.get(name)), "")


def _codes(words: list[Json]) -> str:
    """From which list a code comes."""
    for one in words:
        if found := one.get("x-code-list"):
            systems = ", ".join(found.get("systems", {}))
            return f"{found.get('called', '')} ({systems})" if systems else found.get("called", "")
    return ""


def _kinds(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        if "$ref" in schema:
            yield _name(schema)
        for word in ("anyOf", "oneOf", "items", "additionalProperties"):
            yield from _kinds(schema.get(word))
    elif isinstance(schema, list):
        for one in schema:
            yield from _kinds(one)


def _name(schema: Json) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def _is_type(schema: Json) -> bool:
    """False for an alternative that only says which other fields have to be there."""
    return bool({"type", "$ref", "enum", "const", "anyOf", "oneOf"} & schema.keys())


def _list(schema: Json) -> str:
    fewest, most = schema.get("minItems", 0), schema.get("maxItems")
    bounds = [f"at least {fewest}"] if fewest else []
    bounds += [f"at most {most:,}"] if most is not None else []
    of = f" of {' and '.join(bounds)}" if bounds else ""
    return f"a list{of}, each {takes(schema['items']) if 'items' in schema else 'anything'}"


def _range(schema: Json) -> Iterator[str]:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        yield f"{low} to {high}"
    elif low is not None or high is not None:
        yield f"from {low}" if high is None else f"up to {high}"
    if "maxLength" in schema:
        yield f"at most {schema['maxLength']:,} characters"
    if schema.get("minLength", 0) > 1:
        yield f"at least {schema['minLength']} characters"
    pattern = schema.get("pattern", "")
    if "format" in schema or not pattern:
        return
    if len(pattern) <= _LONGEST_PATTERN:
        yield f"like {pattern}"
    elif pattern.startswith("[^"):
        yield "not blank"


def _values(schema: Json) -> tuple[Value, ...]:
    words = schema.get(VALUES) or schema.get("propertyNames", {}).get(VALUES) or {}
    if not words and "enum" in schema.get("items", {}):
        words = schema["items"].get(VALUES, {})
    return tuple(
        Value(value, one.get("title", ""), one.get("description", ""))
        for value, one in words.items()
    )


def _one_of(values: list[Any]) -> str:
    *others, last = map(_written, values)
    return f"{', '.join(others)} or {last}" if others else last


def _written(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return str(value)
