"""Signed notes as C2SP has them: a text, and lines below it with the signatures of named keys."""

import base64
import binascii
import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519: Final = 0x01
"""The type of a key that signs notes."""

COSIGNATURE: Final = 0x04
"""The type of a witness's key, which signs a checkpoint with a time."""

LONGEST_NOTE: Final = 1_000_000
"""Bytes."""

MOST_SIGNATURES: Final = 100

_ID_BYTES: Final = 4
_KEY_BYTES: Final = 32
_TIME_BYTES: Final = 8
_OPENING: Final = "\u2014 "
_VERIFIER: Final = re.compile(r"([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]{1,4000})")
_PRIVATE: Final = re.compile(r"PRIVATE\+KEY\+([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]{1,200})")


class NoteUnusable(ValueError):
    """A note, a signature or a key is not written as it has to be; the text says what is wrong."""


class SignatureWrong(ValueError):
    """A signature of a key that is known does not hold, or no known key signed at all."""


class Signature(NamedTuple):
    """One line below a note: whose it is, and the bytes that only their key understands."""

    name: str
    key_id: bytes
    signed: bytes

    @property
    def line(self) -> str:
        """The line as it stands below the note, with its end."""
        return f"{_OPENING}{self.name} {_as_base64(self.key_id + self.signed)}\n"


@dataclass(frozen=True)
class VerifierKey:
    """The public half of a key, with its name."""

    name: str
    kind: int
    key: bytes

    @classmethod
    def read(cls, text: str) -> Self:
        """``<name>+<id>+<type and key>``; raises ``NoteUnusable``."""
        found = _VERIFIER.fullmatch(text)
        if found is None:
            raise NoteUnusable("a verifier key is written name+id+key")
        told = bytes_of(found[3])
        if len(told) != 1 + _KEY_BYTES or told[0] not in (ED25519, COSIGNATURE):
            raise NoteUnusable("the key is of a type that is not known here")
        key = cls(_name(found[1]), told[0], told[1:])
        if key.key_id.hex() != found[2]:
            raise NoteUnusable("the id of the key is not that of its name and bytes")
        return key

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{_as_base64(bytes([self.kind]) + self.key)}"

    @cached_property
    def key_id(self) -> bytes:
        """Four bytes that tell one key of a name from another."""
        told = self.name.encode() + b"\n" + bytes([self.kind]) + self.key
        return hashlib.sha256(told).digest()[:_ID_BYTES]

    def is_named_in(self, signature: Signature) -> bool:
        """True where the line says that it is of this key."""
        return (signature.name, signature.key_id) == (self.name, self.key_id)

    def check(self, text: str, signature: Signature) -> int | None:
        """The time of a cosignature, ``None`` of a signature; ``SignatureWrong`` where it fails."""
        signed, at = signature.signed, None
        message = text.encode()
        if self.kind == COSIGNATURE:
            at = int.from_bytes(signed[:_TIME_BYTES], "big")
            signed = signed[_TIME_BYTES:]
            message = cosigned(text, at)
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(signed, message)
        except (InvalidSignature, ValueError):
            raise SignatureWrong(f"the signature of {self.name} does not hold") from None
        if at is not None and not 0 < at < 1 << 63:
            raise SignatureWrong(f"the cosignature of {self.name} has no time")
        return at


@dataclass(frozen=True)
class SigningKey:
    """A private key with its name."""

    name: str
    kind: int
    private: Ed25519PrivateKey

    @classmethod
    def made(cls, name: str, kind: int = ED25519) -> Self:
        """A new one."""
        return cls(_name(name), kind, Ed25519PrivateKey.generate())

    @classmethod
    def read(cls, text: str) -> Self:
        """The text of a key file; ``NoteUnusable``, which repeats nothing of it."""
        found = _PRIVATE.fullmatch(text.strip())
        told = bytes_of(found[3]) if found else b""
        if found is None or len(told) != 1 + _KEY_BYTES or told[0] not in (ED25519, COSIGNATURE):
            raise NoteUnusable("the file holds no private key of a log or a witness")
        key = cls(_name(found[1]), told[0], Ed25519PrivateKey.from_private_bytes(told[1:]))
        if key.verifier.key_id.hex() != found[2]:
            raise NoteUnusable("the id of the private key is not that of its name and bytes")
        return key

    @property
    def text(self) -> str:
        """The text of its file. It is a secret."""
        told = _as_base64(bytes([self.kind]) + self.private.private_bytes_raw())
        return f"PRIVATE+KEY+{self.name}+{self.verifier.key_id.hex()}+{told}\n"

    def __repr__(self) -> str:
        return f"SigningKey({self.name!r})"

    @cached_property
    def verifier(self) -> VerifierKey:
        """The half that others may have."""
        return VerifierKey(self.name, self.kind, self.private.public_key().public_bytes_raw())

    def sign(self, text: str) -> Signature:
        """Sign a note's text."""
        return Signature(self.name, self.verifier.key_id, self.private.sign(text.encode()))

    def cosign(self, text: str, at: int) -> Signature:
        """Sign the text of a checkpoint as its witness, at this POSIX time in seconds."""
        signed = at.to_bytes(_TIME_BYTES, "big") + self.private.sign(cosigned(text, at))
        return Signature(self.name, self.verifier.key_id, signed)


