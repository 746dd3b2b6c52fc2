"""The part of a file that a reader asks for: a player of sound or film seldom wants all of it."""

import re
from typing import Final

# Several ranges at once nobody needs who plays a file; they are answered with the whole.
_ONE_RANGE: Final = re.compile(r"bytes=(?:([0-9]{1,15})-([0-9]{0,15})|-([0-9]{1,15}))", re.ASCII)


class NotSatisfiable(Exception):
    """The range lies beyond the end of the file."""


def part_of(header: str | None, size: int) -> tuple[int, int] | None:
    """Where the part begins and ends; ``None`` for the whole, also where it cannot be read."""
    found = _ONE_RANGE.fullmatch(header.replace(" ", "")) if header is not None else None
    if found is None:
        return None
    first, last, length = found.groups()
    if length is not None:
        begin, end = max(0, size - int(length)), size
    else:
        begin, end = int(first), min(int(last) + 1 if last else size, size)
        if last and int(last) < begin:
            return None
    if begin >= size or begin == end:
        raise NotSatisfiable
    return begin, end
