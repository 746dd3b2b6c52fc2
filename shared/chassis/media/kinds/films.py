"""Films, and sound in the containers of films, walked through to their last byte."""

import mmap
import re
from typing import Final

from shared.chassis.media.kinds.walking import NotOfThisKind, Walk, must_begin

_BOX: Final = re.compile(rb"[\x20-\x7e\xa9]{4}")
_INTO: Final = (b"moov", b"trak", b"mdia")
_DEEPEST: Final = 6
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_PICTURES_OF_WEBM: Final = re.compile(rb"V_(?:VP8|VP9|AV1)")
_SOUNDS_OF_WEBM: Final = re.compile(rb"A_(?:OPUS|VORBIS)")
_HEAD_OF_WEBM: Final = 1_048_576
_SOUNDS_OF_OGG: Final = (b"OpusHead", b"\x01vorbis", b"Speex   ", b"\x7fFLAC")


def judge_mp4(data: mmap.mmap, at: int = 0) -> str:
    """Boxes to the end of the file; a film where one of its tracks is one."""
    brand, handlers = _boxes_of(data, at)
    if brand == b"qt  ":
        raise NotOfThisKind("By its content this is video/quicktime.")
    return "video/mp4" if b"vide" in handlers else "audio/mp4"


def judge_quicktime(data: mmap.mmap) -> str:
    """The same, as phones of one maker write it."""
    brand, handlers = _boxes_of(data, 0)
    if brand != b"qt  " or b"vide" not in handlers:
        raise NotOfThisKind
    return "video/quicktime"


def _boxes_of(data: mmap.mmap, at: int) -> tuple[bytes, set[bytes]]:
    """The brand of a file of boxes, and what its tracks are handled by."""
    if data[at + 4 : at + 8] != b"ftyp":
        raise NotOfThisKind
    handlers: set[bytes] = set()
    _walk_boxes(Walk(data, at), handlers, 0)
    if not handlers & {b"vide", b"soun"}:
        raise NotOfThisKind
    return data[at + 8 : at + 12], handlers


def _walk_boxes(walk: Walk, handlers: set[bytes], depth: int) -> None:
    if depth > _DEEPEST:
        raise NotOfThisKind
    # A box of tracks may end in four zero bytes, as QuickTime has it.
    while walk.left and not (depth and walk.peek(8) == b"\0\0\0\0" and walk.left == 4):
        begin = walk.at
        size, kind = walk.number(4), walk.take(4)
        if not _BOX.fullmatch(kind):
            raise NotOfThisKind
        if size == 1:
            size = walk.number(8)
        elif size == 0 and depth == 0:
            size = walk.end - begin
        within = size - (walk.at - begin)
        if kind == b"hdlr" and within >= 12:
            handlers.add(walk.peek(12)[8:])
        if kind in _INTO and within > 0:
            _walk_boxes(walk.within(within), handlers, depth + 1)
        walk.skip(within)


def judge_ogg(data: mmap.mmap) -> str:
    """Pages to the end of the file, the first of which begins a stream of sound."""
    must_begin(data, b"OggS")
    walk = Walk(data)
    is_first = True
    while walk.left:
        head = walk.take(27)
        if head[:4] != b"OggS":
            raise NotOfThisKind
        size = sum(walk.take(head[26]))
        if is_first and not walk.peek(8).startswith(_SOUNDS_OF_OGG):
            raise NotOfThisKind
        walk.skip(size)
        is_first = False
    return "audio/ogg"


def judge_webm(data: mmap.mmap) -> str:
    """A head that says ``webm``, and one segment to the end of the file."""
    must_begin(data, _EBML)
    walk = Walk(data, 4)
    size, _ = _length(walk)
    if b"webm" not in walk.take(min(size, 256)) or size > 256:
        raise NotOfThisKind
    if walk.take(4) != _SEGMENT:
        raise NotOfThisKind
    size, is_known = _length(walk)
    if is_known:
        walk.skip(size)
        walk.must_be_over()
    if _PICTURES_OF_WEBM.search(data, 0, _HEAD_OF_WEBM):
        return "video/webm"
    if _SOUNDS_OF_WEBM.search(data, 0, _HEAD_OF_WEBM):
        return "audio/webm"
    raise NotOfThisKind


def _length(walk: Walk) -> tuple[int, bool]:
    """A length of one to eight bytes; all ones where nobody knew it yet."""
    first = walk.number(1)
    if not first:
        raise NotOfThisKind
    more = 8 - first.bit_length()
    value = (first & (0xFF >> more + 1)) << 8 * more | walk.number(more)
    return value, value != (1 << 7 * (more + 1)) - 1
