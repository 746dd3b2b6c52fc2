"""Whatever a section declares has words for a screen: a title, and what it is in a sentence."""

from typing import Annotated, Literal

import pytest

from shared.contracts import discover
from shared.contracts.words import without_words
from shared.ledger import Creation, Entry, Section, creates, titled

SECTIONS = discover.sections()


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)
def test_whatever_a_section_declares_has_words_for_a_screen(section: Section) -> None:
    lacking = sorted({*without_words(section)})
    said = "; ".join(lacking)
    assert not lacking, f"say it with `titled(...)`, in a `Choice` or in a docstring: {said}"


def test_the_check_finds_what_has_no_words() -> None:
    class Kite(Entry):
        class Flown(Creation):
            colour: Annotated[Literal["red", "blue"], titled("Colour")]
            metres: int | None = None

        @creates(Flown, "Fly a kite")
        @staticmethod
        def fly(said: Flown) -> None:
            pass

    assert {*without_words(Section("planted_kites", "Kites", (Kite,)))} == {
        "Kite",
        "careplan.planted-kites.kite-flown.v1",
        "careplan.planted-kites.kite-flown.v1 colour",
        "careplan.planted-kites.kite-flown.v1 colour: its values",
        "careplan.planted-kites.kite-flown.v1 metres",
        "careplan.planted-kites.commands.kite-fly.v1",
        "careplan.planted-kites.commands.kite-fly.v1 colour",
        "careplan.planted-kites.commands.kite-fly.v1 colour: its values",
        "careplan.planted-kites.commands.kite-fly.v1 metres",
    }
