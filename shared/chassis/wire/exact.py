"""Exact shapes: what a door takes of each kind of value, said once for door and contract.

pydantic reads more kindly than its own schema says: a date from ``"0"``, a UUID in braces. What it
makes of a declaration is therefore narrowed here, in the one form that both of them come from.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import Any, Final, Generic, TypeVar, cast
from uuid import UUID

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import CoreSchema, PydanticKnownError, SchemaValidator, core_schema

from shared.chassis.wire.validation_errors import INTEGER_LIMIT
from shared.ledger import UUID_TEXT, Misshapen
from shared.ledger.names import NOT_IDS
from shared.ledger.times import DAY
from shared.ledger.values.known import NAMES_OF_OTHERS, section_names
from shared.ledger.values.links import EACH_ONCE, SECTION_NAME

LIST_LIMIT: Final = 200
"""Items of a list, keys of a map."""
TEXT_LIMIT: Final = 10_000
"""Characters of a text that no declaration bounds more closely."""
EVERY_ERROR_UP_TO: Final = 1_000
"""Commas in a value of which every mistake is told."""

UUID_PATTERN: Final = f"^{UUID_TEXT}$"
_NOBODYS: Final = frozenset(map(UUID, NOT_IDS))

_NOT_WALKED: Final = frozenset({"cls", "function", "default", "expected", "members", "metadata"})
_LISTS: Final = ("list", "tuple", "set", "frozenset")
ValueT = TypeVar("ValueT")
Schema = dict[str, Any]


class Exact(Generic[ValueT]):
    """A type as a door takes it."""

    def __init__(self, of: Any) -> None:
        self._schema = cast("CoreSchema", _exact(TypeAdapter(of).core_schema))
        self._validator = SchemaValidator(self._schema)

    def read(self, json: bytes) -> ValueT:
        """The typed value; pydantic's ``ValidationError`` for anything else.

        Of a list in a long value only the first mistake is told: all of them would cost more to
        list than the value itself.
        """
        is_long = json.count(b",") > EVERY_ERROR_UP_TO
        value: ValueT = (self._quick if is_long else self._validator).validate_json(
            json, strict=True
        )
        return value

    @cached_property
    def _quick(self) -> SchemaValidator:
        return SchemaValidator(cast("CoreSchema", _with_first_error_only(self._schema)))

    def json_schema(self) -> dict[str, Any]:
        """The JSON Schema of what is taken."""
        return Schemas().generate(self._schema)

    def keys_at(self, path: Sequence[str]) -> tuple[str, ...]:
        """The keys that an object at this place may have, where the declaration names them."""
        definitions = self._as_json.get("$defs", {})
        found = [self._as_json]
        for step in (*path, None):
            found = list(_branches(found, definitions))
            if step is not None:
                found = [inner for one in found for inner in _inside(one, step)]
        keys = [key for one in found for key in one.get("properties", ())]
        return tuple(dict.fromkeys(keys))

    @cached_property
    def _as_json(self) -> dict[str, Any]:
        return self.json_schema()


class Schemas(GenerateJsonSchema):
    """Schemas without the words ``default: null``."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """The schema of a field with a default."""
        made = super().default_schema(schema)
        if "default" in made and made["default"] is None:
            del made["default"]
        return made


def _branches(schemas: Iterable[Schema], definitions: Schema) -> Iterator[Schema]:
    """The same schemas, with references followed and each choice by itself."""
    for schema in schemas:
        if "$ref" in schema:
            named = definitions[schema["$ref"].rpartition("/")[2]]
            yield from _branches([named], definitions)
        else:
            yield schema
            yield from _branches(schema.get("anyOf") or schema.get("oneOf") or (), definitions)


def _inside(schema: Schema, step: str) -> Iterator[Schema]:
    """What stands one step further in."""
    if step in schema.get("properties", ()):
        yield schema["properties"][step]
    elif isinstance(schema.get("additionalProperties"), dict):
        yield schema["additionalProperties"]
    elif step.isdecimal() and isinstance(schema.get("items"), dict):
        yield schema["items"]


def _exact(schema: Any) -> Any:
    """The same schema with each kind of value narrowed to its written form."""
    if isinstance(schema, list | tuple):
        return type(schema)(_exact(item) for item in schema)
    if not isinstance(schema, Mapping):
        return schema
    made = {name: item if name in _NOT_WALKED else _exact(item) for name, item in schema.items()}
    narrow = _NARROWED.get(str(made.get("type")))
    return made if narrow is None else narrow(made)


def _with_first_error_only(schema: Any) -> Any:
    if isinstance(schema, list | tuple):
        return type(schema)(_with_first_error_only(item) for item in schema)
    if not isinstance(schema, Mapping):
        return schema
    made = {
        name: item if name in _NOT_WALKED else _with_first_error_only(item)
        for name, item in schema.items()
    }
    return {**made, "fail_fast": True} if made.get("type") in _LISTS else made


def _uuid(made: Schema) -> Schema:
    written = _text(UUID_PATTERN, "uuid", **{"not": {"enum": list(NOT_IDS)}})
    somebodys = {
        "type": "function-after",
        "function": {"type": "no-info", "function": _somebodys},
        "schema": {**made, "strict": False},
    }
    return {"type": "chain", "steps": [written, somebodys]}


def _somebodys(given: UUID) -> UUID:
    if given in _NOBODYS:
        raise PydanticKnownError("uuid_parsing", {"error": "nobody's"})
    return given


def _day(_: Schema) -> Schema:
    return {
        "type": "function-after",
        "function": {"type": "no-info", "function": date.fromisoformat},
        "schema": _text(DAY, "date"),
    }


def _text(pattern: str, named: str, **said: Any) -> Schema:
    metadata = {"pydantic_js_updates": {"format": named, **said}}
    return {"type": "str", "pattern": pattern, "metadata": metadata}


def _bounded_text(made: Schema) -> Schema:
    if made.get("pattern") == SECTION_NAME:
        # Whoever names a section names one that there is; what reads events takes any name.
        metadata = {"pydantic_js_updates": {NAMES_OF_OTHERS: True}}
        return {"type": "literal", "expected": list(section_names()), "metadata": metadata}
    # What has to match as a whole says by itself how long it may be.
    is_whole = str(made.get("pattern", "")).startswith("^")
    return made if is_whole else {"max_length": TEXT_LIMIT, **made}


def _literal(made: Schema) -> Schema:
    if not any(isinstance(one, bool) for one in made["expected"]):
        return made
    # To Python 1 is True.
    return {
        "type": "function-before",
        "function": {
            "type": "no-info",
            "function": lambda got: got if isinstance(got, bool) else None,
        },
        "schema": made,
    }


def _number(made: Schema) -> Schema:
    bounds = {"ge": -INTEGER_LIMIT, "le": INTEGER_LIMIT}
    above, below = made.keys() & {"ge", "gt"}, made.keys() & {"le", "lt"}
    return {
        **made,
        **({} if above else {"ge": bounds["ge"]}),
        **({} if below else {"le": bounds["le"]}),
    }


def _bounded(made: Schema) -> Schema:
    bounded = {"max_length": LIST_LIMIT, **made}
    return _each_once(bounded) if made.get("metadata", {}).get(EACH_ONCE) else bounded


def _each_once(made: Schema) -> Schema:
    return {
        "type": "function-after",
        "function": {"type": "no-info", "function": _without_repeats},
        "schema": made,
        "metadata": {"pydantic_js_updates": {"uniqueItems": True}},
    }


def _without_repeats(given: Sequence[Any]) -> Sequence[Any]:
    told = set()
    for place, one in enumerate(given):
        if one in told:
            raise Misshapen("stands in the list already: name each entry once", str(place))
        told.add(one)
    return given


def _dataclass(made: Schema) -> Schema:
    """A value without what the section sets itself: sent by anybody, that is an unknown key.

    A value that says what a door asks of it, and a reader of events does not, is asked that too.
    """
    ours: frozenset[str] = getattr(made["cls"], "set_by_section", frozenset())
    held = made["schema"]
    if ours and held.get("type") == "dataclass-args":
        taken = [field for field in held["fields"] if field["name"] not in ours]
        made = {**made, "schema": {**held, "fields": taken}}
    return _judged(made) if hasattr(made["cls"], "judge_at_the_door") else made


def _judged(made: Schema) -> Schema:
    def judge(given: Any) -> Any:
        given.judge_at_the_door()
        return given

    metadata = {"pydantic_js_updates": made["cls"].schema_at_the_door()}
    return {
        "type": "function-after",
        "function": {"type": "no-info", "function": judge},
        "schema": {name: said for name, said in made.items() if name != "ref"},
        "metadata": metadata,
        **({"ref": made["ref"]} if "ref" in made else {}),
    }


def _member(made: Schema) -> Schema:
    """A field of a value: a null is as good as left out."""
    held = made["schema"]
    if held.get("type") != "default" or held.get("default") is None:
        return made
    default = held["default"]
    given = {
        "type": "function-after",
        "function": {"type": "no-info", "function": lambda got: default if got is None else got},
        "schema": {"type": "nullable", "schema": held["schema"]},
    }
    return {**made, "schema": {**held, "schema": given}}


_NARROWED: Final = {
    "uuid": _uuid,
    "date": _day,
    "str": _bounded_text,
    "literal": _literal,
    "int": _number,
    "float": _number,
    **dict.fromkeys((*_LISTS, "dict"), _bounded),
    "dataclass": _dataclass,
    "dataclass-field": _member,
}
