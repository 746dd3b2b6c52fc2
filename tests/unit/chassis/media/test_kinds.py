"""A file is what it is said to be from end to end, or it is refused with a reason."""

import io
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.chassis.media.kinds.kind import TAKEN, type_of, usual_name
from shared.chassis.media.kinds.walking import NotOfThisKind
from shared.testing import files
from shared.testing.files import File

EACH = [
    files.png(), files.jpeg(), files.gif(), files.webp(), files.wav(), files.mp3(), files.ogg(),
    files.mp4(), files.mp4(handler=b"soun"), files.mp4(brand=b"qt  "), files.webm(),
    files.webm(b"A_OPUS"), files.pdf(),
]  # fmt: skip
ARCHIVE = b"PK\x03\x04" + bytes(26) + b"PK\x05\x06" + bytes(18)


def judged(content: bytes, declared: str, folder: Path) -> str:
    path = folder / "file"
    path.write_bytes(content)
    return type_of(path, declared)


def refusal(content: bytes, declared: str, folder: Path) -> str:
    with pytest.raises(NotOfThisKind) as refused:
        judged(content, declared, folder)
    assert refused.value.detail.endswith(".")
    return refused.value.detail


def test_there_is_a_file_of_every_kind_that_is_taken() -> None:
    assert {file.mime for file in EACH} == set(TAKEN)


@pytest.mark.parametrize("file", EACH, ids=lambda file: file.mime)
def test_a_file_is_taken_as_what_it_is(file: File, tmp_path: Path) -> None:
    assert judged(file.content, file.mime, tmp_path) == file.mime


@pytest.mark.parametrize("file", EACH, ids=lambda file: file.mime)
def test_and_as_nothing_else(file: File, tmp_path: Path) -> None:
    for other in set(TAKEN) - {file.mime}:
        assert file.mime in refusal(file.content, other, tmp_path)


