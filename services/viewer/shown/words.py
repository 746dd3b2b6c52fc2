"""The words of what is declared: titles of sections, entries, fields and the values of lists."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from shared.chassis.wire.shapes import event_schema
from shared.ledger import Section
from shared.ledger.codes.code_list import CODE_LIST
from shared.ledger.words import VALUES, titled_of

Schema = Mapping[str, Any]

_REFERENCE: Final = "#/$defs/"


@dataclass(frozen=True)
class Field:
    """The words of one field, and of what stands inside it; empty where nothing is declared."""

    schema: Schema = field(default_factory=dict)
    definitions: Mapping[str, Schema] = field(default_factory=dict)

    @cached_property
    def title(self) -> str:
        """What a screen calls it."""
        return self._said("title")

    @property
    def description(self) -> str:
        """What it is, in a sentence."""
        return self._said("description")

    @cached_property
    def of(self) -> str:
        """The name of the value that is declared here, as ``Party``."""
        for schema in self._alternatives():
            name = str(schema.get("$ref", ""))
            if name.startswith(_REFERENCE):
                return name.removeprefix(_REFERENCE)
        return ""

    @property
    def format(self) -> str:
        """``date`` or ``date-time``, where it is one."""
        return next((str(s["format"]) for s in self.schemas if "format" in s), "")

    @property
    def score(self) -> int | None:
        """The most that a number here can be, where its bounds are declared."""
        return next((int(s["maximum"]) for s in self.schemas if "maximum" in s), None)

    def value(self, text: str) -> str | None:
        """The words of a value of a closed list; ``None`` where it is no such list."""
        titles: Schema = next((s[VALUES] for s in self.schemas if VALUES in s), {})
        return str(titles[text]["title"]) if text in titles else None

    def term(self, system: str, code: str) -> str | None:
        """The words of a code, where its list is held here."""
        for schema in self.schemas:
            listed = schema.get(CODE_LIST, {}).get("systems", {}).get(system, {})
            if code in listed:
                return str(listed[code])
        return None

    @property
    def is_map(self) -> bool:
        """True where each key is a field of its own, as the headings of About me are."""
        return any(isinstance(s.get("additionalProperties"), dict) for s in self.schemas)

    def inside(self, name: str) -> "Field":
        """The field of that name inside this one; of a map, the value under that key."""
        found = self._found.get(name)
        if found is None:
            found = self._found[name] = self._look_inside(name)
        return found

    def _look_inside(self, name: str) -> "Field":
        for schema in self.schemas:
            if name in schema.get("properties", {}):
                return self._at(schema["properties"][name])
            if isinstance(schema.get("additionalProperties"), dict):
                words = schema.get("propertyNames", {}).get(VALUES, {}).get(name, {})
                return self._at({**schema["additionalProperties"], **words})
        return self._at({})

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names inside it, in the order in which they are declared."""
        for schema in self.schemas:
            keys = schema.get("properties") or schema.get("propertyNames", {}).get("enum")
            if keys:
                return tuple(keys)
        return ()

    @cached_property
    def item(self) -> "Field":
        """What an item of this list is; the codes of the list are those of its items."""
        for schema in self.schemas:
            if isinstance(schema.get("items"), dict):
                codes = {CODE_LIST: schema[CODE_LIST]} if CODE_LIST in schema else {}
                return self._at({**schema["items"], **codes})
        return self._at({})

    @cached_property
    def _found(self) -> dict[str, "Field"]:
        return {}

    def _at(self, schema: Schema) -> "Field":
        return Field(schema, self.definitions)

    def _said(self, name: str) -> str:
        # A definition describes the value in general, what refers to it this very field.
        return next((str(s[name]) for s in self._alternatives() if s.get(name)), "")

    def _alternatives(self) -> Iterable[Schema]:
        yield self.schema
        yield from self.schema.get("anyOf", ())

    @cached_property
    def schemas(self) -> tuple[Schema, ...]:
        """The schemas that this field may have, each with what it refers to behind it."""
        found: list[Schema] = []
        for schema in self._alternatives():
            found.append(schema)
            name = str(schema.get("$ref", "")).removeprefix(_REFERENCE)
            if name in self.definitions:
                found.extend(self._at(self.definitions[name]).schemas)
        return tuple(found)


@dataclass(frozen=True)
class EntryWords:
    """The words of one kind of entry: its own, and those of its fields in their order."""

    title: str
    description: str
    fields: Mapping[str, Field]


class Words:
    """The words of every section that is declared, by the names on the wire."""

    def __init__(self, sections: Iterable[Section]) -> None:
        self.sections: dict[str, str] = {}
        self.entries: dict[tuple[str, str], EntryWords] = {}
        self.events: dict[str, str] = {}
        for section in sections:
            self._take(section)

    def section(self, name: str) -> str:
        """The title of a section; of one that is not declared here, its name."""
        return self.sections.get(name) or plain(name)

    def entry(self, section: str, entry_type: str) -> EntryWords:
        """The words of a kind of entry; of one that is not declared here, its name."""
        return self.entries.get((section, entry_type)) or EntryWords(plain(entry_type), "", {})

    def event(self, type_: str) -> str:
        """The title of an event, as ``Goal reworded``."""
        return self.events.get(type_) or plain(type_.split(".")[2] if "." in type_ else type_)

    def element(self, name: str) -> str:
        """The words for ``<section>`` or ``<section>.<field>``, as the plan names what it lacks."""
        section, _, path = name.partition(".")
        if not path:
            return self.section(section)
        first, _, rest = path.partition(".")
        for (of, _), entry in self.entries.items():
            found = entry.fields.get(first) if of == section else None
            if found is not None:
                inner = found.inside(rest) if rest else found
                return inner.title or plain(rest or first)
        return plain(rest or first)

    def _take(self, section: Section) -> None:
        self.sections[section.wire_name] = section.title
        fields: dict[type, dict[str, Field]] = {entry: {} for entry in section.entries}
        for type_, event in section.events.items():
            words = titled_of(event)
            self.events[type_] = words.title if words else plain(type_)
            schema = event_schema(event)
            definitions = schema.get("$defs", {})
            known = fields[section.entry_of_event(type_)]
            for name, declared in schema.get("properties", {}).items():
                known.setdefault(name, Field(declared, definitions))
        for entry in section.entries:
            words = titled_of(entry)
            self.entries[section.wire_name, section.entry_type(entry)] = EntryWords(
                words.title if words else plain(entry.__name__),
                words.description if words else "",
                fields[entry],
            )


_CAPITALS: Final = {"gp": "GP", "nhs": "NHS", "pds": "PDS", "ahp": "AHP", "cmht": "CMHT"}


def plain(name: str) -> str:
    """A name with hyphens as words: ``care-coordinator`` → ``Care coordinator``."""
    said = " ".join(_CAPITALS.get(part, part) for part in name.replace("_", "-").split("-") if part)
    return said[:1].upper() + said[1:]
