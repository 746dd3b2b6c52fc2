"""A stored file that a contribution names is what is said of it, also where no type is said."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from shared.chassis.contribute.media import Found
from shared.chassis.media.rows import StoredMedia
from shared.ledger import Media

PLAN = UUID("0199c0de-0000-7000-8000-00000000000a")
FILE = UUID("0199c0de-0000-7000-8000-0000000000a2")
SHA = "0" * 64


def stored(mime: str) -> StoredMedia:
    at = datetime(2026, 12, 1, tzinfo=UTC)
    return StoredMedia(PLAN, SHA, FILE, 7, mime, "available", "blob", b"", "tom", at, named=False)


@pytest.mark.parametrize(
    ("said", "is_", "refused"),
    [
        (None, "application/pdf", True),
        ("application/pdf", "application/pdf", False),
        ("image/png", "application/pdf", True),
        (None, "image/png", False),
        ("application/ogg", "audio/ogg", False),
    ],
)
def test_a_document_is_no_picture_because_nobody_says_what_it_is(
    said: str | None, is_: str, refused: bool
) -> None:
    found = Found((("body.media.0", Media(FILE, sha256=SHA, mime=said)),), {SHA: stored(is_)})
    refusal = found.refusal()
    assert (refusal is not None) == refused
    if refusal is not None:
        assert (refusal.code, refusal.field) == ("media-differ", "body.media.0.mime")
        assert is_ in refusal.detail
