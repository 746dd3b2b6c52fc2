"""Numbers that stand for one person: each kind is checked, and a key of its own."""

from datetime import date

import pytest
from hypothesis import assume
from hypothesis import given as for_all
from hypothesis import strategies as st

from shared.ledger import (
    CHI_NUMBER,
    HC_NUMBER,
    NHS_NUMBER,
    Refused,
    identity_keys,
    is_chi_number,
    is_nhs_number,
    must_be_a_number_of_its_kind,
)
from shared.testing.people import PEOPLE, somebody, synthetic_nhs_number

SERIALS = st.integers(min_value=100_000, max_value=999_000)


def test_every_synthetic_person_has_a_valid_number_of_the_range_that_is_never_given_out() -> None:
    numbers = [person.nhs_number for person in (*PEOPLE, *map(somebody, range(200)))]
    assert all(is_nhs_number(number) and number.startswith("999") for number in numbers)
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "999410001",
        "99941000170",
        "9994100018",
        "999 410 0017",
        "999410001x",
        "\u0669994100017",
        "9994100017\n",
        *(digit * 10 for digit in "0123456789"),
    ],
)
def test_what_is_no_number(text: str) -> None:
    assert not is_nhs_number(text)


@for_all(SERIALS, st.integers(0, 9), st.integers(0, 9))
def test_one_wrong_digit_is_always_noticed(serial: int, place: int, digit: int) -> None:
    number = synthetic_nhs_number(serial)
    assume(number[place] != str(digit))
    assert not is_nhs_number(f"{number[:place]}{digit}{number[place + 1 :]}")


@for_all(SERIALS, st.integers(0, 7))
def test_two_neighbours_exchanged_are_always_noticed(serial: int, place: int) -> None:
    number = synthetic_nhs_number(serial)
    first, second = number[place], number[place + 1]
    assume(first != second)
    assert not is_nhs_number(f"{number[:place]}{second}{first}{number[place + 2 :]}")


BORN = date(1938, 3, 14)


def with_check_digit(nine: str) -> str | None:
    """The ten digits, where there is a check digit to these nine."""
    return next((f"{nine}{d}" for d in range(10) if is_nhs_number(f"{nine}{d}")), None)


@for_all(st.dates(date(1800, 1, 1), date(2099, 12, 31)), st.integers(0, 999))
def test_a_chi_number_begins_with_the_day_of_birth(born: date, serial: int) -> None:
    number = with_check_digit(f"{born:%d%m%y}{serial:03}")
    assume(number is not None)
    assert is_chi_number(str(number))


@pytest.mark.parametrize(
    "day", ["310238", "300238", "000138", "320138", "011338", "290237", "999410"]
)
def test_without_a_day_that_exists_it_is_none(day: str) -> None:
    numbers = [number for n in range(100) if (number := with_check_digit(f"{day}{n:03}"))]
    assert numbers
    assert not any(map(is_chi_number, numbers))


def test_the_last_day_of_february_is_one_in_a_leap_year_of_any_century() -> None:
    assert is_chi_number(str(with_check_digit("290200001")))  # 2000 was one, 1900 was not
    assert is_chi_number(str(with_check_digit("290236001")))


@pytest.mark.parametrize("kind", [NHS_NUMBER, CHI_NUMBER, HC_NUMBER])
@pytest.mark.parametrize("number", ["1403380001", "140338000", "140 338 0007", "", "9999999999"])
def test_a_number_that_cannot_be_right_is_refused_and_says_how_one_is_written(
    kind: str, number: str
) -> None:
    with pytest.raises(Refused) as refused:
        must_be_a_number_of_its_kind(kind, number, "other_identifiers.0.value")
    assert (refused.value.code, refused.value.field) == (
        "identifier-invalid",
        "other_identifiers.0.value",
    )
    assert "ten digits without spaces" in refused.value.detail
    assert not number or number not in refused.value.detail


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        (NHS_NUMBER, "9994100017"),
        (HC_NUMBER, "9994100017"),
        (CHI_NUMBER, "1403380007"),
        ("gmc", "7012345"),
        ("gmc", "70-12345"),
        ("nmc", "12A3456E"),
        ("local", "9999999999"),
    ],
)
def test_a_number_that_holds_and_one_of_a_kind_without_a_check_are_kept(
    kind: str, number: str
) -> None:
    must_be_a_number_of_its_kind(kind, number, "value")


def test_a_number_is_a_key_with_the_birth_and_once_verified_alone() -> None:
    assert identity_keys([(NHS_NUMBER, "9994100017", False)], BORN) == {
        "nhs-number:9994100017+1938-03-14"
    }
    assert identity_keys([(CHI_NUMBER, "1403380007", True)], BORN) == {
        "chi:1403380007+1938-03-14",
        "chi:1403380007",
    }
    assert identity_keys([("local", "NM-1", True), ("gmc", "7012345", True)], BORN) == frozenset()


NUMBERS = st.sets(
    st.tuples(st.sampled_from([NHS_NUMBER, CHI_NUMBER, HC_NUMBER]), st.integers(1, 5)), max_size=6
)


@for_all(ones=NUMBERS, others=NUMBERS, is_verified=st.booleans())
def test_two_people_share_a_key_just_where_they_share_a_number_of_one_kind(
    ones: set[tuple[str, int]], others: set[tuple[str, int]], *, is_verified: bool
) -> None:
    def keys(numbers: set[tuple[str, int]], born: date) -> frozenset[str]:
        return identity_keys([(kind, str(number), is_verified) for kind, number in numbers], born)

    share = bool(ones & others)
    assert bool(keys(ones, BORN) & keys(others, BORN)) == share
    assert bool(keys(ones, BORN) & keys(others, date(1999, 1, 1))) == (share and is_verified)
