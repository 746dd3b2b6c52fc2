"""Identifiers of SNOMED CT: what can be told of one without the terminology, which has a licence.

An identifier says which kind of thing it is of, and ends in a check digit (SNOMED CT Release File
Specification, SCTID). Whether there is such a concept, and in which set it is, is not known here.
"""

import re
from typing import Final

SNOMED: Final = "http://snomed.info/sct"

_WRITTEN: Final = re.compile(r"[1-9][0-9]{5,17}")
_OF_CONCEPTS: Final = ("00", "10")
"""Partitions: concepts of the international release, and of an extension."""
_IN_AN_EXPRESSION: Final = re.compile(r"(?<![0-9])[0-9]{6,}(?![0-9])")
_TERM: Final = re.compile(r"\|[^|]*\|")
_WRITTEN_WITH: Final = frozenset('0123456789:+=,{}()<>#.-" \t')
_TURN: Final = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
_HALF: Final = 5
_TURNS: Final = 8


def could_be_a_concept(code: str) -> bool:
    """True for the identifier of a concept, and for an expression in which every one could be one.

    ``300798006``, or ``413350009 : 246090004 = 300798006``.
    """
    named = _TERM.sub("", code).strip()
    if named.isdecimal():
        is_written = _WRITTEN.fullmatch(named) is not None
        return is_written and named[-3:-1] in _OF_CONCEPTS and has_its_check_digit(named)
    found = _IN_AN_EXPRESSION.findall(named)
    return bool(found) and _WRITTEN_WITH.issuperset(named) and all(map(could_be_a_concept, found))


def has_its_check_digit(digits: str) -> bool:
    """True where the last digit is that of the others, by Verhoeff's scheme."""
    check = 0
    for place, digit in enumerate(reversed(digits)):
        turned = int(digit)
        for _ in range(place % _TURNS):
            turned = _TURN[turned]
        check = _combined(check, turned)
    return check == 0


def _combined(one: int, other: int) -> int:
    """Two elements of the group of a pentagon's turns, 0 to 4, and reflections, 5 to 9."""
    if one < _HALF:
        return (one + other) % _HALF + (_HALF if other >= _HALF else 0)
    return (one - other) % _HALF + (_HALF if other < _HALF else 0)
