"""What a folder of contracts holds, and what differs between two of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shared.cli.output import fail
from shared.contracts.catalogue.fields import fields_of
from shared.contracts.catalogue.published import NoContract, Published, Type
from shared.contracts.catalogue.site import voice
from shared.contracts.gate.compat import breaks
from shared.contracts.generate import CONTRACTS


def listed(folder: Path | None, words: list[str]) -> list[dict[str, Any]]:
    """Each type that has all the words in its name or title."""
    return [
        {"type": one.type, "version": one.version, "kind": _kind(one), "title": one.title}
        for one in _published(folder).types.values()
        if all(word in f"{one.type} {one.title}".lower() for word in words)
    ]


def found(folder: Path | None, name: str) -> Type:
    """One type, by its name with or without the major version; ends the command without it."""
    types = _published(folder).types
    for known in (name, f"{name}.v1"):
        if known in types:
            return types[known]
    near = [known for known in types if name in known][:5]
    hint = f" Is it {' or '.join(near)}?" if near else " `careplan contract list` has all."
    return fail(f"There is no contract {name}.{hint}")


def lines_of(one: Type) -> Iterator[str]:
    """A contract for a terminal."""
    with _told(one.type):
        yield from [*_lines_of(one)]


def _lines_of(one: Type) -> Iterator[str]:
    schema = one.schema
    yield f"{one.title} ({one.type}, version {one.version})"
    yield str(schema.get("description", ""))
    if one.is_command:
        yield f"May be sent by: {'; '.join(map(voice, schema['x-may-contribute']))}"
        yield f"Leads to: {', '.join(schema['x-records'])}"
    if one.is_event:
        yield f"Sets: {', '.join(schema['x-sets']) or 'no field of the entry'}"
    for field in fields_of(schema):
        needed = ", needed" if field.is_required else ""
        yield f"  {field.name} ({field.takes}{needed}): {field.description or field.title}"
        for value in field.values:
            yield f"    {value.value}: {value.description or value.title}"
    if schema.get("x-refuses"):
        yield "Refused with:"
        yield from (f"  {code}: {words}" for code, words in schema["x-refuses"].items())


def compared(old: Path, new: Path | None) -> list[dict[str, Any]]:
    """Each type that is new, gone or another, what it breaks and which fields it adds."""
    before, after = _published(old).types, _published(new).types
    changes = [_change("new", name) for name in after.keys() - before.keys()]
    changes += [
        _change("gone", name, ["nothing is of this type any more"])
        for name in before.keys() - after.keys()
    ]
    for name in before.keys() & after.keys():
        was, now = before[name].schema, after[name].schema
        with _told(name):
            broken = [str(one) for one in breaks(was, now)]
        fields = now.get("properties", {}).keys() - was.get("properties", {}).keys()
        if broken or fields or was != now:
            changes.append(_change("changed", name, broken, sorted(fields)))
    return sorted(changes, key=lambda one: str(one["type"]))


def _change(
    what: str, type_: str, broken: list[str] | None = None, adds: list[str] | None = None
) -> dict[str, Any]:
    return {"what": what, "type": type_, "breaks": broken or [], "adds": adds or []}


def _published(folder: Path | None) -> Published:
    folder = folder or CONTRACTS
    try:
        held = Published(folder)
        is_empty = not held.types
    except NoContract as error:
        fail(f"{folder}: {error}", 2)
    if is_empty:
        fail(f"{folder} holds no contracts: name a folder like `contracts`.", 2)
    return held


@contextmanager
def _told(one: str) -> Iterator[None]:
    """Ends the command where a schema is no schema further down; it names the type."""
    try:
        yield
    except (LookupError, TypeError, AttributeError, ValueError, RecursionError) as error:
        fail(f"The contract of {one} is no JSON Schema ({type(error).__name__}).", 2)


def _kind(one: Type) -> str:
    return "command" if one.is_command else "event" if one.is_event else "envelope"
