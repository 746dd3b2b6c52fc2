"""JSON looked at byte by byte, and compared."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.judge.published import difference, members

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), JSON, max_size=6), st.sampled_from([None, 2]))
def test_a_member_is_the_bytes_that_stand_there(
    told: dict[str, object], indent: int | None
) -> None:
    document = json.dumps(told, indent=indent, ensure_ascii=False).encode()

    found = members(document)

    assert [(name, json.loads(raw)) for name, raw in found] == list(told.items())
    assert all(raw in document for _, raw in found)


def test_another_spelling_of_a_value_is_another_member() -> None:
    assert members(b'{"a": 5, "b":[ 1]}') == [("a", b"5"), ("b", b"[ 1]")]
    assert members(b'{"a":5.0}') != members(b'{"a":5}')


@pytest.mark.parametrize("document", [b"[]", b'{"a" 1}', b'{"a":', b"", b'"a"'])
def test_what_is_no_object_is_not_looked_into(document: bytes) -> None:
    with pytest.raises((ValueError, IndexError)):
        members(document)


@pytest.mark.parametrize(
    ("there", "wanted", "told"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, ""),
        ({"a": 5}, {"a": 5.0}, "/a is 5, not 5.0"),
        ({"a": None}, {}, "/a should not be there"),
        ({"a": {}}, {"a": {"b": 1}}, "/a/b is missing"),
        ([1, 2], [2, 1], "/0 is 1, not 2"),
        ({"a": [1]}, {"a": [1, 2]}, "/a is [1], not [1,2]"),
        (True, 1, "/ is true, not 1"),
    ],
)
def test_a_difference_is_told_by_its_place(there: object, wanted: object, told: str) -> None:
    assert difference(there, wanted) == told
