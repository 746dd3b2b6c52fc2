"""Contents that a door must refuse by their shape, made by spoiling what it takes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, Final

from shared.chassis.wire.problem import Problem
from shared.chassis.wire.shapes import command_shape
from shared.ledger import Command

Json = dict[str, Any]
Named = tuple[str, Json]
Path = tuple[str | int, ...]

_OF_EACH_TYPE: Final[Mapping[str, Any]] = {
    "object": {"not": "this"},
    "string": "not this",
    "integer": 7,
    "boolean": True,
    "array": ["not this"],
    "null": None,
}
_UNKNOWN_KEY: Final = "not_a_field"


def contents(command: Command, valid: Sequence[Json], *, briefly: bool = False) -> Iterator[Named]:
    """Spoilt contents of a command, each with the code and the place to expect."""
    for name, path, content in _spoilt(command, valid, briefly=briefly):
        pointers = _refused_at(command, content)
        expected = "".join(f"/{step}" for step in ("content", *path))
        if pointers:
            # Within alternatives a door may only be able to say where they began.
            yield name, _told(expected if expected in pointers else pointers[0], content)


def _spoilt(
    command: Command, valid: Sequence[Json], *, briefly: bool
) -> Iterator[tuple[str, Path, Json]]:
    whole = max(valid, key=len, default={})
    yield "unknown key", (_UNKNOWN_KEY,), {**whole, _UNKNOWN_KEY: "x"}
    if command.is_empty_without_change:
        yield "nothing to change", (), {}
    if briefly or not whole:
        return
    schema = command_shape(command).json_schema()
    for name in schema.get("required", ()):
        without = {key: value for key, value in whole.items() if key != name}
        yield f"{name} missing", (name,), without
    spoiled: set[str] = set()
    for content in valid:
        for name, path, value in _spoilings(schema, schema, content, ()):
            if name not in spoiled:
                spoiled.add(name)
                yield name, path, _with(content, path, value)
    for name, part in schema["properties"].items():
        is_a_set = any(one.get("uniqueItems") for one in _choices(schema, part))
        if is_a_set and whole.get(name):
            path = name, len(whole[name])
            yield f"{name} twice", path, {**whole, name: [*whole[name], whole[name][0]]}


def envelopes(valid: Json) -> Iterator[Named]:
    """Spoilt contributions around a content that is right."""
    for name, pointer, changed in (
        ("no id", "/contribution_id", {"contribution_id": None}),
        ("id in upper case", "/contribution_id",
         {"contribution_id": valid["contribution_id"].upper()}),
        ("command is not a text", "/command", {"command": 1}),
        ("version is a text", "/based_on", {"based_on": "3"}),
        ("version zero", "/based_on", {"based_on": 0}),
        ("content is a list", "/content", {"content": []}),
        ("unknown key", "/recorded_at", {"recorded_at": "2026-03-10T14:00:00Z"}),
        ("claims who recorded it", "/provenance/recorded_by",
         {"provenance": {"recorded_by": {"kind": "professional"}}}),
        ("time without an offset", "/provenance/stated_at",
         {"provenance": {"stated_at": "2026-03-10T14:00:00"}}),
        ("unknown kind of party", "/provenance/stated_by/kind",
         {"provenance": {"stated_by": {"kind": "robot"}}}),
    ):  # fmt: skip
        yield name, _told(pointer, {**valid, **changed})


def _refused_at(command: Command, content: Json) -> list[str]:
    try:
        command_shape(command).read(content)
    except Problem as problem:
        return [error["pointer"] for error in problem.errors]
    return []


def _told(pointer: str, value: Json) -> Json:
    return {"expected_code": "content-invalid", "pointer": pointer, "value": value}


def _spoilings(root: Json, schema: Json, value: Any, at: Path) -> Iterator[tuple[str, Path, Any]]:
    """What could be spoilt in a value, by the part of the schema that is about it."""
    choices = list(_choices(root, schema))
    taken = {str(choice.get("type", "")) for choice in choices}
    said = " ".join(str(step) for step in at if not isinstance(step, int))
    if len(at) == 1 and "" not in taken:
        kind = next(kind for kind in ("string", "integer", "object") if kind not in taken)
        yield f"{said} of another type", at, _OF_EACH_TYPE[kind]
        if "integer" in taken:
            yield f"{said} true", at, True
    for choice in choices:
        yield from _beyond_bounds(choice, said, at, len(choices))
        if isinstance(value, dict):
            yield from _keys(root, choice, value, at)
        if isinstance(value, list) and value and isinstance(choice.get("items"), dict):
            yield from _spoilings(root, choice["items"], value[0], (*at, 0))


def _keys(root: Json, choice: Json, value: Json, at: Path) -> Iterator[tuple[str, Path, Any]]:
    said = " ".join(str(step) for step in at if not isinstance(step, int))
    others = choice.get("additionalProperties")
    for name, part in choice.get("properties", {}).items():
        if name in value:
            yield from _spoilings(root, part, value[name], (*at, name))
    if isinstance(others, dict) and value:
        first = next(iter(value))
        yield from _spoilings(root, others, value[first], (*at, first))
    if (len(at) == 1 and others is False) or "propertyNames" in choice:
        yield f"{said} with an unknown key", (*at, _UNKNOWN_KEY), {}


def _beyond_bounds(
    choice: Json, said: str, at: Path, choices: int
) -> Iterator[tuple[str, Path, Any]]:
    of_one_kind = choices <= 2  # noqa: PLR2004 - one, and perhaps null
    if "enum" in choice and of_one_kind:
        yield f"{said} unknown", at, "no-such-value"
    if "pattern" in choice and of_one_kind:
        yield f"{said} badly written", at, "?"
    if "format" in choice and of_one_kind:
        yield f"{said} is no {choice['format']}", at, "?"
    if "maximum" in choice:
        yield f"{said} too high", at, choice["maximum"] + 1
    if "minimum" in choice:
        yield f"{said} too low", at, choice["minimum"] - 1
    if "minLength" in choice:
        yield f"{said} too short", at, ""


def _choices(root: Json, schema: Json) -> Iterable[Json]:
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            for choice in schema[keyword]:
                yield from _choices(root, choice)
            return
    yield schema


def _with(content: Json, path: Path, value: Any) -> Json:
    changed = deepcopy(content)
    *way, last = path
    at: Any = changed
    for step in way:
        at = at[step]
    at[last] = value
    return changed
