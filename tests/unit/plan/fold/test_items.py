"""Who said each item of a list: it survives whatever becomes of its neighbours."""

from collections.abc import Callable
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from shared.ledger import RecordedEvent
from shared.testing import plain_fold
from shared.testing.events import History, told_of
from tests.unit.plan.fold.test_domain import folded

WHAT = st.integers(0, 3)
"""What an item says; few things, so that it often says the same again."""


def as_items(said: dict[int, int]) -> list[dict[str, Any]]:
    return [{"item_id": _id(one), "n": n} for one, n in said.items()]


def as_media(said: dict[int, int]) -> list[dict[str, Any]]:
    return [{"media_id": _id(one), "caption": str(n)} for one, n in said.items()]


def as_texts(said: dict[int, int]) -> list[str]:
    return [f"{one}: {n}. And so on" for one, n in said.items()]


def as_links(said: dict[int, int]) -> list[dict[str, str]]:
    return [{"section": "needs", "entry_id": _id(10 * one + n)} for one, n in said.items()]


def _id(one: int) -> str:
    return str(uuid5(NAMESPACE_URL, str(one)))


KINDS: dict[str, Callable[[dict[int, int]], list[Any]]] = {
    "items": as_items,
    "media": as_media,
    "texts": as_texts,
    "links": as_links,
}
HOLDERS: dict[str, Callable[[list[Any]], dict[str, Any]]] = {
    "a list": lambda listed: {"field": listed},
    "a list in an object": lambda listed: {"field": {"note": "n", "listed": listed}},
}


@st.composite
def edits(draw: st.DrawFn) -> list[dict[int, int]]:
    """A list after each of some edits: items added, taken out, reworded and put elsewhere."""
    after: list[dict[int, int]] = []
    for _ in range(draw(st.integers(1, 6))):
        places = draw(st.lists(st.integers(0, 5), unique=True, min_size=1, max_size=6))
        before = after[-1] if after else {}
        is_kept = draw(st.lists(st.booleans(), min_size=6, max_size=6))
        after.append(
            {one: before[one] if one in before and is_kept[one] else draw(WHAT) for one in places}
        )
    return after


@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize("kind", KINDS)
@for_all(st.data())
def test_each_item_that_did_not_change_keeps_its_author(
    kind: str, holder: str, data: st.DataObject
) -> None:
    lists = data.draw(edits())
    history = History()
    entry_id = uuid4()
    events = [
        history.event(
            "novel", "set", entry_id, "amended" if number else "created",
            HOLDERS[holder](KINDS[kind](said)),
        )
        for number, said in enumerate(lists)
    ]  # fmt: skip
    leaves = folded(history.plan_id, events).entries["novel", entry_id].leaves
    under = "field" if holder == "a list" else "field.listed"
    last = lists[-1]
    expected: dict[str, int] = {}
    for place, (one, n) in enumerate(last.items()):
        version = _said_since(lists, one, n)
        if kind in ("items", "media"):
            expected[f"{under}.{_id(one)}"] = version
        elif version < len(lists):
            expected[f"{under}.{place}"] = version
    assert leaves == {"field": len(lists), **expected}
    assert leaves == plain_fold.authors([*map(told_of, events)])


def _said_since(lists: list[dict[int, int]], one: int, n: int) -> int:
    """The version since which this item has stood, saying this, without a break."""
    version = len(lists)
    while version > 1 and lists[version - 2].get(one) == n:
        version -= 1
    return version


def told(*contents: dict[str, Any]) -> dict[str, int]:
    """The leaves of an entry that was set to each of these in turn."""
    history = History()
    entry_id = uuid4()
    events = [
        history.event("novel", "set", entry_id, "amended" if number else "created", content)
        for number, content in enumerate(contents)
    ]
    return _both(history, events)


def _both(history: History, events: list[RecordedEvent]) -> dict[str, int]:
    entry = folded(history.plan_id, events).entries["novel", events[0].entry_id]
    assert entry.leaves == plain_fold.authors([*map(told_of, events)])
    return entry.leaves


def test_a_text_has_an_author_of_its_own_only_where_somebody_else_said_it_before() -> None:
    assert told({"a": ["x", "y"]}) == {"a": 1}
    assert told({"a": ["x", "y"]}, {"a": ["y", "z", "x"]}) == {"a": 2, "a.0": 1, "a.2": 1}


def test_of_two_equal_texts_the_one_that_is_new_is_the_later() -> None:
    assert told({"a": ["x"]}, {"a": ["x", "x"]}) == {"a": 2, "a.0": 1}
    assert told({"a": ["x"]}, {"a": ["x", "x"]}, {"a": ["x", "x", "x"]}) == {
        "a": 3,
        "a.0": 1,
        "a.1": 2,
    }


def test_what_was_taken_out_and_said_again_is_said_anew() -> None:
    assert told({"a": ["x", "y"]}, {"a": ["y"]}, {"a": ["x", "y"]}) == {"a": 3, "a.1": 1}
    assert told({"a": ["x"]}, {"a": None}, {"a": ["x"]}) == {"a": 3}


def response(**said: Any) -> dict[str, Any]:
    return {"responses": {"my_wellness": said}}


def test_the_words_of_a_heading_stay_theirs_who_wrote_them_when_media_come_and_go() -> None:
    film = {"media_id": _id(1)}
    path = "responses.my_wellness"
    history = History()
    about = uuid4()
    steps = (
        response(text="Good days"),
        response(text="Good days", media=[film]),
        response(text="Good days"),
        response(text="Good days", code={"code": "1"}, media=[film]),
        response(text="Bad days", code={"code": "1"}, media=[film]),
    )
    expected = [
        {path: 1},
        {path: 2, f"{path}.text": 1, f"{path}.media.{_id(1)}": 2},
        {path: 3, f"{path}.text": 1},
        {path: 4, f"{path}.text": 1, f"{path}.media.{_id(1)}": 4},
        {path: 5, f"{path}.code": 4, f"{path}.media.{_id(1)}": 4},
    ]
    events: list[RecordedEvent] = []
    for step, leaves in zip(steps, expected, strict=True):
        change = "amended" if events else "created"
        events.append(history.event("novel", "set", about, change, step, fields=[path]))
        assert _both(history, events) == leaves


def test_a_value_without_media_is_one_statement() -> None:
    """A code that stands beside a new text was said again with it: they are never merged."""
    code = {"code": "1"}
    assert told({"aim": {"text": "A", "code": code}}, {"aim": {"text": "B", "code": code}}) == {
        "aim": 2
    }
