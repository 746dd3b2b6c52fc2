"""A witness as C2SP tlog-witness has it: it signs a checkpoint of a log that has only grown.

What it signed last is on the disk before anybody has the signature, and is looked at and replaced
in one step: two requests that overlap cannot take it back.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from shared.tlog.checkpoint import Checkpoint, size_of
from shared.tlog.merkle import HASH_BYTES, LONGEST_PROOF, ProofWrong, check_consistency
from shared.tlog.notes import (
    Note,
    NoteUnusable,
    Signature,
    SignatureWrong,
    SigningKey,
    VerifierKey,
    bytes_of,
)

LONGEST_BODY: Final = 100_000
"""Bytes of a request."""

SIZE_TYPE: Final = "text/x.tlog.size"

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS head (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, note TEXT NOT NULL)
"""
_KEEP: Final = """
INSERT INTO head VALUES (?, ?, ?)
    ON CONFLICT (origin) DO UPDATE SET size = excluded.size, note = excluded.note
"""


class Answer(NamedTuple):
    """What is answered: a status of HTTP, a text, and its type."""

    status: int
    text: str
    media_type: str = "text/plain; charset=utf-8"


class _No(Exception):
    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.text)
        self.answer = answer


class Witness:
    """The key of a witness, the logs that it knows, and the file with what it signed of each.

    ``clock`` is the POSIX time in seconds.
    """

    def __init__(
        self,
        key: SigningKey,
        logs: Sequence[VerifierKey],
        state: Path,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._key = key
        self._logs = {log.name: log for log in logs}
        self._clock = clock
        self._state = sqlite3.connect(state, isolation_level=None, timeout=5)
        self._state.execute("PRAGMA synchronous = FULL")
        self._state.execute(_TABLE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._state.close()

    def add_checkpoint(self, body: bytes) -> Answer:
        """Judge a request in the order of the specification, and sign where all of it is right."""
        try:
            old, proof, note, checkpoint = _request_in(body)
        except NoteUnusable as error:
            return Answer(400, f"{error}\n")
        try:
            self._judge_signature(note, checkpoint)
            if old > checkpoint.size:
                raise _No(Answer(400, "the old size is larger than that of the checkpoint\n"))
            with self._one_step():
                self._judge_growth(old, proof, checkpoint)
                line = self._key.cosign(note.text, max(1, int(self._clock())))
                kept = str(Note(note.text, self._of_the_log(note)).signed_by([line]))
                self._state.execute(_KEEP, (checkpoint.origin, checkpoint.size, kept))
        except _No as no:
            return no.answer
        return Answer(200, line.line)

    def checkpoint(self, name: str) -> Answer:
        """The newest checkpoint of the log whose origin has this hash, as it was signed."""
        for origin in self._logs:
            if sha256(origin.encode()).hexdigest() == name:
                kept = self._kept(origin)
                if kept is not None:
                    return Answer(200, str(kept))
        return Answer(404, "no checkpoint of this log was signed here\n")

    def _judge_signature(self, note: Note, checkpoint: Checkpoint) -> None:
        known = self._logs.get(checkpoint.origin)
        if known is None:
            raise _No(Answer(404, "this log is not known here\n"))
        try:
            note.checked([known])
        except SignatureWrong as error:
            raise _No(Answer(403, f"{error}\n")) from None

    def _judge_growth(self, old: int, proof: Sequence[bytes], checkpoint: Checkpoint) -> None:
        kept = self._kept(checkpoint.origin)
        last = None if kept is None else Checkpoint.read(kept.text)
        size = 0 if last is None else last.size
        if old != size:
            raise _No(Answer(409, f"{size}\n", SIZE_TYPE))
        if last is None or size == 0:
            if proof:
                raise _No(Answer(422, "a first checkpoint has no proof\n"))
            return
        try:
            check_consistency(last.size, checkpoint.size, proof, last.root, checkpoint.root)
        except ProofWrong as error:
            raise _No(Answer(422, f"{error}\n")) from None

    def _of_the_log(self, note: Note) -> tuple[Signature, ...]:
        known = self._logs[Checkpoint.read(note.text).origin]
        return tuple(one for one in note.signatures if known.is_named_in(one))

    def _kept(self, origin: str) -> Note | None:
        row = self._state.execute("SELECT note FROM head WHERE origin = ?", (origin,)).fetchone()
        return None if row is None else Note.read(row[0].encode())

    @contextmanager
    def _one_step(self) -> Iterator[None]:
        self._state.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._state.execute("ROLLBACK")
            raise
        self._state.execute("COMMIT")


def _request_in(body: bytes) -> tuple[int, list[bytes], Note, Checkpoint]:
    if len(body) > LONGEST_BODY:
        raise NoteUnusable("the request is too long")
    head, separator, rest = body.partition(b"\n\n")
    try:
        first, *lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise NoteUnusable("the head of the request is not ASCII") from None
    if not separator or not first.startswith("old "):
        raise NoteUnusable("a request begins with the old size, and has an empty line")
    proof = [bytes_of(line) for line in lines]
    if len(proof) > LONGEST_PROOF or any(len(one) != HASH_BYTES for one in proof):
        raise NoteUnusable("a proof has at most 63 hashes of 32 bytes")
    note = Note.read(rest)
    return size_of(first.removeprefix("old ")), proof, note, Checkpoint.read(note.text)
