"""Proofs as files, as C2SP tlog-proof has them: one leaf, its way to a root, and the checkpoint."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from shared.tlog.checkpoint import size_of
from shared.tlog.merkle import HASH_BYTES, LONGEST_PROOF
from shared.tlog.notes import Note, NoteUnusable, bytes_of

_FIRST_LINE: Final = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True)
class ProofFile:
    """The place of a leaf, the hashes from its sibling up, and a signed checkpoint.

    ``extra`` is whatever the application adds; no signature covers it.
    """

    index: int
    hashes: Sequence[bytes]
    checkpoint: Note
    extra: bytes = b""

    @classmethod
    def read(cls, written: bytes) -> Self:
        """Raises ``NoteUnusable``."""
        head, _, note = written.partition(b"\n\n")
        try:
            first, *lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise NoteUnusable("the head of a proof is ASCII") from None
        if first != _FIRST_LINE:
            raise NoteUnusable(f"a proof begins with the line {_FIRST_LINE}")
        extra = b""
        if lines and lines[0].startswith("extra "):
            extra = bytes_of(lines.pop(0).removeprefix("extra "))
        if not lines or not lines[0].startswith("index "):
            raise NoteUnusable("a proof names the index of its leaf")
        index = size_of(lines.pop(0).removeprefix("index "))
        hashes = [bytes_of(line) for line in lines]
        if len(hashes) > LONGEST_PROOF or any(len(one) != HASH_BYTES for one in hashes):
            raise NoteUnusable("a proof has at most 63 hashes of 32 bytes")
        return cls(index, hashes, Note.read(note), extra)

    def __str__(self) -> str:
        extra = [f"extra {b64encode(self.extra).decode()}"] if self.extra else []
        hashes = [b64encode(one).decode() for one in self.hashes]
        head = "\n".join([_FIRST_LINE, *extra, f"index {self.index}", *hashes])
        return f"{head}\n\n{self.checkpoint}"
