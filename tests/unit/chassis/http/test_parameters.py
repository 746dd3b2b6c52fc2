"""Addresses and headers are read one way: plain digits, each name once, nothing passed over."""

from base64 import urlsafe_b64encode
from urllib.parse import quote

import pytest
from starlette.requests import Request

from shared.chassis.http.parameters import (
    HIGHEST_LIMIT,
    cursor_behind,
    cursor_of,
    judge_parameters,
    judge_purpose,
    key_in,
    limit_of,
    list_header,
    one_header,
    page_behind,
    page_of,
    place_in,
    whole_number,
)
from shared.chassis.wire.problem import Problem


def request(query: str = "", *headers: tuple[str, str]) -> Request:
    return Request(
        {
            "type": "http",
            "method": "GET",
            "path": "/v1/things",
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
        }
    )


# Numbers: what int() would take is far more than what is meant

ODD_NUMBERS = ["", "0", "-1", "+5", " 5", "5 ", "5_0", "05", "1.0", "1e2", "5\n", "many",
               "1\u0660", "\u0665", "\u096b", "\uff15", "\u00b2", "9" * 19,
               "9" * 5_000]  # fmt: skip


@pytest.mark.parametrize("text", ODD_NUMBERS)
def test_number_when_not_plain_digits_then_none(text: str) -> None:
    assert whole_number(text) is None


@pytest.mark.parametrize("text", ["1", "50", "200", "9" * 18])
def test_number_when_plain_digits_then_it(text: str) -> None:
    assert whole_number(text) == int(text) < 2**63


@pytest.mark.parametrize("text", [*ODD_NUMBERS, str(HIGHEST_LIMIT + 1)])
def test_limit_when_odd_then_refused_by_name(text: str) -> None:
    with pytest.raises(Problem) as raised:
        limit_of(request(f"limit={quote(text)}"))
    assert (raised.value.code, raised.value.members) == (
        "parameter-invalid",
        {"parameter": "limit"},
    )


# Which parameters


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("limit=1&limit=1", "limit"),
        ("limits=1", "limits"),
        ("limit=1&Limit=2", "Limit"),
        ("=1", ""),
    ],
)
def test_parameters_when_unknown_or_twice_then_refused_by_name(query: str, name: str) -> None:
    with pytest.raises(Problem) as raised:
        judge_parameters(request(query), {"limit", "cursor"})
    assert raised.value.code == "parameter-invalid"
    assert raised.value.members == {"parameter": name}


def test_parameters_when_known_and_once_then_taken() -> None:
    judge_parameters(request("limit=1&cursor=x"), {"limit", "cursor"})
    judge_parameters(request("include=a&include=b"), {"include"}, repeatable={"include"})
    judge_parameters(request())


def test_unknown_parameter_when_long_then_it_is_cut() -> None:
    with pytest.raises(Problem) as raised:
        judge_parameters(request("x" * 5_000 + "=1"))
    assert raised.value.detail == f"This address takes no parameter `{'x' * 64}`."


# Cursors


@pytest.mark.parametrize("place", [0, 1, 41, 2**63 - 1])
def test_cursor_when_it_comes_back_then_it_names_the_same_place(place: int) -> None:
    assert place_in(cursor_of(place, "things", "of-a"), "things", "of-a") == place
    assert page_of(request(f"cursor={cursor_of(place, 'things')}"), "things") == (50, place)


@pytest.mark.parametrize(
    "odd",
    ["", "a", "!!!!", "WzFd=", "WzFd\n", "MQ", "WzEsMl0", "Wy0xXQ", "WzEuMF0", "W3RydWVd", "WyAxXQ",
     "ключ", "WzE" * 400, cursor_of(2**63), cursor_of(2**64 - 1), cursor_of(-1),
     urlsafe_b64encode(b"[%d]" % 2**64).decode(), cursor_of(1, "other"),
     "bnVsbA", "e30"],
)  # fmt: skip
def test_cursor_when_we_did_not_make_it_then_refused(odd: str) -> None:
    with pytest.raises(ValueError, match="not a cursor"):
        place_in(odd)
    with pytest.raises(Problem) as raised:
        page_of(request(f"cursor={quote(odd)}"))
    assert raised.value.members == {"parameter": "cursor"}


