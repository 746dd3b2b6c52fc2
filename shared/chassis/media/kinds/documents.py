"""Documents: a PDF that only shows something."""

import mmap
import re
import zlib
from collections.abc import Iterator
from typing import Final

from shared.chassis.media.kinds.walking import NotOfThisKind

_HEAD: Final = re.compile(rb"%PDF-[12]\.[0-9]")
_TAIL: Final = 1_024
_MOST_UNPACKED: Final = 64 * 1_048_576
_PIECE: Final = 65_536
_DICTIONARY: Final = 8_192


def _name(name: bytes) -> bytes:
    """A pattern for a name, each of whose characters may be written as ``#`` and its number."""
    each = (b"(?:%b|#%b)" % (re.escape(bytes([one])), b"%02x" % one) for one in name)
    return b"/" + b"".join(each) + rb"(?![A-Za-z0-9])"


def _any(*names: bytes) -> re.Pattern[bytes]:
    # Numbers are written with digits of either case.
    patterns = (
        re.sub(rb"#([0-9a-f]{2})", lambda of: b"#(?i:%b)" % of[1], _name(one)) for one in names
    )
    return re.compile(b"|".join(patterns))


_DOES_SOMETHING: Final = _any(
    b"JavaScript", b"Launch", b"RichMedia", b"EmbeddedFile", b"EmbeddedFiles"
)
_LOCKED: Final = _any(b"Encrypt")
_PACKED_OBJECTS: Final = _any(b"ObjStm")
_PREDICTED: Final = _any(b"Predictor")
_FILTER: Final = _any(b"Filter")
_PLAINLY_PACKED: Final = re.compile(
    rb"/(?:F|#46)(?:i|#69)(?:l|#6[Cc])(?:t|#74)(?:e|#65)(?:r|#72)\s*\[?\s*/(?:FlateDecode|Fl)\s*[\]/>\s]"
)
_OTHER_FILTER: Final = re.compile(rb"/(?:ASCIIHex|ASCII85|LZW|RunLength|Crypt|AHx|A85|RL)")
_STREAM: Final = re.compile(rb"stream(?:\r\n|\n|\r)")
_LONGEST_NAME: Final = 64


def judge_pdf(data: mmap.mmap) -> str:
    """A PDF that is whole, not locked, and holds neither script, program nor another file."""
    if not _HEAD.match(data) or data.rfind(b"%%EOF", max(0, len(data) - _TAIL)) < 0:
        raise NotOfThisKind
    if _LOCKED.search(data):
        raise NotOfThisKind("A PDF that is locked cannot be checked. Send it without a lock.")
    _refuse_active(data)
    left = _MOST_UNPACKED
    for found in _PACKED_OBJECTS.finditer(data):
        for piece in _unpacked(data, found.start()):
            left -= _PIECE
            if left < 0:
                raise NotOfThisKind("It unpacks to more than can be checked.")
            _refuse_active(piece)
    return "application/pdf"


def _refuse_active(part: mmap.mmap | bytes) -> None:
    if _DOES_SOMETHING.search(part):
        raise NotOfThisKind("A PDF may hold neither a script nor a program nor another file.")


def _unpacked(data: mmap.mmap, at: int) -> Iterator[bytes]:
    """The objects that are packed into the stream whose dictionary is here, in pieces."""
    begin = _STREAM.search(data, at, at + _DICTIONARY)
    if begin is None:
        return  # a name that stands elsewhere, of a stream it says nothing
    dictionary = data[max(data.rfind(b"obj", 0, at), at - _DICTIONARY, 0) : begin.start()]
    if not _FILTER.search(dictionary):
        return  # as it stands, it was looked through with the rest
    is_plain = _PLAINLY_PACKED.search(dictionary) and not _OTHER_FILTER.search(dictionary)
    if not is_plain or _PREDICTED.search(dictionary):
        raise NotOfThisKind("Its objects are packed in a way that cannot be checked.")
    unpacker, place, before = zlib.decompressobj(), begin.end(), b""
    while not unpacker.eof and place < len(data):
        try:
            some = unpacker.decompress(
                unpacker.unconsumed_tail + data[place : place + _PIECE], _PIECE
            )
        except zlib.error:
            raise NotOfThisKind("Its objects cannot be unpacked.") from None
        place += _PIECE
        while some:
            yield before + some
            before = some[-_LONGEST_NAME:]
            some = unpacker.decompress(unpacker.unconsumed_tail, _PIECE)
