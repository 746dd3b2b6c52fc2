"""Reading the pieces of a file in their order, never beyond its end."""

import mmap
from typing import Final

MOST_PIECES: Final = 500_000
"""More pieces than any picture, sound or film of the size that is taken has."""


class NotOfThisKind(Exception):
    """A file is not what it is said to be, or may not be stored; the text is for its sender.

    Without a text it is of another kind, and whoever knows which says so.
    """

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.detail = detail


class Walk:
    """A place in a file that goes on piece by piece."""

    def __init__(self, data: mmap.mmap, at: int = 0) -> None:
        self.data = data
        self.at = at
        self.end = len(data)
        self._pieces = iter(range(MOST_PIECES))

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return self.end - self.at

    def peek(self, size: int) -> bytes:
        """The next bytes, fewer at the end."""
        return self.data[self.at : min(self.at + size, self.end)]

    def take(self, size: int) -> bytes:
        """The next bytes, all of them."""
        if not 0 <= size <= self.left:
            raise NotOfThisKind("It ends before it is complete, or is damaged.")
        self.at += size
        return self.data[self.at - size : self.at]

    def skip(self, size: int) -> None:
        """Pass over bytes, all of which are there; each time is one piece."""
        if not 0 <= size <= self.left or next(self._pieces, None) is None:
            raise NotOfThisKind("It ends before it is complete, or is damaged.")
        self.at += size

    def within(self, size: int) -> "Walk":
        """The next bytes as a walk of their own, whose pieces count here as well."""
        inner = Walk(self.data, self.at)
        inner.end = self.at + min(size, self.left)
        inner._pieces = self._pieces
        return inner

    def number(self, size: int, order: str = "big") -> int:
        """The next bytes as a number."""
        taken = self.take(size)
        return int.from_bytes(taken, "little" if order == "little" else "big")

    def must_be_over(self) -> None:
        """Refuse what goes on."""
        if self.left:
            raise NotOfThisKind("Something follows after its end.")


def must_begin(data: mmap.mmap, *beginnings: bytes) -> None:
    """Refuse a file that begins with none of these."""
    if not any(data[: len(one)] == one for one in beginnings):
        raise NotOfThisKind
