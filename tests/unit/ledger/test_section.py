from typing import Self

import pytest
from eventsourcing.domain import event

from shared.ledger import (
    KEEP,
    Amendment,
    Creation,
    Entry,
    Keep,
    Provenance,
    Refused,
    Section,
    changes,
    command,
    creates,
    need_reason,
)


class Walk(Entry):
    """An entry that gives the section of these tests its name."""

    class Begun(Creation):
        where: str

    class Moved(Amendment):
        where: str | Keep = KEEP

    @creates(Begun, "Begin a walk")
    @staticmethod
    def begin(said: Begun) -> None:
        """Begin it."""

    @changes(Moved, "Move it")
    def move(self, said: Moved) -> None:
        """Move it."""


class RestStop(Entry):
    """Another entry of the same section."""

    class Begun(Creation):
        pass

    @command("Begin a rest")
    @classmethod
    def begin(cls, provenance: Provenance) -> Self:
        return cls._create(cls.Begun, provenance=provenance)

    @event(Begun)
    def __init__(self) -> None:
        pass


SECTION = Section("walks", "Walks", (Walk, RestStop))


def test_the_entry_that_gives_the_name_is_not_named_twice() -> None:
    assert SECTION.commands["careplan.walks.commands.begin.v1"].entry is Walk
    assert SECTION.commands["careplan.walks.commands.rest-stop-begin.v1"].entry is RestStop
    assert SECTION.events["careplan.walks.begun.v1"] is Walk.Begun
    assert SECTION.events["careplan.walks.rest-stop-begun.v1"] is RestStop.Begun


def test_what_every_entry_can_do_is_there_for_each() -> None:
    for name in ("mark-in-error", "rest-stop-restrict", "lift-restriction"):
        assert f"careplan.walks.commands.{name}.v1" in SECTION.commands
    for happened in ("entered-in-error", "rest-stop-restricted", "restriction-lifted"):
        assert f"careplan.walks.{happened}.v1" in SECTION.events


def test_an_event_leads_back_to_its_entry() -> None:
    assert SECTION.entry_of_event("careplan.walks.rest-stop-begun.v1") is RestStop


def test_a_command_knows_what_it_takes_and_who_may_use_it() -> None:
    begin = SECTION.commands["careplan.walks.commands.begin.v1"]
    move = SECTION.commands["careplan.walks.commands.move.v1"]
    assert list(begin.parameters) == ["where"]
    assert (begin.creates, move.creates) == (True, False)
    assert (begin.is_empty_without_change, move.is_empty_without_change) == (False, True)
    assert move.who == ("person", "proxy", "professional")
    assert not begin.opens_plan


@pytest.mark.parametrize("name", ["audit", "plan", "inbox", "receipts"])
def test_names_that_topics_need_are_taken(name: str) -> None:
    with pytest.raises(ValueError, match="taken"):
        Section(name, "Taken", ())


def test_two_things_of_one_name_are_found_when_declared() -> None:
    with pytest.raises(ValueError, match="two things"):
        Section("walks", "Walks", (Walk, Walk))


@pytest.mark.parametrize("reason", [None, "", "  "])
def test_no_reason_is_a_refusal(reason: str | None) -> None:
    with pytest.raises(Refused) as refused:
        need_reason(reason)
    assert (refused.value.code, refused.value.field) == ("reason-missing", "reason")
