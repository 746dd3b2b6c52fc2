"""Days and times in words, with the zone that they are meant in."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from shared.ledger import in_zone

MINUTE = 60
HOUR = 3600
DAY = 86_400


@dataclass(frozen=True)
class Moment:
    """A day or an instant: ``iso`` for programs, ``words`` for people."""

    iso: str
    words: str


@dataclass(frozen=True)
class Clock:
    """Writes out days and times as they are in one zone, and how long ago they were."""

    zone: ZoneInfo
    now: datetime

    def day(self, text: str) -> Moment:
        """``1938-03-14`` → 14 March 1938, ``2026-12`` → December 2026; other text as it came."""
        try:
            if len(text) == len("2026-12"):
                return Moment(text, f"{date.fromisoformat(f'{text}-01'):%B %Y}")
            return Moment(text, _day(date.fromisoformat(text)))
        except ValueError:
            return Moment(text, text)

    def instant(self, text: str) -> Moment:
        """``2 September 2026 at 10:20am BST``."""
        at = self._local(text)
        if at is None:
            return Moment(text, text)
        return Moment(text, f"{_day(at.date())} at {_time(at)} {at:%Z}")

    def day_of(self, text: str) -> Moment:
        """The day on which an instant was."""
        at = self._local(text)
        return Moment(text, text if at is None else _day(at.date()))

    def age(self, born: str) -> int | None:
        """Whole years since a day."""
        try:
            day = date.fromisoformat(born)
        except ValueError:
            return None
        today = in_zone(self.now, self.zone).date()
        return today.year - day.year - ((today.month, today.day) < (day.month, day.day))

    def ago(self, text: str) -> str:
        """How long ago an instant was: ``3 months ago``; empty where that cannot be told."""
        at = self._local(text)
        return "" if at is None else ago(self.now - at)

    def _local(self, text: str) -> datetime | None:
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            return None
        return None if at.tzinfo is None else in_zone(at, self.zone)


def ago(since: timedelta) -> str:
    """A time that has passed, in its largest unit."""
    seconds = since.total_seconds()
    if seconds < MINUTE:
        return "just now"
    for size, unit in (
        (365 * DAY, "year"),
        (30 * DAY, "month"),
        (DAY, "day"),
        (HOUR, "hour"),
        (MINUTE, "minute"),
    ):
        if seconds >= size:
            return f"{counted(int(seconds // size), unit)} ago"
    return ""


def lasting(seconds: float) -> str:
    """How long something takes or is behind: ``12 minutes``."""
    if seconds < MINUTE:
        return counted(max(1, round(seconds)), "second")
    if seconds < HOUR:
        return counted(round(seconds / MINUTE), "minute")
    return counted(round(seconds / HOUR), "hour")


def counted(number: int, unit: str) -> str:
    """``1 entry``, ``2 entries``."""
    if number == 1:
        return f"1 {unit}"
    many = f"{unit[:-1]}ies" if unit.endswith("y") and not unit.endswith("ay") else f"{unit}s"
    return f"{number} {many}"


def _day(day: date) -> str:
    return f"{day.day} {day:%B} {day.year}"


def _time(at: datetime) -> str:
    half, hour = divmod(at.hour, 12)
    return f"{hour or 12}:{at:%M}{('am', 'pm')[half]}"
