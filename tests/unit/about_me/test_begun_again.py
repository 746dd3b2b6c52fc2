"""What was marked in error is begun again: the same entry at its next version, all of it anew."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import orjson
import pytest

from services.about_me.domain import AboutMe, Response
from services.about_me.section import SECTION
from services.goals.domain import Goal
from shared.chassis.kafka.event_message import EventPublisher
from shared.chassis.store.mapper import EntryMapper
from shared.chassis.store.rows import StoredRow
from shared.ledger import CodedText, EntryRef, Provenance, Refused, Supporter, Visibility
from shared.testing.people import EDITH, TOM
from shared.testing.scenario import do, read_again, said

BEGIN = SECTION.commands["careplan.about-me.commands.begin.v1"]
HERS = said(EDITH)
NEED = EntryRef("needs", uuid4())
NOBODY = frozenset[str]()
HIS = Response("She is tired")
HIDDEN = Visibility(labels=("address",), reason="A refuge")


def in_error(visibility: Visibility | None = None) -> Any:
    responses = {"what_is_most_important": Response("My cat"), "my_wellness": Response("Tired")}
    entry: Any = BEGIN.create(HERS, NOBODY, {"responses": responses}, visibility)
    do(AboutMe.mark_in_error, EDITH, reason="Somebody else's words").take(entry)
    return entry


def begun_again(before: Any, visibility: Visibility | None = None) -> Any:
    responses = {"what_is_most_important": Response("My garden")}
    return BEGIN.create(HERS, NOBODY, {"responses": responses}, visibility, before)


def test_the_next_version_sets_every_leaf() -> None:
    before = in_error()
    entry = begun_again(before)
    (event,) = entry.pending_events
    assert (entry.id, entry.version, entry.is_in_error) == (before.id, 3, False)
    assert entry.responses == {"what_is_most_important": Response("My garden")}
    assert read_again([*before.collect_events(), *entry.collect_events()]) == entry
    stored = EntryMapper().to_stored_event(event)
    row = StoredRow(1, entry.id, 3, stored.topic, stored.state, datetime.now(UTC), None, None)
    told = orjson.loads(EventPublisher(SECTION).message(row)[1])
    assert (told["type"], told["change"]) == ("careplan.about-me.begun.v1", "restored")
    assert told["fields"] == [f"responses.{heading}" for heading in HEADINGS]


HEADINGS = (
    "what_is_most_important",
    "people_who_are_important",
    "how_i_communicate",
    "my_wellness",
    "please_do_and_please_dont",
    "how_and_when_to_support_me",
    "also_worth_knowing",
)


def test_a_restriction_stays() -> None:
    assert begun_again(in_error(HIDDEN)).visibility == HIDDEN
    wider = Visibility(labels=("address", "mental-health"), reason="Two reasons")
    assert begun_again(in_error(HIDDEN), wider).visibility == wider
    with pytest.raises(Refused, match="restriction-is-not-yours-to-lift"):
        begun_again(in_error(HIDDEN), Visibility(labels=("mental-health",), reason="Less"))


def test_whoever_begins_again_does_not_take_the_restriction_over() -> None:
    supported = Supporter("Tom Quill-Synth", how="She told me, and I wrote it down")
    by_tom = replace(said(EDITH, recorded_by=TOM), supported_by=supported)
    wider = Visibility(labels=("address", "mental-health"), reason="Two reasons")
    responses = {"what_is_most_important": Response("My garden")}
    entry: Any = BEGIN.create(by_tom, NOBODY, {"responses": responses}, wider, in_error(HIDDEN))
    assert entry.visibility == wider
    with pytest.raises(Refused, match="restriction-is-not-yours-to-lift"):
        do(AboutMe.lift_restriction, TOM, reason="Not needed").take(entry)
    do(AboutMe.lift_restriction, EDITH, reason="Not needed").take(entry)
    assert entry.visibility is None


def test_only_what_is_in_error_and_the_one_of_its_kind_is_begun_again() -> None:
    current: Any = BEGIN.create(HERS, NOBODY, {"responses": {"my_wellness": Response("Tired")}})
    assert not BEGIN.begins_again(current, HERS.plan_id)
    assert BEGIN.begins_again(in_error(), HERS.plan_id)
    assert not BEGIN.begins_again(in_error(), uuid4()), "of another plan"
    another_kind: Any = do(Goal.agree, TOM, aim=CodedText("Walk"), need_ids=(NEED,)).take(None)
    another_kind.is_in_error = True
    assert not BEGIN.begins_again(another_kind, another_kind.plan_id)


def test_the_words_are_judged_as_at_first() -> None:
    by_tom: Provenance = said(TOM)
    with pytest.raises(Refused, match="only-the-person-writes-about-me"):
        BEGIN.create(
            by_tom, NOBODY, {"responses": {"my_wellness": Response("x")}}, None, in_error()
        )
