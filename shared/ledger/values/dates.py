"""Days, times and durations: when something is, from when to when, and how it is written."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Annotated, Any, Final, Literal

from shared.ledger.times import DURATION, INSTANT, PARTIAL_DATE, WITH_OR_WITHOUT_OFFSET
from shared.ledger.values.shape import (
    Misshapen,
    OneGiven,
    Shape,
    SomethingGiven,
    Text,
    is_blank,
    value,
)
from shared.ledger.words import titled

FIRST_INSTANT: Final = datetime(1000, 1, 1, tzinfo=UTC)
LAST_INSTANT: Final = datetime(9998, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
"""The ends of the instants that are written: beyond them lies what no zone need hold."""

# Readers are kinder than RFC 3339: they take seconds since 1970 as text, a blank for the T, a time
# without its seconds. The offset may be missing here, so that it can be asked for by name.
_WRITTEN_OUT: Final = re.compile(WITH_OR_WITHOUT_OFFSET)


def _instant_in(given: Any, read: Callable[[Any], datetime]) -> datetime:
    """What ``read`` makes of it; it says itself what is wrong with anything but a time."""
    if isinstance(given, str):
        given = _written_out(given)
    return read(given if isinstance(given, datetime) else None).astimezone(UTC)


def _written_out(text: str) -> datetime | None:
    return datetime.fromisoformat(text.upper()) if _WRITTEN_OUT.fullmatch(text) else None


@dataclass(frozen=True)
class _InUtc:
    """An instant is RFC 3339 with an offset, and turned into UTC before anything is judged."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: Callable[[Any], dict[str, Any]]
    ) -> dict[str, Any]:
        return {
            "type": "function-wrap",
            "function": {"type": "no-info", "function": _instant_in},
            "schema": {**handler(source), "tz_constraint": "aware"},
            "metadata": {"pydantic_js_updates": {"pattern": INSTANT}},
        }


Instant = Annotated[datetime, _InUtc()]
PartialDate = Annotated[str, Shape(pattern=PARTIAL_DATE)]
"""A month or a day that exists."""
Duration = Annotated[str, Shape(pattern=DURATION)]


@value
class Period(SomethingGiven):
    """From a date to a date; either end may be open."""

    start: Annotated[
        PartialDate | None, titled("Start", "The day or month in which it begins.")
    ] = None
    end: Annotated[PartialDate | None, titled("End", "The day or month in which it ends.")] = None

    def __post_init__(self) -> None:
        if self.start is None and self.end is None:
            raise Misshapen("Give a `start`, an `end`, or both")

    @property
    def is_reversed(self) -> bool:
        """True where it certainly ends before it starts, to the precision both have."""
        return is_reversed(self.start, self.end)


@value
class When(OneGiven):
    """Exactly one of a date, a time, a period, an interval, a timing in words, or as needed."""

    date: Annotated[PartialDate | None, titled("Date", "On a day, or in a month.")] = None
    at: Annotated[Instant | None, titled("Time", "At a time.")] = None
    period: Annotated[Period | None, titled("Period", "From a date to a date.")] = None
    interval: Annotated[
        Duration | None, titled("Interval", "Again and again, after this long (ISO 8601).")
    ] = None
    timing: Annotated[Text | None, titled("Timing", "When it is, in words.")] = None
    as_needed: Annotated[Literal[True] | None, titled("As needed", "Whenever it is needed.")] = None

    def __post_init__(self) -> None:
        given = (self.date, self.at, self.period, self.interval, self.as_needed)
        if sum(one is not None for one in given) + (not is_blank(self.timing)) != 1:
            raise Misshapen(
                "Give exactly one of `date`, `at`, `period`, `interval`, `timing` and `as_needed`"
            )


def is_reversed(start: date | str | None, end: date | str | None) -> bool:
    """True where the end certainly lies before the start: two instants, or two dates.

    Two partial dates are compared to the precision that both have; an open end is never early.
    """
    if start is None or end is None:
        return False
    if isinstance(start, str) and isinstance(end, str):
        precision = min(len(start), len(end))
        return end[:precision] < start[:precision]
    if isinstance(start, str) or isinstance(end, str):
        raise TypeError("two ends of one period are written alike")
    return end < start


def days_after(day: date, days: int) -> date:
    """So many days after a day, before it where they are negative; never outside the calendar.

    Many write 9999-12-31 for an open end: what lies beyond it is that day.
    """
    number = day.toordinal() + days
    return date.fromordinal(min(max(number, date.min.toordinal()), date.max.toordinal()))


def years_after(day: date, years: int) -> date:
    """The same day of a later year, or 1 March where that has no 29 February.

    Never outside the calendar: see ``days_after``.
    """
    year = day.year + years
    if year > date.max.year:
        return date.max
    try:
        return day.replace(year=year)
    except ValueError:
        return date(year, 3, 1)


def first_instant_of(day: date, zone: tzinfo) -> datetime:
    """When a day begins in a zone, in UTC; the nearest instant that can be written."""
    return _that_is_written(datetime(day.year, day.month, day.day, tzinfo=zone)).astimezone(UTC)


def in_zone(at: datetime, zone: tzinfo) -> datetime:
    """The same instant in a zone, or the nearest one where the calendar of the zone ends."""
    try:
        return at.astimezone(zone)
    except OverflowError:
        return _that_is_written(at).astimezone(zone)


def instant_after(at: datetime, time: timedelta) -> datetime:
    """So long after an instant; never later than what can be written."""
    return at + min(time, max(LAST_INSTANT - at, timedelta(0)))


def _that_is_written(at: datetime) -> datetime:
    return min(max(at, FIRST_INSTANT), LAST_INSTANT)


def day_in_london(at: datetime) -> date:
    """The day that it was there: from the last Sunday of March to that of October an hour on."""
    at = in_zone(at, UTC)
    begins, ends = (_last_sunday(at.year, month) for month in (3, 10))
    is_summer = begins <= at < ends
    return (at + timedelta(hours=1) if is_summer else at).date()


def _last_sunday(year: int, month: int) -> datetime:
    """One in the morning in Greenwich, when the clocks change; both months have 31 days."""
    last = datetime(year, month, 31, 1, tzinfo=UTC)
    return last - timedelta(days=last.isoweekday() % 7)


def instant(at: datetime) -> str:
    """RFC 3339 in UTC with ``Z``, microseconds where there are any."""
    if at.tzinfo is not UTC:
        at = in_zone(at, UTC)
    return at.isoformat()[:-6] + "Z"
