"""How days, times and durations are written: regular expressions for doors and contracts alike.

They know the calendar, so that a contract says all that a door asks: no 30 February, no second 60.
"""

from typing import Final

_YEAR: Final = "[1-9][0-9]{3}"
# In UTC one year less than there are: whatever reads it may turn it into another offset.
_YEAR_OF_AN_INSTANT: Final = "(?:[1-8][0-9]{3}|9[0-8][0-9]{2}|99[0-8][0-9]|999[0-8])"
# With an offset one less again, at both ends: in UTC it is one of those above.
_YEAR_AWAY_FROM_THE_ENDS: Final = (
    "(?:1(?:00[1-9]|0[1-9][0-9]|[1-9][0-9]{2})|[2-8][0-9]{3}|9[0-8][0-9]{2}|99[0-8][0-9]|999[0-7])"
)
_LEAP_YEAR: Final = (
    "(?:[1-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:1[26]|[2468][048]|[3579][26])00)"
)
_DAY_OF_ANY_YEAR: Final = (
    "(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    "|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    "|02-(?:0[1-9]|1[0-9]|2[0-8]))"
)
_DAY: Final = f"(?:{_YEAR}-{_DAY_OF_ANY_YEAR}|{_LEAP_YEAR}-02-29)"
_TIME: Final = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?"
_OFFSET: Final = "[+-](?:[01][0-9]|2[0-3]):[0-5][0-9]"


def _day_in(year: str) -> str:
    return f"(?:{year}-{_DAY_OF_ANY_YEAR}|{_LEAP_YEAR}-02-29)"


_LOCAL: Final = f"{_day_in(_YEAR_OF_AN_INSTANT)}[Tt]{_TIME}"
_WITH_OFFSET: Final = f"{_day_in(_YEAR_AWAY_FROM_THE_ENDS)}[Tt]{_TIME}{_OFFSET}"

DAY: Final = f"^{_DAY}$"
PARTIAL_DATE: Final = f"^(?:{_YEAR}-(?:0[1-9]|1[0-2])|{_DAY})$"
"""A month or a day; a year alone says too little."""
INSTANT: Final = f"^(?:{_LOCAL}[Zz]|{_WITH_OFFSET})$"
WITH_OR_WITHOUT_OFFSET: Final = f"^(?:{_LOCAL}[Zz]?|{_WITH_OFFSET})$"


def _duration() -> str:
    """ISO 8601, at least one part of it more than nothing, spelt out from the first such part.

    The doors' regular expressions cannot look ahead.
    """
    days, times = "YMWD", "HMS"
    number, more_than_nothing, nothing = "[0-9]+", "0*[1-9][0-9]*", "0+"

    def some(of: str, how: str) -> str:
        return "".join(f"(?:{how}{part})?" for part in of)

    def at_least_one(of: str) -> str:
        begun = (f"{number}{part}{some(of[at + 1 :], number)}" for at, part in enumerate(of))
        return f"(?:{'|'.join(begun)})"

    forms = [
        f"{some(days[:at], nothing)}{more_than_nothing}{part}{some(days[at + 1 :], number)}"
        f"(?:T{at_least_one(times)})?"
        for at, part in enumerate(days)
    ]
    forms += [
        f"{some(days, nothing)}T{some(times[:at], nothing)}{more_than_nothing}{part}"
        f"{some(times[at + 1 :], number)}"
        for at, part in enumerate(times)
    ]
    return f"^P(?:{'|'.join(forms)})$"


DURATION: Final = _duration()
