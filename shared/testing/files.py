"""Small synthetic files of each kind that may be stored as media, and how to name them."""

import zlib
from base64 import b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, Final, NamedTuple

from shared.chassis.media.rows import media_id_of


class File(NamedTuple):
    """A file and its type."""

    mime: str
    content: bytes

    @property
    def sha256(self) -> str:
        """Its checksum."""
        return sha256(self.content).hexdigest()

    @property
    def named(self) -> dict[str, Any]:
        """How a contribution names it, once it is stored."""
        return {
            "media_id": str(media_id_of(self.sha256)),
            "mime": self.mime,
            "sha256": self.sha256,
            "size": len(self.content),
        }

    @property
    def headers(self) -> dict[str, str]:
        """What is sent with it."""
        digest = b64encode(bytes.fromhex(self.sha256)).decode()
        return {"Content-Type": self.mime, "Content-Digest": f"sha-256=:{digest}:"}


def png(said: str = "a picture") -> File:
    """A picture of one pixel; the text makes it another one."""
    head = b"\0\0\0\1\0\0\0\1\x08\0\0\0\0"
    chunks = [
        (b"IHDR", head),
        (b"tEXt", b"Comment\0" + said.encode()),
        # Written out: what is packed looks otherwise with another build of zlib.
        (b"IDAT", b"\x78\x01\x01\x02\0\xfd\xff\0\x7f" + zlib.adler32(b"\0\x7f").to_bytes(4, "big")),
        (b"IEND", b""),
    ]
    return File("image/png", b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*one) for one in chunks))


def _chunk(kind: bytes, of: bytes) -> bytes:
    return len(of).to_bytes(4, "big") + kind + of + zlib.crc32(kind + of).to_bytes(4, "big")


def jpeg(after: bytes = b"") -> File:
    """The frame of a picture; ``after`` follows on its end."""
    app = b"\xff\xe0\x00\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
    scan = b"\xff\xda\x00\x08\x01\x01\0\0\x3f\0" + b"\x12\xff\x00\x34\xff\xd0\x56"
    return File("image/jpeg", b"\xff\xd8" + app + scan + b"\xff\xd9" + after)


def gif() -> File:
    """A picture of one pixel, with a comment."""
    colours = b"\0\0\0\xff\xff\xff"
    image = b"\x2c\0\0\0\0\1\0\1\0\0\x02\x02\x44\x01\0"
    return File("image/gif", b"GIF89a\1\0\1\0\x80\0\0" + colours + b"!\xfe\x02hi\0" + image + b";")


def webp() -> File:
    """A RIFF with one chunk."""
    return File("image/webp", _riff(b"WEBP", b"VP8L", b"\x2f\0\0\0\0\0"))


def wav(seconds: int = 1) -> File:
    """Silence."""
    form = b"\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0"
    chunks = b"fmt " + len(form).to_bytes(4, "little") + form
    return File("audio/wav", _riff(b"WAVE", b"data", bytes([128]) * 8_000 * seconds, chunks))


def _riff(form: bytes, kind: bytes, of: bytes, before: bytes = b"") -> bytes:
    within = form + before + kind + len(of).to_bytes(4, "little") + of
    return b"RIFF" + len(within).to_bytes(4, "little") + within


def mp3() -> File:
    """A tag and a few frames of MPEG 1, layer III, 128 kbit/s, 44.1 kHz."""
    frame = b"\xff\xfb\x90\x00" + bytes(413)
    return File("audio/mpeg", b"ID3\x04\0\0\0\0\0\x0a" + bytes(10) + frame * 4)


def ogg() -> File:
    """Two pages of a stream."""
    return File("audio/ogg", _page(b"OpusHead\1\1\0\0\x80\xbb\0\0\0\0\0", 2) + _page(b"sound", 4))


def _page(of: bytes, flags: int) -> bytes:
    return b"OggS\0" + bytes([flags]) + bytes(20) + bytes([1, len(of)]) + of


def mp4(size: int = 1_000, handler: bytes = b"vide", brand: bytes = b"isom") -> File:
    """A film whose pictures are ``size`` bytes that say nothing."""
    hdlr = _box(b"hdlr", bytes(8) + handler + bytes(13))
    moov = _box(b"moov", _box(b"trak", _box(b"mdia", hdlr)))
    ftyp = _box(b"ftyp", brand + bytes(4) + brand)
    mime = "video/quicktime" if brand == b"qt  " else "video/mp4"
    kind = mime if handler == b"vide" else "audio/mp4"
    return File(kind, ftyp + moov + _box(b"mdat", bytes(range(256)) * (size // 256 + 1)))


def _box(kind: bytes, of: bytes) -> bytes:
    return (len(of) + 8).to_bytes(4, "big") + kind + of


def webm(codec: bytes = b"V_VP9") -> File:
    """A head and a segment."""
    head = b"\x42\x82\x84webm"
    within = b"\x16\x54\xae\x6b\x88" + b"\x86" + bytes([0x80 | len(codec)]) + codec + bytes(6)
    segment = b"\x18\x53\x80\x67" + bytes([0x80 | len(within)]) + within
    mime = "video/webm" if codec.startswith(b"V_") else "audio/webm"
    return File(mime, b"\x1a\x45\xdf\xa3" + bytes([0x80 | len(head)]) + head + segment)


def pdf(*objects: bytes) -> File:
    """A document with these objects in it."""
    body = b"".join(b"%d 0 obj\n%b\nendobj\n" % (n, of) for n, of in enumerate(objects, 2))
    catalogue = b"1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n"
    end = b"trailer\n<< /Root 1 0 R >>\nstartxref\n0\n%%EOF\n"
    return File("application/pdf", b"%PDF-1.7\n" + catalogue + body + end)


def packed(objects: bytes, *, filter_: bytes = b"/FlateDecode") -> bytes:
    """Objects in a stream of a PDF, as writers pack them."""
    of = zlib.compress(objects)
    head = b"<< /Type /ObjStm /N 1 /First 4 /Filter %b /Length %d >>" % (filter_, len(of))
    return head + b"\nstream\n" + of + b"\nendstream"


FILM: Final = mp4(20_000)
PICTURE: Final = png()
DOCUMENT: Final = pdf()
OF_THE_EXAMPLES: Final[Mapping[str, File]] = {one.sha256: one for one in (FILM, PICTURE, DOCUMENT)}
"""The files that examples name: whoever plays these stores them first."""


INVENTED: Final[Mapping[str, File]] = {one.mime: one for one in (FILM, PICTURE, DOCUMENT, jpeg())}
"""One of each kind that the stories show, by its type."""


def files_named_in(content: Any) -> Iterator[File]:
    """Those of the examples that a content names."""
    if isinstance(content, Mapping):
        named = OF_THE_EXAMPLES.get(str(content.get("sha256")))
        if named is not None:
            yield named
    within = content.values() if isinstance(content, Mapping) else content
    if isinstance(within, str | bytes) or not hasattr(within, "__iter__"):
        return
    for one in within:
        yield from files_named_in(one)