@dataclass(frozen=True)
class Note:
    """A text that ends with a newline, and its signatures."""

    text: str
    signatures: tuple[Signature, ...] = ()

    @classmethod
    def read(cls, written: bytes) -> Self:
        """Raises ``NoteUnusable``."""
        if len(written) > LONGEST_NOTE:
            raise NoteUnusable("the note is longer than a million bytes")
        try:
            whole = written.decode()
        except UnicodeDecodeError:
            raise NoteUnusable("the note is not UTF-8") from None
        if any((one < " " and one != "\n") or one == "\x7f" for one in whole):
            raise NoteUnusable("the note has a control character")
        # The text may hold empty lines itself: the last one ends it.
        before, separator, below = whole.rpartition("\n\n")
        if not separator or not below.endswith("\n"):
            raise NoteUnusable("the note has no empty line with signatures below it")
        return cls(before + "\n", signatures_in(below))

    def __str__(self) -> str:
        return self.text + "\n" + "".join(one.line for one in self.signatures)

    def checked(self, known: Sequence[VerifierKey]) -> dict[VerifierKey, int | None]:
        """The known keys that signed, with the times of cosignatures.

        A signature of another key is passed over. Raises ``SignatureWrong`` where one of a known
        key does not hold, or there is none of any known key.
        """
        found: dict[VerifierKey, int | None] = {}
        for signature in self.signatures:
            for key in known:
                if key.is_named_in(signature):
                    found[key] = key.check(self.text, signature)
        if not found:
            raise SignatureWrong("no key that is trusted here has signed")
        return found

    def signed_by(self, more: Iterable[Signature]) -> "Note":
        """The note with more signatures; of one key the last one stays."""
        lines = {(one.name, one.key_id): one for one in (*self.signatures, *more)}
        return Note(self.text, tuple(lines.values()))


def signatures_in(lines: str) -> tuple[Signature, ...]:
    """The signatures of some lines, each with its end; raises ``NoteUnusable``."""
    found = []
    for line in lines.split("\n")[:-1]:
        name, _, told = line.removeprefix(_OPENING).partition(" ")
        raw = bytes_of(told) if line.startswith(_OPENING) else b""
        if len(raw) <= _ID_BYTES:
            raise NoteUnusable("a line below the text is no signature")
        found.append(Signature(_name(name), raw[:_ID_BYTES], raw[_ID_BYTES:]))
    if not 0 < len(found) <= MOST_SIGNATURES:
        raise NoteUnusable(f"a note has from 1 to {MOST_SIGNATURES} signatures")
    return tuple(found)


def cosigned(text: str, at: int) -> bytes:
    """What a witness signs of a checkpoint."""
    return f"cosignature/v1\ntime {at}\n{text}".encode()


def bytes_of(text: str) -> bytes:
    """Base64 with padding, written in the one way there is; raises ``NoteUnusable``."""
    try:
        told = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteUnusable("something that is to be base64 is none") from None
    if _as_base64(told) != text:
        raise NoteUnusable("something that is to be base64 is not written in its one form")
    return told


def _as_base64(told: bytes) -> str:
    return base64.b64encode(told).decode()


def _name(text: str) -> str:
    is_blank = any(unicodedata.category(one) in ("Zs", "Zl", "Zp", "Cc") for one in text)
    if not text or "+" in text or is_blank:
        raise NoteUnusable("the name of a key is not empty, and has no space and no plus")
    return text
