"""Where in a plan an export is, and the values that an element has there."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from shared.ledger.elements import PERFORMED
from shared.standard.carried import AS_TEXT, Carrier, Given, said_of, values_at
from shared.standard.tree import Element

DERIVED: Final = ("",)
"""Stands for the path of what is derived, and stands in no entry."""
_PROVENANCE: Final = "@"
"""Begins the path of what stands in a provenance."""
_HEADINGS: Final = "responses"


@dataclass(frozen=True)
class At:
    """Where in the plan the walk is: the entry, and the value of a group that stands within it."""

    entry: Given | None = None
    section: str = ""
    path: tuple[str, ...] = ()
    value: Any = None
    words: str = ""

    @property
    def ref(self) -> dict[str, Any] | None:
        """The entry as others refer to it."""
        if self.entry is None:
            return None
        return {"section": self.section, "entry_id": self.entry["entry_id"]}

    @property
    def is_in_a_field(self) -> bool:
        """True where it is in a field of an entry, and not in what is derived or was the source."""
        return self.path[:1] not in ((), DERIVED, (_PROVENANCE,))

    @property
    def as_one_value(self) -> Any:
        """What stands here, as text where the standard has no more than a text for it."""
        told = AS_TEXT.get(self.path)
        return self.value if told is None else told(self.value)

    def is_named_by(self, ref: Any) -> bool:
        """True where a reference leads here: to the entry, or to the plan outside of any."""
        if self.ref is None:
            return bool(ref == "plan")
        return isinstance(ref, Mapping) and all(
            ref.get(name) == of for name, of in self.ref.items()
        )


def values_in(element: Element, carrier: Carrier, at: At) -> Iterator[At]:
    """Each value of an element in the entry, by the one carrier."""
    if carrier.provenance:
        yield from _in_provenance(element, carrier, at)
        return
    entry = at.entry or {}
    within = at.path and carrier.path[: len(at.path)] == at.path
    steps = carrier.path[len(at.path) :] if within else carrier.path
    given = at.value if within else entry["content"]
    if carrier.path[0] == _HEADINGS:
        steps, given = _heading(element, entry, carrier.path)
    for value in values_at(given, steps):
        yield replace(at, path=carrier.path, value=value)


def _in_provenance(element: Element, carrier: Carrier, at: At) -> Iterator[At]:
    entry = at.entry or {}
    field = ".".join(carrier.path) or None
    if field is not None and not any(values_at(entry["content"], carrier.path)):
        return
    said = said_of(entry, field)
    by = said.get(carrier.provenance[0]) or {}
    if element.name == PERFORMED and by.get("kind") != "professional":
        return
    path = (_PROVENANCE, *carrier.provenance)
    is_within = at.path[:1] == path[:1] and path[: len(at.path)] == at.path
    steps = path[len(at.path) :] if is_within else carrier.provenance
    for value in values_at(at.value if is_within else said, steps):
        is_number = carrier.provenance[-1] == "identifier" and isinstance(value, Mapping)
        told = value.get("value") if is_number else value
        is_role = carrier.provenance[-1] == "role" and isinstance(told, str)
        yield replace(at, path=path, value={"text": told} if is_role else told)


def _heading(element: Element, entry: Given, path: tuple[str, ...]) -> tuple[tuple[str, ...], Any]:
    """The response under one heading of About me; of media the addresses of all headings."""
    responses = entry["content"].get(_HEADINGS) or {}
    if element.name.startswith("Location"):
        return ("url",), [one for said in responses.values() for one in said.get("media") or ()]
    named = re.sub("[^a-z]+", "_", element.name.lower().replace("'", ""))
    found = next((said for key, said in responses.items() if named.startswith(key)), None)
    return tuple(step for step in path[1:] if step), found
