import pytest
from hypothesis import assume
from hypothesis import given as for_all
from hypothesis import strategies as st

from services.person.domain import is_nhs_number
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
