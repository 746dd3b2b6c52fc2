"""Shapes: from JSON as it came to the typed arguments of a command, and the schema of either.

The domain declares dataclasses and signatures; pydantic is asked here and nowhere below. What a
door accepts and what a contract says are the same object, so that they cannot differ.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from inspect import Parameter
from typing import (
    Any,
    Final,
    Generic,
    Literal,
    NotRequired,
    Required,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

import orjson
from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from shared.chassis.wire.exact import Exact, Schemas
from shared.chassis.wire.problem import Problem
from shared.chassis.wire.validation_errors import (
    NAMED_IN_A_SENTENCE,
    UNKNOWN_KEY,
    error_at,
    errors_from_validation,
)
from shared.ledger import Claim, Command, Entry, Keep, Visibility
from shared.ledger.entry.fields import wire_field
from shared.ledger.values.visibility import FROM_SOMEBODY, FROM_WHOM, restricts_somebody
from shared.ledger.words import AS_TITLED, VALUES

ValueT = TypeVar("ValueT")
_RESTRICT: Final = "restrict"
NOT_REMOVABLE: Final = "not-removable"
_NOT_REMOVABLE_HERE: Final = "This cannot be removed by a null: give it a value, or leave it out."

_OF_THE_ENVELOPE = frozenset(
    {"originator_id", "originator_version", "originator_topic", "timestamp", "provenance"}
)


@dataclass(frozen=True)
class CommandShape:
    """What one command takes: reads a content into keyword arguments, or says what is wrong."""

    command: Command
    exact: Exact[dict[str, Any]]

    def read(self, content: Any) -> dict[str, Any]:
        """The arguments that were given; ``content-invalid`` with pointers for anything else.

        In a command that creates, a null is a field left out. In one that changes, it removes.
        """
        if self.command.creates and isinstance(content, dict):
            known = self.command.parameters
            content = {
                name: given
                for name, given in content.items()
                if given is not None or name not in known
            }
        arguments: dict[str, Any] = _read(self.exact, content, "/content", self._may_stay)
        if self.command.is_empty_without_change and not arguments.keys() - {"reason"}:
            message = "Name at least one field to change."
            error = error_at("/content", "something-to-change", message)
            raise Problem("content-invalid", message, errors=[error])
        if self.command.method == _RESTRICT and not restricts_somebody(arguments):
            raise _content_invalid("/content", "from-somebody", FROM_WHOM)
        for name, (other, needed) in self.command.only_where.items():
            if arguments.get(name) is not None and arguments.get(other) != needed:
                message = f"Leave this out, or let `{other}` be `{needed}`."
                raise _content_invalid(f"/content/{name}", "only-where", message)
        return arguments

    @property
    def _may_stay(self) -> Collection[str]:
        """The fields that a change may leave as they are; a null means to remove one of them."""
        if self.command.creates:
            return ()
        named = self.command.parameters.items()
        return {name for name, one in named if one.default is not Parameter.empty}

    def json_schema(self) -> dict[str, Any]:
        """The JSON Schema of the content, closed: an unknown key is an error."""
        schema = _tidied(self.exact.json_schema())
        if self.command.is_empty_without_change:
            schema["minProperties"] = 1
        if self.command.method == _RESTRICT:
            schema["anyOf"] = FROM_SOMEBODY
        for name, (other, needed) in self.command.only_where.items():
            left_out = {"properties": {name: {"type": "null"}}}
            fits = {"properties": {other: {"const": str(needed)}}}
            schema["allOf"] = [*schema.get("allOf", ()), {"anyOf": [left_out, fits]}]
        return schema


@dataclass(frozen=True)
class BesideShape(Generic[ValueT]):
    """A value that stands beside the content: the provenance stated, the visibility."""

    name: str
    exact: Exact[Any]
    left_out: ValueT

    def read(self, given: Any) -> ValueT:
        """The value; a null, within it too, is the same as leaving out."""
        if given is None:
            return self.left_out
        return cast("ValueT", _read(self.exact, given, f"/{self.name}"))


def leaves_of(entry: type[Entry]) -> tuple[str, ...]:
    """Every leaf that an entry of this type may have, but for the restriction."""
    return all_leaves(entry.Restricted)


@cache
def all_leaves(event: type[Entry.Event]) -> tuple[str, ...]:
    """Every leaf that any event of the same entry sets, each once, but for the restriction."""
    found: dict[str, None] = {}
    for one in event.beside:
        hints = get_type_hints(one)
        for field in fields(one):
            name = wire_field(field.name)
            if name in (*_OF_THE_ENVELOPE, "visibility") or name in one.not_fields:
                continue
            for key in _keys_of(hints[field.name]) if name in map_fields(one) else ():
                found[f"{name}.{key}"] = None
            if name not in map_fields(one) or not _keys_of(hints[field.name]):
                found[name] = None
    return tuple(found)


def _keys_of(hint: Any) -> tuple[str, ...]:
    """The keys that a map may have, where its type names them."""
    return get_args(get_args(without_keep(hint))[0])


@cache
def map_fields(event: type[Any]) -> frozenset[str]:
    """The fields of an event that are maps, of which each key is a leaf."""
    plain_hints = get_type_hints(event)
    origins = {name: get_origin(without_keep(hint)) or hint for name, hint in plain_hints.items()}
    return frozenset(
        wire_field(name)
        for name, origin in origins.items()
        if isinstance(origin, type) and issubclass(origin, Mapping)
    )


@cache
def command_shape(command: Command) -> CommandShape:
    """The shape of a command, from its method's signature."""
    named = {
        name: _field(parameter, creates=command.creates)
        for name, parameter in command.parameters.items()
    }
    if command.method == _RESTRICT:
        leaf = cast("Any", Literal)[leaves_of(command.entry)]
        some = cast("Any", tuple)[leaf, ...]
        named["fields"] = NotRequired[some]
    return CommandShape(command, Exact(_closed_object(command.type, named)))


