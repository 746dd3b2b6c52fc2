"""A plan in the standard's own shape: its elements by its names, within its limits.

What a receiver that keeps the limits cannot take is shortened or left out, and each place where
that is so is told (H-8): nothing is shortened in silence. The plan itself is not changed.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

from shared.ledger.codes.code_list import CodeList
from shared.ledger.elements import BETWEEN, PERFORMED
from shared.standard.carried import (
    AS_TEXT,
    JOINED,
    SAID_OTHERWISE,
    Carrier,
    Given,
    carriers_in,
    said_of,
    values_at,
)
from shared.standard.coverage import Coverage
from shared.standard.derived import derived_of, member_of
from shared.standard.limits import NO_PLACE, taken_of
from shared.standard.released import files_of, released, without_excluded
from shared.standard.tree import Element

STANDARD: Final[Mapping[str, str]] = {
    "name": "Personalised Care and Support Plan",
    "reference": "DAPB4022 Amd 38/2021",
    "version": "2.0",
}
SHORTENED: Final = "shortened-on-export"

_STANDS_UNDER: Final = {
    ("goals", "goal"): "need_ids",
    ("goals", "action"): "goal_ids",
    ("goals", "stage-goal"): "action_ids",
    ("goals", "outcome"): "goal_id",
}
_HEADINGS: Final = "responses"
_DERIVED: Final = ("",)
"""Stands for the path of what is derived, and stands in no entry."""
_PROVENANCE: Final = "@"
"""Begins the path of what stands in a provenance."""
_NO_TREE: Final = (
    "It stands under nothing that is on the plan, and the standard has no other place."
)
_YES_OR_NO: Final = "boolean"
NO_PLAIN_YES: Final = (
    "The answer is no plain yes to what the plan says now; the plan has it in full."
)
LACKS_MANDATORY: Final = "It lacks what the standard does not let one of these be without."
_ABOUT: Final = (("stewardship", "agreement"), ("stewardship", "review"))
"""What stands where its subject does, one of each subject."""
EARLIER: Final = (
    "The standard has one place for it, and a later one of the same subject stands there."
)
NO_SUBJECT: Final = "The standard has no place for one about this."
ONLY_THE_NEXT: Final = "The standard has a place for the next review, and none for those held."


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


@dataclass(frozen=True)
class Exported:
    """The plan as the standard has it, and what of it is less than the plan holds."""

    document: Mapping[str, Any]
    shortened: Sequence[Given] = ()
    left_out: Sequence[Given] = ()

    @property
    def findings(self) -> list[dict[str, Any]]:
        """The finding of each entry that a receiver gets less of."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for one in self.shortened:
            ref = {name: one[name] for name in ("section", "entry_id") if name in one}
            found.setdefault(
                (str(ref.get("section")), str(ref.get("entry_id"))),
                {
                    "code": SHORTENED,
                    "rule": "H-8",
                    "entries": [ref] if ref else [],
                    "words": "A receiver that keeps the standard's limits gets less of it than the "
                    "plan holds; the whole text stands beside the document.",
                },
            )
        return list(found.values())


def exported(plan: Given, coverage: Coverage, code_lists: Mapping[str, CodeList]) -> Exported:
    """A plan, as ``GET /v1/plans/{plan_id}?include=derived,authorship`` gives it, as the standard.

    ``code_lists`` are those of the fields, by what carries an element: ``person.Person.gender``.
    """
    return _Walk(plan, coverage, code_lists).result()


