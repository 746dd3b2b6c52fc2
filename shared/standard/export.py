"""A plan in the standard's own shape: its elements by its names, within its limits.

What a receiver that keeps the limits cannot take is shortened or left out, and each place where
that is so is told (H-8): nothing is shortened in silence. The plan itself is not changed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

from shared.ledger.codes.code_list import CodeList
from shared.ledger.elements import BETWEEN
from shared.standard.carried import (
    JOINED,
    Carrier,
    Given,
    carriers_in,
)
from shared.standard.coverage import Coverage
from shared.standard.derived import derived_of, member_of
from shared.standard.leaving import Leaving
from shared.standard.limits import NO_PLACE, taken_of
from shared.standard.standing import DERIVED, At, values_in
from shared.standard.tree import Element

STANDARD: Final[Mapping[str, str]] = {
    "name": "Personalised Care and Support Plan",
    "reference": "DAPB4022 Amd 38/2021",
    "version": "2.0",
}
SHORTENED: Final = "shortened-on-export"

_YES_OR_NO: Final = "boolean"
NO_PLAIN_YES: Final = (
    "The answer is no plain yes to what the plan says now; the plan has it in full."
)
LACKS_MANDATORY: Final = "It lacks what the standard does not let one of these be without."


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

    def __post_init__(self) -> None:
        self._leaving = Leaving(self.plan, self.coverage)
        self.left_out.extend(self._leaving.stays)

    def result(self) -> Exported:
        document = {
            one.name: told
            for one in self._below[""]
            if (told := self._group(one, At(words=one.name))) is not None
        }
        self.left_out.extend(self._leaving.without_a_place())
        return Exported(document, self.shortened, self.left_out)

    @cached_property
    def _below(self) -> Mapping[str, list[Element]]:
        found: dict[str, list[Element]] = {}
        for one in self.coverage.elements:
            found.setdefault(one.path.rpartition(BETWEEN)[0], []).append(one)
        return found

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
        if at.path == DERIVED:
            derived = [told for told in [member_of(group, at.value)] if told]
        if derived is not None:
            for number, given in enumerate(derived):
                words = f"{at.words}[{number}]" if len(derived) > 1 else at.words
                yield replace(at, value=given, path=DERIVED, words=words)
            return
        carriers = [*carriers_in(self.coverage.carriers[group.path])]
        whole = next((one for one in carriers if self._is_bound(one, group)), None)
        if whole is not None and not self._holds_each(group, whole):
            entries = self._leaving.belonging(whole.kind, at)
            for number, entry in enumerate(entries):
                self._leaving.place(whole.kind[0], entry)
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

    def _held(self, element: Element, carriers: Sequence[Carrier], at: At) -> Iterator[At]:
        """Each value of an element, with the entry and the path that it stands at."""
        for carrier in carriers:
            if carrier.is_whole:
                continue
            for entry in self._leaving.belonging(carrier.kind, at):
                here = replace(at, entry=entry, section=carrier.kind[0])
                yield from values_in(element, carrier, here)

    def _item(self, item: Element, at: At) -> Any:
        derived = derived_of(item, self.plan, at.entry)
        if derived == [] and item.type == _YES_OR_NO:
            self._leave_out(item, at, NO_PLAIN_YES)
        if derived is None and at.path == DERIVED:
            derived = [told for told in [member_of(item, at.value)] if told]
        if derived is None:
            held = [*self._held(item, [*carriers_in(self.coverage.carriers[item.path])], at)]
        else:
            held = [replace(at, value=given) for given in derived if given not in (None, "")]
        values = [(one, given) for one in held if (given := one.as_one_value) not in (None, "")]
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
        named = {"field": ".".join(at.path)} if at.is_in_a_field else {}
        return {"element": element.path, "at": at.words, **(at.ref or {}), **named}


def _outermost(carriers: Sequence[Carrier]) -> list[Carrier]:
    """Without the carriers that stand within another one."""
    return [
        one
        for one in carriers
        if not any(one != other and one.path[: len(other.path)] == other.path for other in carriers)
    ]
