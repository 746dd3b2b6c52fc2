"""A field that takes a time says so in words, and so does one that takes a day or a month."""

from collections.abc import Iterator
from typing import Any

import pytest

from shared.chassis.wire.shapes import command_shape
from shared.contracts import discover
from shared.ledger import Section
from shared.ledger.times import PARTIAL_DATE


def in_words(name: str, schema: Any, said: str = "") -> Iterator[tuple[str, str, str]]:
    """Each field that is a time or a partial date: its name, what it must say, what it says."""
    if isinstance(schema, list):
        for one in schema:
            yield from in_words(name, one, said)
    if not isinstance(schema, dict):
        return
    said = schema.get("description", said)
    if schema.get("format") == "date-time":
        yield name, "time", said
    if schema.get("pattern") == PARTIAL_DATE:
        yield name, "month", said
    for key, one in schema.get("properties", {}).items():
        yield from in_words(key, one)
    for key, one in schema.get("$defs", {}).items():
        yield from in_words(key, one)
    for key in ("anyOf", "allOf", "items"):
        yield from in_words(name, schema.get(key), said)


@pytest.mark.parametrize("section", discover.sections(), ids=lambda one: one.name)
def test_a_command_says_of_each_time_that_it_is_one(section: Section) -> None:
    found = [
        one
        for command in section.commands.values()
        for one in in_words("", command_shape(command).json_schema())
    ]
    assert [(name, said) for name, word, said in found if word not in said] == []
    assert found or section.name == "needs"
