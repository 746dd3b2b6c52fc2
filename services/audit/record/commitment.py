"""Salted commitments: what the log holds for each record, and which reveals nothing of it.

A record has twelve groups, each hashed with a salt of its own. The commitment is the RFC 6962 tree
over the hashes, and the leaf is what the log hashes. Whether a group is shown, withheld or erased,
the leaf stays the same.
"""

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Final

GROUPS: Final = (
    "hdr",
    "time",
    "subject",
    "actor",
    "authn",
    "why",
    "object",
    "view",
    "change",
    "where",
    "source",
    "ext",
)
"""The names of the groups, in the order in which they are committed to."""

SALT_BYTES: Final = 32
SALTS_BYTES: Final = SALT_BYTES * len(GROUPS)
LEAF_BYTES: Final = 44

_LEAF_VERSION: Final = 1
_DOMAIN: Final = b"\x00careplan-audit-group/v1\n"
_NODE: Final = b"\x01"
_PLACES: Final = tuple(
    (place * SALT_BYTES, (place + 1) * SALT_BYTES, f'["{name}",'.encode())
    for place, name in enumerate(GROUPS)
)
_LARGEST: Final = 2**53
_DEEPEST: Final = 32
_encode = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
).encode


class NotCanonical(ValueError):
    """A value outside the subset of JSON that can be committed to; the message never quotes it."""


def canonical(value: Any) -> bytes:
    """JSON as RFC 8785 (JCS) has it, of what ``fitted`` lets through."""
    return _encode(value).encode()


def fitted(value: Any) -> Any:
    """The value as it is committed to, its texts in NFC; raises ``NotCanonical``.

    It has no floats, no NUL, integers below 2^53 and keys in ASCII, so that every writer of
    canonical JSON gives the same bytes.
    """
    return _fitted(value, 0)


def _fitted(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if not -_LARGEST < value < _LARGEST:
            raise NotCanonical("an integer is 2^53 or more")
        return value
    if depth > _DEEPEST:
        raise NotCanonical("it is nested too deeply")
    if isinstance(value, dict):
        if not all(isinstance(key, str) and key.isascii() and "\x00" not in key for key in value):
            raise NotCanonical("a key is not ASCII")
        return {key: _fitted(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_fitted(item, depth + 1) for item in value]
    raise NotCanonical("it has a float or another value that has no canonical form")


def _text(text: str) -> str:
    if text.isascii():
        if "\x00" in text:
            raise NotCanonical("a text holds a NUL")
        return text
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise NotCanonical("a text holds a NUL or half of a character")
    return unicodedata.normalize("NFC", text)


def group_bytes(name: str, value: Mapping[str, Any] | None) -> bytes:
    """What is hashed of one group: its name and its members, or ``null`` where it has none."""
    return canonical([name, value])


def group_hash(salt: bytes, group: bytes) -> bytes:
    """The commitment to one group, which nobody can guess without the salt."""
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes")
    return hashlib.sha256(_DOMAIN + salt + group).digest()


def group_hashes(salts: bytes, members: Sequence[bytes]) -> list[bytes]:
    """The commitments to all groups of a record: ``group_hash`` of the ``group_bytes`` of each.

    ``salts`` stand one after the other; ``members`` is the canonical form of each group's members.
    """
    if len(salts) != SALTS_BYTES:
        raise ValueError(f"the salts of a record have {SALTS_BYTES} bytes")
    sha256 = hashlib.sha256
    return [
        sha256(b"".join((_DOMAIN, salts[start:end], opening, one, b"]"))).digest()
        for (start, end, opening), one in zip(_PLACES, members, strict=True)
    ]


def commitment(hashes: Sequence[bytes]) -> bytes:
    """The RFC 6962 tree over the hashes of all groups, taken as the hashes of its leaves."""
    if len(hashes) != len(GROUPS):
        raise ValueError(f"a record has {len(GROUPS)} groups")
    sha256 = hashlib.sha256
    level = hashes
    while len(level) > 1:
        left_over = level[-1:] if len(level) % 2 else ()
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [*[sha256(_NODE + left + right).digest() for left, right in pairs], *left_over]
    return level[0]


def leaf(kind: int, logged_at_ms: int, committed: bytes) -> bytes:
    """The record's 44 bytes in the log: version, kind, time in milliseconds, commitment."""
    if len(committed) != hashlib.sha256().digest_size:
        raise ValueError("a commitment has 32 bytes")
    head = bytes((_LEAF_VERSION, kind, 0, 0))
    return head + logged_at_ms.to_bytes(8, "big") + committed


def leaf_hash(leaf_bytes: bytes) -> bytes:
    """The hash of a leaf in the tree of the log."""
    return hashlib.sha256(b"\x00" + leaf_bytes).digest()
