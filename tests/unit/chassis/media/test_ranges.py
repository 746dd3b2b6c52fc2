"""Which part of a file a range is about."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.chassis.media.ranges import NotSatisfiable, part_of


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        (None, None),
        ("bytes=0-9", (0, 10)),
        ("bytes=5-", (5, 100)),
        ("bytes=99-99", (99, 100)),
        ("bytes=-1", (99, 100)),
        ("bytes=-500", (0, 100)),
        ("bytes=50-500", (50, 100)),
        ("bytes=9-5", None),
        ("bytes=0-1,3-4", None),
        ("lines=0-1", None),
        ("bytes=-", None),
        ("bytes=\u0661-", None),
    ],
)
def test_one_range_is_a_part_and_what_cannot_be_read_is_the_whole(
    asked: str | None, part: tuple[int, int] | None
) -> None:
    assert part_of(asked, 100) == part


@pytest.mark.parametrize("asked", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_what_lies_beyond_the_end_is_not_satisfiable(asked: str) -> None:
    with pytest.raises(NotSatisfiable):
        part_of(asked, 100)


@given(first=st.integers(0, 10**6), last=st.integers(0, 10**6), size=st.integers(1, 10**6))
def test_a_part_lies_within_the_file(first: int, last: int, size: int) -> None:
    try:
        part = part_of(f"bytes={first}-{last}", size)
    except NotSatisfiable:
        assert first >= size
    else:
        assert (part is None) == (last < first)
        assert part is None or part == (first, min(last + 1, size))