@cache
def claim_shape() -> BesideShape[Claim]:
    """The shape of every provenance."""
    return BesideShape("provenance", Exact(Claim), Claim())


@cache
def visibility_shape() -> BesideShape[Visibility | None]:
    """The shape of what a command that creates withholds from the start."""
    return BesideShape("visibility", Exact(Visibility), None)


@cache
def event_shape(event: type[Entry.Event]) -> TypeAdapter[dict[str, Any]]:
    """What the content of an event holds; for reading back what this version has written."""
    hints = get_type_hints(event, include_extras=True)
    named: dict[str, Any] = {}
    for field in fields(event):
        if field.name in _OF_THE_ENVELOPE:
            continue
        annotation = without_keep(hints[field.name])
        has_default = field.default is not MISSING or field.default_factory is not MISSING
        # What may be nothing is left out of a stored content, so it cannot be promised.
        optional = has_default or annotation is None or _admits_none(annotation)
        named[wire_field(field.name)] = (
            NotRequired[annotation] if optional else Required[annotation]
        )
    return TypeAdapter(_closed_object(event.__qualname__, named))


def event_schema(event: type[Entry.Event]) -> dict[str, Any]:
    """The JSON Schema of an event's content, open: a reader passes over what it does not know."""
    opened: dict[str, Any] = _opened(_schema(event_shape(event)))
    return opened


def without_keep(annotation: Any) -> Any:
    """The type of a field where it is given; only a change may keep it as it is."""
    choices = get_args(annotation)
    if Keep not in choices:
        return annotation
    given = tuple(choice for choice in choices if choice is not Keep)
    return Union[given]  # noqa: UP007 - of types known only here


def _read(exact: Exact[Any], given: Any, prefix: str, may_stay: Collection[str] = ()) -> Any:
    try:
        return exact.read(orjson.dumps(given))
    except ValidationError as error:
        errors = errors_from_validation(error, prefix, given=given)
        _say_what_cannot_be_removed(errors, given, prefix, may_stay)
        for one in errors[:NAMED_IN_A_SENTENCE]:
            _add_what_is_known(one, exact, prefix)
        raise Problem("content-invalid", errors=errors) from None
    except orjson.JSONEncodeError:
        raise _content_invalid(prefix, "json", "This cannot be written as JSON.") from None


def _say_what_cannot_be_removed(
    errors: Iterable[dict[str, Any]], given: Any, prefix: str, may_stay: Collection[str]
) -> None:
    for error in errors:
        name = error["pointer"].removeprefix(f"{prefix}/")
        if name in may_stay and given.get(name, "") is None:
            error.update(rule=NOT_REMOVABLE, message=_NOT_REMOVABLE_HERE)


