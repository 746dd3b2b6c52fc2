"""Days, times of day and versions as they stand in an address."""

from datetime import date, datetime, time
from typing import Final

from services.viewer.shown.times import Clock
from shared.chassis.wire.problem import Problem

_MOST_DIGITS: Final = 9


def number_in(text: str) -> int | None:
    """The number of a version; ``None`` for anything else."""
    is_number = text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS
    return int(text) if is_number else None


def instant_in(day: str, at: str, clock: Clock) -> datetime:
    """The instant that is meant by a day and a time of day in the zone of the pages.

    Without a time it is the very end of that day. The end of today lies ahead: now is meant.
    """
    try:
        said = datetime.combine(date.fromisoformat(day), time.fromisoformat(at) if at else time.max)
    except ValueError:
        raise Problem(
            "parameter-invalid", "Give a day, and a time such as 15:05 if you need one."
        ) from None
    if said.tzinfo is not None:
        raise Problem(
            "parameter-invalid",
            f"Give the time as the clocks of {clock.zone.key} show it, such as 15:05, without an "
            "offset.",
        )
    instant = said.replace(tzinfo=clock.zone)
    is_today = instant.date() == clock.now.astimezone(clock.zone).date()
    return min(instant, clock.now) if is_today else instant
