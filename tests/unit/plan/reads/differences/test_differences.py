"""What is told of a difference makes the one of the other again."""

import copy
from itertools import pairwise
from typing import Any

from hypothesis import given as for_all
from hypothesis import strategies as st

from services.plan.reads.differences.fields import EMPTY, Fields, Side, fields_between
from services.plan.reads.differences.patch import patch_between
from services.plan.reads.differences.words import words_between

TEXTS = st.text(st.sampled_from("ab ,.é\n"), max_size=40)
LEAVES = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([1.0, "a", "b/~"])
ITEMS = st.lists(
    st.fixed_dictionaries({"item_id": st.sampled_from("ijk"), "n": LEAVES}),
    max_size=3,
    unique_by=lambda item: item["item_id"],
)
VALUES = st.recursive(
    LEAVES | ITEMS | st.builds(lambda text: {"text": text}, TEXTS),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b/~", "c"]), inner, max_size=3)
    ),
    max_leaves=8,
)
ENTRIES = st.lists(
    st.fixed_dictionaries({"entry_id": st.sampled_from("pqrs"), "content": VALUES}),
    max_size=4,
    unique_by=lambda entry: entry["entry_id"],
)
DOCUMENTS = st.fixed_dictionaries(
    {"state": LEAVES}, optional={"sections": st.dictionaries(st.sampled_from("xyz"), ENTRIES)}
)
CONTENTS = st.dictionaries(st.sampled_from(["aim", "why", "responses"]), VALUES, max_size=3)


@for_all(TEXTS, TEXTS)
def test_words_joined_are_the_texts(before: str, after: str) -> None:
    told = words_between(before, after)
    assert "".join(words for kind, words in told if kind in "=-") == before
    assert "".join(words for kind, words in told if kind in "=+") == after
    assert all(one[0] != other[0] for one, other in pairwise(told))


def test_words_are_told_as_a_reader_would() -> None:
    assert words_between("Walk to the shop", "Walk to the allotment") == [
        ["=", "Walk to the "],
        ["-", "shop"],
        ["+", "allotment"],
    ]


def test_texts_too_long_to_compare_differ_whole() -> None:
    before, after = "a b " * 3_000, "c d " * 3_000
    assert words_between(f"x {before}y", f"x {after}y") == [
        ["=", "x "],
        ["-", before[:-1]],
        ["+", after[:-1]],
        ["=", " y"],
    ]


@for_all(DOCUMENTS | st.just({}), DOCUMENTS)
def test_a_patch_makes_the_one_of_the_other(before: Any, after: Any) -> None:
    made = patched(before, list(patch_between(before, after)))
    assert repr(ordered(made)) == repr(ordered(after))


@for_all(CONTENTS, CONTENTS)
def test_fields_make_the_one_content_of_the_other(before: Any, after: Any) -> None:
    told = fields_between(side(before), side(after))
    assert list(told) == sorted(told)
    assert repr(ordered(with_fields(before, told))) == repr(ordered(after))
    assert not fields_between(side(after), side(after))


def test_a_map_differs_by_its_keys_and_a_list_by_its_items() -> None:
    before = Side(
        {"responses": {"a": {"text": "x y"}, "b": 1}, "steps": [{"item_id": "1"}]},
        {"responses.a": 1, "responses.b": 1, "steps": 1, "steps.1": 1},
    )
    after = Side(
        {"responses": {"a": {"text": "x z"}}, "steps": [{"item_id": "2"}]},
        {"responses.a": 2, "steps": 2, "steps.2": 2},
    )
    told = fields_between(before, after)
    assert list(told) == ["responses.a", "responses.b", "steps"]
    assert told["responses.a"]["words"] == [["=", "x "], ["-", "y"], ["+", "z"]]
    assert told["responses.b"] == {"what": "removed", "before": 1}
    assert told["steps"]["items"] == [
        {"item_id": "1", "what": "removed", "before": {"item_id": "1"}},
        {"item_id": "2", "what": "added", "after": {"item_id": "2"}},
    ]
    assert list(fields_between(EMPTY, after)) == ["responses.a", "steps"]


def side(content: dict[str, Any]) -> Side:
    """As if each key of `responses` had been set alone, and every other field whole."""
    leaves = {key: 1 for key in content if key != "responses"}
    responses = content.get("responses")
    if isinstance(responses, dict) and responses:
        leaves |= {f"responses.{name}": 1 for name in responses}
    elif "responses" in content:
        leaves["responses"] = 1
    return Side(content, leaves)


def with_fields(content: dict[str, Any], told: Fields) -> dict[str, Any]:
    made = copy.deepcopy(content)
    for path, one in told.items():
        key, dot, name = path.partition(".")
        held = made.setdefault(key, {}) if dot else made
        at = name if dot else key
        if one["what"] == "removed":
            del held[at]
        else:
            held[at] = one["after"]
        if dot and not held:
            del made[key]
    return made


def patched(document: Any, operations: list[dict[str, Any]]) -> Any:
    """By the plainest reading of RFC 6902."""
    made = {"": copy.deepcopy(document)}
    for one in operations:
        way: list[str] = ["", *one["path"].split("/")[1:]]
        last = way.pop()
        held: Any = made
        for name in way:
            held = held[int(name)] if isinstance(held, list) else held[unescaped(name)]
        at: Any = int(last) if isinstance(held, list) else unescaped(last)
        if one["op"] == "remove":
            del held[at]
        elif one["op"] == "add" and isinstance(held, list):
            held.insert(at, one["value"])
        else:
            assert one["op"] == "add" or isinstance(held, list) or at in held
            held[at] = one["value"]
    return made[""]


def unescaped(name: str) -> str:
    return name.replace("~1", "/").replace("~0", "~")


def ordered(value: Any) -> Any:
    """The same JSON with the keys of its objects in order; 1, 1.0 and true stay apart."""
    if isinstance(value, dict):
        return {name: ordered(value[name]) for name in sorted(value)}
    return [ordered(item) for item in value] if isinstance(value, list) else value
