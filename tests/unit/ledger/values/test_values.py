import json
from dataclasses import FrozenInstanceError
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from shared.ledger import (
    Code,
    CodedText,
    Duration,
    EntryRef,
    Instant,
    Location,
    OdsCode,
    Organisation,
    PartialDate,
    Party,
    Period,
    Score,
    When,
    instant,
    is_blank,
    plain,
)
from shared.ledger.text import says_something
from shared.ledger.times import INSTANT

ID = UUID("0199c0de-0000-7000-8000-0000000000b1")


def takes(of: Any, given: Any) -> bool:
    """Whether a door would take this value."""
    try:
        TypeAdapter(of).validate_python(given)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("given", ["2026-12", "2026-12-31", "2024-02-29", "2000-02-29"])
def test_a_date_may_be_partial(given: str) -> None:
    assert takes(PartialDate, given)


@pytest.mark.parametrize(
    "given",
    [
        "26",
        "2026",
        "2026-13",
        "2026-00",
        "2026-12-32",
        "2026-12-31T00:00",
        "٢٠٢٦",
        "2026\n",
        "0000",
        "0000-01",
        "2026-02-30",
        "2026-04-31",
        "2025-02-29",
        "1900-02-29",
        "2026-2-01",
    ],
)
def test_what_is_no_date(given: str) -> None:
    assert not takes(PartialDate, given)


@pytest.mark.parametrize(
    "given",
    [
        "P6W",
        "P1D",
        "P0Y1D",
        "P0DT1S",
        "P1DT0S",
        "P01D",
        "P1Y2M3W4DT5H6M7S",
        "PT30M",
        "P1MT1S",
        "P1M",
    ],
)
def test_durations(given: str) -> None:
    assert takes(Duration, given)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "P",
        "PT",
        "P1DT",
        "6W",
        "P1H",
        "P1D2M",
        "P٦W",
        "P0D",
        "PT0S",
        "P0Y0M0DT0H",
        "P0DT",
        "P1.5D",
        "-P1D",
        "p1d",
    ],
)
def test_what_is_no_duration(given: str) -> None:
    assert not takes(Duration, given)


def test_a_score_goes_from_one_to_ten() -> None:
    assert [takes(Score, number) for number in (0, 1, 10, 11)] == [False, True, True, False]


def test_codes_of_organisations_have_three_to_twelve_characters() -> None:
    assert [takes(OdsCode, code) for code in ("ZZ", "ZZG", "A1234567890B", "zzg01")] == [
        False,
        True,
        True,
        False,
    ]


def test_an_instant_is_turned_into_utc_and_needs_an_offset() -> None:
    at = TypeAdapter(Instant).validate_python("2026-09-02T10:20:00+01:00")
    assert instant(at) == "2026-09-02T09:20:00Z"
    assert not takes(Instant, "2026-09-02T10:20:00")
    assert not takes(Instant, "0001-01-01T00:00:00+01:00")


@pytest.mark.parametrize(
    "text",
    [
        "2026-09-02T10:20:00Z",
        "2026-09-02t10:20:00z",
        "2026-09-02T11:20:00+01:00",
        "2026-09-02T10:20:00-00:00",
        "2026-09-02T10:20:00.000000999Z",
    ],
)
@pytest.mark.parametrize("strict", [True, False])
def test_an_instant_is_what_rfc_3339_says_it_is(text: str, *, strict: bool) -> None:
    at = TypeAdapter(Instant).validate_json(f'"{text}"', strict=strict)
    assert instant(at) == "2026-09-02T10:20:00Z"


@pytest.mark.parametrize(
    "text",
    [
        "1770000000",
        "1770000000.5",
        "2026-09-02",
        "2026-09-02T10:20Z",
        "2026-09-02 10:20:00Z",
        "2026-09-02_10:20:00Z",
        "2026-09-02T10:20:00,5Z",
        "2026-09-02T10:20:00+0100",
        "2026-09-02T24:00:00Z",
        "2026-02-30T10:20:00Z",
        " 2026-09-02T10:20:00Z",
        "2026-09-02T10:20:00Z\n",
        "٢026-09-02T10:20:00Z",
    ],
)
@pytest.mark.parametrize("strict", [True, False])
def test_what_else_a_reader_would_take_for_a_time_is_none(text: str, *, strict: bool) -> None:
    with pytest.raises(ValidationError) as raised:
        TypeAdapter(Instant).validate_json(json.dumps(text), strict=strict)
    assert [one["type"] for one in raised.value.errors()] == ["datetime_type"]
    assert not takes(Instant, text)
    assert not takes(Instant, 1770000000)


