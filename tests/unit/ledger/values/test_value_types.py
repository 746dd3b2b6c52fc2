"""What a door takes of each value type of the standard, and what it says of anything else."""

from datetime import UTC, datetime, timedelta
from typing import Any, get_args, get_type_hints
from uuid import UUID

import orjson
import pytest
from pydantic import ValidationError

import shared.ledger
from shared.chassis.wire.exact import TEXT_LIMIT, Exact
from shared.chassis.wire.shapes import schema_of
from shared.chassis.wire.validation_errors import errors_from_validation, sentence_of
from shared.contracts import discover
from shared.ledger import (
    AgreementSubject,
    CodedText,
    CommentTarget,
    Document,
    Duration,
    Email,
    EntryRef,
    GoalRef,
    Identifier,
    Instant,
    Location,
    Media,
    NeedRef,
    Organisation,
    PartialDate,
    Party,
    Period,
    PersonalContactRef,
    Phone,
    Responsible,
    ReviewSubject,
    Score,
    Status,
    Text,
    When,
    is_reversed,
    plain,
)
from shared.ledger.values.known import section_names

ID = "0199c0de-0000-7000-8000-0000000000b1"
*_FIRST, _LAST = (f"`{name}`" for name in section_names())
SECTIONS = f"{', '.join(_FIRST)} or {_LAST}"
SHA = "ab" * 32
NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)


def read(of: Any, given: Any) -> Any:
    return Exact[Any](of).read(orjson.dumps(given))


def said_of(of: Any, given: Any) -> str:
    """What a contributor is told who sends this."""
    with pytest.raises(ValidationError) as raised:
        read(of, given)
    return sentence_of(errors_from_validation(raised.value, "", given=given))


@pytest.mark.parametrize(
    ("of", "given"),
    [
        (Organisation, {"ods": "ZZG"}),
        (Organisation, {"local_id": "x-rowan-school", "name": "Rowan School"}),
        (Location, {"ods": "A1234567890B", "text": "Her kitchen"}),
        (Party, {"kind": "team", "team": "Falls service",
                 "identifiers": [{"kind": "gmc", "value": "1234567", "item_id": ID}],
                 "contact_ref": {"section": "care-team", "entry_id": ID}}),
        (Responsible, {"name": "Dr Quill-Synth", "role": {"text": "GP"}, "contact": "01632 960110",
                       "organisation": {"ods": "ZZG01"},
                       "contact_ref": {"section": "care-team", "entry_id": ID}}),
        (When, {"at": "2026-03-10T14:00:00Z"}),
        (When, {"period": {"start": "2026-03", "end": "2026-03-10"}}),
        (Media, {"media_id": ID, "filename": "maya-yes-no", "mime": "video/mp4", "sha256": SHA,
                 "size": 52428800, "url": "https://media.example.org/ex03/yes-no",
                 "taken_at": "2026-03-10T14:00:00Z"}),
        (Document, {"title": "Dietetic plan v3", "kind": {"text": "Plan"}, "held_at": "EPR",
                    "mime": "application/vnd.oasis.opendocument.text",
                    "sha256": SHA, "url": "http://epr.example.org/d/1?v=3", "created": "2026-10-21",
                    "confidentiality": {"text": "normal"}, "identifier": "d1", "version": "3",
                    "identifiers_checked": ["nhs-number", "name"]}),
        (Phone, {"number": "01632 960110", "kind": "Home", "preference": 5}),
        (Email, {"address": "edie@example.org", "kind": "old", "preference": 1}),
        (NeedRef, {"section": "needs", "entry_id": ID}),
        (ReviewSubject, {"section": "about-me", "entry_id": ID}),
        (CommentTarget, {"section": "about-me", "entry_id": ID, "field": "responses.my_wellness"}),
        (CommentTarget, {"section": "goals"}),
    ],
)  # fmt: skip
def test_a_value_is_kept_as_it_was_sent(of: Any, given: dict[str, Any]) -> None:
    assert plain(read(of, given)) == given


