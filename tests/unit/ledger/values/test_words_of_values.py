"""Every field of a value type, and every value of a closed list in one, has words for a screen."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import pytest

import shared.ledger
from shared.ledger import (
    Agent,
    Claim,
    EntryRef,
    OnBehalfOf,
    Shape,
    SourceRef,
    SourceSystem,
    Supporter,
    Titled,
)
from shared.ledger.words import ValuesTitled

OF_A_PROVENANCE = (Agent, Claim, OnBehalfOf, SourceRef, SourceSystem, Supporter)


def value_types() -> list[type[Any]]:
    named = [getattr(shared.ledger, name) for name in shared.ledger.__all__]
    made = [one for one in named if isinstance(one, type) and is_dataclass(one)]
    of_fields = [one for one in made if one.__module__.startswith("shared.ledger.values.")]
    return [*OF_A_PROVENANCE, *(one for one in of_fields if one is not Shape)]


def marks_of(hint: Any) -> Iterator[Any]:
    """The pieces of an annotation, also of those within it."""
    if get_origin(hint) is Annotated:
        yield from hint.__metadata__
    if get_origin(hint) is not Literal:
        for part in get_args(hint):
            yield from marks_of(part)


def lists_in(hint: Any) -> Iterator[tuple[Any, ...]]:
    if get_origin(hint) is Literal:
        yield get_args(hint)
        return
    for part in get_args(hint):
        yield from lists_in(part)


@pytest.mark.parametrize("of", value_types(), ids=lambda one: one.__name__)
def test_a_value_says_what_each_of_its_fields_and_choices_is(of: type[Any]) -> None:
    assert of.__doc__
    hints = get_type_hints(of, include_extras=True)
    for field in fields(of):
        marks = list(marks_of(hints[field.name]))
        # A link of a kind leads into one section or a few, which its own words name.
        if not (issubclass(of, EntryRef) and field.name == "section"):
            said = [mark for mark in marks if isinstance(mark, Titled)]
            assert said, f"{of.__name__}.{field.name} has no title"
            assert said[0].description.endswith("."), f"{of.__name__}.{field.name}"
            for choices in lists_in(hints[field.name]):
                if len(choices) > 1:
                    assert any(
                        isinstance(mark, ValuesTitled) and {*mark.words} == {*choices}
                        for mark in marks
                    ), f"{of.__name__}.{field.name}: the choices have no words"


def test_all_types_of_the_standard_are_looked_at() -> None:
    assert {"CodedText", "Status", "Party", "Media", "Document", "When", "Visibility"} <= {
        one.__name__ for one in value_types()
    }
