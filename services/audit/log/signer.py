"""Signs checkpoints, and only those of a log that has grown out of the one it signed last.

What was signed last is kept in a file beside the key, apart from the database: a database that was
put back to an earlier day does not get a second history signed.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from services.audit.log.rehash import Damaged
from shared.chassis.settings import SettingUnusable
from shared.tlog.checkpoint import Checkpoint
from shared.tlog.merkle import ProofWrong, check_consistency
from shared.tlog.notes import ED25519, Note, NoteUnusable, SignatureWrong, SigningKey, VerifierKey

_OPEN_TO_OTHERS: Final = 0o077


class Signer:
    """The key of the log, and the last checkpoint that it signed."""

    def __init__(self, key: SigningKey, kept: Path) -> None:
        self._key = key
        self._kept = kept
        self.last: Checkpoint | None = None

    @classmethod
    def of(cls, key_file: str) -> "Signer":
        """The key of this file; ``SettingUnusable`` says what is wrong with it."""
        path = Path(key_file)
        try:
            if path.stat().st_mode & _OPEN_TO_OTHERS:
                raise SettingUnusable("CAREPLAN_LOG_KEY names a file that others can read.")
            key = SigningKey.read(path.read_text())
        except OSError as error:
            reason = error.strerror
            raise SettingUnusable(f"CAREPLAN_LOG_KEY cannot be read ({reason}).") from None
        except (NoteUnusable, UnicodeDecodeError):
            raise SettingUnusable("CAREPLAN_LOG_KEY names a file that holds no key.") from None
        if key.kind != ED25519:
            raise SettingUnusable("CAREPLAN_LOG_KEY names the key of a witness.")
        return cls(key, path.with_name(path.name + ".signed"))

    @property
    def verifier(self) -> VerifierKey:
        """The key that others check with; its name is the origin of the log."""
        return self._key.verifier

    def look(self) -> Checkpoint | None:
        """Read what was signed last; raises ``Damaged`` where the file is not what was written."""
        try:
            self.last = self.read(self._kept.read_bytes())
        except FileNotFoundError:
            self.last = None
        return self.last

    def read(self, note: bytes) -> Checkpoint:
        """A checkpoint of this log; raises ``Damaged`` where it is not signed by this key."""
        try:
            read = Note.read(note)
            read.checked([self.verifier])
            checkpoint = Checkpoint.read(read.text)
        except (NoteUnusable, SignatureWrong) as error:
            raise Damaged(f"a checkpoint that was kept is not ours: {error}") from None
        if checkpoint.origin != self.verifier.name:
            raise Damaged("a checkpoint that was kept is of another log")
        return checkpoint

    def sign(self, checkpoint: Checkpoint, proof: Sequence[bytes]) -> Note:
        """Sign a checkpoint that ``proof`` shows to have grown out of the last; else ``Damaged``.

        What is signed is on the disk before anybody has the signature.
        """
        if checkpoint.origin != self.verifier.name or checkpoint.size < 1:
            raise Damaged("a checkpoint to be signed is of another log, or of none")
        if self.last is not None:
            if checkpoint.size < self.last.size:
                raise Damaged(f"the log is shorter than the {self.last.size} that were signed")
            try:
                check_consistency(
                    self.last.size, checkpoint.size, proof, self.last.root, checkpoint.root
                )
            except ProofWrong:
                raise Damaged(
                    f"the log of {checkpoint.size} does not begin with the {self.last.size} signed"
                ) from None
        note = Note(checkpoint.text, (self._key.sign(checkpoint.text),))
        if checkpoint != self.last:
            self._keep(str(note).encode())
            self.last = checkpoint
        return note

    def adopt(self, checkpoint: Checkpoint) -> None:
        """Take over what the database has, where the file was lost or another replica signed."""
        self.last = checkpoint

    def _keep(self, note: bytes) -> None:
        """Under another name first, so that a crash leaves the one or the other, and whole."""
        unfinished = self._kept.with_name(self._kept.name + ".unfinished")
        with suppress(FileNotFoundError):
            unfinished.unlink()
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(note)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self._kept)
        folder = os.open(self._kept.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
