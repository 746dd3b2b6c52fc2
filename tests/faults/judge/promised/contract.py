"""What is published of each command and event: read from ``contracts`` and from the declarations.

The judge knows no section by name: what its events may say, and of what type an entry is, is there.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

from shared.contracts import discover

_FOLDER: Final = Path(__file__).resolve().parents[4] / "contracts"


@dataclass(frozen=True)
class Known:
    """What the histories of the examples show of every event of one type."""

    entry_type: str
    change: str


@cache
def known(type_: str) -> Known:
    """Of the events of this type; ``KeyError`` where no history has one."""
    return _histories()[type_]


@cache
def of_the_change(type_: str) -> frozenset[str]:
    """What of such an event belongs to the change and not to the entry, as it is declared."""
    events = [one for section in discover.sections() for one in section.events.items()]
    return dict(events)[type_].not_fields


@cache
def unless_named(type_: str) -> frozenset[str]:
    """The fields that such an event takes out where its command does not name them."""
    events = [one for section in discover.sections() for one in section.events.items()]
    its = dict(events)[type_]
    return frozenset(
        name
        for name, one in its.__dataclass_fields__.items()
        if one.default is None and name in _schema(type_)["properties"]
    )


def completed(type_: str, said: Mapping[str, Any], contribution_id: UUID) -> dict[str, Any]:
    """The same with what its schema adds.

    That is an ``item_id`` where none was sent, ``false`` for no, and the list's words for a code.
    """
    schema = _schema(type_)
    made = _Completing(schema.get("$defs", {}), contribution_id)
    properties = schema["properties"]
    return {
        name: made.map(one, properties[name], name)
        if name in maps(type_) and isinstance(one, Mapping)
        else made.value(one, properties.get(name, {}), name)
        for name, one in said.items()
    }


@dataclass(frozen=True)
class _Completing:
    """Walks a value beside its schema."""

    definitions: Mapping[str, Any]
    contribution_id: UUID

    def map(self, said: Mapping[str, Any], schema: Mapping[str, Any], path: str) -> Any:
        """Of a map a key may be taken out."""
        its = self._members(schema, said)
        return {name: self.value(one, its.get(name, {}), f"{path}.{name}")
                for name, one in said.items()}  # fmt: skip

    def value(self, said: Any, schema: Mapping[str, Any], path: str) -> Any:
        if isinstance(said, list):
            items: Mapping[str, Any]
            items = next((one["items"] for one in self._of(schema) if "items" in one), {})
            return [self.value(one, items, f"{path}/{n}") for n, one in enumerate(said)]
        if not isinstance(said, Mapping):
            return said
        its = self._members(schema, said)
        given = {name: self.value(one, its.get(name, {}), f"{path}.{name}")
                 for name, one in said.items() if one not in (None, [])}  # fmt: skip
        if "item_id" in its:
            given.setdefault("item_id", str(uuid5(self.contribution_id, path)))
        for name, member in its.items():
            if isinstance(member.get("default"), bool):
                given.setdefault(name, member["default"])
        term = self._term(schema, given.get("code"))
        return {**given, "code": {"display": term, **given["code"]}} if term else given

    def _term(self, schema: Mapping[str, Any], code: Any) -> str | None:
        alternatives = [schema, *schema.get("anyOf", ())]
        systems: Mapping[str, Mapping[str, str]]
        systems = next(
            (one["x-code-list"]["systems"] for one in alternatives if "x-code-list" in one), {}
        )
        if not isinstance(code, Mapping):
            return None
        return systems.get(code["system"], {}).get(code["code"])

    def _members(self, schema: Mapping[str, Any], said: Mapping[str, Any]) -> Mapping[str, Any]:
        for one in self._of(schema):
            its: Mapping[str, Any] = one.get("properties", {})
            if said.keys() <= its.keys():
                return its
            if isinstance(one.get("additionalProperties"), Mapping):
                return dict.fromkeys(said, one["additionalProperties"])
        return {}

    def _of(self, schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """A schema, or each of those that it may be."""
        if "$ref" in schema:
            return self._of(self.definitions[schema["$ref"].rpartition("/")[2]])
        if "anyOf" in schema and "properties" not in schema:
            return [its for one in schema["anyOf"] for its in self._of(one)]
        return [schema]


@cache
def maps(type_: str) -> frozenset[str]:
    """The fields of an event that have a leaf for each key."""
    said = _schema(type_)["properties"].items()
    return frozenset(name for name, one in said if '"propertyNames"' in json.dumps(one))


@cache
def schema_name(type_: str) -> str:
    """The name of the newest schema of an event's major version."""
    name, _, major = type_.rpartition(".v")
    return f"urn:careplan:contract:{name}:{major}.{_newest(name, major)}"


def leaves_of(type_: str, content: Mapping[str, Any]) -> list[str]:
    """The leaves that an event with this content sets."""
    leaves: list[str] = []
    for name, given in content.items():
        if name in maps(type_) and isinstance(given, dict):
            leaves += [f"{name}.{key}" for key in given]
        elif name not in of_the_change(type_):
            leaves.append(name)
    return leaves


@cache
def _schema(type_: str) -> dict[str, Any]:
    name, _, major = type_.rpartition(".v")
    path = _FOLDER / name / f"{major}.{_newest(name, major)}.json"
    schema: dict[str, Any] = {"properties": {}, **json.loads(path.read_text())}
    return schema


def _newest(name: str, major: str) -> int:
    return max(int(path.stem.split(".")[1]) for path in (_FOLDER / name).glob(f"{major}.*.json"))


@cache
def _histories() -> Mapping[str, Known]:
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted((_FOLDER / "histories").glob("*.json")):
        for event in json.loads(path.read_text()):
            found.setdefault(event["type"], []).append(event)
    return {
        type_: Known(
            entry_type=events[0]["entry_type"],
            # One that begins an entry is in a history first as that, and later as a restoration.
            change=events[0]["change"],
        )
        for type_, events in found.items()
    }
