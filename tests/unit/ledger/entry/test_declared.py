"""What a declaration says of a command is kept by the base, whatever its rules forget."""

import re
from typing import Annotated, Any

import pytest
from eventsourcing.domain import event

from shared.chassis.store.mapper import EntryMapper, content_of
from shared.chassis.wire.shapes import command_shape, event_schema, leaves_of
from shared.ledger import (
    DERIVED,
    OF_THE_CHANGE,
    PERSON,
    PROFESSIONAL,
    Amendment,
    CanBeConfirmed,
    CanBeSetAside,
    CanEnd,
    ChangeReason,
    Creation,
    Entry,
    Organisation,
    Provenance,
    Refusal,
    Refused,
    Restoration,
    Section,
    ServiceRole,
    Withdrawal,
    changes,
    creates,
    restores,
    titled,
    withdraws,
)
from shared.ledger.entry.rights import in_words
from shared.ledger.provenance import PROXY, RELATED_PERSON, SYSTEM
from shared.testing.people import EDITH, HELEN, RUTH, SAM, TOM
from shared.testing.scenario import acting, do, given, happened, said

LEADING = ServiceRole("leading", ("lead-walker",))
ONLY_HERS = Refusal("pace-is-the-persons", "Only the person says how fast", "Leave it out.")
TOO_LATE = Refusal("walk-too-late", "It is dark by then", "Walk earlier.")


@titled("Walk")
class Walk(CanBeSetAside, CanBeConfirmed):
    """A walk that somebody goes on."""

    already_out = Refusal("walk-set-aside", "It was set aside", "Resume it first.")
    not_out = Refusal("walk-not-set-aside", "It is not set aside", "It is part of the plan.")

    class Begun(Creation):
        where: Annotated[str, titled("Where", "Where to.")]
        reason: Annotated[str | None, titled("Reason", "Why one walks.")] = None
        state: Annotated[str, DERIVED] = "begun"

    class Paced(Amendment):
        pace: int

    class Moved(Amendment):
        where: str
        reason: ChangeReason

    class Delayed(Amendment):
        minutes: Annotated[int, DERIVED]
        told: Annotated[str | None, OF_THE_CHANGE] = None

    class Rerouted(Amendment):
        where: str

    @creates(Begun, "Begin", by=(PERSON, PROFESSIONAL, LEADING))
    @staticmethod
    def begin(said: Begun) -> None:
        """Begin a walk."""

    @changes(Paced, "Pace", persons=ONLY_HERS)
    def set_pace(self, said: Paced) -> None:
        """Say how fast."""

    @changes(Moved, "Move", of_origin=True)
    def move(self, said: Moved) -> None:
        """Walk elsewhere."""

    @changes(Delayed, "Delay")
    def delay(self, said: Delayed, hours: int) -> Delayed:
        """Walk later."""
        if hours > 9:
            raise Refused(TOO_LATE, field="hours")
        return said.having(minutes=60 * hours)

    @changes(Rerouted, "Reroute", while_out=True)
    def reroute(self, said: Rerouted) -> None:
        """Walk another way."""


class Ramble(CanEnd):
    """One that ends, and whose every change asks for an escort."""

    already_out = Refusal("ramble-ended", "It has ended", "Reinstate it first.")
    not_out = Refusal("ramble-not-ended", "It has not ended", "It is going on.")

    class Begun(Creation):
        pass

    @creates(Begun, "Begin")
    @staticmethod
    def begin(said: Begun) -> None:
        """Begin."""

    def judge_every_change(self, provenance: Provenance) -> None:
        """Only with an escort."""
        if provenance.supported_by is None and provenance.recorded_by.name == SAM.agent.name:
            raise Refused(TOO_LATE)


class Tour(CanBeConfirmed):
    """One that belongs to an organisation."""

    owners = Refusal("tour-is-its-owners", "It is another's tour", "Its owner changes it.")

    class Begun(Creation):
        owner: Organisation

    @creates(Begun, "Begin")
    @staticmethod
    def begin(said: Begun) -> None:
        """Begin."""

    @event(Begun)
    def __init__(self, owner: Organisation) -> None:
        self.owner = owner


class Outing(Entry):
    """One that has a field by a word that Python needs for itself."""

    class Begun(Creation):
        with_: str | None = None
        from_: Annotated[str | None, OF_THE_CHANGE] = None

    @creates(Begun, "Begin")
    @staticmethod
    def begin(said: Begun) -> None:
        """Begin."""


