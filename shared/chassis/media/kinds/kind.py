"""What may be stored as media, and whether a file is what it is said to be, from end to end.

The first bytes alone prove little: a picture may go on as an archive, a document may run a script.
So each kind is walked through to its last byte, and what could be opened as something else, or
does something when it is opened, is refused.
"""

import mmap
import re
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from shared.chassis.media.kinds.documents import judge_pdf
from shared.chassis.media.kinds.films import judge_mp4, judge_ogg, judge_quicktime, judge_webm
from shared.chassis.media.kinds.pictures import judge_gif, judge_jpeg, judge_png, judge_webp
from shared.chassis.media.kinds.sounds import judge_mp3, judge_wav
from shared.chassis.media.kinds.walking import NotOfThisKind

Judge = Callable[[mmap.mmap], str]
"""Walks through a file and answers its type; raises ``NotOfThisKind``."""

_KINDS: Final[Mapping[str, Judge]] = {
    "image/png": judge_png,
    "image/jpeg": judge_jpeg,
    "image/gif": judge_gif,
    "image/webp": judge_webp,
    "application/pdf": judge_pdf,
    "audio/mpeg": judge_mp3,
    "audio/wav": judge_wav,
    "audio/ogg": judge_ogg,
    "audio/mp4": judge_mp4,
    "audio/webm": judge_webm,
    "video/mp4": judge_mp4,
    "video/quicktime": judge_quicktime,
    "video/webm": judge_webm,
}
TAKEN: Final = tuple(_KINDS)
"""The types that may be stored."""

_OTHER_NAMES: Final[Mapping[str, str]] = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "application/x-pdf": "application/pdf",
    "audio/mp3": "audio/mpeg",
    "audio/wave": "audio/wav",
    "audio/x-wav": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/opus": "audio/ogg",
    "application/ogg": "audio/ogg",
    "audio/m4a": "audio/mp4",
    "audio/x-m4a": "audio/mp4",
    "video/x-m4v": "video/mp4",
}

# The end record of an archive, which unpackers look for. It may begin within another one.
_ARCHIVE_END: Final = re.compile(rb"PK\x05\x06(?=(.{18}))", re.DOTALL)
_END: Final = struct.Struct("<6xHIIH")
_FARTHEST_END: Final = 22 + 65_535
_OF_A_DIRECTORY: Final = b"PK\x01\x02"
_LOCATOR: Final = b"PK\x06\x07"
_LOCATOR_SIZE: Final = 20
_SNIFFED: Final = 1_024
_PAGE: Final = re.compile(
    rb"<(?:!doctype\s|html|head|body|script|svg|iframe|\?php|\?xml-stylesheet)", re.IGNORECASE
)
_PROGRAM: Final = re.compile(rb"__HALT_COMPILER\(\);|<\?php\s", re.IGNORECASE)


def usual_name(mime: str) -> str:
    """The name that a type has here, in lower case and without parameters."""
    name = mime.partition(";")[0].strip().lower()
    return _OTHER_NAMES.get(name, name)


def type_of(file: Path, declared: str) -> str:
    """The type of a file by its content, which has to be the one declared.

    ``declared`` is a usual name. Raises ``NotOfThisKind`` with a sentence for whoever sent it.
    """
    if declared not in _KINDS:
        raise NotOfThisKind(f"Media may be of the types {', '.join(TAKEN)}.")
    with file.open("rb") as opened:
        if not opened.seek(0, 2):
            raise NotOfThisKind("There is nothing in it.")
        with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
            found = _judged(data, declared)
            if found != declared:
                raise NotOfThisKind(f"By its content this is {found}, and not {declared}.")
            _refuse_second_nature(data, found)
            return found


def _judged(data: mmap.mmap, declared: str) -> str:
    """What the walk for the declared type finds; where it is another kind, that is named."""
    try:
        return _KINDS[declared](data)
    except NotOfThisKind as error:
        if error.detail:
            raise
    found = _type_by_any_other_walk(data, _KINDS[declared])
    if found is not None:
        raise NotOfThisKind(f"By its content this is {found}, and not {declared}.")
    raise NotOfThisKind(
        f"By its content this is not {declared}. Media may be of the types {', '.join(TAKEN)}."
    )


def _type_by_any_other_walk(data: mmap.mmap, walked: Judge) -> str | None:
    for judge in dict.fromkeys(_KINDS.values()):
        if judge is not walked:
            with suppress(NotOfThisKind):
                return judge(data)
    return None


def _refuse_second_nature(data: mmap.mmap, found: str) -> None:
    """Refuse a file that another program would open as something else."""
    size = len(data)
    farthest = max(0, size - _FARTHEST_END)
    # In a copy: what searches the file itself would keep it from being closed.
    for end in _ARCHIVE_END.finditer(data[farthest:]):
        if _ends_an_archive(data, farthest + end.start(), end[1]):
            raise NotOfThisKind("It is an archive as well.")
    if found != "application/pdf" and data.find(b"%PDF-", 0, _SNIFFED) >= 0:
        raise NotOfThisKind("It is a PDF as well.")
    if _PAGE.search(data, 0, min(size, _SNIFFED)) or _PROGRAM.search(data):
        raise NotOfThisKind("It is a page or a program as well.")


def _ends_an_archive(data: mmap.mmap, at: int, record: bytes) -> bool:
    """Whether an unpacker that finds this end record opens an archive.

    Few insist that its comment ends with the file. The directory lies before the record, or where
    the record says; four letters that came up by chance lead to none.
    """
    files, size, begin, comment = _END.unpack(record)
    if at + 22 + comment == len(data) or (files == 0 and size == 0):
        return True
    if data[max(0, at - _LOCATOR_SIZE) : at].startswith(_LOCATOR):
        return True
    places = (at - size, begin)
    return any(data[max(0, one) : max(0, one) + 4] == _OF_A_DIRECTORY for one in places)
