"""Days and instants are reckoned with up to the ends of the calendar, and stop there."""

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ledger import (
    day_in_london,
    days_after,
    first_instant_of,
    in_zone,
    instant,
    instant_after,
    years_after,
)

LONDON = ZoneInfo("Europe/London")
FIRST, LAST = "1000-01-01T00:00:00Z", "9998-12-31T23:59:59.999999Z"
EAST, WEST = timezone(timedelta(hours=14)), timezone(-timedelta(hours=12))


@pytest.mark.parametrize(
    ("day", "days", "then"),
    [
        ("2026-02-28", 1, "2026-03-01"),
        ("2026-01-10", -30, "2025-12-11"),
        ("9999-12-30", 1, "9999-12-31"),
        ("9999-12-31", 1, "9999-12-31"),
        ("0001-01-01", -30, "0001-01-01"),
        ("2026-01-01", 10**30, "9999-12-31"),
    ],
)
def test_days_after_a_day_end_with_the_calendar(day: str, days: int, then: str) -> None:
    assert days_after(date.fromisoformat(day), days).isoformat() == then


@pytest.mark.parametrize(
    ("day", "years", "then"),
    [
        ("1938-03-14", 18, "1956-03-14"),
        ("2024-02-29", 1, "2025-03-01"),
        ("2024-02-29", 4, "2028-02-29"),
        ("9990-05-01", 25, "9999-12-31"),
    ],
)
def test_years_after_a_day_end_with_the_calendar(day: str, years: int, then: str) -> None:
    assert years_after(date.fromisoformat(day), years).isoformat() == then


@pytest.mark.parametrize(
    ("day", "begins"),
    [
        ("2026-07-01", "2026-06-30T23:00:00Z"),
        ("2026-12-01", "2026-12-01T00:00:00Z"),
        ("9999-12-31", LAST),
        ("0001-01-01", FIRST),
    ],
)
def test_a_day_begins_at_an_instant_that_can_be_written(day: str, begins: str) -> None:
    assert instant(first_instant_of(date.fromisoformat(day), LONDON)) == begins


def test_a_time_after_an_instant_ends_with_what_can_be_written() -> None:
    at, month = datetime(9998, 12, 20, tzinfo=UTC), timedelta(days=31)
    assert instant(instant_after(at, timedelta(days=1))) == "9998-12-21T00:00:00Z"
    assert instant(instant_after(at, month)) == LAST
    over = datetime.max.replace(tzinfo=UTC)
    assert instant_after(over, month) == over


@pytest.mark.parametrize(
    ("at", "in_utc"),
    [
        (datetime(2026, 7, 1, 12, tzinfo=EAST), "2026-06-30T22:00:00Z"),
        (datetime.max.replace(tzinfo=WEST), LAST),
        (datetime.min.replace(tzinfo=EAST), FIRST),
    ],
)
def test_an_instant_that_another_zone_cannot_hold_is_the_nearest_one(
    at: datetime, in_utc: str
) -> None:
    assert instant(at) == instant(in_zone(at, UTC)) == in_utc


@given(st.datetimes(), st.integers(-23, 23))
def test_every_instant_has_a_day_in_london(at: datetime, hours: int) -> None:
    aware = at.replace(tzinfo=timezone(timedelta(hours=hours)))
    assert date.min <= day_in_london(aware) <= date.max
    assert in_zone(aware, LONDON).tzinfo is LONDON
