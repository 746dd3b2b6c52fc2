"""Every section and reader under ``services/``, found by walking the package at run time."""

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import Any

from shared.ledger import Section


class TwoThings(Exception):
    """Two declarations would be one thing on the wire."""


def sections() -> tuple[Section, ...]:
    """Every declared section, in the order of names; ``TwoThings`` where a name is taken twice."""
    found = []
    for name in _folders_with("section"):
        section: Section = import_module(f"services.{name}.section").SECTION
        if section.name != name:
            raise TwoThings(f"services/{name}/section.py declares the section {section.name!r}")
        found.append(section)
    only_once(found)
    return tuple(found)


def readers() -> tuple[str, ...]:
    """The services that declare no section: those with an ``app.py`` of their own."""
    found = tuple(_folders_with("app"))
    both = sorted(set(found) & set(_folders_with("section")))
    if both:
        raise TwoThings(f"section and reader at once: {', '.join(both)}")
    return found


def services() -> tuple[str, ...]:
    """Whatever can be run: sections, then readers."""
    return (*(section.name for section in sections()), *readers())


def apis() -> tuple[str, ...]:
    """The services that answer programs: whatever can be run but what has ``pages`` for people."""
    for_people = set(_folders_with("pages"))
    return tuple(name for name in services() if name not in for_people)


def examples(section: str) -> Any:
    """The ``EXAMPLES`` that a section declares, or ``None`` where it has none yet."""
    name = f"services.{section}.examples"
    return import_module(name).EXAMPLES if find_spec(name) else None


def only_once(found: list[Section]) -> None:
    """Hold all names of all sections against each other: sections, commands and events."""
    owner: dict[str, str] = {}
    for section in found:
        for name in (section.wire_name, *section.commands, *section.events):
            if name in owner:
                raise TwoThings(f"{name} is declared by {owner[name]} and by {section.name}")
            owner[name] = section.name


def _folders_with(module: str) -> Iterator[str]:
    package = import_module("services")
    for folder in sorted(iter_modules(package.__path__), key=lambda found: found.name):
        if folder.ispkg and find_spec(f"services.{folder.name}.{module}"):
            yield folder.name