class Stay(Entry):
    """One with names and fields of its own for leaving and coming back."""

    already_out = Refusal("stay-left", "They have left", "They have to come back first.")
    not_out = Refusal("stay-not-left", "They have not left", "They are there.")

    class Begun(Creation):
        pass

    class Left(Withdrawal):
        reason: ChangeReason
        day: int

    class CameBack(Restoration):
        day: int

    @creates(Begun, "Begin")
    @staticmethod
    def begin(said: Begun) -> None:
        """Begin."""

    @withdraws(Left, "Leave")
    def leave(self, said: Left) -> None:
        """Leave."""

    @restores(CameBack, "Come back")
    def come_back(self, said: CameBack) -> None:
        """Come back, but not on the first day."""
        if said.day < 2:
            raise Refused(TOO_LATE, field="day")


SECTION = Section("walks_declared", "Walks", (Walk, Ramble, Tour, Outing, Stay))
COMMANDS = {(one.entry.__name__, one.method): one for one in SECTION.commands.values()}
BEGUN = do(Walk.begin, TOM, where="The shop")
SET_ASIDE = do(Walk.set_aside, TOM, reason="Rain")
STAY, LEFT = do(Stay.begin, TOM), do(Stay.leave, TOM, reason="Home", day=1)


@pytest.mark.parametrize(
    "step",
    [
        do(Walk.set_pace, EDITH, pace=3),
        do(Walk.move, TOM, where="The park", reason="Nicer"),
        do(Walk.delay, TOM, hours=1),
        do(Walk.confirm, TOM),
        SET_ASIDE,
    ],
    ids=lambda step: step.method.__name__,
)
def test_while_it_is_out_every_other_command_is_refused(step: Any) -> None:
    given(BEGUN, SET_ASIDE).when(step).refused("walk-set-aside")


def test_while_it_is_out_it_takes_its_return_what_it_names_and_what_every_entry_has() -> None:
    there = given(BEGUN, SET_ASIDE)
    there.when(do(Walk.resume, TOM)).then(happened(Walk.Resumed))
    there.when(do(Walk.reroute, TOM, where="The lane")).then(
        happened(Walk.Rerouted, where="The lane")
    )
    there.when(do(Walk.mark_in_error, TOM, reason="Another plan's")).then(
        happened(Walk.EnteredInError, reason="Another plan's")
    )


def test_in_the_plan_it_takes_no_return() -> None:
    given(BEGUN).when(do(Walk.resume, TOM)).refused("walk-not-set-aside")
    given(BEGUN, SET_ASIDE, do(Walk.resume, TOM)).when(SET_ASIDE).then(
        happened(Walk.SetAside, reason="Rain")
    )


def test_names_and_fields_of_its_own_for_leaving_and_coming_back() -> None:
    given(STAY).when(LEFT).then(happened(Stay.Left, reason="Home", day=1))
    given(STAY).when(do(Stay.leave, TOM, day=1)).refused("reason-missing", "reason")
    given(STAY).when(do(Stay.come_back, TOM, day=2)).refused("stay-not-left")
    given(STAY, LEFT).when(do(Stay.come_back, TOM, day=1)).refused("walk-too-late", "day")
    given(STAY, LEFT).when(do(Stay.come_back, TOM, day=2)).then(happened(Stay.CameBack, day=2))
    given(STAY, LEFT).when(LEFT).refused("stay-left")


def test_a_rule_of_every_change_is_asked_by_inherited_commands_too() -> None:
    begun, end = do(Ramble.begin, TOM), do(Ramble.end, SAM, reason="Dark")
    given(begun).when(end).refused("walk-too-late")
    given(begun).when(do(Ramble.end, TOM, reason="Dark")).then(
        happened(Ramble.Ended, reason="Dark")
    )
    given(begun).when(do(Ramble.restrict, SAM, labels=("risk",), reason="Private")).then(
        happened(Ramble.Restricted, visibility=_restricted())
    )


def _restricted() -> Any:
    return (
        given(do(Ramble.begin, TOM))
        .when(do(Ramble.restrict, SAM, labels=("risk",), reason="Private"))
        .events[0]
        .visibility
    )


def test_a_reason_of_the_change_is_needed_and_an_entrys_own_is_not() -> None:
    given(BEGUN).when(do(Walk.move, TOM, where="The park")).refused("reason-missing", "reason")
    given(BEGUN).when(do(Walk.move, TOM, where="The park", reason=" ")).refused("reason-missing")
    given().when(BEGUN).then(happened(Walk.Begun, where="The shop"))
    assert Walk.Moved.not_fields == {"reason"}
    assert Walk.Begun.not_fields == set()
    assert Walk.Delayed.not_fields == {"told"}


