"""Which declaration carries which element of the standard."""

from typing import Annotated, ClassVar

import pytest

from shared.ledger import Creation, Entry, Section, creates, value
from shared.ledger.elements import Carries, who_and_where
from shared.standard.coverage import UnknownElement, coverage
from shared.standard.tree import elements

GOALS = "Care and support plan > Needs, concerns or problems > Goals and hopes"
PLAN = "Contingency/safety plans"


def test_the_tree_has_the_287_nodes_of_which_eleven_are_mandatory() -> None:
    assert len(elements()) == len({one.path for one in elements()}) == 287
    assert sum(one.is_group for one in elements()) == 77
    assert [one.name for one in elements() if one.duty == "M"] == [
        "Person demographics",
        "Person name",
        "Person first name",
        "Person family name",
        "Date of birth",
        "Address line 1",
        "Postcode",
        "GP practice",
        "GP practice identifier",
        "Name",
        "Trigger factors",
    ]


@value
class Words:
    text: Annotated[str | None, Carries("Free text")] = None
    elsewhere: Annotated[str | None, Carries("Not in this group")] = None


@value
class Step:
    what: Annotated[Words, Carries("")]


class Hope(Entry):
    carries = (GOALS,)

    class Hoped(Creation):
        aim: Annotated[Words, Carries("")]
        importance: Annotated[int | None, Carries("Goal importance score")] = None

    @creates(Hoped, "Hope")
    @staticmethod
    def hope(said: Hoped) -> None:
        """Hope for something."""


class Crisis(Entry):
    carries: ClassVar = (PLAN,)
    provenance_carries = who_and_where()

    class Foreseen(Creation):
        triggers: Annotated[tuple[Words, ...], Carries("Trigger factors")]
        steps: Annotated[tuple[Step, ...], Carries("What should happen")]

    @creates(Foreseen, "Foresee")
    @staticmethod
    def foresee(said: Foreseen) -> None:
        """Think ahead."""


def test_fields_members_of_values_and_provenance_carry_what_they_are_marked_with() -> None:
    section = Section("hopes_and_crises", "Hopes and crises", (Hope, Crisis))
    derived = {f"{PLAN} > Date this plan was last updated": "the latest recorded_at"}
    found = coverage([section], derived)

    assert found.carriers[GOALS] == ("hopes_and_crises.Hope", "hopes_and_crises.Hope.aim")
    assert found.carriers[f"{GOALS} > Free text"] == ("hopes_and_crises.Hope.aim.text",)
    assert found.carriers[f"{GOALS} > Goal importance score"] == (
        "hopes_and_crises.Hope.importance",
    )
    assert found.carriers[f"{PLAN} > Trigger factors > Free text"] == (
        "hopes_and_crises.Crisis.triggers[].text",
    )
    # A member of a value may carry the element itself, and its own members what is in that.
    assert found.carriers[f"{PLAN} > What should happen > Free text"] == (
        "hopes_and_crises.Crisis.steps[].what.text",
    )
    assert found.carriers[f"{PLAN} > Location"] == ("hopes_and_crises.Crisis provenance.location",)
    assert found.carriers[f"{PLAN} > Date this plan was last updated"] == (
        "derived: the latest recorded_at",
    )
    hope = ("careplan.hopes-and-crises.commands.hope-hope.v1",)
    crisis = ("careplan.hopes-and-crises.commands.crisis-foresee.v1",)
    assert found.commands[GOALS] == found.commands[f"{GOALS} > Free text"] == hope
    assert found.commands[f"{PLAN} > Trigger factors > Free text"] == crisis
    assert found.commands[f"{PLAN} > Location"] == crisis
    assert found.commands[f"{PLAN} > Date this plan was last updated"] == ()
    lacking = {one.path for one in found.missing}
    assert f"{PLAN} > Trigger factors > Coded value" in lacking
    assert "Person demographics > Person name" in lacking
    # A group that is only the sum of what stands in it is carried with it.
    assert "Care and support plan" not in lacking


def test_an_element_that_the_standard_does_not_have_is_refused() -> None:
    class Wish(Entry):
        carries = (GOALS,)

        class Wished(Creation):
            aim: Annotated[str, Carries("Goal impotance score")]

        @creates(Wished, "Wish")
        @staticmethod
        def wish(said: Wished) -> None:
            """Wish for something."""

    with pytest.raises(UnknownElement, match=r"wishes\.Wish\.aim .*Goal impotance score"):
        coverage([Section("wishes", "Wishes", (Wish,))], {})
    with pytest.raises(UnknownElement, match="Nowhere"):
        coverage([], {"Nowhere": "nothing"})
