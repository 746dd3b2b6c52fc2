"""Numbers that stand for one person: how each kind is checked, and what no two plans may share.

A number is kept as it was given. One whose check digit does not hold is nobody's, so it is
refused: it would lead to nobody, or to somebody else.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

NHS_NUMBER: Final = "nhs-number"
CHI_NUMBER: Final = "chi"
HC_NUMBER: Final = "hc-number"

_TEN_DIGITS: Final = re.compile("[0-9]{10}")
_CENTURIES: Final = (1800, 1900, 2000)


def is_nhs_number(text: str) -> bool:
    """True for ten digits, not all the same, of which the last is the check digit, modulus 11."""
    # 9999999999 and its like have the right check digit, and are what people type for "unknown".
    if not _TEN_DIGITS.fullmatch(text) or len(set(text)) == 1:
        return False
    *digits, check = (int(digit) for digit in text)
    weighted = sum(weight * digit for weight, digit in zip(range(10, 1, -1), digits, strict=True))
    return (11 - weighted % 11) % 11 == check


def is_chi_number(text: str) -> bool:
    """True where it begins with a day of birth, DDMMYY, and its check digit is that of the NHS's.

    The number does not say in which century somebody was born.
    """
    return is_nhs_number(text) and any(
        _is_day(century + int(text[4:6]), int(text[2:4]), int(text[:2])) for century in _CENTURIES
    )


def _is_day(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class Checked:
    """A kind of number that says itself whether it can be right, and how it is written."""

    holds: Callable[[str], bool]
    written: str


CHECKED: Final[Mapping[str, Checked]] = {
    NHS_NUMBER: Checked(
        is_nhs_number, "An NHS number is ten digits without spaces, of which the last is the check"
        " digit of the others.",
    ),
    CHI_NUMBER: Checked(
        is_chi_number, "A CHI number is ten digits without spaces: the day of birth as DDMMYY,"
        " three digits, and the check digit of the others.",
    ),
    HC_NUMBER: Checked(
        is_nhs_number, "A Health and Care number is ten digits without spaces, of which the last"
        " is the check digit of the others.",
    ),
}  # fmt: skip
"""By kind. Whatever else there is (local numbers, GMC, NMC) is kept as it was given."""


def identity_keys(numbers: Iterable[tuple[str, str, bool]], born: date | None) -> frozenset[str]:
    """What no second open plan may have, of ``(kind, value, is verified)``: keys of their kinds.

    Each with the date of birth, and alone as well once it is verified. So a number that somebody
    mistyped or made up stands in nobody's way, and leads into nobody else's plan. Numbers of a
    kind that is not checked are no keys: two hospitals may give the same one.
    """
    keys = set()
    for kind, number, is_verified in numbers:
        if kind in CHECKED:
            keys.add(f"{kind}:{number}+{born}")
            if is_verified:
                keys.add(f"{kind}:{number}")
    return frozenset(keys)
