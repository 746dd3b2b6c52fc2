"""Which entry and field carries each element of the standard, as the declarations say."""

import types
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from shared.ledger import Entry, Section
from shared.ledger.elements import BETWEEN, Carries, InProvenance
from shared.ledger.entry.fields import hints_of, wire_field
from shared.ledger.provenance import Provenance
from shared.standard.tree import Element, elements

Carriers = dict[str, list[str]]


class UnknownElement(ValueError):
    """A declaration carries an element that the standard does not have."""


@dataclass(frozen=True)
class Coverage:
    """Every element in the standard's order, with the entries and fields that carry it.

    ``commands`` has the types of the commands that set any of these, those that create first; what
    is derived is set by none. Of what stands in a provenance they are those that it goes with.
    """

    carriers: Mapping[str, tuple[str, ...]]
    commands: Mapping[str, tuple[str, ...]]

    @property
    def elements(self) -> tuple[Element, ...]:
        """All elements of the standard, in its order."""
        return elements()

    @property
    def missing(self) -> tuple[Element, ...]:
        """The elements that nothing carries."""
        return tuple(one for one in elements() if not self.carriers[one.path])


def coverage(sections: Iterable[Section], derived: Mapping[str, str]) -> Coverage:
    """What carries each element: the fields of the sections, and what the plan derives.

    ``derived`` has the elements that no section holds and the words that say from what they are
    derived. Raises ``UnknownElement`` where a declaration names one that is not there.
    """
    found: Carriers = defaultdict(list)
    setting: Carriers = defaultdict(list)
    for section in sections:
        for entry in section.entries:
            _entry(section, entry, found)
        _commands(section, setting)
    for path, source in derived.items():
        _known(path, f"derived: {source}")
        found[path].append(f"derived: {source}")
    for one in elements():
        if one.is_group and one.path not in found:
            found[one.path] = _held_below(one, found)
    carriers = {one.path: tuple(dict.fromkeys(found[one.path])) for one in elements()}
    commands = {
        path: tuple(dict.fromkeys(one for said in carried for one in setting[_field_of(said)]))
        for path, carried in carriers.items()
    }
    return Coverage(carriers, commands)


def carrying_fields(section: Section) -> tuple[str, ...]:
    """The fields of a section's entries that carry something, each once, in their order."""
    named = (
        field
        for entry in section.entries
        for field, hint in _fields_of(section, entry).items()
        if _marks(hint)
    )
    return tuple(dict.fromkeys(named))


def _held_below(group: Element, found: Carriers) -> list[str]:
    """What carries a group that is only the sum of what stands in it."""
    return [
        carrier
        for one in elements()
        if one.path.startswith(group.path + BETWEEN)
        for carrier in found.get(one.path, [])
    ][:1]


def _commands(section: Section, setting: Carriers) -> None:
    """Note which commands set each field of each entry, and which create it."""
    creating_first = sorted(section.commands.items(), key=lambda named: not named[1].creates)
    for type_, command in creating_first:
        name = f"{section.name}.{command.entry.__name__}"
        if command.creates:
            setting[name].append(type_)
        event = command.declared.event
        if event is not None:
            own = getattr(command.entry, event.__name__)
            for field in {wire_field(one) for one in hints_of(own)} - own.not_fields:
                setting[f"{name}.{field}"].append(type_)


def _field_of(carrier: str) -> str:
    """The field in which what is carried stands, or the entry: ``goals.Goal.aim``."""
    return ".".join(carrier.partition(" ")[0].replace("[]", "").split(".")[:3])


def _entry(section: Section, entry: type[Entry], found: Carriers) -> None:
    name = f"{section.name}.{entry.__name__}"
    for group in entry.carries:
        _known(group, name)
        found[group].append(name)
    _provenance(entry.carries, entry.provenance_carries, name, found)
    for field, hint in _fields_of(section, entry).items():
        for mark in _marks(hint):
            under = _paths(entry.carries, mark, f"{name}.{field}")
            _carried(under, hint, f"{name}.{field}", found)
            _provenance(under, mark.provenance, f"{name}.{field}", found)


def _fields_of(section: Section, entry: type[Entry]) -> dict[str, Any]:
    """The fields that any event of the entry sets, with their annotations."""
    hints: dict[str, Any] = {}
    for type_, event in section.events.items():
        if section.entry_of_event(type_) is entry:
            for field, hint in get_type_hints(event, include_extras=True).items():
                if _marks(hint) or field not in hints:
                    hints[field] = hint
    return hints


def _paths(groups: Iterable[str], mark: Carries, carrier: str) -> list[str]:
    """The elements that a mark names, under each of the groups that has them."""
    held = []
    for element in mark.elements:
        under = [path for path in _under(groups, element) if path in _names()]
        if not under:
            raise UnknownElement(f"{carrier} carries {element!r}, which its group does not have")
        held += under
    return held


def _under(groups: Iterable[str], element: str) -> Iterator[str]:
    for group in groups:
        yield group + BETWEEN + element if element else group


def _carried(paths: Iterable[str], hint: Any, carrier: str, found: Carriers) -> None:
    """Note the carrier, and the members of its values under it where the standard has them."""
    for path in paths:
        found[path].append(carrier)
        for member, inner in _members(hint):
            for mark in _marks(inner):
                named = (one for element in mark.elements for one in _under([path], element))
                below = [one for one in named if one in _names()]
                _carried(below, inner, f"{carrier}{member}", found)


def _provenance(
    groups: Iterable[str], carried: InProvenance, carrier: str, found: Carriers
) -> None:
    hints = get_type_hints(Provenance, include_extras=True)
    for member, elements_ in carried.items():
        mark = Carries(*elements_)
        hint = hints.get(member, Any)
        named = f"{carrier} provenance.{member}"
        _carried(_paths(groups, mark, named), hint, named, found)


def _members(hint: Any) -> Iterator[tuple[str, Any]]:
    """The members of the value types in an annotation; those of a list's items with ``[]``."""
    for kind, is_item in _value_types(hint):
        hints = get_type_hints(kind, include_extras=True)
        for member in fields(kind):
            yield ("[]." if is_item else ".") + member.name, hints[member.name]


def _value_types(hint: Any, *, is_item: bool = False) -> Iterator[tuple[Any, bool]]:
    origin = get_origin(hint)
    if origin is Annotated:
        yield from _value_types(get_args(hint)[0], is_item=is_item)
    elif origin in (Union, types.UnionType):
        for one in get_args(hint):
            yield from _value_types(one, is_item=is_item)
    elif origin in (tuple, dict):
        for one in get_args(hint):
            yield from _value_types(one, is_item=True)
    elif is_dataclass(origin or hint):
        yield origin or hint, is_item


def _marks(hint: Any) -> list[Carries]:
    """The marks of an annotation, also those within a union of types."""
    if get_origin(hint) is Annotated:
        inner, *metadata = get_args(hint)
        return [*(one for one in metadata if isinstance(one, Carries)), *_marks(inner)]
    if get_origin(hint) in (Union, types.UnionType):
        return [mark for one in get_args(hint) for mark in _marks(one)]
    return []


def _names() -> frozenset[str]:
    return frozenset(one.path for one in elements())


def _known(path: str, carrier: str) -> None:
    if path not in _names():
        raise UnknownElement(f"{carrier} carries {path!r}, which the standard does not have")
