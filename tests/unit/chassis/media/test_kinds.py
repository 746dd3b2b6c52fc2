"""A file is what it is said to be from end to end, or it is refused with a reason."""

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
