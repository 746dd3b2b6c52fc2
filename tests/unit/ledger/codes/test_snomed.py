"""What can be told of an identifier of SNOMED CT without the terminology."""

import pytest

from shared.ledger.codes.snomed import could_be_a_concept, has_its_check_digit

CONCEPT = "300738008"
OF_AN_EXTENSION = "816281000000101"


@pytest.mark.parametrize(
    "code",
    [
        CONCEPT,
        OF_AN_EXTENSION,
        "71388002",
        "900000000000003001",
        f"{CONCEPT}|Able to take part|",
        "413350009 : 246090004 = 300738008, 408729009 = 410518001",
        f"{CONCEPT} | walking, 1 hour | + {OF_AN_EXTENSION}",
    ],
)
def test_a_concept_and_an_expression_of_concepts_could_be_one(code: str) -> None:
    assert could_be_a_concept(code)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("300738009", "its check digit is another"),
        ("307038008", "two digits have changed places"),
        ("0300738008", "it begins with a nought"),
        ("100006", "its check digit is another"),
        ("1234567890123456789", "it is too long"),
        ("12345", "it is too short"),
        ("413350009 : 246090004 = 300738009", "one of the concepts cannot be"),
        ("walking", "it names no concept"),
        (f"{CONCEPT}x", "it is no number"),
        ("", "it is nothing"),
    ],
)
def test_what_cannot_be_one_is_told(code: str, why: str) -> None:
    assert not could_be_a_concept(code), why


def test_the_identifier_of_a_description_is_not_that_of_a_concept() -> None:
    (description,) = (f"30073801{last}" for last in "0123456789"
                      if has_its_check_digit(f"30073801{last}"))  # fmt: skip
    assert not could_be_a_concept(description)


@pytest.mark.parametrize("place", range(len(CONCEPT)))
def test_every_single_wrong_digit_is_noticed(place: int) -> None:
    wrong = [
        CONCEPT[:place] + digit + CONCEPT[place + 1 :]
        for digit in "0123456789"
        if digit != CONCEPT[place]
    ]
    assert not any(map(has_its_check_digit, wrong))