def test_the_contract_of_an_instant_is_a_date_time() -> None:
    schema = TypeAdapter(Instant).json_schema()
    assert schema == {"type": "string", "format": "date-time", "pattern": INSTANT}


def test_an_instant_keeps_microseconds() -> None:
    at = datetime(2026, 11, 24, 8, 0, 0, 123456, tzinfo=timezone(timedelta(hours=1)))
    assert instant(at) == "2026-11-24T07:00:00.123456Z"


@pytest.mark.parametrize(
    ("text", "blank"), [(None, True), ("", True), (" \n\t", True), ("a", False)]
)
def test_blank_is_what_cannot_be_read(text: str | None, *, blank: bool) -> None:
    assert is_blank(text) == blank
    assert CodedText(text).is_empty == blank


def test_a_code_alone_is_something() -> None:
    assert not CodedText(code=Code("http://snomed.info/sct", "300738008")).is_empty


@pytest.mark.parametrize(
    ("start", "end", "is_reversed"),
    [
        (None, "2026-12", False),
        ("2026-12", None, False),
        ("2026-12-31", "2026-12", False),
        ("2026-12-31", "2026-12-31", False),
        ("2026-12-31", "2026-12-30", True),
        ("2026-12", "2026-11-30", True),
    ],
)
def test_a_period_is_reversed_where_that_is_certain(
    start: str | None, end: str | None, *, is_reversed: bool
) -> None:
    assert Period(start, end).is_reversed == is_reversed


def test_when_is_exactly_one_of_five() -> None:
    with pytest.raises(ValueError, match="exactly one"):
        When()
    with pytest.raises(ValueError, match="exactly one"):
        When(date="2026", as_needed=True)
    assert When(as_needed=True).as_needed


def test_organisations_and_locations_say_which() -> None:
    for nothing in (Organisation, Location):
        with pytest.raises(ValueError, match="Give"):
            nothing()
    assert Organisation(local_id="x-rowan-school").code == "x-rowan-school"
    assert Organisation(name="Rowan School").code is None


@pytest.mark.parametrize(
    ("party", "empty"),
    [
        (Party(), True),
        (Party(kind="team"), True),
        (Party(contact="01632 960101"), True),
        (Party(name=" ", role=CodedText("")), True),
        (Party(kind="person"), False),
        (Party(team="Falls service"), False),
        (Party(role=CodedText("GP")), False),
        (Party(organisation=Organisation("ZZG01")), False),
    ],
)
def test_a_party_is_empty_where_nobody_could_be_found(party: Party, *, empty: bool) -> None:
    assert party.is_empty == empty


def test_values_are_frozen_and_closed() -> None:
    with pytest.raises(FrozenInstanceError):
        CodedText("a").text = "b"  # type: ignore[misc]
    assert not takes(CodedText, {"text": "a", "note": "b"})


def test_plain_leaves_out_what_a_value_has_not_and_keeps_it_in_a_map() -> None:
    ref = EntryRef("needs", ID)
    given = {"aim": CodedText("Walk"), "need_ids": (ref,), "cleared": None, "n": 1, "yes": True}
    assert plain(given) == {
        "aim": {"text": "Walk"},
        "need_ids": [{"section": "needs", "entry_id": str(ID)}],
        "cleared": None,
        "n": 1,
        "yes": True,
    }
    with pytest.raises(TypeError, match="no plain form"):
        plain(object())


SAID = st.text().filter(says_something)


@for_all(st.builds(CodedText, st.none() | st.text(), st.builds(Code, SAID, SAID)))
def test_what_is_plain_can_be_read_as_the_same_value(given: CodedText) -> None:
    if given.code is not None and 0 < len(given.code.code) <= 64:
        assert TypeAdapter(CodedText).validate_python(plain(given)) == given
