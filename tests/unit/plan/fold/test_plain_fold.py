"""The plain fold, which the quick one is held against: a leaf is replaced whole, or removed."""

from collections.abc import Mapping
from typing import Any

from hypothesis import given as for_all
from hypothesis import strategies as st

from shared.testing.plain_fold import Event, applied


def recorded(content: Mapping[str, Any], fields: tuple[str, ...]) -> Event:
    return {"content": content, "fields": list(fields)}


def test_a_field_is_replaced_whole() -> None:
    event = recorded({"aim": {"text": "Walk"}}, ("aim",))
    assert applied(event, {"aim": {"text": "Run", "code": {"code": "1"}}, "why": "So"}) == {
        "aim": {"text": "Walk"},
        "why": "So",
    }


def test_null_removes_a_field() -> None:
    assert applied(recorded({"why": None}, ("why",)), {"why": "So", "n": 1}) == {"n": 1}


def test_what_belongs_to_the_change_is_no_part_of_the_entry() -> None:
    assert applied(recorded({"reason": "Moved"}, ()), {"n": 1}) == {"n": 1}


def test_a_map_changes_by_its_keys() -> None:
    event = recorded(
        {"responses": {"my_wellness": {"text": "Good"}, "how_i_communicate": None}},
        ("responses.my_wellness", "responses.how_i_communicate"),
    )
    before = {"responses": {"how_i_communicate": {"text": "Aloud"}, "also": {"text": "Cook"}}}
    assert applied(event, before) == {
        "responses": {"my_wellness": {"text": "Good"}, "also": {"text": "Cook"}}
    }


def test_a_map_that_has_lost_its_last_key_is_gone() -> None:
    event = recorded({"responses": {"a": None}}, ("responses.a",))
    assert applied(event, {"responses": {"a": {"text": "x"}}}) == {}


CONTENT = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.none() | st.integers(), max_size=3)


@for_all(CONTENT, CONTENT)
def test_a_repeat_changes_nothing_and_what_was_before_stays_as_it_was(
    before: dict[str, Any], content: dict[str, Any]
) -> None:
    event = recorded(content, tuple(content))
    kept = dict(before)
    after = applied(event, before)
    assert applied(event, after) == after
    assert before == kept