def test_cursor_behind_an_item_when_it_comes_back_then_it_names_the_same_key() -> None:
    key = ("0", "2026-12-01", "")
    cursor = cursor_behind(key, "things", "of-a")
    assert key_in(cursor, "things", "of-a") == key
    assert page_behind(request(f"cursor={cursor}&limit=2"), "things", "of-a") == (2, key)
    assert page_behind(request(), "things") == (50, None)


DEEP = b'["things",' + b"[" * 400 + b"]" * 401


@pytest.mark.parametrize(
    "odd",
    ["", "!!!!", "bnVsbA", "e30", cursor_of(1, "things"), cursor_behind(("a",), "other"),
     cursor_behind(("a",), "things") + "=", *(
         urlsafe_b64encode(told).decode().rstrip("=") for told in (
             b'["things"]', b'["things",{}]', b'["things","a"]', b'["things",[1]]',
             b'["things",[null]]', b'["things", ["a"]]', DEEP)
     )],
)  # fmt: skip
def test_cursor_behind_an_item_when_we_did_not_make_it_then_refused(odd: str) -> None:
    with pytest.raises(ValueError, match="not a cursor"):
        key_in(odd, "things")
    with pytest.raises(Problem) as raised:
        page_behind(request(f"cursor={quote(odd)}"), "things")
    assert raised.value.members == {"parameter": "cursor"}


# Headers on several lines


def test_list_header_when_on_several_lines_then_all_of_them_count() -> None:
    lines = request("", ("If-None-Match", '"a"'), ("If-None-Match", '"b", "c"'))
    assert list_header(lines, "If-None-Match") == '"a", "b", "c"'
    assert list_header(request(), "If-None-Match") == ""


def test_header_of_one_value_when_sent_twice_then_refused_by_name() -> None:
    with pytest.raises(Problem) as raised:
        one_header(
            request("", ("Ledger-Purpose", "audit"), ("Ledger-Purpose", "support")),
            "Ledger-Purpose",
        )
    assert raised.value.members == {"parameter": "Ledger-Purpose"}
    assert one_header(request("", ("Ledger-Purpose", " audit ")), "Ledger-Purpose") == "audit"
    assert one_header(request(), "Ledger-Purpose") is None


@pytest.mark.parametrize("reason", ["cannot-ask", "life-at-risk", "others-at-risk"])
def test_an_emergency_has_one_of_its_reasons(reason: str) -> None:
    judge_purpose(request("", ("Ledger-Reason", reason)), "emergency")


@pytest.mark.parametrize("reason", [None, "", "Found unwell", "Cannot-Ask", "cannot-ask, other"])
def test_an_emergency_takes_no_words_of_the_reader_as_its_reason(reason: str | None) -> None:
    """A text could say something of the person, and would be kept with the access."""
    sent = request("") if reason is None else request("", ("Ledger-Reason", reason))
    with pytest.raises(Problem) as raised:
        judge_purpose(sent, "emergency")
    assert raised.value.code == "parameter-invalid"
    assert raised.value.members == {"parameter": "Ledger-Reason"}


@pytest.mark.parametrize("purpose", [None, "direct-care", "review", "audit", "support"])
def test_with_other_purposes_a_reason_is_passed_over(purpose: str | None) -> None:
    judge_purpose(request("", ("Ledger-Reason", "Found unwell")), purpose)


def test_a_purpose_is_one_of_a_list() -> None:
    with pytest.raises(Problem) as raised:
        judge_purpose(request(""), "curiosity")
    assert raised.value.members == {"parameter": "Ledger-Purpose"}