@pytest.mark.parametrize("file", EACH, ids=lambda file: file.mime)
def test_a_file_that_was_cut_short_is_refused(file: File, tmp_path: Path) -> None:
    # Sound that was recorded until the power went stops within a frame: that is no fault.
    part = 8 if file.mime == "audio/mpeg" else 2
    refusal(file.content[: len(file.content) // part], file.mime, tmp_path)
    refusal(b"", file.mime, tmp_path)


@pytest.mark.parametrize("file", EACH, ids=lambda file: file.mime)
def test_a_file_that_goes_on_as_an_archive_is_refused(file: File, tmp_path: Path) -> None:
    refusal(file.content + ARCHIVE, file.mime, tmp_path)


def test_an_archive_is_found_wherever_its_end_is_looked_for(tmp_path: Path) -> None:
    comment = b"\xff\xd9"
    in_the_scan = ARCHIVE[:-2] + len(comment).to_bytes(2, "little")
    begin, end = files.jpeg().content[:-2], files.jpeg().content[-2:]
    assert "archive" in refusal(begin + in_the_scan + end, "image/jpeg", tmp_path)


def archive(directory_moved: int = 0, note: bytes = b"") -> bytes:
    """A whole archive with one file in it, whose directory is said to be elsewhere."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as written:
        file = zipfile.ZipInfo("run.exe")
        file.comment = note
        written.writestr(file, b"a program")
    whole = made.getvalue()
    at = int.from_bytes(whole[-6:-2], "little") + directory_moved
    return whole[:-6] + at.to_bytes(4, "little") + whole[-2:]


def png_with(kind: bytes, of: bytes) -> bytes:
    """A picture with a chunk more."""
    whole = files.png().content
    chunk = len(of).to_bytes(4, "big") + kind + of + zlib.crc32(kind + of).to_bytes(4, "big")
    return whole[:33] + chunk + whole[33:]


@pytest.mark.parametrize("kind", [b"tEXt", b"prVt", b"eXIf"])
@pytest.mark.parametrize("after", [b"", b"PK\x05\x06", bytes(60_000)])
def test_an_archive_is_found_within_a_piece(kind: bytes, after: bytes, tmp_path: Path) -> None:
    """An unpacker opens it, wherever the comment of the archive is said to end."""
    content = png_with(kind, b"Comment\0" + archive() + after)
    (tmp_path / "opened").write_bytes(content)
    if not after.startswith(b"PK"):
        assert zipfile.ZipFile(tmp_path / "opened").namelist() == ["run.exe"]
    assert "archive" in refusal(content, "image/png", tmp_path)


@pytest.mark.parametrize(
    "of",
    [
        # Where the archive begins is counted from the beginning of the file, or of itself.
        archive(33 + 8) + b"x",
        archive(7),
        # One signature may stand within what follows on another.
        archive(note=b"PK\x05\x06" + b"\xff" * 7) + b"x",
        # A long archive has its numbers in another record, with a locator after it.
        b"PK\x06\x07" + bytes(16) + b"PK\x05\x06" + bytes(4) + b"\xff" * 12 + bytes(2),
        ARCHIVE + b"x",
    ],
    ids=["from the file", "elsewhere", "one in another", "a long one", "an empty one"],
)
def test_an_archive_is_found_as_each_unpacker_finds_it(of: bytes, tmp_path: Path) -> None:
    assert "archive" in refusal(png_with(b"prVt", of), "image/png", tmp_path)


def test_four_letters_are_no_archive(tmp_path: Path) -> None:
    """They come up by chance in what is packed: an unpacker finds no directory there."""
    content = png_with(b"prVt", b"PK\x05\x06" + bytes(range(7, 90)))
    assert judged(content, "image/png", tmp_path) == "image/png"


@pytest.mark.parametrize(
    "page", [b"<html>", b"<script>x</script>", b"<!DOCTYPE html>", b"<svg onload=x>", b"<?php x"]
)
def test_a_picture_that_is_a_page_as_well_is_refused(page: bytes, tmp_path: Path) -> None:
    assert "page" in refusal(files.png(page.decode()).content, "image/png", tmp_path)


def test_a_picture_that_is_a_document_as_well_is_refused(tmp_path: Path) -> None:
    assert "PDF" in refusal(files.png("%PDF-1.7").content, "image/png", tmp_path)


@pytest.mark.parametrize("mime", ["image/svg+xml", "text/html", "application/zip", ""])
def test_what_could_do_something_is_no_media(mime: str, tmp_path: Path) -> None:
    assert "image/png" in refusal(files.png().content, mime, tmp_path)


def test_what_cameras_add_to_a_picture_stays(tmp_path: Path) -> None:
    whole = files.jpeg().content
    for after in (whole, bytes(100), b"notes of the maker SEFT", files.mp4().content):
        assert judged(whole + after, "image/jpeg", tmp_path) == "image/jpeg"
    assert "follows" in refusal(whole + b"something else", "image/jpeg", tmp_path)


class TestPdf:
    @pytest.mark.parametrize(
        "object_",
        [
            b"<< /S /JavaScript /JS (app.alert(1)) >>",
            b"<< /S /Java#53cript /JS (app.alert(1)) >>",
            b"<< /S /#4aavaScript /JS (app.alert(1)) >>",
            b"<< /S /#4AavaScript /JS (app.alert(1)) >>",
            b"<< /S /Launch /F (cmd.exe) >>",
            b"<< /Type /EmbeddedFile /Length 0 >>",
            b"<< /Names << /EmbeddedFiles 3 0 R >> >>",
            b"<< /Subtype /RichMedia >>",
            b"<< /OpenAction << /S /Rendition /OP 0 /JS (app.alert\\(1\\)) >> >>",
            b"<</OpenAction<</S/Rendition/OP 0/JS 9 0 R>>>>",
            b"<< /S 9 0 R /JS (app.alert) >>",
            b"<< /S 9 0 R /J#53 (app.alert) >>",
            b"<< /S 9 0 R /#4a#53<61> >>",
            b"<</AcroForm<</XFA 9 0 R>>>>",
            b"<</AcroForm<</XFA[(template)9 0 R]>>>>",
            b"<</AcroForm<</X#46A 9 0 R>>>>",
            b"<</Subtype/FileAttachment/FS<</F(a)/EF<</F 5 0 R>>>>>>",
            b"<< /Type /Filespec /EF 9 0 R >>",
            b"<< /Type /Filespec /E#46 9 0 R >>",
            b"<< /S /GoToE /T << /R /C >> >>",
            b"<</S/ImportData/F(a.fdf)>>",
            b"<</S/SubmitForm/F(https://example.org)>>",
            b"<</Subtype/3D/3DD 9 0 R>>",
            b"<</Subtype/#33D/3DD 9 0 R>>",
            b"/JS",
        ],
    )
    def test_what_does_something_when_it_is_opened_is_refused(
        self, object_: bytes, tmp_path: Path
    ) -> None:
        for there in (object_, files.packed(object_), files.packed(bytes(200_000) + object_)):
            assert "script" in refusal(files.pdf(there).content, "application/pdf", tmp_path)

    def test_what_only_shows_something_is_taken(self, tmp_path: Path) -> None:
        shows = b"<< /Type /Font /BaseFont /LaunchSans /Note (JavaScript and /Javascripture) >>"
        content = files.pdf(shows, files.packed(shows)).content
        assert judged(content, "application/pdf", tmp_path) == "application/pdf"

    @pytest.mark.parametrize(
        "hidden",
        [
            b"(>>\nstream\n) %b (endstream)",
            b"%% >> stream\n %b %% endstream",
            b"<< >>\nstream\n%b",
            b"<< /Length 0 >>\nstream\nendstream %b << >>\nstream\nendstream",
        ],
    )
    @pytest.mark.parametrize(
        "object_",
        [
            b"<</S/Rendition/JS(app.alert)>>",
            b"<</S/Java#53cript/JS(app.alert)>>",
            b"<</AcroForm<</XFA 9 0 R>>>>",
            b"<</F(a)/EF<</F 5 0 R>>>>",
            b"<</F(a)/EF 5 0 R>>",
            b"<</Subtype/3D>>",
        ],
    )
    def test_what_only_looks_like_a_stream_hides_nothing(
        self, hidden: bytes, object_: bytes, tmp_path: Path
    ) -> None:
        content = files.pdf(hidden % object_).content
        assert "script" in refusal(content, "application/pdf", tmp_path)

    @pytest.mark.parametrize(
        "ordinary",
        [
            b"<< /Length 30 >>\nstream\n\x12/JS \x07/EF(\x80/3D>/XFA\x01/JS(\nendstream",
            b"<< /Length 30 >> stream\r\n/JS /EF /3D /XFA\r\nendstream",
            b"<< /JSFont 4 0 R /EF1 5 0 R /JS-a 1 /EF_b 2 /3D.c 3 /XFAX 4 >>",
            b"<< /Note (JS, EF, XFA and 3D) /S /URI /URI (https://example.org/JSON/3Dview) >>",
            b"<< /AcroForm << /Fields [ 4 0 R ] /NeedAppearances true >> /S /GoTo >>",
            b"<< /Type /Filespec /F (next.pdf) >>",
        ],
    )
    def test_an_ordinary_document_is_taken(self, ordinary: bytes, tmp_path: Path) -> None:
        content = files.pdf(ordinary, ordinary).content
        assert judged(content, "application/pdf", tmp_path) == "application/pdf"

    def test_what_is_locked_cannot_be_checked(self, tmp_path: Path) -> None:
        locked = files.pdf(b"<< /Encrypt 5 0 R >>").content
        assert "locked" in refusal(locked, "application/pdf", tmp_path)

    @pytest.mark.parametrize(
        "filter_",
        [
            b"[ /ASCIIHexDecode /FlateDecode ]",
            b"/LZWDecode",
            b"/FlateDecode /DecodeParms << /Predictor 12 >>",
        ],
    )
    def test_what_is_packed_otherwise_cannot_be_checked(
        self, filter_: bytes, tmp_path: Path
    ) -> None:
        content = files.pdf(files.packed(b"<< >>", filter_=filter_)).content
        assert "cannot be checked" in refusal(content, "application/pdf", tmp_path)

    def test_what_unpacks_without_end_is_refused(self, tmp_path: Path) -> None:
        bomb = files.packed(bytes(80 * 1_048_576))
        assert "more than" in refusal(files.pdf(bomb).content, "application/pdf", tmp_path)

    def test_what_is_packed_wrongly_is_refused(self, tmp_path: Path) -> None:
        broken = files.packed(b"<< >>").replace(zlib.compress(b"<< >>"), b"not packed at all")
        assert "unpacked" in refusal(files.pdf(broken).content, "application/pdf", tmp_path)


def test_a_type_has_one_name(tmp_path: Path) -> None:
    assert usual_name("Audio/X-WAV") == "audio/wav"
    assert usual_name("audio/webm;codecs=opus") == "audio/webm"
    assert usual_name("image/png") == "image/png"
    del tmp_path


@given(data=st.data())
def test_no_bytes_make_it_fail(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = data.draw(st.sampled_from(EACH))
    spoilt = bytearray(file.content)
    for _ in range(data.draw(st.integers(1, 4))):
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    spoilt = spoilt[: data.draw(st.integers(1, len(spoilt)))]
    with suppress(NotOfThisKind):
        judged(bytes(spoilt), file.mime, tmp_path_factory.getbasetemp())
