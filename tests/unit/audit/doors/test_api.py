"""Cursors: opaque to callers, judged like any other input when they come back."""

import pytest

from services.audit.doors.api import cursor_of, idx_of


def test_cursor_when_it_comes_back_then_it_names_the_same_place() -> None:
    for idx in (0, 1, 41, 2**63 - 1):
        assert idx_of(cursor_of(idx)) == idx


@pytest.mark.parametrize(
    "odd",
    [
        "",
        "a",
        "!!!!",
        "WzFd=",
        "WzFd\n",
        "MQ",
        "WzEsMl0",
        "Wy0xXQ",
        "WzEuMF0",
        "W3RydWVd",
        "WyAxXQ",
        "ключ",
        cursor_of(2**63),
        "WzE" * 400,
    ],
)
def test_cursor_when_we_did_not_make_it_then_value_error(odd: str) -> None:
    with pytest.raises(ValueError, match="not a cursor"):
        idx_of(odd)
