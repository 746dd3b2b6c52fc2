"""What is written for those that name a section or a field of another: the names that there are."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Final, get_args, get_origin, get_type_hints

from shared.chassis.wire.shapes import leaves_of
from shared.ledger import Entry, Section
from shared.ledger.entry.fields import wire_field
from shared.ledger.values import known

PATH: Final = Path(known.__file__).with_name(known.FILE)
_NO_PART: Final = frozenset({"item_id"})


def text_of(sections: Iterable[Section]) -> str:
    """The file as it is committed: by section and type of entry, each leaf with what is in it."""
    named = {
        section.wire_name: {
            section.entry_type(entry): _leaves(section, entry) for entry in section.entries
        }
        for section in sorted(sections, key=lambda one: one.wire_name)
    }
    return json.dumps(named, indent=1) + "\n"


def write(sections: Iterable[Section], path: Path = PATH) -> None:
    """Write it, and have this process know what it says."""
    text = text_of(sections)
    if not path.is_file() or path.read_text("utf-8") != text:
        path.write_text(text, encoding="utf-8")
    known.known.cache_clear()


def problems_with_committed(sections: Iterable[Section], path: Path = PATH) -> list[str]:
    """Where the committed file is not what the declarations say."""
    if path.is_file() and path.read_text("utf-8") == text_of(sections):
        return []
    return [f"{path.name}: it is not what the declarations say; run make contracts"]


def _leaves(section: Section, entry: type[Entry]) -> Mapping[str, str]:
    hints = _hints(section, entry)
    return {
        leaf: " ".join(dict.fromkeys(_names_in(hints[leaf.partition(".")[0]], frozenset())))
        for leaf in leaves_of(entry)
    }


def _hints(section: Section, entry: type[Entry]) -> dict[str, tuple[Any, ...]]:
    """The types that each field has, in any event of the entry."""
    found: dict[str, tuple[Any, ...]] = {}
    for type_, event in section.events.items():
        if section.entry_of_event(type_) is entry:
            for name, hint in get_type_hints(event).items():
                found[wire_field(name)] = (*found.get(wire_field(name), ()), hint)
    return found


def _names_in(hints: Iterable[Any], seen: frozenset[Any]) -> Iterator[str]:
    """The names of the members of the value types in these, at any depth."""
    for hint in hints:
        kind = get_origin(hint) or hint
        if isinstance(kind, type) and is_dataclass(kind) and kind not in seen:
            inner = get_type_hints(kind)
            for member in fields(kind):
                if member.name not in _NO_PART:
                    yield wire_field(member.name)
                    yield from _names_in((inner[member.name],), seen | {kind})
        else:
            yield from _names_in(get_args(hint), seen)
