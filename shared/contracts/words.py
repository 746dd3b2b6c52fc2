"""What of a section has no words for a screen: a title, and what it is in a sentence."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from shared.ledger import Choice, Keep, Section, Titled
from shared.ledger.entry.fields import hints_of
from shared.ledger.words import ValuesTitled, titled_of


def without_words(section: Section) -> Iterator[str]:
    """What of a section has no title, or no description, by where it is declared."""
    for entry in section.entries:
        yield from _unless_titled(titled_of(entry), entry.__name__)
    for type_, event in section.events.items():
        yield from _unless_titled(titled_of(event), type_)
        for name, hint in hints_of(event).items():
            yield from _in_a_field(hint, f"{type_} {name}")
    for type_, command in section.commands.items():
        yield from _unless_titled(command.declared.titled, type_)
        if not command.declared.is_common:
            for name, parameter in command.parameters.items():
                yield from _in_a_field(parameter.annotation, f"{type_} {name}")


def _unless_titled(words: Titled | None, where: str) -> Iterator[str]:
    if words is None or not words.title or not words.description:
        yield where


def _in_a_field(hint: Any, where: str) -> Iterator[str]:
    """A field has its title on its type, or on that of each choice; a list has one as a whole."""
    words = next(_of_kind(hint, Titled), None)
    yield from _unless_titled(words, where)
    yield from _in_a_type(hint, where)


def _in_a_type(hint: Any, where: str) -> Iterator[str]:
    of = get_origin(hint) or hint
    if of is Annotated and any(isinstance(one, ValuesTitled) for one in hint.__metadata__):
        return
    if of is Literal:
        if len(get_args(hint)) > 1:
            yield f"{where}: its values"
        return
    if is_dataclass(of) and of.__module__.startswith("services."):
        yield from _in_a_value(of)
    elif isinstance(of, type) and issubclass(of, Enum) and not issubclass(of, Choice | Keep):
        yield f"{where}: its values"
    for part in _parts(hint):
        yield from _in_a_type(part, where)


def _parts(hint: Any) -> tuple[Any, ...]:
    """What a type is made of; of an annotated one the type, and not its annotations."""
    return get_args(hint)[:1] if get_origin(hint) is Annotated else get_args(hint)


def _in_a_value(value: Any) -> Iterator[str]:
    hints = get_type_hints(value, include_extras=True)
    for one in fields(value):
        if one.name != "item_id":
            yield from _in_a_field(hints[one.name], f"{value.__name__}.{one.name}")


def _of_kind(hint: Any, kind: type[Any]) -> Iterator[Any]:
    yield from (mark for mark in getattr(hint, "__metadata__", ()) if isinstance(mark, kind))
    if get_origin(hint) not in (tuple, dict):
        for part in _parts(hint):
            yield from _of_kind(part, kind)
