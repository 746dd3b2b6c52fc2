"""Whoever recorded a field, or an item of a list, corrects it, and leaves the others' alone."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.ledger import Origins, Refused, value
from shared.testing.people import EDITH, HELEN, SAM, TOM
from shared.testing.scenario import said

TOMS, SAMS = said(TOM).origin, said(SAM).origin


@value
class Shoe:
    colour: str
    item_id: UUID | None = None


RED, BLUE = Shoe("red", uuid4()), Shoe("blue", uuid4())
BOTH = (RED, BLUE)
MIXED = (
    Origins(frozenset({"shoes"}))
    .after({"name": "Edie", "shoes": (RED,)}, {}, TOMS)
    .after({"shoes": BOTH}, {"shoes": (RED,)}, SAMS)
)


def refused(act: Any, *arguments: Any) -> str | None:
    with pytest.raises(Refused, match="correction-belongs-to-the-origin") as no:
        act(*arguments)
    field: str | None = no.value.field
    return field


def test_a_field_belongs_to_whoever_said_it_last() -> None:
    MIXED.must_be_theirs("name", said(HELEN))
    for by in (SAM, EDITH):
        assert refused(MIXED.must_be_theirs, "name", said(by)) == "name"
    again = MIXED.after({"name": "Edith"}, {}, said(EDITH).origin)
    again.must_be_theirs("name", said(EDITH))
    assert refused(again.must_be_theirs, "name", said(TOM)) == "name"


def test_a_field_that_nobody_has_said_belongs_to_the_entrys_origin() -> None:
    MIXED.must_be_theirs("hat", said(TOM), TOMS)
    assert refused(MIXED.must_be_theirs, "hat", said(TOM)) == "hat"
    assert refused(MIXED.must_be_theirs, "hat", said(SAM), TOMS) == "hat"


def test_an_item_that_stands_as_it_stood_keeps_its_origin() -> None:
    assert MIXED.items["shoes"] == {RED.item_id: TOMS, BLUE.item_id: SAMS}
    repainted = MIXED.after({"shoes": (Shoe("pink", RED.item_id), BLUE)}, {"shoes": BOTH}, SAMS)
    assert repainted.items["shoes"] == {RED.item_id: SAMS, BLUE.item_id: SAMS}


def test_items_of_others_stay_whether_they_are_named_or_not() -> None:
    green = Shoe("green", BLUE.item_id)
    assert MIXED.corrected("shoes", BOTH, (green,), said(SAM)) == (RED, green)
    assert MIXED.corrected("shoes", BOTH, (RED, green), said(SAM)) == (RED, green)
    assert MIXED.corrected("shoes", BOTH, (), said(SAM)) == (RED,)


def test_items_of_others_are_neither_changed_nor_emptied() -> None:
    pink = Shoe("pink", RED.item_id)
    assert refused(MIXED.corrected, "shoes", BOTH, (pink, BLUE), said(SAM)) == "shoes"
    assert refused(MIXED.corrected, "shoes", BOTH, (), said(EDITH)) == "shoes"
