"""A declaration's words reach its contract: titles of fields, and of each value of a list."""

from typing import Annotated, Any, Literal

import pytest

from shared.chassis.wire.shapes import schema_of
from shared.ledger import Choice, Titled, titled, value, values_titled


class Pace(Choice):
    """How fast it goes."""

    SLOW = "slow", "Slow", "Slower than walking."
    FAST = "fast", "Fast"


AB = {"a": titled("The first"), "b": titled("The second", cy=("Yr ail", ""))}


@value
class Walk:
    """A walk."""

    title: Annotated[str, titled("Name", "What it is called.", cy=("Enw", "Beth yw ei enw."))]
    pace: Annotated[Pace, titled("Pace")]
    way: Annotated[Literal["a", "b"], values_titled(AB)] | None = None


def test_a_field_has_its_title_and_description_in_each_language() -> None:
    name = schema_of(Walk)["properties"]["title"]
    assert (name["title"], name["description"]) == ("Name", "What it is called.")
    assert name["x-languages"] == {"cy": {"title": "Enw", "description": "Beth yw ei enw."}}


def test_a_field_of_a_type_that_is_declared_elsewhere_has_its_title_beside_the_reference() -> None:
    assert schema_of(Walk)["properties"]["pace"]["title"] == "Pace"


def test_a_name_that_nobody_declared_as_a_title_is_none() -> None:
    assert "title" not in schema_of(Walk)
    assert "title" not in schema_of(Walk)["$defs"]["Pace"]


def test_each_value_of_a_closed_list_has_its_words() -> None:
    pace = schema_of(Walk)["$defs"]["Pace"]
    assert pace["enum"] == ["slow", "fast"]
    assert pace["x-values"] == {
        "slow": {"title": "Slow", "description": "Slower than walking."},
        "fast": {"title": "Fast"},
    }
    way: dict[str, Any] = schema_of(Walk)["properties"]["way"]["anyOf"][0]
    assert way["x-values"]["b"]["x-languages"]["cy"]["title"] == "Yr ail"


def test_a_literal_of_which_a_value_has_no_words_has_no_contract() -> None:
    @value
    class Half:
        way: Annotated[Literal["a", "c"], values_titled(AB)]

    with pytest.raises(ValueError, match="has its words"):
        schema_of(Half)


def test_a_choice_is_its_text() -> None:
    written: str = Pace.SLOW
    assert written == "slow"
    assert Pace("fast") is Pace.FAST
    assert Pace.SLOW.titled == Titled("Slow", "Slower than walking.")


def test_what_nobody_has_translated_is_said_in_english() -> None:
    assert AB["a"].in_language("cy") == ("The first", "")
    assert AB["b"].in_language("cy") == ("Yr ail", "")


@pytest.mark.parametrize("said", [("", {}), ("  ", {}), ("Name", {"xx": ("Nom", "")})])
def test_a_title_says_something_in_a_language_that_is_known(said: Any) -> None:
    title, others = said
    with pytest.raises(ValueError, match="a title says something"):
        titled(title, **others)
