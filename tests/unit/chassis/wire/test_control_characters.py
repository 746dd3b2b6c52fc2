"""Texts stay as they were said: of all control characters only NUL is refused, by every door."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from services.goals.domain import Goal
from shared.chassis.wire.plain_json import plain_json
from shared.chassis.wire.problem import Problem
from shared.chassis.wire.shapes import command_shape
from shared.chassis.wire.strict_json import read, read_each
from shared.contracts.generate import CONTRACTS
from shared.ledger import CodedText
from shared.testing.people import EDITH
from shared.testing.scenario import do, given, read_again
from tests.contract.test_examples import (
    COMMANDS,
    folders,
    named,
    type_of,
    validator,
    value_of,
    versions_of,
)

CONTROLS: Final = [*map(chr, range(0x01, 0x20)), *map(chr, range(0x7F, 0xA0))]
OF_COMMANDS: Final = [
    folder for folder in folders("examples/valid/*.json") if ".commands." in folder.name
]


def ids(one: str) -> str:
    return f"U+{ord(one):04X}"


@pytest.mark.parametrize("control", CONTROLS, ids=ids)
def test_a_control_character_is_read_as_it_was_written(control: str) -> None:
    said = {"contributions": [{"text": f"before{control}after"}]}
    escaped = json.dumps(said).encode()
    assert read(escaped) == said
    assert read_each(escaped, "contributions", 1) == said
    if control >= "\x7f":
        assert read(json.dumps(said, ensure_ascii=False).encode()) == said
    else:
        # JSON itself has no place for one of these that is not escaped.
        with pytest.raises(Problem, match="unreadable-json"):
            read(f'{{"text": "{control}"}}'.encode())


@pytest.mark.parametrize("control", CONTROLS, ids=ids)
def test_what_somebody_says_is_stored_with_its_control_characters(control: str) -> None:
    needs = ({"section": "needs", "entry_id": "0199c0de-0000-7000-8000-0000000000b1"},)
    content = {"aim": {"text": f"Walk{control}again"}, "need_ids": needs, "why": f"{control}So"}
    taken = command_shape(COMMANDS["careplan.goals.commands.agree.v1"]).read(content)
    events = given().when(do(Goal.agree, EDITH, **taken)).events
    read_again(events)
    assert events[0].aim == CodedText(text=f"Walk{control}again")
    assert orjson.loads(plain_json(events[0].why)) == f"{control}So"


@pytest.mark.parametrize("folder", OF_COMMANDS, ids=named)
def test_a_door_takes_a_control_character_where_its_contract_does_and_keeps_it(
    folder: Path,
) -> None:
    """Each text of each example with one control character in it, another one for each text."""
    number = 0
    for path in sorted(folder.glob("examples/valid/*.json")):
        type_ = type_of(path)
        shape, contract = command_shape(COMMANDS[type_]), validator(versions_of(type_)[-1])
        for place, text in texts_in(value_of(path)):
            control, number = CONTROLS[number % len(CONTROLS)], number + 1
            altered = with_text(value_of(path), place, f"{control}{text}")
            where = f"{named(path)} {place} {ids(control)}"
            if contract.is_valid(altered):
                kept = plain_json(shape.read(altered))
                assert at(orjson.loads(kept), place) == f"{control}{text}", where
            else:
                with pytest.raises(Problem, match="content-invalid"):
                    shape.read(altered)


def texts_in(given: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], str]]:
    if isinstance(given, str):
        yield place, given
    for key, inner in (
        given.items() if isinstance(given, dict)
        else enumerate(given) if isinstance(given, list)
        else ()
    ):  # fmt: skip
        yield from texts_in(inner, (*place, key))


def at(given: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        given = given[key]
    return given


def with_text(given: Any, place: tuple[Any, ...], text: str) -> Any:
    made = copy.deepcopy(given)
    at(made, place[:-1])[place[-1]] = text
    return made


def test_there_are_commands_to_try() -> None:
    assert {folder.name for folder in OF_COMMANDS} == {
        folder.name for folder in CONTRACTS.glob("careplan.*.commands.*")
    }
