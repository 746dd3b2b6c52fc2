"""Each object in a list has an id of its own: chosen, or made from where it stood."""

from dataclasses import is_dataclass
from typing import Any, get_args, get_origin, get_type_hints
from uuid import UUID, uuid4, uuid5

import pytest

from services.about_me.section import SECTION as ABOUT_ME
from services.goals.section import SECTION as GOALS
from services.person.section import SECTION as PERSON
from shared.chassis.contribute.prepare import Prepared, contribution_from_json, prepare
from shared.chassis.wire.problem import Problem
from shared.chassis.wire.shapes import command_shape, without_keep
from shared.contracts import discover
from shared.ledger import (
    CodedText,
    Command,
    Contributor,
    EntryRef,
    Identifier,
    Media,
    Organisation,
    Party,
    Section,
    plain,
    with_item_ids,
)

TOM = Contributor("professional", "tom", "Tom Okafor-Synth", "nurse", Organisation("ZZC01"))
CAUSE = UUID("0199c0de-0000-7000-8000-00000000000d")
CHOSEN = "0199c0de-0000-7000-8000-00000000000e"
GOAL = {"section": "goals", "entry_id": CHOSEN}


def prepared(section: Section, command: str, content: dict[str, Any]) -> Prepared:
    given = {
        "contribution_id": str(CAUSE),
        "plan_id": "0199c0de-0000-7000-8000-00000000000a",
        "command": f"careplan.{section.wire_name}.commands.{command}.v1",
        "content": content,
    }
    return prepare(section, contribution_from_json(given), TOM)


def planned(*what: dict[str, Any], **more: Any) -> Any:
    content = {"what": list(what), "goal_ids": [GOAL], **more}
    return plain(prepared(GOALS, "action-plan", content).arguments)


def test_an_id_follows_from_the_contribution_and_the_place() -> None:
    told = planned({"text": "Classes"}, {"text": "A chair"})
    assert [item["item_id"] for item in told["what"]] == [
        str(uuid5(CAUSE, "what/0")),
        str(uuid5(CAUSE, "what/1")),
    ]
    assert told["goal_ids"] == [GOAL]


def test_a_place_within_another_is_joined_by_dots() -> None:
    opening = {
        "name": {"first": "Edith", "family": "Marlow-Synth"},
        "date_of_birth": "1938-03-14",
        "source": {"system": "PDS"},
        "aliases": ["Edie"],
        "contact": {"phones": [{"number": "1"}, {"number": "2"}]},
    }
    told = plain(prepared(PERSON, "open-plan", opening).arguments)
    assert told["contact"]["phones"][1] == {
        "number": "2",
        "item_id": str(uuid5(CAUSE, "contact.phones/1")),
    }
    assert "item_id" not in told["name"]
    deep = with_item_ids({"with": (Party(identifiers=(Identifier("a", "b"),)),)}, CAUSE)
    assert deep["with"][0].identifiers[0].item_id == uuid5(CAUSE, "with/0.identifiers/0")


def test_a_chosen_id_is_kept_wherever_it_stands() -> None:
    told = planned({"text": "New"}, {"text": "Classes", "item_id": CHOSEN})
    assert told["what"][1] == {"text": "Classes", "item_id": CHOSEN}
    assert told["what"][0]["item_id"] == str(uuid5(CAUSE, "what/0"))


@pytest.mark.parametrize(
    ("content", "pointer"),
    [
        ({"what": [{"text": "a", "item_id": CHOSEN}, {"text": "b", "item_id": CHOSEN}]},
         "/content/what/1/item_id"),
        ({"what": [{"text": "a"}], "who": {"kind": "team", "item_id": CHOSEN}},
         "/content/who/item_id"),
    ],
)  # fmt: skip
def test_an_id_twice_in_a_list_or_on_what_is_no_item(content: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Problem) as caught:
        prepared(GOALS, "action-plan", {"goal_ids": [GOAL], **content})
    assert caught.value.code == "content-invalid"
    assert [error["pointer"] for error in caught.value.errors] == [pointer]


def test_a_film_twice_in_a_list() -> None:
    film = {"media_id": CHOSEN, "caption": "Her garden"}
    once = {"my_wellness": {"text": "Tired", "media": [film]}}
    twice = {**once, "how_i_communicate": {"media": [film, {**film, "caption": "Another"}]}}
    prepared(ABOUT_ME, "begin", {"responses": {**once, "how_i_communicate": {"media": [film]}}})
    with pytest.raises(Problem) as caught:
        prepared(ABOUT_ME, "begin", {"responses": twice})
    (error,) = caught.value.errors
    place = "/content/responses/how_i_communicate/media/1/media_id"
    assert (error["pointer"], error["rule"]) == (place, "media-id")


def test_the_same_words_are_the_same_content_with_or_without_made_ids() -> None:
    one, two = (
        prepared(GOALS, "action-plan", {"what": [{"text": "a"}], "goal_ids": [GOAL]})
        for _ in range(2)
    )
    assert one.content_hash == two.content_hash


COMMANDS = [c for section in discover.sections() for c in section.commands.values()]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.type)
def test_every_object_in_a_list_of_a_command_has_one(command: Command) -> None:
    found = [
        of
        for parameter in command.parameters.values()
        for of in listed(without_keep(parameter.annotation))
    ]
    assert [
        of for of in found if not (issubclass(of, EntryRef | Media) or hasattr(of, "item_id"))
    ] == []
    schema = command_shape(command).json_schema()
    for name, definition in schema.get("$defs", {}).items():
        assert ("item_id" in definition.get("properties", {})) == name.endswith("Item")


def listed(annotation: Any, *, is_item: bool = False) -> list[Any]:
    """The object types that stand in a list somewhere below."""
    origin, choices = get_origin(annotation), get_args(annotation)
    if choices:
        in_list = origin is tuple or (is_item and origin is not dict)
        return [of for choice in choices for of in listed(choice, is_item=in_list)]
    if not isinstance(annotation, type) or not is_dataclass(annotation):
        return []
    below = [
        of
        for hint in get_type_hints(annotation, include_extras=False).values()
        for of in listed(hint)
    ]
    return [annotation, *below] if is_item else below


def test_equal_items_are_told_apart_by_their_ids() -> None:
    one = CodedText("Walk", item_id=uuid4())
    assert one != CodedText("Walk", item_id=uuid4())