def test_what_no_command_takes_is_set_by_the_rules() -> None:
    delay = COMMANDS["Walk", "delay"]
    assert list(delay.parameters) == ["hours", "told"]
    assert list(COMMANDS["Walk", "begin"].parameters) == ["where", "reason"]
    given(BEGUN).when(do(Walk.delay, TOM, hours=2)).then(happened(Walk.Delayed, minutes=120))
    given(BEGUN).when(do(Walk.delay, TOM, hours=10)).refused("walk-too-late", "hours")


def test_the_persons_own_is_refused_in_another_voice() -> None:
    for by in (said(EDITH), said(EDITH, recorded_by=TOM), acting(RUTH, EDITH)):
        given(BEGUN).when(do(Walk.set_pace, by, pace=3)).then(happened(Walk.Paced, pace=3))
    for by in (said(TOM), said(RUTH)):
        given(BEGUN).when(do(Walk.set_pace, by, pace=3)).refused(
            "pace-is-the-persons", "provenance.stated_by"
        )


def test_what_belongs_to_the_origin_is_refused_to_others() -> None:
    content = {"where": "The park", "reason": "Nicer"}
    given(BEGUN).when(do(Walk.move, HELEN, **content)).then(happened(Walk.Moved, **content))
    for by in (SAM, EDITH):
        given(BEGUN).when(do(Walk.move, by, **content)).refused("correction-belongs-to-the-origin")


def test_what_an_organisation_owns_is_changed_by_its_people_alone() -> None:
    begun = do(Tour.begin, SAM, owner=Organisation.of("ZZC01"))
    given(begun).when(do(Tour.confirm, TOM)).then(happened(Tour.Confirmed))
    for by in (SAM, EDITH):
        given(begun).when(do(Tour.confirm, by)).refused("tour-is-its-owners")
    confirm = COMMANDS["Tour", "confirm"]
    assert "Only by the organisation that owns" in confirm.declared.who_in_words(confirm.entry)
    restrict = COMMANDS["Tour", "restrict"]
    assert "owns" not in restrict.declared.who_in_words(restrict.entry)


def test_who_may_use_a_command_is_said_in_a_sentence() -> None:
    def sentence(method: str) -> str:
        command = COMMANDS["Walk", method]
        return command.declared.who_in_words(command.entry)

    assert sentence("begin") == (
        "May be used by the person, a professional or a role of the setting `leading` "
        "(usually `lead-walker`)."
    )
    assert sentence("delay") == "May be used by the person, a proxy or a professional."
    assert sentence("set_pace").endswith(
        "Only in the person's voice: stated by them, or on their behalf."
    )
    assert sentence("move").endswith(
        "Only by its origin: the organisation that recorded the entry, or the person."
    )


def test_a_method_that_nobody_declared_is_found() -> None:
    class Snooze(Entry):
        class Begun(Creation):
            pass

        @classmethod
        def begin(cls, provenance: Provenance) -> None:
            """It looks like a command, and no door would take it."""

    with pytest.raises(ValueError, match=r"Snooze\.begin is no command: declare it"):
        Section("snoozes", "Snoozes", (Snooze,))


def test_a_command_that_is_refused_while_out_or_in_needs_the_code_for_it() -> None:
    class Nap(Entry):
        class Begun(Creation):
            pass

        class Ended(Withdrawal):
            reason: ChangeReason

        @withdraws(Ended, "End")
        def end(self, said: Ended) -> None:
            """End it."""

    with pytest.raises(ValueError, match=r"Nap\.end needs Nap\.already_out"):
        Section("naps", "Naps", (Nap,))


def test_a_field_with_a_word_of_python_has_its_own_name_everywhere_else() -> None:
    begin = COMMANDS["Outing", "begin"]
    arguments = command_shape(begin).read({"with": "Tom", "from": "Home"})
    assert arguments == {"with": "Tom", "from": "Home"}
    made: Any = begin.create(said(EDITH), frozenset(), arguments).collect_events()
    (happened_first,) = made
    mapper = EntryMapper()
    stored = mapper.to_stored_event(happened_first)
    assert content_of(happened_first) == {"with": "Tom", "from": "Home"}
    assert mapper.to_domain_event(stored) == happened_first
    assert mapper.fields(stored.topic, stored.state, 1) == ["with"]
    assert leaves_of(Outing) == ("with",)
    assert {"with", "from"} <= event_schema(Outing.Begun)["properties"].keys()


def test_each_kind_that_may_use_a_command_is_named_in_words() -> None:
    for kind in (PERSON, RELATED_PERSON, PROXY, PROFESSIONAL, SYSTEM):
        assert re.fullmatch("(?:the|a|somebody) .+", in_words((kind,)))
