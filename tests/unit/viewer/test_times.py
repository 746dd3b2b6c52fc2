"""Days and times are written out, with the zone that they are meant in."""

from datetime import timedelta

import pytest

from services.viewer.shown.times import ago, counted, lasting
from tests.unit.viewer.laid_out import CLOCK


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2026-09-02T09:20:00Z", "2 September 2026 at 10:20am BST"),
        ("2026-12-01T00:05:00Z", "1 December 2026 at 12:05am GMT"),
        ("2026-06-30T23:30:00+00:00", "1 July 2026 at 12:30am BST"),
        ("2026-06-30T12:00:00", "2026-06-30T12:00:00"),
        ("soon", "soon"),
    ],
)
def test_an_instant_is_that_of_london_and_says_so(text: str, words: str) -> None:
    assert CLOCK.instant(text).words == words


@pytest.mark.parametrize(
    ("text", "words"),
    [("1938-03-14", "14 March 1938"), ("2026-12", "December 2026"), ("2026-13", "2026-13")],
)
def test_a_day_and_a_month_are_written_out(text: str, words: str) -> None:
    assert CLOCK.day(text).words == words


def test_an_age_is_in_whole_years() -> None:
    assert (CLOCK.age("1938-12-01"), CLOCK.age("1938-12-02"), CLOCK.age("long ago")) == (
        88,
        87,
        None,
    )


def test_what_has_passed_is_said_in_its_largest_unit() -> None:
    said = [ago(timedelta(**{unit: 2})) for unit in ("seconds", "minutes", "hours", "days")]
    assert said == ["just now", "2 minutes ago", "2 hours ago", "2 days ago"]
    assert [ago(timedelta(days=days)) for days in (61, 400)] == ["2 months ago", "1 year ago"]


def test_numbers_have_their_unit() -> None:
    assert [counted(1, "entry"), counted(2, "entry"), counted(3, "day")] == [
        "1 entry",
        "2 entries",
        "3 days",
    ]
    assert [lasting(0.2), lasting(90), lasting(7200)] == ["1 second", "2 minutes", "2 hours"]
