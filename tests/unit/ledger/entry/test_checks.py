"""Each check refuses by the code that the entry gives it, and names the field."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from shared.ledger import (
    DOCUMENT_IDENTIFIERS_NOT_CHECKED,
    KEEP,
    NEEDS_CODE_OR_TEXT,
    Code,
    CodedText,
    Document,
    EntryRef,
    Media,
    Organisation,
    Refusal,
    Refused,
    must_be_own_organisation,
    must_be_stored,
    must_be_the_person_alone,
    must_be_the_persons,
    must_end_after_it_starts,
    must_have_a_copy_or_a_place,
    must_have_compared_two,
    must_name_one,
    must_not_lie_ahead,
    must_say_something,
)
from shared.ledger.values.documents import IDENTIFIERS
from shared.testing.people import EDITH, RUTH, SAM, TOM
from shared.testing.scenario import acting, said

OWN = Refusal("the-entrys-own", "It will not do", "Say it otherwise.")
NOTHING_SAID = CodedText(text="\u200b")
SHA = "a" * 64
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def field_refused(code: str, check: Any, *arguments: Any, **named: Any) -> str | None:
    with pytest.raises(Refused) as refused:
        check(*arguments, **named)
    assert refused.value.code == code
    assert refused.value.detail
    field: str | None = refused.value.field
    return field


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (NOTHING_SAID, "what"),
        (CodedText(), "what"),
        (" ", "what"),
        ((CodedText("A"), NOTHING_SAID), "what.1"),
        (("a", "\n"), "what.1"),
    ],
)
def test_what_says_nothing_is_refused_and_of_a_list_the_item(given: Any, field: str) -> None:
    assert field_refused(OWN.code, must_say_something, given, OWN, "what") == field


@pytest.mark.parametrize(
    "given",
    [
        *(KEEP, None, (), "a", CodedText("A"), (CodedText("A"),)),
        CodedText(code=Code("http://snomed.info/sct", "1")),
        EntryRef("needs", uuid4()),
    ],
)
def test_what_says_something_or_is_not_said_passes(given: Any) -> None:
    must_say_something(given, NEEDS_CODE_OR_TEXT, "what")


def test_one_is_named_at_least_and_each_says_something() -> None:
    assert field_refused(OWN.code, must_name_one, (), OWN, "what") == "what"
    assert field_refused(OWN.code, must_name_one, (" ",), OWN, "what") == "what.0"
    for passes in (KEEP, ("a",), (EntryRef("needs", uuid4()),)):
        must_name_one(passes, OWN, "what")


def test_the_persons_own_is_said_by_them_or_for_them() -> None:
    for theirs in (said(EDITH), said(EDITH, recorded_by=TOM), acting(RUTH, EDITH)):
        must_be_the_persons(theirs, OWN)
    for others in (said(TOM), said(RUTH)):
        assert field_refused(OWN.code, must_be_the_persons, others, OWN, "importance")
    for others in (said(TOM), said(RUTH), acting(RUTH, EDITH)):
        assert field_refused(OWN.code, must_be_the_person_alone, others, OWN, "comment")
    must_be_the_person_alone(said(EDITH, recorded_by=TOM), OWN)


def test_an_organisation_speaks_for_itself() -> None:
    own = said(TOM).organisation_code
    must_be_own_organisation(said(TOM), own)
    must_be_own_organisation(said(TOM), Organisation(ods=own))
    for by, of in ((SAM, own), (EDITH, own), (TOM, None), (TOM, Organisation(name="Elsewhere"))):
        code = "not-your-organisation"
        assert field_refused(code, must_be_own_organisation, said(by), of) == "organisation"


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (NOW, NOW - timedelta(microseconds=1)),
        (NOW.date(), NOW.date() - timedelta(1)),
        ("2026-12", "2026-11-30"),
    ],
)
def test_what_ends_before_it_starts_is_refused(start: Any, end: Any) -> None:
    code = "ends-before-it-starts"
    assert field_refused(code, must_end_after_it_starts, start, end, "live_until") == "live_until"


@pytest.mark.parametrize(
    ("start", "end"),
    [(None, None), (NOW, None), (KEEP, NOW), (NOW, NOW), ("2026-11-30", "2026-11")],
)
def test_an_open_end_and_one_that_is_not_named_are_never_early(start: Any, end: Any) -> None:
    must_end_after_it_starts(start, end)


def test_what_is_still_to_come_is_refused() -> None:
    far = datetime.now(UTC) + timedelta(hours=1)
    assert field_refused(OWN.code, must_not_lie_ahead, far, OWN, "held_at") == "held_at"
    for passes in (None, KEEP, NOW - timedelta(days=400)):
        must_not_lie_ahead(passes, OWN, "held_at")


def test_media_and_documents_are_those_that_are_meant_and_the_persons() -> None:
    bare = Media(uuid4())
    code = "media-needs-a-checksum"
    assert field_refused(code, must_be_stored, bare, "media.0") == "media.0.sha256"
    must_be_stored(replace(bare, sha256=SHA), "media.0")
    code = "document-needs-checksum-or-place"
    assert field_refused(code, must_have_a_copy_or_a_place, Document("Plan"), "documents.0")
    for held in (Document(sha256=SHA), Document(held_at="EPR"), Document(url="https://a.org")):
        must_have_a_copy_or_a_place(held, "documents.0")
    code = DOCUMENT_IDENTIFIERS_NOT_CHECKED.code
    for too_few in (
        (),
        ("name",),
        ("name", "Name "),
        ("name", "\u200b"),
        ("nhs-number", "NHS number"),
        ("address", "postcode"),
        ("first name", "surname"),
        ("foo", "bar"),
        ("name", "shoe size"),
    ):
        assert field_refused(code, must_have_compared_two, too_few, "documents.0")
        assert not Document(identifiers_checked=too_few).has_two_identifiers_checked
    must_have_compared_two(("name", "nhs-number"), "identifiers_checked")
    for one in IDENTIFIERS[1:]:
        must_have_compared_two((IDENTIFIERS[0], one), "identifiers_checked")
        assert f"`{one}`" in DOCUMENT_IDENTIFIERS_NOT_CHECKED.detail
