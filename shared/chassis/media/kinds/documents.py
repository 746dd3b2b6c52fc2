"""Documents: a PDF that only shows something."""

import mmap
import re
import zlib
from collections.abc import Iterator
from typing import Final

from shared.chassis.media.kinds.walking import MOST_PIECES, NotOfThisKind

_HEAD: Final = re.compile(rb"%PDF-[12]\.[0-9]")
_TAIL: Final = 1_024
_MOST_UNPACKED: Final = 64 * 1_048_576
_PIECE: Final = 65_536
_DICTIONARY: Final = 8_192


def _name(name: bytes) -> bytes:
    """A pattern for a name, each of whose characters may be written as ``#`` and its number."""
    each = (b"(?:%b|#(?i:%02x))" % (re.escape(bytes([one])), one) for one in name)
    return b"/" + b"".join(each)


def _any(*names: bytes, then: bytes = rb"(?![A-Za-z0-9])") -> re.Pattern[bytes]:
    return re.compile(b"(?:" + b"|".join(map(_name, names)) + b")" + then)


# Too long to come up by chance in what is packed: looked for everywhere, whatever surrounds them.
_DOES_SOMETHING: Final = _any(
    b"JavaScript",
    b"Launch",
    b"RichMedia",
    b"Rendition",
    b"EmbeddedFile",
    b"EmbeddedFiles",
    b"FileAttachment",
    b"GoToE",
    b"ImportData",
    b"SubmitForm",
)
_LONG_BY_WHAT_FOLLOWS: Final = (
    re.compile(_name(b"XFA") + rb"\s*(?:\[|[0-9]+\s+[0-9]+\s+R)"),
    re.compile(_name(b"EF") + rb"\s*(?:<<|[0-9]+\s+[0-9]+\s+R)"),
    re.compile(_name(b"Subtype") + rb"\s*" + _name(b"3D")),
)
# A name ends at space or at a sign of its own; an escape within would make it another one, or not.
_DOES_SOMETHING_IN_SHORT: Final = _any(
    b"JS", b"XFA", b"EF", b"3D", then=rb"(?![^\x00\t\n\f\r ()<>\[\]{}/%#])"
)
_BEFORE_A_STREAM: Final = re.compile(rb">>\s*stream(?:\r\n|\n|\r)")
_AFTER_A_STREAM: Final = b"endstream"
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
    for begin, end in _outside_of_streams(data):
        _refuse(_DOES_SOMETHING_IN_SHORT.search(data, begin, end))
    left = _MOST_UNPACKED
    for found in _PACKED_OBJECTS.finditer(data):
        for piece in _unpacked(data, found.start()):
            left -= _PIECE
            if left < 0:
                raise NotOfThisKind("It unpacks to more than can be checked.")
            _refuse_active(piece)
            _refuse(_DOES_SOMETHING_IN_SHORT.search(piece))
    return "application/pdf"


def _refuse_active(part: mmap.mmap | bytes) -> None:
    for pattern in (_DOES_SOMETHING, *_LONG_BY_WHAT_FOLLOWS):
        _refuse(pattern.search(part))


def _refuse(found: object) -> None:
    if found:
        raise NotOfThisKind("A PDF may hold neither a script nor a program nor another file.")


def _outside_of_streams(data: mmap.mmap) -> Iterator[tuple[int, int]]:
    """What is no stream, from and to: in packed bytes a short name comes up by chance."""
    at = 0
    for _ in range(MOST_PIECES):
        begin = _BEFORE_A_STREAM.search(data, at)
        end = data.find(_AFTER_A_STREAM, begin.end()) if begin else -1
        if begin is None or end < 0:
            yield at, len(data)
            return
        yield at, begin.end()
        at = end
    raise NotOfThisKind("It has more pieces than can be checked.")


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
