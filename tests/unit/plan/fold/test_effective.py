"""When an event takes effect: by the clock `effective`, rule by rule."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.plan.fold.domain import Accepted, Plan, fold
from services.plan.fold.effective import Effect
from services.plan.store.reading import read_event
from shared.testing.events import BEGAN, History, record_of

Told = tuple[str, str, Mapping[str, Any]]
"""Name and change of an event, and what it sets."""


def effects(*told: Told) -> list[Effect]:
    """Of the events of one entry, said an hour before they were recorded, a second apart."""
    history, entry_id, plan = History(), uuid4(), Plan(uuid4())
    accepted: list[Accepted] = []
    for name, change, content in told:
        event = history.event("care-team", name, entry_id, change, content)
        fold(plan, read_event(record_of(event)).event, lambda _, __, one: accepted.append(one))
    return [one.effect for one in accepted]


def said(number: int) -> datetime:
    """When the event of that number was said."""
    return BEGAN + timedelta(seconds=number, microseconds=number) - timedelta(hours=1)


def on(day: int) -> datetime:
    return datetime(2027, 1, day, 8, tzinfo=UTC)


def at(day: int) -> str:
    return f"2027-01-{day:02}T09:00:00+01:00"


def test_an_event_counts_from_when_it_was_said() -> None:
    made, changed = effects(("joined", "created", {}), ("moved", "amended", {"starts_at": at(5)}))
    assert made == Effect(said(1), None, is_in_order=True)
    assert changed == Effect(said(2), None, is_in_order=True)


@pytest.mark.parametrize("change", ["created", "restored"])
@pytest.mark.parametrize("name", ["starts_at", "live_from"])
def test_one_that_creates_or_restores_counts_from_the_start_that_it_sets(
    change: str, name: str
) -> None:
    (effect,) = effects(("joined", change, {name: at(5)}))
    assert effect.begins == on(5)


def test_one_that_withdraws_counts_from_the_end_that_it_sets() -> None:
    _, left, _ = effects(
        ("joined", "created", {}),
        ("left", "withdrawn", {"ends_at": at(7)}),
        ("set-aside", "withdrawn", {}),
    )
    assert left == Effect(on(7), on(7), is_in_order=True)


def test_what_corrects_or_marks_in_error_counts_from_when_the_first_event_does() -> None:
    told = effects(
        ("joined", "created", {"starts_at": at(5)}),
        ("changed", "amended", {}),
        ("corrected", "amended", {"starts_at": at(2)}),
        ("role-corrected", "amended", {}),
        ("entered-in-error", "withdrawn", {}),
    )
    # The second was said before the first takes effect: it cannot count before there is an entry.
    assert [effect.begins for effect in told] == [on(5)] * 5
    assert all(effect.is_in_order for effect in told)


def test_one_that_takes_effect_before_an_earlier_version_is_not_in_order() -> None:
    told = effects(
        ("joined", "created", {}),
        ("left", "withdrawn", {"ends_at": at(7)}),
        ("rejoined", "restored", {"starts_at": at(6)}),
        ("left", "withdrawn", {"ends_at": at(8)}),
    )
    assert [effect.is_in_order for effect in told] == [True, True, False, True]


def test_an_entry_is_out_from_the_end_that_it_then_has() -> None:
    told = effects(
        ("claimed", "created", {"live_until": at(3)}),
        ("extended", "amended", {"live_until": at(9)}),
        ("opened", "amended", {"live_until": None}),
    )
    assert [effect.ends for effect in told] == [on(3), on(9), None]


@pytest.mark.parametrize(
    "odd", [None, 5, "", "2027-01-05", "2027-01-05T09:00:00", "0001-01-01T00:00:00+14:00", {}, []]
)
def test_what_is_no_instant_is_as_if_it_had_not_been_said(odd: Any) -> None:
    (effect,) = effects(("joined", "created", {"starts_at": odd, "ends_at": odd}))
    assert effect == Effect(said(1), None, is_in_order=True)
