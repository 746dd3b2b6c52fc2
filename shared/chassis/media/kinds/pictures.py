"""Pictures, walked through to their last byte."""

import mmap
import re
from typing import Final

from shared.chassis.media.kinds.films import judge_mp4
from shared.chassis.media.kinds.walking import NotOfThisKind, Walk, must_begin

_PNG: Final = b"\x89PNG\r\n\x1a\n"
# After the head of a scan: a marker that is no stuffed byte, restart or filler.
_AFTER_SCAN: Final = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])", re.DOTALL)
_MARKER: Final = re.compile(rb"\xff+([^\xff])", re.DOTALL)
_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_BLANK: Final = re.compile(rb"\x00*\Z")


def judge_png(data: mmap.mmap) -> str:
    """Chunks from IHDR to IEND, and nothing after it."""
    must_begin(data, _PNG)
    walk = Walk(data, len(_PNG))
    kind, is_first = b"", True
    while kind != b"IEND":
        size, kind = walk.number(4), walk.take(4)
        if is_first and kind != b"IHDR":
            raise NotOfThisKind
        walk.skip(size + 4)
        is_first = False
    walk.must_be_over()
    return "image/png"


def judge_gif(data: mmap.mmap) -> str:
    """Blocks to the trailer, and nothing after it."""
    must_begin(data, b"GIF87a", b"GIF89a")
    walk = Walk(data, 6)
    _skip_colours(walk, walk.take(7)[4])
    while (kind := walk.number(1)) != 0x3B:
        if kind == 0x2C:
            _skip_colours(walk, walk.take(9)[8])
            walk.skip(1)
        elif kind == 0x21:
            walk.skip(1)
        else:
            raise NotOfThisKind
        while size := walk.number(1):
            walk.skip(size)
    walk.must_be_over()
    return "image/gif"


def _skip_colours(walk: Walk, flags: int) -> None:
    if flags & 0x80:
        walk.skip(3 * 2 ** ((flags & 7) + 1))


def judge_jpeg(data: mmap.mmap) -> str:
    """Segments and scans to the end of the picture.

    Cameras add to it: further pictures, a film of the moment, notes of their own at the very end.
    """
    must_begin(data, b"\xff\xd8\xff")
    walk = Walk(data)
    while walk.peek(2) == b"\xff\xd8":
        _skip_picture(walk)
    if _BLANK.match(data, walk.at) or data[-4:] == b"SEFT":
        return "image/jpeg"
    if walk.data[walk.at + 4 : walk.at + 8] == b"ftyp":
        judge_mp4(data, walk.at)
        return "image/jpeg"
    raise NotOfThisKind("Something follows after its end.")


def _skip_picture(walk: Walk) -> None:
    walk.skip(2)
    has_scan = False
    while True:
        found = _MARKER.match(walk.data, walk.at)
        if found is None:
            raise NotOfThisKind("It ends before it is complete, or is damaged.")
        walk.skip(found.end() - walk.at)
        marker = found[1][0]
        if marker == _EOI:
            if not has_scan:
                raise NotOfThisKind
            return
        if marker in (0, 1, _SOI) or 0xD0 <= marker <= 0xD7:
            raise NotOfThisKind
        walk.skip(walk.number(2) - 2)
        if marker == _SOS:
            has_scan = True
            after = _AFTER_SCAN.search(walk.data, walk.at)
            walk.skip(after.start() - walk.at if after else walk.left)


def judge_webp(data: mmap.mmap) -> str:
    """One RIFF of the length it says."""
    judge_riff(data, b"WEBP")
    return "image/webp"


def judge_riff(data: mmap.mmap, form: bytes) -> None:
    """A RIFF of this form: chunks to its end, which is the end of the file."""
    must_begin(data, b"RIFF")
    walk = Walk(data, 4)
    size = walk.number(4, "little")
    if walk.take(4) != form:
        raise NotOfThisKind
    if size + 8 not in (len(data), len(data) - 1):
        raise NotOfThisKind("It is longer or shorter than it says.")
    while walk.left > 1:
        walk.skip(4)
        of = walk.number(4, "little")
        walk.skip(min(of + of % 2, walk.left) if of <= walk.left else of)
