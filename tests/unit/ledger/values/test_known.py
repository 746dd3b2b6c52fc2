"""Whoever names a section or a field of another section names one that there is."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from shared.chassis.wire.exact import Exact
from shared.chassis.wire.shapes import leaves_of
from shared.contracts import discover, known
from shared.ledger import CommentTarget, SectionName
from shared.ledger.values.known import fields_of, is_a_field, section_names

ID = "0199c0de-0000-7000-8000-0000000000b1"
SECTIONS = discover.sections()

FIELDS = [
    ("goals", "aim"),
    ("goals", "aim.text"),
    ("goals", "status.value"),
    ("goals", f"with.{ID}.name"),
    ("goals", "strategies.0"),
    ("about-me", "responses.my_wellness"),
    ("about-me", f"responses.my_wellness.media.{ID}"),
    ("person", f"contact.phones.{ID}.number"),
    ("contingency-plans", f"coping_strategies/{ID}"),
]
NO_FIELDS = [
    ("goals", "aims"),
    ("goals", "aim.bogus"),
    ("goals", "aim."),
    ("goals", "why.text"),
    ("goals", "why.0.text"),
    ("about-me", "responses"),
    ("about-me", "responses.my_hobbies"),
    ("needs", "aim"),
    ("person", "visibility"),
    ("nowhere", "aim"),
]


def test_what_is_written_down_is_what_is_declared() -> None:
    assert section_names() == tuple(sorted(one.wire_name for one in SECTIONS))
    for section in SECTIONS:
        declared = [leaf for entry in section.entries for leaf in leaves_of(entry)]
        assert list(fields_of(section.wire_name)) == list(dict.fromkeys(declared))
    assert known.problems_with_committed(SECTIONS) == []


def test_a_file_that_is_behind_the_declarations_is_found(tmp_path: Path) -> None:
    written = tmp_path / "known.json"
    assert known.problems_with_committed(SECTIONS[:-1], written)
    written.write_text(known.text_of(SECTIONS[:-1]), "utf-8")
    assert known.problems_with_committed(SECTIONS[:-1], written) == []
    assert known.problems_with_committed(SECTIONS, written)


@pytest.mark.parametrize(("section", "path"), FIELDS)
def test_a_field_its_items_and_its_parts_can_be_named(section: str, path: str) -> None:
    assert is_a_field(section, path)
    assert judged({"section": section, "entry_id": ID, "field": path}) == (True, True)


@pytest.mark.parametrize(("section", "path"), NO_FIELDS)
def test_what_is_no_field_of_any_entry_of_the_section_cannot(section: str, path: str) -> None:
    assert not is_a_field(section, path)
    assert judged({"section": section, "entry_id": ID, "field": path}) == (False, False)


def test_a_field_needs_its_entry_in_the_contract_as_at_the_door() -> None:
    assert judged({"section": "goals", "field": "aim"}) == (False, False)
    assert judged({"section": "goals", "field": None}) == (True, True)
    assert judged({"section": "goals", "entry_id": None, "field": "aim"}) == (False, False)
    assert judged({"section": "goals"}) == (True, True)


def test_the_name_of_a_section_is_one_of_those_there_are() -> None:
    names = Exact[str](SectionName)
    assert names.read(b'"goals"') == "goals"
    assert names.json_schema()["enum"] == list(section_names())
    with pytest.raises(ValueError, match="literal_error"):
        names.read(b'"goal"')


def judged(given: dict[str, object]) -> tuple[bool, bool]:
    """Whether a door takes it, and whether its contract allows it."""
    exact = Exact[CommentTarget](CommentTarget)
    try:
        exact.read(json.dumps(given).encode())
    except ValueError:
        taken = False
    else:
        taken = True
    return taken, Draft202012Validator(exact.json_schema()).is_valid(given)