def _add_what_is_known(error: dict[str, Any], exact: Exact[Any], prefix: str) -> None:
    """Say which keys an object may have to whoever sent another key, or no object."""
    path = error["pointer"].removeprefix(prefix).split("/")[1:]
    if error["rule"] == UNKNOWN_KEY:
        path = path[:-1]
    elif error["rule"] != "object":
        return
    if known := [key for key in exact.keys_at(path) if key != "item_id"]:
        named = " and ".join(", ".join(f"`{key}`" for key in known).rsplit(", ", 1))
        error["message"] = f"{error['message'].rstrip('.')}; an object here may have {named}."


def _content_invalid(pointer: str, rule: str, message: str) -> Problem:
    return Problem("content-invalid", errors=[error_at(pointer, rule, message)])


def _field(parameter: Parameter, *, creates: bool) -> Any:
    annotation = without_keep(parameter.annotation)
    if parameter.default is Parameter.empty:
        return Required[annotation]
    # Where there is nothing yet to be removed, a null is a field left out.
    return NotRequired[annotation | None] if creates else NotRequired[annotation]


def _admits_none(annotation: Any) -> bool:
    return annotation is type(None) or type(None) in get_args(annotation)


def _closed_object(name: str, named: Mapping[str, Any]) -> Any:
    made = cast("Any", TypedDict)(name, dict(named))
    made.__pydantic_config__ = {"extra": "forbid"}
    return made


def schema_of(type_: Any, *, is_open: bool = False) -> dict[str, Any]:
    """The JSON Schema of any type; open where whoever reads passes over what it does not know."""
    if is_open:
        return cast("dict[str, Any]", _opened(_schema(TypeAdapter(type_))))
    return _tidied(Exact[Any](type_).json_schema())


def _schema(adapter: TypeAdapter[Any]) -> dict[str, Any]:
    return _tidied(adapter.json_schema(schema_generator=Schemas))


def _tidied(schema: dict[str, Any]) -> dict[str, Any]:
    return _items_apart(cast("dict[str, Any]", _as_declared(schema)))


_REFERENCE: Final = re.compile(r'"#/\$defs/([^"]+)"')


def _items_apart(schema: dict[str, Any]) -> dict[str, Any]:
    """A type that may be an item of a list has its ``item_id`` there, and nowhere else."""
    definitions = schema.get("$defs", {})
    items = {name for name, of in definitions.items() if "item_id" in of.get("properties", {})}
    if not items:
        return schema

    def rewritten(part: Any, *, of_a_list: bool = False) -> Any:
        if isinstance(part, list):
            return [rewritten(one, of_a_list=of_a_list) for one in part]
        if not isinstance(part, dict):
            return part
        name = str(part.get("$ref", "")).removeprefix("#/$defs/")
        if of_a_list and name in items:
            return {**part, "$ref": f"#/$defs/{name}Item"}
        return {
            key: rewritten(one, of_a_list=key == "items" or (of_a_list and key == "anyOf"))
            for key, one in part.items()
        }

    made = rewritten({key: part for key, part in schema.items() if key != "$defs"})
    apart: dict[str, Any] = {}
    for name, definition in definitions.items():
        whole = rewritten(definition)
        if name in items:
            apart[f"{name}Item"] = whole
            named = {key: of for key, of in whole["properties"].items() if key != "item_id"}
            whole = {**whole, "properties": named}
        apart[name] = whole
    return {**made, "$defs": _used(made, apart)}


def _used(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """The definitions that something refers to."""
    used: set[str] = set()
    ahead = [orjson.dumps(schema).decode()]
    while ahead:
        for name in {*_REFERENCE.findall(ahead.pop())} - used:
            used.add(name)
            ahead.append(orjson.dumps(definitions[name]).decode())
    return {name: of for name, of in sorted(definitions.items()) if name in used}


_HOLDS_NAMES: Final = ("properties", "$defs")


def _as_declared(schema: Any, *, names: bool = False) -> Any:
    """The titles that were declared, in place of those that pydantic makes of names.

    Under ``properties`` and its like, ``title`` is a name and not a keyword.
    """
    if isinstance(schema, list):
        return [_as_declared(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {
        key: item if key == VALUES else _as_declared(item, names=key in _HOLDS_NAMES and not names)
        for key, item in schema.items()
        if names or not (key == AS_TITLED or (key == "title" and isinstance(item, str)))
    }
    return made if names or AS_TITLED not in schema else {**made, **schema[AS_TITLED]}


def _opened(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_opened(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _opened(item)
        for key, item in schema.items()
        if not (key == "additionalProperties" and item is False)
    }