@dataclass
class _Walk:
    plan: Given
    coverage: Coverage
    code_lists: Mapping[str, CodeList]
    shortened: list[Given] = field(default_factory=list)
    left_out: list[Given] = field(default_factory=list)
    placed: set[tuple[str, str]] = field(default_factory=set)

    def result(self) -> Exported:
        document = {
            one.name: told
            for one in self._below[""]
            if (told := self._group(one, At(words=one.name))) is not None
        }
        for (section, kind), entries in self._entries.items():
            for entry in entries:
                ref = {"section": section, "entry_id": entry["entry_id"]}
                if (section, kind) in _STANDS_UNDER and (
                    section,
                    entry["entry_id"],
                ) not in self.placed:
                    self.left_out.append({**ref, "why": _NO_TREE})
        for about in _ABOUT:
            self._tell_of_others(about)
        return Exported(document, self.shortened, self.left_out)

    def _tell_of_others(self, kind: tuple[str, str]) -> None:
        """Say which agreements and reviews have no place, and which reviews were held."""
        entries = self._entries.get(kind, [])
        section = kind[0]
        placed = [one for one in entries if (section, one["entry_id"]) in self.placed]
        subjects = [one["content"].get("subject") for one in placed]
        for one in entries:
            ref, content = {"section": section, "entry_id": one["entry_id"]}, one["content"]
            if one not in placed:
                why = EARLIER if content.get("subject") in subjects else NO_SUBJECT
                self.left_out.append({**ref, "why": why, "whole": content})
            elif held := content.get("held"):
                self.left_out.append({**ref, "field": "held", "why": ONLY_THE_NEXT, "whole": held})

    @cached_property
    def _below(self) -> Mapping[str, list[Element]]:
        found: dict[str, list[Element]] = {}
        for one in self.coverage.elements:
            found.setdefault(one.path.rpartition(BETWEEN)[0], []).append(one)
        return found

    @cached_property
    def _entries(self) -> Mapping[tuple[str, str], list[Given]]:
        """What is on the plan by kind and may leave, each said as the standard can."""
        found: dict[tuple[str, str], list[Given]] = {}
        for section, entries in self.plan["sections"].items():
            for entry in entries:
                if not entry.get("current", True):
                    continue
                kind = (section, entry["entry_type"])
                content, stays = released(entry["content"])
                if content is not None and kind in self._kinds:
                    shut_out = (entry.get("derived") or {}).get("not_to_be_called") or ()
                    content, not_called = without_excluded(content, shut_out)
                    stays = [*stays, *not_called, *files_of(content)]
                ref = {"section": section, "entry_id": entry["entry_id"]}
                self.left_out.extend({**ref, **one} for one in stays)
                if content is not None:
                    said = SAID_OTHERWISE.get(kind, dict)(content)
                    found.setdefault(kind, []).append({**entry, "content": said})
        return found

    @cached_property
    def _kinds(self) -> frozenset[tuple[str, str]]:
        """The kinds of entries that carry something of the standard."""
        carriers = self.coverage.carriers.values()
        return frozenset(one.kind for said in carriers for one in carriers_in(said))

    def _group(self, group: Element, at: At) -> Any:
        found: list[dict[str, Any]] = []
        for one in self._instances(group, at):
            so_far = len(self.shortened), len(self.left_out)
            told = self._members(group, one)
            if told and self._lacks_mandatory(group, told):
                self._leave_out(group, one, LACKS_MANDATORY, whole=told)
            elif told and found and not group.is_several:
                # It goes whole, and nothing of it was shortened.
                del self.shortened[so_far[0] :], self.left_out[so_far[1] :]
                self._leave_out(group, one, NO_PLACE, whole=told)
            elif told:
                found.append(told)
        if not found:
            return None
        return found if group.is_several else found[0]

    def _lacks_mandatory(self, group: Element, told: Mapping[str, Any]) -> bool:
        """True for one of several that cannot be sent without what it has not."""
        below = self._below.get(group.path, ())
        return group.is_several and any(one.duty == "M" and one.name not in told for one in below)

    def _members(self, group: Element, at: At) -> dict[str, Any]:
        below = self._below.get(group.path)
        if not below and isinstance(at.value, Mapping):
            # The standard has an organisation here and nothing in it; elsewhere it has these two.
            pairs = (("Coded value", at.value.get("ods")), ("Free text", at.value.get("name")))
            return {name: said for name, said in pairs if said}
        told: dict[str, Any] = {}
        for one in below or ():
            inner = replace(at, words=f"{at.words}{BETWEEN}{one.name}")
            said = self._group(one, inner) if one.is_group else self._item(one, inner)
            if said is not None:
                told[one.name] = said
        return told

    def _instances(self, group: Element, at: At) -> Iterator[At]:
        derived = derived_of(group, self.plan, at.entry)
        if at.path == _DERIVED:
            derived = [told for told in [member_of(group, at.value)] if told]
        if derived is not None:
            for number, given in enumerate(derived):
                words = f"{at.words}[{number}]" if len(derived) > 1 else at.words
                yield replace(at, value=given, path=_DERIVED, words=words)
            return
        carriers = [*carriers_in(self.coverage.carriers[group.path])]
        whole = next((one for one in carriers if self._is_bound(one, group)), None)
        if whole is not None and not self._holds_each(group, whole):
            entries = self._related(whole.kind, at)
            for number, entry in enumerate(entries):
                self.placed.add((whole.kind[0], entry["entry_id"]))
                words = f"{at.words}[{number}]" if len(entries) > 1 else at.words
                yield At(entry, whole.kind[0], words=words)
            return
        if any(one.is_whole for one in carriers) or not carriers:
            yield at
            return
        held = [*self._held(group, _outermost(carriers), at)]
        for number, one in enumerate(held):
            yield replace(one, words=f"{at.words}[{number}]" if len(held) > 1 else at.words)

    def _holds_each(self, group: Element, carrier: Carrier) -> bool:
        """True where the entries do not stand for the group, but each for a group within it."""
        return any(
            one == carrier
            for below in self._below.get(group.path, ())
            if below.is_group
            for one in carriers_in(self.coverage.carriers[below.path])
        )

    def _is_bound(self, carrier: Carrier, group: Element) -> bool:
        """True where one entry is one of the group, and not merely about the group."""
        is_about = carrier.section == "stewardship" and carrier.entry != "Funding"
        return carrier.is_whole and (not is_about or group.name.startswith("Agreed"))

    def _related(self, kind: tuple[str, str], at: At) -> list[Given]:
        """The entries of a kind that belong to where the walk is."""
        entries = self._entries.get(kind, [])
        if at.entry is not None and (at.section, at.entry["entry_type"]) == kind:
            return [at.entry]
        if kind in _STANDS_UNDER and at.entry is not None:
            refs = (one["content"].get(_STANDS_UNDER[kind]) for one in entries)
            return [
                one
                for one, given in zip(entries, refs, strict=True)
                if any(_is(ref, at) for ref in (given if isinstance(given, list) else [given]))
            ]
        if kind in _ABOUT:
            about = [one for one in entries if _is(one["content"].get("subject"), at)]
            # The one that was said last, which may have been written down before another.
            last = sorted(about, key=lambda one: str(one.get("stated_at") or ""))[-1:]
            self.placed.update((kind[0], one["entry_id"]) for one in last)
            return last
        return entries

    def _held(self, element: Element, carriers: Sequence[Carrier], at: At) -> Iterator[At]:
        """Each value of an element, with the entry and the path that it stands at."""
        for carrier in carriers:
            if carrier.is_whole:
                continue
            for entry in self._related(carrier.kind, at):
                here = replace(at, entry=entry, section=carrier.kind[0])
                if carrier.provenance:
                    yield from _in_provenance(element, carrier, here)
                    continue
                within = at.path and carrier.path[: len(at.path)] == at.path
                steps = carrier.path[len(at.path) :] if within else carrier.path
                given = at.value if within else entry["content"]
                if carrier.path[0] == _HEADINGS:
                    steps, given = _heading(element, entry, carrier.path)
                for value in values_at(given, steps):
                    yield replace(here, path=carrier.path, value=value)

    def _item(self, item: Element, at: At) -> Any:
        derived = derived_of(item, self.plan, at.entry)
        if derived == [] and item.type == _YES_OR_NO:
            self._leave_out(item, at, NO_PLAIN_YES)
        if derived is None and at.path == _DERIVED:
            derived = [told for told in [member_of(item, at.value)] if told]
        if derived is None:
            held = [*self._held(item, [*carriers_in(self.coverage.carriers[item.path])], at)]
        else:
            held = [replace(at, value=given) for given in derived if given not in (None, "")]
        values = [(one, given) for one in held if (given := _as_one_value(one)) not in (None, "")]
        between = JOINED.get(values[0][0].path) if values else None
        if between is not None:
            values = [(values[0][0], between.join(str(given) for _, given in values))]
        if len(values) > 1:
            values = [
                (replace(one, words=f"{one.words}[{number}]"), given)
                for number, (one, given) in enumerate(values)
            ]
        kept: list[Any] = []
        for one, given in values:
            if kept and not item.is_several:
                self._leave_out(item, one, NO_PLACE, whole=given)
            elif (taken := self._taken(item, one, given)) is not None:
                kept.append(taken)
        if not kept:
            return None
        return kept if item.is_several else kept[0]

    def _taken(self, item: Element, at: At, given: Any) -> Any:
        carrier = next(iter(self.coverage.carriers[item.path]), "").replace("[]", "")
        taken = taken_of(item, given, self.code_lists.get(carrier))
        if taken.why_not is not None:
            self._leave_out(item, at, taken.why_not, **taken.counted, whole=given)
        elif taken.limit is not None:
            self.shortened.append({**self._place(item, at), **taken.counted, "whole": given})
        return taken.value

    def _leave_out(self, element: Element, at: At, why: str, **more: Any) -> None:
        self.left_out.append({**self._place(element, at), **more, "why": why})

    def _place(self, element: Element, at: At) -> dict[str, Any]:
        is_a_field = at.path[:1] not in ((), _DERIVED, (_PROVENANCE,))
        named = {"field": ".".join(at.path)} if is_a_field else {}
        return {"element": element.path, "at": at.words, **(at.ref or {}), **named}


def _outermost(carriers: Sequence[Carrier]) -> list[Carrier]:
    """Without the carriers that stand within another one."""
    return [
        one
        for one in carriers
        if not any(one != other and one.path[: len(other.path)] == other.path for other in carriers)
    ]


def _as_one_value(at: At) -> Any:
    told = AS_TEXT.get(at.path)
    return at.value if told is None else told(at.value)


def _is(ref: Any, at: At) -> bool:
    if at.ref is None:
        return bool(ref == "plan")
    return isinstance(ref, Mapping) and all(ref.get(name) == of for name, of in at.ref.items())


def _in_provenance(element: Element, carrier: Carrier, at: At) -> Iterator[At]:
    entry = at.entry or {}
    field_ = ".".join(carrier.path) or None
    if field_ is not None and not any(values_at(entry["content"], carrier.path)):
        return
    said = said_of(entry, field_)
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
