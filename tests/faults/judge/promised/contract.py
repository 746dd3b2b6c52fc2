"""What is published of each command and event: read from ``contracts`` and from the declarations.

The judge knows no section by name: what its events may say, and of what type an entry is, is there.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from shared.contracts import discover

_WORD: Final = re.compile(r"[a-z]+(-[a-z]+)*")
_FOLDER: Final = Path(__file__).resolve().parents[3] / "contracts"


@dataclass(frozen=True)
class Known:
    """What the histories of the examples show of every event of one type."""

    entry_type: str
    change: str
    always: frozenset[str]
    """What all of them say."""
    removed: frozenset[str]
    """What one of them takes out."""
    constants: Mapping[str, Any]
    """Of what all say, what says the same word each time: the state of a plan that was opened."""


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
def properties(type_: str) -> frozenset[str]:
    """What the content of this command or event may have."""
    return frozenset(_schema(type_)["properties"])


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


def _is_a_word(said: Any) -> bool:
    """True for a value of a closed list, which is no text of anybody's."""
    return isinstance(said, bool) or (isinstance(said, str) and bool(_WORD.fullmatch(said)))


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
            always=frozenset.intersection(*(frozenset(event["content"]) for event in events)),
            removed=frozenset(
                name for event in events for name, said in event["content"].items() if said is None
            ),
            constants={
                name: said
                for name, said in events[0]["content"].items()
                if _is_a_word(said) and all(event["content"].get(name) == said for event in events)
            },
        )
        for type_, events in found.items()
    }
