"""Checkpoints: what a log signs of itself. They are signed notes of three lines."""

import re
from base64 import b64encode
from dataclasses import dataclass
from typing import Final, Self

from shared.tlog.merkle import EMPTY, HASH_BYTES
from shared.tlog.notes import NoteUnusable, bytes_of

_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_LARGEST: Final = 1 << 63
_THREE_LINES: Final = re.compile(r"(?P<origin>[^\n]+)\n(?P<size>[^\n]*)\n(?P<root>[^\n]*)\n")


@dataclass(frozen=True)
class Checkpoint:
    """The head of a log: whose it is, how many leaves it has, and the root over them."""

    origin: str
    size: int
    root: bytes

    @classmethod
    def read(cls, text: str) -> Self:
        """The text of a note; raises ``NoteUnusable``. Extension lines are not taken here."""
        lines = _THREE_LINES.fullmatch(text)
        if lines is None:
            raise NoteUnusable("a checkpoint has three lines: origin, size and root")
        size, root = size_of(lines["size"]), bytes_of(lines["root"])
        if len(root) != HASH_BYTES:
            raise NoteUnusable("the root of a checkpoint has 32 bytes")
        if size == 0 and root != EMPTY:
            raise NoteUnusable("a log without leaves has the root of the empty tree")
        return cls(lines["origin"], size, root)

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"


def size_of(text: str) -> int:
    """A number in digits without a leading zero; raises ``NoteUnusable``."""
    if not _SIZE.fullmatch(text) or int(text) >= _LARGEST:
        raise NoteUnusable("a size is a whole number below 2^63 in plain digits")
    return int(text)