@pytest.mark.parametrize(
    ("of", "given", "said"),
    [
        (Organisation, {}, "Give at least one of `ods`, `local_id` and `name`."),
        (Organisation, {"ods": "zz"}, "`ods` must be an ODS code in upper case, as ZZG01."),
        (Location, {}, "Give an `ods`, a `text`, or both."),
        (Period, {}, "Give a `start`, an `end`, or both."),
        (When, {},
         "Give exactly one of `date`, `at`, `period`, `interval`, `timing` and `as_needed`."),
        (When, {"as_needed": False}, "`as_needed` must be `true`."),
        (When, {"date": "2026-02-30"},
         "`date` must be a day or a month, as 2026-03-10 or 2026-03."),
        (When, {"date": "2026"}, "`date` must be a day or a month, as 2026-03-10 or 2026-03."),
        (When, {"interval": "P0D"},
         "`interval` must be a duration of more than nothing, as P6W or PT30M."),
        (Party, {"kind": "robot"},
         "`kind` must be one of `person`, `related-person`, `professional`, `team` or `device`."),
        (Party, {"contact_ref": {"section": "needs", "entry_id": ID}},
         "`contact_ref.section` must be `care-team`."),
        (Responsible, {"nickname": "Q"}, "This has a key that is not known here."),
        (Media, {"filename": "a"}, "`media_id` is missing."),
        (Media, {"media_id": ID, "mime": "picture"},
         "`mime` must be a type and a subtype, as image/png."),
        (Media, {"media_id": ID, "size": 0}, "`size` must be at least 1."),
        (Media, {"media_id": ID, "sha256": SHA.upper()},
         "`sha256` must be a SHA-256: 64 hexadecimal digits in lower case."),
        (Media, {"media_id": ID, "url": "javascript:alert(1)"},
         "`url` must be an address that begins with https:// or http://, without spaces."),
        (Document, {"url": "https://example.org/a b"},
         "`url` must be an address that begins with https:// or http://, without spaces."),
        (Document, {"created": "2026-13"},
         "`created` must be a day or a month, as 2026-03-10 or 2026-03."),
        (Phone, {"number": "1", "preference": 6}, "`preference` may be at most 5."),
        (Email, {"address": "e@example.org", "kind": "Old"},
         "`kind` must be one of `Home`, `Work` or `old`."),
        (NeedRef, {"section": "goals", "entry_id": ID}, "`section` must be `needs`."),
        (GoalRef, {"section": "needs", "entry_id": ID}, "`section` must be `goals`."),
        (AgreementSubject, {"section": "needs", "entry_id": ID},
         "`section` must be one of `contingency-plans` or `goals`."),
        (CommentTarget, {"section": "goals", "field": "aim"},
         "`field` needs the `entry_id` of the entry that has the field."),
        (CommentTarget, {"section": "goals", "entry_id": ID, "field": "Aim!"},
         "`field` must be the path of a field, as aim or responses.my_wellness."),
        (CommentTarget, {"section": "about_me"},
         f"`section` must be one of {SECTIONS}."),
        (CommentTarget, {"section": "needs", "entry_id": ID, "field": "aim"},
         ("`field` must be a field of needs, or a part of one: `what`, `raised_by`, `kind`,"
          " `problem_ref`, `text`, `shared_with_person`.")),
        (Score, 11, "This may be at most 10."),
        (Status, {"text": "done"}, "`value` is missing."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_what_would_be_right(of: Any, given: Any, said: str) -> None:
    assert said_of(of, given) == said


@pytest.mark.parametrize(
    ("of", "name"),
    [
        (Text, None),
        (CodedText, "text"),
        (Location, "text"),
        (Party, "contact"),
        (Responsible, "contact"),
        (When, "timing"),
        (Document, "title"),
        (Document, "held_at"),
        (Status[str], "text"),
        (Status[str], "reason"),
    ],
)
def test_a_text_has_ten_thousand_characters_and_not_one_more(of: Any, name: str | None) -> None:
    beside = {"value": "x"} if of == Status[str] else {}
    for character in ("a", "é", "😀"):
        whole = character * TEXT_LIMIT
        given = whole if name is None else {name: whole, **beside}
        assert plain(read(of, given)) == given, "stored as it was said, never cut"
        more = f"{whole}{character}" if name is None else {name: f"{whole}{character}", **beside}
        assert said_of(of, more).endswith("may have at most 10000 characters.")


def test_the_contract_says_what_the_door_asks_of_each_type() -> None:
    media = schema_of(Media)["properties"]
    assert media["size"]["anyOf"][0] == {"type": "integer", "minimum": 1, "maximum": 2**53}
    assert schema_of(Text)["maxLength"] == TEXT_LIMIT
    section = schema_of(NeedRef)["properties"]["section"]
    assert section["const"] == "needs"
    assert schema_of(Organisation)["allOf"][0]["anyOf"]


def link_types() -> list[type[EntryRef]]:
    found = [getattr(shared.ledger, name) for name in shared.ledger.__all__]
    return [one for one in found if isinstance(one, type) and issubclass(one, EntryRef)]


@pytest.mark.parametrize("link", [one for one in link_types() if one is not EntryRef])
def test_a_link_names_the_section_and_the_types_that_it_leads_to(link: type[EntryRef]) -> None:
    named = get_args(get_type_hints(link)["section"])
    assert named, f"{link.__name__} leads into any section"
    assert link.leads_to
    for section in discover.sections():
        if section.wire_name not in named:
            with pytest.raises(ValidationError):
                read(link, {"section": section.wire_name, "entry_id": ID})
        elif len(named) == 1:
            assert {*link.leads_to} <= {section.entry_type(entry) for entry in section.entries}


def test_links_of_two_types_to_one_entry_are_told_apart() -> None:
    assert PersonalContactRef("care-team", UUID(ID)).leads_to == ("personal-contact",)


@pytest.mark.parametrize(
    ("said", "empty"),
    [
        (Responsible(), True),
        (Responsible(contact="01632 960101"), True),
        (Responsible(role=CodedText("")), True),
        (Responsible(name="Dr Quill-Synth"), False),
        (Responsible(role=CodedText("GP")), False),
        (Responsible(organisation=Organisation("ZZG01")), False),
        (Responsible(contact_ref=PersonalContactRef("care-team", UUID(ID))), False),
    ],
)
def test_nobody_is_responsible_who_could_not_be_found(said: Responsible, *, empty: bool) -> None:
    assert said.is_empty == empty


@pytest.mark.parametrize(
    ("start", "end", "reversed_"),
    [
        (None, None, False),
        (NOW, None, False),
        (NOW, NOW, False),
        (NOW, NOW - timedelta(microseconds=1), True),
        (NOW.date(), NOW.date() - timedelta(1), True),
        ("2026-12", "2026-11-30", True),
        ("2026-11-30", "2026-11", False),
    ],
)
def test_what_ends_before_it_starts_is_refused(start: Any, end: Any, *, reversed_: bool) -> None:
    assert is_reversed(start, end) == reversed_


def test_two_ends_are_written_alike() -> None:
    with pytest.raises(TypeError):
        is_reversed("2026-12", NOW)


def test_the_types_of_the_standard_are_all_there() -> None:
    named = (
        CodedText, Status, Organisation, Location, Party, Responsible, When, Media, Document,
        EntryRef, shared.ledger.Visibility, Identifier,
    )  # fmt: skip
    assert {one.__name__ for one in named} <= {*shared.ledger.__all__}
    assert {"PartialDate", "Instant", "Duration"} <= {*shared.ledger.__all__}
    assert read(PartialDate, "2026-03") == "2026-03"
    assert read(Duration, "P6W") == "P6W"
    assert read(Instant, "2026-11-24T09:00:00+01:00") == NOW
